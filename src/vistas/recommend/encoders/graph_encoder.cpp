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

std::shared_ptr<const BipartiteGraph> graph_of(const Interactions& data) {
  return std::make_shared<BipartiteGraph>(item_lists(data).view(), data.items());
}

GraphEncoder::GraphEncoder(std::shared_ptr<const BipartiteGraph> graph, int64_t dim,
                           const GraphEncoderOptions& options, uint64_t seed)
    : graph_(std::move(graph)), options_(options) {
  at::Generator generator = learn::initial_values(seed);
  table_ = register_parameter("table", at::cat({glorot(graph_->users(), dim, generator),
                                                glorot(graph_->items(), dim, generator)}));
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

NodeEmbeddings GraphEncoder::embed(const Interactions&) const {
  const at::NoGradGuard no_grad;
  const at::Tensor nodes = all();
  return {nodes.slice(0, 0, graph_->users()), nodes.slice(0, graph_->users())};
}

at::Tensor GraphEncoder::new_user(const at::Tensor& had, const at::Tensor& items) const {
  return items.index_select(0, had).mean(0, /*keepdim=*/true);
}

}  // namespace vistas::recommend
