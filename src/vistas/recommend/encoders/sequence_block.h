// A layer of attention to earlier positions, on sequences without padding between them.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "vistas/learn/layers.h"

namespace vistas::recommend {

// Sequences in order of their lengths, one after the other: T = sum of the lengths.
struct PackedSequences {
  // Sequences of like length, side by side in attention: rows [begin, end) of the packed ones.
  struct Group {
    int64_t begin = 0, end = 0, count = 0, longest = 0;
    at::Tensor cell{};  // [end - begin], sequence * longest + position; undefined: no padding
  };
  std::vector<Group> groups;
  at::Tensor item, position;  // [T]
  at::Tensor row;             // [T], where each position in the order of the batch is
  at::Tensor last;            // [B], where the last position of each sequence is
};

// item [B, L] int64, length [B] int64. A usage error unless 1 <= length <= min(L, most).
PackedSequences pack_sequences(const at::Tensor& item, const at::Tensor& length, int64_t most);

struct SequenceBlock : torch::nn::Module {
  SequenceBlock(int64_t dim, int64_t heads, int64_t inner);
  struct Dropout {
    double rows = 0, attention = 0;
  };
  // x [T, dim].
  at::Tensor forward(const at::Tensor& x, const PackedSequences& sequences, Dropout dropout);

  int64_t heads;
  std::shared_ptr<learn::Linear> query_key_value, mix, up, down;
  std::shared_ptr<learn::LayerNorm> attention_norm, output_norm;
};

constexpr double kSequenceNormEps = 1e-12;

}  // namespace vistas::recommend
