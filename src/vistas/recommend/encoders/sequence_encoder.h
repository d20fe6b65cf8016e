// Embeddings of users from what they had, in order of time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/recommend/encoders/node_encoder.h"

namespace vistas::learn {
class LayerNorm;
}

namespace vistas::recommend {

struct SequenceEncoderOptions {
  int64_t layers = 2;
  int64_t heads = 2;
  int64_t inner = 256;
  int64_t max_length = 50;
  double dropout = 0.5;
  double attention_dropout = 0.5;

  void fields(Fields& f);
};

std::string describe(const SequenceEncoderOptions& options);

// Sequences of at least one item each, below each other: "item" [B, L] int64 with zeros behind the
// end, L the longest, and "length" [B].
learn::Inputs sequence_inputs(const std::vector<std::span<const int32_t>>& sequences);

struct PackedSequences;
struct SequenceBlock;

// SASRec: an item's row plus the vector of its position, layer norm, dropout, then `layers` times
//
//   y = norm(x + attention(x)),  norm(y + W2 gelu(W1 y))
//
// where a position attends to itself and those before it. The last position of a sequence is its
// user, rows of the table are the items. Kang and McAuley, "Self-attentive sequential
// recommendation", 2018, section III; norms behind the sums, GELU and initial values N(0, 0.02), as
// in RecBole. Of longer sequences the last `max_length` items count; a user without any is the zero
// vector. Only real items cost: no product sees padding, and attention puts together what is of
// like length.
class SequenceEncoder : public NodeEncoder {
 public:
  SequenceEncoder(int64_t items, int64_t dim, const SequenceEncoderOptions& options, uint64_t seed);

  at::Tensor forward(const learn::Inputs& inputs) override;  // [B, dim()], the last positions
  // [T, dim()]: every position of the first sequence, then of the second ...
  at::Tensor positions(const learn::Inputs& inputs);
  at::Tensor items() const;  // [I, dim()], with their gradient
  int64_t dim() const override { return table_.size(1); }
  int64_t max_length() const { return options_.max_length; }

  NodeEmbeddings embed(const Interactions& history) const override;
  at::Tensor new_user(const at::Tensor& had, const at::Tensor& items) const override;

 private:
  at::Tensor run(const PackedSequences& sequences, bool training) const;  // [T, dim()]
  PackedSequences packed(const learn::Inputs& inputs) const;
  at::Tensor users(const std::vector<std::span<const int32_t>>& sequences) const;

  SequenceEncoderOptions options_;
  at::Tensor table_;  // [I + 1, dim]; the last row stands for a hidden item
  at::Tensor places_;
  std::shared_ptr<learn::LayerNorm> norm_;
  std::vector<std::shared_ptr<SequenceBlock>> blocks_;
};

// The number that stands for a hidden item in the sequences of `items` items.
inline int32_t hidden_item(int64_t items) {
  return static_cast<int32_t>(items);
}

}  // namespace vistas::recommend
