// The parts of a transformer encoder.
#pragma once

#include "vistas/learn/layers.h"
#include "vistas/text/encoders/packed.h"
#include "vistas/text/encoders/transformer.h"

namespace vistas::text {

struct TransformerEmbeddings : torch::nn::Module {
  explicit TransformerEmbeddings(const TransformerOptions& options);
  at::Tensor forward(const PackedTexts& texts);  // [T, hidden]

  at::Tensor words, positions, types;  // types undefined without token types
  std::shared_ptr<learn::LayerNorm> norm;
  int64_t first_position;
  double dropout;
};

// One layer: y = norm(x + attention(x)), norm(y + down(act(up(y)))). Vaswani et al., 2017.
struct TransformerLayer : torch::nn::Module {
  explicit TransformerLayer(const TransformerOptions& options);
  // x [T, hidden]. mask, of the scores [B, heads, L, L]: undefined, bool (false: not looked at) or
  // what is added to them.
  at::Tensor forward(const at::Tensor& x, const PackedTexts& texts, const at::Tensor& mask);

  std::shared_ptr<learn::Linear> query, key, value, attention_out, up, down;
  std::shared_ptr<learn::LayerNorm> attention_norm, output_norm;
  int64_t heads;
  Activation activation;
  double dropout, attention_dropout;

 private:
  at::Tensor attention(const at::Tensor& x, const PackedTexts& texts, const at::Tensor& mask);
};

// act(x); `none` gives x.
at::Tensor activate(const at::Tensor& x, Activation activation);

// What the attention of all layers adds to its scores: padding and, with a table [buckets, heads],
// biases of relative positions. Undefined where that is nothing.
at::Tensor attention_mask(const PackedTexts& texts, const at::Tensor& relative);

}  // namespace vistas::text
