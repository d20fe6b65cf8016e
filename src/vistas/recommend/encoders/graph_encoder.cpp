#include "vistas/recommend/encoders/graph_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "vistas/learn/layers.h"

namespace vistas::recommend {
namespace {

at::Tensor glorot(int64_t rows, int64_t dim, const at::Generator& generator) {
  const double bound = std::sqrt(6.0 / static_cast<double>(rows + dim));
  return at::empty({rows, dim}).uniform_(-bound, bound, generator);
}

}  // namespace

std::string describe(const GraphEncoderOptions& options) {
  if (options.layers == 0) return "matrix factorisation";
  return fmt::format("LightGCN, {} layer{}", options.layers, options.layers == 1 ? "" : "s");
}

GraphEncoder::GraphEncoder(std::shared_ptr<const BipartiteGraph> graph,
                           const GraphEncoderOptions& options, uint64_t seed)
    : graph_(std::move(graph)), options_(options) {
  at::Generator generator = learn::initial_values(seed);
  table_ = register_parameter("table", at::cat({glorot(graph_->users(), options.dim, generator),
                                                glorot(graph_->items(), options.dim, generator)}));
}

at::Tensor GraphEncoder::all() const {
  at::Tensor last = table_, sum = table_;
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    last = propagate(*graph_, last);
    sum = sum + last;
  }
  return options_.layers == 0 ? sum : sum / static_cast<double>(options_.layers + 1);
}

at::Tensor GraphEncoder::forward(const learn::Inputs& inputs) {
  return all().index_select(0, inputs.at("node"));
}

}  // namespace vistas::recommend
