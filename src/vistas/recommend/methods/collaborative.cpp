#include "vistas/recommend/methods/collaborative.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/bsl.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/sampled_softmax.h"

namespace vistas::recommend {
namespace {

std::shared_ptr<GraphEncoder> of_a_graph(const std::shared_ptr<learn::Encoder>& encoder) {
  auto graph = std::dynamic_pointer_cast<GraphEncoder>(encoder);
  if (graph) return graph;
  throw Error(ErrorKind::usage, {.what = "this method learns from users and items of a graph",
                                 .got = "another encoder",
                                 .fix = "Train on interactions with encoder.name = \"graph\", or "
                                        "choose another method"});
}

// The log of each item's share of all interactions.
at::Tensor log_shares(const BipartiteGraph& graph) {
  const auto& starts = *graph.adjacency().starts;
  const at::Tensor ends = at::tensor(starts, at::kLong).slice(0, graph.users());
  return ends.diff().to(at::kFloat).div(ends.diff().sum()).clamp_min(1e-12).log();
}

// Of one item for each user that the user does not have, as far as drawing 100 times finds one.
at::Tensor draw_strangers(const BipartiteGraph& graph, const at::Tensor& users, uint64_t key) {
  const auto& starts = *graph.adjacency().starts;
  const auto& columns = *graph.adjacency().columns;
  const at::Tensor of_cpu = users.cpu();
  at::Tensor drawn = at::empty_like(of_cpu);
  auto* out = drawn.mutable_data_ptr<int64_t>();
  const auto* user = of_cpu.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < users.size(0); ++i) {
    Draws draws({.seed = key, .epoch = 0, .sample = static_cast<uint64_t>(i)});
    const auto begin = columns.begin() + starts[static_cast<size_t>(user[i])];
    const auto end = columns.begin() + starts[static_cast<size_t>(user[i]) + 1];
    for (int attempt = 0; attempt < 100; ++attempt) {
      out[i] = graph.users() + draws.below(graph.items());
      if (!std::binary_search(begin, end, static_cast<int32_t>(out[i]))) break;
    }
  }
  return drawn.to(users.device());
}

at::Tensor draw_items(const BipartiteGraph& graph, int64_t count, uint64_t key) {
  Draws draws({.seed = key});
  std::vector<int64_t> nodes;
  for (int64_t i = 0; i < count; ++i) nodes.push_back(graph.users() + draws.below(graph.items()));
  return at::tensor(nodes, at::kLong);
}

// Rows of the table for each list of nodes, gathered at once.
std::vector<at::Tensor> gather(const at::Tensor& table, const std::vector<at::Tensor>& nodes) {
  std::vector<int64_t> sizes;
  for (const at::Tensor& list : nodes) sizes.push_back(list.size(0));
  return at::embedding(table, at::cat(nodes)).split_with_sizes(sizes);
}

}  // namespace

void CollaborativeOptions::fields(Fields& f) {
  f.add("loss", loss, "what makes a user's items score above others",
        {"softmax", "bsl", "bpr", "direct_au"});
  f.add("temperature", temperature, "softmax, bsl: divides the similarities", {1e-4, 1e4});
  f.add("similarity", similarity, "softmax, bsl: how user and item are compared in training",
        contrast::similarity_names());
  f.add("log_q", log_q, "softmax: correct for how popular the items of a batch are");
  f.add("mask_groups", mask_groups,
        "softmax, bsl: an item that a batch holds twice is no negative of itself");
  f.add("negatives", negatives,
        "softmax: items drawn for the whole batch, instead of the batch's own; 0: the batch's",
        {0, 1e7});
  f.add("exponent", exponent, "bsl: of the sum over the negatives", {1e-3, 1e3});
  f.add("gamma", gamma, "direct_au: weight of uniformity", {0, 1e4});
  f.add("l2", l2, "weight of the squared lengths of the table's rows of an interaction", {0, 1e3});
}

struct Collaborative::Nodes {
  at::Tensor users, items, negatives;  // the last may be undefined

  std::vector<at::Tensor> lists() const {
    std::vector<at::Tensor> out{users, items};
    if (negatives.defined()) out.push_back(negatives);
    return out;
  }
};

Collaborative::Collaborative(const std::shared_ptr<learn::Encoder>& encoder,
                             const CollaborativeOptions& options, uint64_t)
    : encoder_(register_module("encoder", of_a_graph(encoder))), options_(options) {
  if (options.log_q) log_share_ = log_shares(encoder_->graph());
}

Collaborative::Nodes Collaborative::nodes_of(const learn::Batch& batch) const {
  Nodes out{batch.views.at(0).at("node"), batch.views.at(1).at("node"), {}};
  const BipartiteGraph& graph = encoder_->graph();
  if (options_.loss == "bpr") out.negatives = draw_strangers(graph, out.users, batch.key);
  if (options_.loss == "softmax" && options_.negatives > 0) {
    out.negatives = draw_items(graph, options_.negatives, batch.key).to(out.users.device());
  }
  return out;
}

learn::Embeddings Collaborative::embed(const learn::Batch& batch) {
  const GraphEncoder::Spread all = spread(batch);
  const Nodes nodes = nodes_of(batch);
  drawn_ = nodes.negatives;
  std::vector<at::Tensor> live = gather(all.mean, nodes.lists());
  if (options_.l2 > 0) {
    for (auto& rows : gather(all.layers.front(), nodes.lists())) live.push_back(std::move(rows));
  }
  const auto once = [](const at::Tensor& x) { return std::get<0>(at::_unique(x)); };
  for (auto& rows : contrasted(all, batch, once(nodes.users), once(nodes.items))) {
    live.push_back(std::move(rows));
  }
  return {live, {}};
}

at::Tensor Collaborative::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& z = embeddings.live;
  const size_t lists = drawn_.defined() ? 3 : 2;
  at::Tensor sum = preference(z[0], z[1], drawn_.defined() ? z[2] : at::Tensor(), batch);
  size_t used = lists;
  if (options_.l2 > 0) {
    for (size_t i = 0; i < lists; ++i) {
      const at::Tensor& rows = z[used + i];
      sum = sum + options_.l2 / 2 * rows.square().sum() / static_cast<double>(z[0].size(0));
    }
    used += lists;
  }
  const at::Tensor more = contrast_loss({z.begin() + static_cast<std::ptrdiff_t>(used), z.end()});
  return more.defined() ? sum + more : sum;
}

at::Tensor Collaborative::preference(const at::Tensor& users, const at::Tensor& items,
                                     const at::Tensor& negatives, const learn::Batch& batch) const {
  if (options_.loss == "bpr") return contrast::bpr(users, items, negatives);
  if (options_.loss == "direct_au") {
    return contrast::align_uniform(users, items, {.weight = options_.gamma}).loss;
  }
  if (options_.loss == "bsl") {
    return contrast::bsl(users, items,
                         {.temperature = options_.temperature,
                          .exponent = options_.exponent,
                          .similarity = options_.similarity},
                         learn::masked_groups(batch, options_.mask_groups));
  }
  return softmax(users, items, negatives, batch);
}

at::Tensor Collaborative::softmax(const at::Tensor& users, const at::Tensor& items,
                                  const at::Tensor& negatives, const learn::Batch& batch) const {
  const at::Tensor group = learn::masked_groups(batch, options_.mask_groups);
  if (negatives.defined()) {
    const at::Tensor hit = batch.group.unsqueeze(1) == drawn_ - encoder_->graph().users();
    return contrast::sampled_softmax(
        users, items, negatives,
        {.temperature = options_.temperature, .similarity = options_.similarity}, {}, hit);
  }
  if (!options_.log_q) {
    return contrast::info_nce(
        users, items, {.temperature = options_.temperature, .similarity = options_.similarity},
        group);
  }
  return contrast::in_batch_softmax(
      users, items, {.temperature = options_.temperature, .similarity = options_.similarity},
      log_share_.to(batch.group.device()).index_select(0, batch.group), group);
}

int64_t Collaborative::negatives(int64_t batch) const {
  if (options_.loss == "bpr") return 1;
  return options_.loss == "softmax" && options_.negatives > 0 ? options_.negatives : batch - 1;
}

}  // namespace vistas::recommend
