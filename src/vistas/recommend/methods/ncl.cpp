#include "vistas/recommend/methods/ncl.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/contrast/similarity.h"
#include "vistas/measure/clustering.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kPasses = 10;  // of k-means

// Rows to begin with, drawn.
at::Tensor first_centres(const at::Tensor& rows, int64_t count, uint64_t seed) {
  Draws draws({.seed = seed});
  auto order = draws.permutation(rows.size(0));
  order.resize(static_cast<size_t>(count));
  return rows.index_select(0, at::tensor(order, at::kLong).to(rows.device()));
}

}  // namespace

void NclOptions::fields(Fields& f) {
  base.fields(f);
  f.group("contrast", contrast);
  f.add("layer", layer, "whose rows are compared with the table's; even: nodes of the same kind",
        {1, 16});
  f.add("prototypes", prototypes, "clusters of users, and of items", {2, 1e6});
  f.add("prototype_weight", prototype_weight, "of finding one's own cluster", {0, 1e4});
  f.add("prototypes_from", prototypes_from, "the epoch, from 0, that first has clusters", {0, 1e6});
}

Ncl::Ncl(const std::shared_ptr<learn::Encoder>& encoder, const NclOptions& options, uint64_t seed)
    : GraphContrast(encoder, options.base, options.contrast, seed),
      layer_(static_cast<size_t>(options.layer)),
      prototype_weight_(options.prototype_weight),
      from_(static_cast<double>(options.prototypes_from)) {
  const BipartiteGraph& graph = graph_encoder().graph();
  const auto limit = [](const char* what, int64_t value, int64_t most, const char* of) {
    if (value <= most) return;
    throw Error(ErrorKind::usage, {.what = what,
                                   .got = fmt::format("{}", value),
                                   .expected = fmt::format("at most {}, {}", of, most)});
  };
  limit("method.layer", options.layer, graph_encoder().layers(), "encoder.graph.layers");
  limit("method.prototypes", options.prototypes, std::min(graph.users(), graph.items()),
        "the users and the items");
  for (const int side : {0, 1}) {
    centres_[side] = register_buffer(side == 0 ? "user_centres" : "item_centres",
                                     at::zeros({options.prototypes, graph_encoder().dim()}));
  }
  cluster_ = register_buffer("cluster", at::zeros({graph.nodes()}, at::kLong));
}

void Ncl::cluster(const at::Tensor& table) {
  const at::NoGradGuard no_grad;
  const int64_t users = graph_encoder().graph().users();
  const at::Tensor rows = contrast::unit_rows(table);
  for (const int side : {0, 1}) {
    const at::Tensor x = side == 0 ? rows.slice(0, 0, users) : rows.slice(0, users);
    const bool first = !centres_[side].any().item<bool>();
    const at::Tensor start =
        first ? first_centres(x, centres_[side].size(0), seed_) : centres_[side];
    const auto found = measure::kmeans_from(x, start, kPasses);
    centres_[side].copy_(found.centres);
    (side == 0 ? cluster_.slice(0, 0, users) : cluster_.slice(0, users)).copy_(found.assignment);
  }
}

std::vector<at::Tensor> Ncl::contrasted(const GraphEncoder::Spread& main, const learn::Batch&,
                                        const at::Tensor& users, const at::Tensor& items) {
  const at::Tensor& table = main.layers.front();
  if (has_prototypes() && progress().step % progress().per_epoch == 0) cluster(table);
  nodes_[0] = users;
  nodes_[1] = items;
  std::vector<at::Tensor> out;
  add_view(out, main.layers[layer_], users, items);
  add_view(out, table, users, items);
  return out;
}

at::Tensor Ncl::contrast_loss(const std::vector<at::Tensor>& z) {
  at::Tensor loss = GraphContrast::contrast_loss(z);
  if (!has_prototypes()) return loss;
  for (const int side : {0, 1}) {
    const at::Tensor rows = contrast::unit_rows(z[static_cast<size_t>(side) + 2]);
    const at::Tensor centres = contrast::unit_rows(centres_[side].to(rows.scalar_type()));
    const at::Tensor logits = at::mm(rows, centres.t()) / contrast_.temperature;
    loss = loss + prototype_weight_ *
                      at::cross_entropy_loss(logits, cluster_.index_select(0, nodes_[side]));
  }
  return loss;
}

}  // namespace vistas::recommend
