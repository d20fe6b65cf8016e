#include "vistas/recommend/encoders/sequence_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/recommend/encoders/sequence_block.h"

namespace vistas::recommend {
namespace {

constexpr size_t kUsersAtOnce = 2048;

// Matrices ~ N(0, 0.02), biases 0; those of layer norms are set already.
void draw_values(torch::nn::Module& module, uint64_t seed) {
  at::Generator generator = learn::initial_values(seed);
  const at::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    at::Tensor& values = item.value();
    if (values.dim() == 2) {
      values.normal_(0, 0.02, generator);
    } else if (!item.key().ends_with("norm.weight")) {
      values.zero_();
    }
  }
}

}  // namespace

void SequenceEncoderOptions::fields(Fields& f) {
  const double most = 1 << 16;
  f.add("layers", layers, "layers of attention and perceptron", {1, 1000});
  f.add("heads", heads, "attention heads; they divide encoder.dim", {1, most});
  f.add("inner", inner, "width of the perceptrons", {1, most});
  f.add("max_length", max_length, "items that count, the last ones of a user", {1, most});
  f.add("dropout", dropout, "share of features dropped in training", {0, 0.999});
  f.add("attention_dropout", attention_dropout, "share of attention dropped in training",
        {0, 0.999});
}

std::string describe(const SequenceEncoderOptions& options) {
  const auto counted = [](int64_t n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  return fmt::format("SASRec, {}, {}, the last {}", counted(options.layers, "layer"),
                     counted(options.heads, "head"), counted(options.max_length, "item"));
}

learn::Inputs sequence_inputs(const std::vector<std::span<const int32_t>>& sequences) {
  size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  const auto count = static_cast<int64_t>(sequences.size());
  const at::Tensor item = at::zeros({count, static_cast<int64_t>(longest)}, at::kLong);
  const at::Tensor length = at::empty({count}, at::kLong);
  auto* to = item.mutable_data_ptr<int64_t>();
  auto* lengths = length.mutable_data_ptr<int64_t>();
  for (const auto& sequence : sequences) {
    std::copy(sequence.begin(), sequence.end(), to);
    to += longest;
    *lengths++ = static_cast<int64_t>(sequence.size());
  }
  return {{{"item", item}, {"length", length}}};
}

SequenceEncoder::SequenceEncoder(int64_t items, int64_t dim, const SequenceEncoderOptions& options,
                                 uint64_t seed)
    : options_(options) {
  if (dim % options.heads != 0) {
    throw Error(ErrorKind::usage, {.what = "encoder.sequence.heads",
                                   .got = fmt::format("{}", options.heads),
                                   .expected = fmt::format("a divisor of encoder.dim, {}", dim)});
  }
  table_ = register_parameter("table", at::empty({items + 1, dim}));
  places_ = register_parameter("places", at::empty({options.max_length, dim}));
  norm_ = register_module("norm", std::make_shared<learn::LayerNorm>(dim, kSequenceNormEps));
  for (int64_t i = 0; i < options.layers; ++i) {
    blocks_.push_back(
        register_module(fmt::format("block{}", i),
                        std::make_shared<SequenceBlock>(dim, options.heads, options.inner)));
  }
  draw_values(*this, seed);
}

at::Tensor SequenceEncoder::run(const PackedSequences& sequences, bool training) const {
  const SequenceBlock::Dropout dropout{training ? options_.dropout : 0,
                                       training ? options_.attention_dropout : 0};
  at::Tensor x = at::embedding(table_, sequences.item) + at::embedding(places_, sequences.position);
  x = at::dropout(norm_->forward(x), dropout.rows, dropout.rows > 0);
  for (const auto& block : blocks_) x = block->forward(x, sequences, dropout);
  return x;
}

PackedSequences SequenceEncoder::packed(const learn::Inputs& inputs) const {
  return pack_sequences(inputs.at("item"), inputs.at("length"), options_.max_length);
}

at::Tensor SequenceEncoder::forward(const learn::Inputs& inputs) {
  const PackedSequences sequences = packed(inputs);
  return run(sequences, is_training()).index_select(0, sequences.last);
}

at::Tensor SequenceEncoder::positions(const learn::Inputs& inputs) {
  const PackedSequences sequences = packed(inputs);
  return run(sequences, is_training()).index_select(0, sequences.row);
}

at::Tensor SequenceEncoder::items() const {
  return table_.slice(0, 0, table_.size(0) - 1);
}

at::Tensor SequenceEncoder::users(const std::vector<std::span<const int32_t>>& sequences) const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  for (size_t begin = 0; begin < sequences.size(); begin += kUsersAtOnce) {
    std::vector<std::span<const int32_t>> some;
    for (size_t i = begin; i < std::min(begin + kUsersAtOnce, sequences.size()); ++i) {
      const auto most = static_cast<size_t>(options_.max_length);
      some.push_back(sequences[i].last(std::min(sequences[i].size(), most)));
    }
    const PackedSequences rows = packed(sequence_inputs(some).to(table_.device()));
    parts.push_back(run(rows, /*training=*/false).index_select(0, rows.last));
  }
  return at::cat(parts);
}

NodeEmbeddings SequenceEncoder::embed(const Interactions& history) const {
  const at::NoGradGuard no_grad;
  std::vector<std::span<const int32_t>> sequences;
  std::vector<int64_t> known;
  for (int64_t user = 0; user < history.users(); ++user) {
    if (history.count_of(user) == 0) continue;
    known.push_back(user);
    sequences.push_back(history.items_of(user));
  }
  at::Tensor all = at::zeros({history.users(), dim()}, table_.options());
  if (!known.empty()) {
    all.index_copy_(0, at::tensor(known, at::kLong).to(table_.device()), users(sequences));
  }
  return {all, items().detach()};
}

at::Tensor SequenceEncoder::new_user(const at::Tensor& had, const at::Tensor&) const {
  const at::Tensor host = had.to(at::kCPU, at::kInt).contiguous();
  return users({std::span(host.const_data_ptr<int32_t>(), static_cast<size_t>(host.numel()))});
}

}  // namespace vistas::recommend
