#include "vistas/text/encoders/transformer_layers.h"

#include <ATen/ATen.h>

namespace vistas::text {
namespace {

using learn::LayerNorm;
using learn::Linear;
using torch::nn::Module;

std::shared_ptr<Module> part(Module& parent, const std::string& name) {
  return parent.register_module(name, std::make_shared<Module>());
}

std::shared_ptr<Linear> linear(Module& parent, const std::string& name, int64_t in, int64_t out) {
  return parent.register_module(name, std::make_shared<Linear>(in, out, /*with_bias=*/true));
}

std::shared_ptr<LayerNorm> norm_in(Module& parent, const TransformerOptions& o) {
  return parent.register_module("LayerNorm",
                                std::make_shared<LayerNorm>(o.hidden, o.layer_norm_eps));
}

at::Tensor table(Module& parent, const std::string& name, int64_t rows, int64_t columns) {
  return part(parent, name)->register_parameter("weight", at::empty({rows, columns}));
}

}  // namespace

TransformerEmbeddings::TransformerEmbeddings(const TransformerOptions& o)
    : first_position(o.first_position), dropout(o.dropout) {
  words = table(*this, "word_embeddings", o.vocabulary, o.hidden);
  positions = table(*this, "position_embeddings", o.max_positions, o.hidden);
  if (o.token_types > 0) types = table(*this, "token_type_embeddings", o.token_types, o.hidden);
  norm = norm_in(*this, o);
}

at::Tensor TransformerEmbeddings::forward(const PackedTexts& texts) {
  at::Tensor x =
      at::embedding(words, texts.ids) + at::embedding(positions, texts.position + first_position);
  if (types.defined()) x = x + types.select(0, 0);
  return at::dropout(norm->forward(x), dropout, is_training());
}

TransformerLayer::TransformerLayer(const TransformerOptions& o)
    : heads(o.heads),
      activation(o.activation),
      dropout(o.dropout),
      attention_dropout(o.attention_dropout) {
  const auto attention_part = part(*this, "attention");
  const auto self = part(*attention_part, "self");
  query = linear(*self, "query", o.hidden, o.hidden);
  key = linear(*self, "key", o.hidden, o.hidden);
  value = linear(*self, "value", o.hidden, o.hidden);
  const auto mixed = part(*attention_part, "output");
  attention_out = linear(*mixed, "dense", o.hidden, o.hidden);
  attention_norm = norm_in(*mixed, o);
  up = linear(*part(*this, "intermediate"), "dense", o.hidden, o.intermediate);
  const auto output = part(*this, "output");
  down = linear(*output, "dense", o.intermediate, o.hidden);
  output_norm = norm_in(*output, o);
}

at::Tensor TransformerLayer::attention(const at::Tensor& x, const PackedTexts& texts,
                                       const at::Tensor& mask) {
  const int64_t hidden = x.size(1);
  const auto split = [&](Linear& projection) {
    return to_padded(projection.forward(x), texts)
        .view({texts.batch, texts.longest, heads, hidden / heads})
        .transpose(1, 2);
  };
  const at::Tensor mixed = at::scaled_dot_product_attention(
      split(*query), split(*key), split(*value),
      mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt,
      is_training() ? attention_dropout : 0.0);
  return to_packed(mixed.transpose(1, 2).reshape({texts.batch, texts.longest, hidden}), texts);
}

at::Tensor TransformerLayer::forward(const at::Tensor& x, const PackedTexts& texts,
                                     const at::Tensor& mask) {
  const auto dropped = [&](const at::Tensor& h) { return at::dropout(h, dropout, is_training()); };
  const at::Tensor y =
      attention_norm->forward(x + dropped(attention_out->forward(attention(x, texts, mask))));
  const at::Tensor inner = activate(up->forward(y), activation);
  return output_norm->forward(y + dropped(down->forward(inner)));
}

}  // namespace vistas::text
