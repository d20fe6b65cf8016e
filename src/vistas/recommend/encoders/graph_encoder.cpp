#include "vistas/recommend/encoders/graph_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/learn/layers.h"
#include "vistas/recommend/graph/noise.h"

namespace vistas::recommend {
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
  table_ = register_parameter("table", at::cat({glorot_uniform(graph_->users(), dim, generator),
                                                glorot_uniform(graph_->items(), dim, generator)}));
}

GraphEncoder::Spread GraphEncoder::spread(const SpreadOptions& options) const {
  Spread out{.mean = {}, .layers = {table_}};
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    const auto& graphs = options.graphs;
    const BipartiteGraph& graph = graphs.empty() ? *graph_ : *graphs[static_cast<size_t>(layer)];
    at::Tensor next = propagate(graph, out.layers.back());
    if (options.noise > 0) {
      DrawKey key = options.key;
      key.view += static_cast<uint32_t>(layer);
      add_noise(next.detach(), options.noise, key);
    }
    out.layers.push_back(std::move(next));
  }
  const size_t first = options_.with_table || options_.layers == 0 ? 0 : 1;
  at::Tensor sum = out.layers[first];
  for (size_t layer = first + 1; layer < out.layers.size(); ++layer) sum = sum + out.layers[layer];
  const auto count = static_cast<double>(out.layers.size() - first);
  out.mean = count == 1 ? sum : sum / count;
  return out;
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
