// The transformer encoder for inference alone.
#include <ATen/ATen.h>

#include "vistas/learn/linear.h"
#include "vistas/text/encoders/transformer.h"
#include "vistas/text/encoders/transformer_layers.h"

namespace vistas::text {
namespace {

struct Product {
  at::Tensor weight, bias;

  at::Tensor operator()(const at::Tensor& x) const {
    return learn::linear(x.to(weight.scalar_type()), weight, bias);
  }
};

// A layer with one product for queries, keys and values.
class FrozenLayer {
 public:
  FrozenLayer(const TransformerLayer& layer, at::ScalarType type)
      : heads_(layer.heads),
        activation_(layer.activation),
        attention_norm_(layer.attention_norm),
        output_norm_(layer.output_norm) {
    const auto joined = [&](const std::vector<const learn::Linear*>& parts) {
      std::vector<at::Tensor> weights, biases;
      for (const learn::Linear* part : parts) {
        weights.push_back(part->weight.detach());
        biases.push_back(part->bias.detach());
      }
      return Product{at::cat(weights).to(type), at::cat(biases).to(type)};
    };
    query_key_value_ = joined({layer.query.get(), layer.key.get(), layer.value.get()});
    mix_ = joined({layer.attention_out.get()});
    up_ = joined({layer.up.get()});
    down_ = joined({layer.down.get()});
  }

  at::Tensor operator()(const at::Tensor& x, const PackedTexts& texts,
                        const at::Tensor& mask) const {
    const int64_t hidden = x.size(1);
    const at::Tensor parts = to_padded(query_key_value_(x), texts)
                                 .view({texts.batch, texts.longest, 3, heads_, hidden / heads_})
                                 .permute({2, 0, 3, 1, 4});
    const at::Tensor mixed = at::scaled_dot_product_attention(
        parts[0], parts[1], parts[2],
        mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt);
    const at::Tensor rows =
        to_packed(mixed.transpose(1, 2).reshape({texts.batch, texts.longest, hidden}), texts);
    const at::Tensor y = attention_norm_->forward(mix_(rows).to(at::kFloat).add_(x));
    const at::Tensor inner = activate(up_(y), activation_);
    return output_norm_->forward(down_(inner).to(at::kFloat).add_(y));
  }

 private:
  int64_t heads_;
  Activation activation_;
  std::shared_ptr<learn::LayerNorm> attention_norm_, output_norm_;
  Product query_key_value_, mix_, up_, down_;
};

}  // namespace

TextEncoder::Frozen Transformer::frozen(const std::string& precision) {
  const at::NoGradGuard no_grad;
  const at::ScalarType type = precision == "bf16" ? at::kBFloat16 : at::kFloat;
  std::vector<FrozenLayer> layers;
  for (const auto& layer : layers_) layers.emplace_back(*layer, type);
  return [this, layers, type](const at::Tensor& ids, const at::Tensor& length) {
    const at::NoGradGuard quiet;
    const PackedTexts texts = packed(ids, length);
    at::Tensor mask = attention_mask(texts, relative_);
    if (mask.defined() && mask.is_floating_point()) mask = mask.to(type);
    at::Tensor x = embeddings_->forward(texts);
    for (const FrozenLayer& layer : layers) x = layer(x, texts, mask);
    return finish(pool(x, texts, options_.pooling));
  };
}

}  // namespace vistas::text
