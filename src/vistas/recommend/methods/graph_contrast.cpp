#include "vistas/recommend/methods/graph_contrast.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/contrast/info_nce.h"

namespace vistas::recommend {
namespace {

// Views of layer-wise draws are this far apart.
constexpr uint32_t kViews = 1 << 16;

// The rows begin .. end of the table but those of `nodes`.
at::Tensor all_but(const at::Tensor& table, int64_t begin, int64_t end, const at::Tensor& nodes) {
  const at::Tensor others =
      at::ones({end - begin}, nodes.options().dtype(at::kBool)).index_fill_(0, nodes - begin, 0);
  return at::embedding(table, others.nonzero().squeeze(1) + begin);
}

}  // namespace

void ContrastOptions::fields(Fields& f) {
  f.add("weight", weight, "of the second task", {0, 1e4});
  f.add("temperature", temperature, "divides the cosines of the second task", {1e-4, 1e4});
}

void GraphContrast::add_view(std::vector<at::Tensor>& out, const at::Tensor& table,
                             const at::Tensor& users, const at::Tensor& items) {
  const auto rows =
      at::embedding(table, at::cat({users, items})).split({users.size(0), items.size(0)});
  out.insert(out.end(), rows.begin(), rows.end());
}

GraphContrast::GraphContrast(const std::shared_ptr<learn::Encoder>& encoder,
                             const CollaborativeOptions& base, const ContrastOptions& options,
                             uint64_t seed)
    : Collaborative(encoder, base, seed), contrast_(options), seed_(seed) {}

// Users and items of view a, of view b, and perhaps further users and items of view b.
at::Tensor GraphContrast::contrast_loss(const std::vector<at::Tensor>& z) {
  const contrast::InfoNceOptions options{.temperature = contrast_.temperature};
  const auto side = [&](size_t i) {
    return contrast::info_nce(z[i], z[i + 2], options, {}, z.size() > 4 ? z[i + 4] : at::Tensor());
  };
  return contrast_.weight * (side(0) + side(1));
}

void SglOptions::fields(Fields& f) {
  base.fields(f);
  f.group("contrast", contrast);
  f.add("drop", drop, "what a view of the graph lacks; walk: other edges for every layer",
        {"edges", "nodes", "walk"});
  f.add("rate", rate, "share of edges or nodes dropped", {0, 0.99});
  f.add("among", among, "what a node is told from: the nodes of the batch, or all of its side",
        {"batch", "all"});
}

Sgl::Sgl(const std::shared_ptr<learn::Encoder>& encoder, const SglOptions& options, uint64_t seed)
    : GraphContrast(encoder, options.base, options.contrast, seed), options_(options) {}

Sgl::Graphs Sgl::graphs_of(uint64_t epoch, uint32_t view) const {
  const BipartiteGraph& graph = graph_encoder().graph();
  const auto layers = static_cast<size_t>(graph_encoder().layers());
  const auto made = [&](size_t layer) {
    const DrawKey key{.seed = seed_,
                      .epoch = epoch,
                      .sample = 0,
                      .view = view * kViews + static_cast<uint32_t>(layer)};
    return std::make_shared<const BipartiteGraph>(options_.drop == "nodes"
                                                      ? graph.drop_nodes(options_.rate, key)
                                                      : graph.drop_edges(options_.rate, key));
  };
  if (options_.drop != "walk") return Graphs(layers, made(0));
  Graphs out;
  for (size_t layer = 0; layer < layers; ++layer) out.push_back(made(layer));
  return out;
}

std::vector<at::Tensor> Sgl::contrasted(const GraphEncoder::Spread&, const learn::Batch&,
                                        const at::Tensor& users, const at::Tensor& items) {
  const auto epoch = static_cast<int64_t>(progress().epochs());
  if (epoch != epoch_) {
    graphs_ = {graphs_of(static_cast<uint64_t>(epoch), 0),
               graphs_of(static_cast<uint64_t>(epoch), 1)};
    epoch_ = epoch;
  }
  const GraphEncoder& encoder = graph_encoder();
  std::vector<at::Tensor> out;
  add_view(out, encoder.spread({.graphs = graphs_[0]}).mean, users, items);
  const at::Tensor other = encoder.spread({.graphs = graphs_[1]}).mean;
  add_view(out, other, users, items);
  if (options_.among == "all") {
    const BipartiteGraph& graph = encoder.graph();
    out.push_back(all_but(other, 0, graph.users(), users));
    out.push_back(all_but(other, graph.users(), graph.nodes(), items));
  }
  return out;
}

void NoiseOptions::fields(Fields& f) {
  base.fields(f);
  f.group("contrast", contrast);
  f.add("noise", noise, "length of the noise on every row of a layer", {0, 100});
}

SimGcl::SimGcl(const std::shared_ptr<learn::Encoder>& encoder, const NoiseOptions& options,
               uint64_t seed)
    : GraphContrast(encoder, options.base, options.contrast, seed), noise_(options.noise) {}

std::vector<at::Tensor> SimGcl::contrasted(const GraphEncoder::Spread&, const learn::Batch& batch,
                                           const at::Tensor& users, const at::Tensor& items) {
  std::vector<at::Tensor> out;
  for (const uint32_t view : {0U, 1U}) {
    const DrawKey key{.seed = batch.key, .epoch = 0, .sample = 0, .view = view * kViews};
    add_view(out, graph_encoder().spread({.noise = noise_, .key = key}).mean, users, items);
  }
  return out;
}

void XSimGclOptions::fields(Fields& f) {
  base.fields(f);
  f.group("contrast", contrast);
  f.add("noise", noise, "length of the noise on every row of a layer", {0, 100});
  f.add("layer", layer, "the layer that is compared with the mean of all", {1, 16});
}

XSimGcl::XSimGcl(const std::shared_ptr<learn::Encoder>& encoder, const XSimGclOptions& options,
                 uint64_t seed)
    : GraphContrast(encoder, options.base, options.contrast, seed),
      noise_(options.noise),
      layer_(static_cast<size_t>(options.layer)) {
  if (options.layer <= graph_encoder().layers()) return;
  throw Error(ErrorKind::usage, {.what = "method.layer",
                                 .got = fmt::format("{}", options.layer),
                                 .expected = fmt::format("at most encoder.graph.layers, {}",
                                                         graph_encoder().layers())});
}

GraphEncoder::Spread XSimGcl::spread(const learn::Batch& batch) {
  return graph_encoder().spread({.noise = noise_, .key = {.seed = batch.key}});
}

std::vector<at::Tensor> XSimGcl::contrasted(const GraphEncoder::Spread& main, const learn::Batch&,
                                            const at::Tensor& users, const at::Tensor& items) {
  std::vector<at::Tensor> out;
  add_view(out, main.mean, users, items);
  add_view(out, main.layers[layer_], users, items);
  return out;
}

}  // namespace vistas::recommend
