#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "vistas/recommend/graph/bipartite.h"

namespace vistas::recommend {
namespace {

using test::expect_error;

// Users and items of very different numbers of edges; user 3 and item 0 have none.
OwnIdLists interactions(int64_t users, int64_t items, double density) {
  OwnIdLists out;
  for (int64_t u = 0; u < users; ++u) {
    Draws draws({.seed = 9, .sample = static_cast<uint64_t>(u)});
    for (int32_t i = 1; i < items; ++i) {
      if (u != 3 && draws.chance(density * 10 / (10 + i))) out.ids.push_back(i);
    }
    out.starts.push_back(static_cast<int64_t>(out.ids.size()));
  }
  return out;
}

BipartiteGraph graph_of(int64_t users, int64_t items, double density) {
  return BipartiteGraph(interactions(users, items, density).view(), items);
}

at::Tensor dense(const BipartiteGraph& graph) {
  const learn::SymmetricMatrix& a = graph.adjacency();
  const at::Tensor out = at::zeros({a.size(), a.size()}, at::kDouble);
  auto* data = out.mutable_data_ptr<double>();
  for (int64_t r = 0; r < a.size(); ++r) {
    for (auto k = (*a.starts)[static_cast<size_t>(r)]; k < (*a.starts)[static_cast<size_t>(r) + 1];
         ++k) {
      data[r * a.size() + (*a.columns)[static_cast<size_t>(k)]] +=
          double{(*a.values)[static_cast<size_t>(k)]};
    }
  }
  return out;
}

// D^-1/2 A D^-1/2 of a matrix of zeros and ones.
at::Tensor normalised(const at::Tensor& edges) {
  const at::Tensor scale = edges.sum(1).rsqrt();
  const at::Tensor finite = scale.masked_fill(scale.isinf(), 0);
  return edges * finite.unsqueeze(0) * finite.unsqueeze(1);
}

at::Tensor random(int64_t rows, int64_t width, at::ScalarType type = at::kFloat) {
  return at::randn({rows, width}, at::make_generator<at::CPUGeneratorImpl>(uint64_t{1}), type);
}

TEST(BipartiteGraph, IsTheNormalisedMatrixOfTheInteractions) {
  const OwnIdLists lists = interactions(40, 60, 0.5);
  const BipartiteGraph graph(lists.view(), 60);
  EXPECT_EQ(graph.users(), 40);
  EXPECT_EQ(graph.items(), 60);
  EXPECT_EQ(graph.nodes(), 100);
  const at::Tensor edges = at::zeros({100, 100}, at::kDouble);
  for (int64_t u = 0; u < 40; ++u) {
    for (const int32_t i : lists.view()[u]) edges[u][40 + i] = edges[40 + i][u] = 1;
  }
  ASSERT_GT(edges.sum().item<double>(), 200);
  EXPECT_LE((dense(graph) - normalised(edges)).abs().max().item<double>(), 1e-7);
}

TEST(Propagate, EqualsTheDenseProduct) {
  const BipartiteGraph graph = graph_of(40, 60, 0.5);
  const at::Tensor matrix = dense(graph);
  for (const int64_t width : {1, 16, 48, 64, 100, 144}) {
    const at::Tensor x = random(100, width), want = matrix.mm(x.to(at::kDouble));
    EXPECT_TRUE(at::allclose(propagate(graph, x).to(at::kDouble), want, 1e-6, 1e-6)) << width;
    const at::Tensor x16 = x.to(at::kBFloat16);
    const at::Tensor got16 = propagate(graph, x16);
    EXPECT_EQ(got16.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::equal(got16, propagate(graph, x16.to(at::kFloat)).to(at::kBFloat16))) << width;
    EXPECT_TRUE(at::allclose(propagate(graph, x.to(at::kDouble)), want, 1e-14, 1e-14)) << width;
  }
  EXPECT_EQ(propagate(graph, random(100, 64)).select(0, 3).abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(propagate(graph, random(64, 100).t()),
                        propagate(graph, random(64, 100).t().contiguous())));
}

TEST(Propagate, GradientIsThatOfCentralDifferences) {
  const BipartiteGraph graph = graph_of(6, 9, 0.8);
  const at::Tensor x = random(15, 3, at::kDouble).requires_grad_(true);
  const at::Tensor weight = random(15, 3, at::kDouble).sin();
  const auto value = [&](const at::Tensor& at) {
    return (propagate(graph, propagate(graph, at).square()) * weight).sum();
  };
  value(x).backward();
  const double step = 1e-5;
  const at::Tensor moved = x.detach().clone();
  auto* numbers = moved.mutable_data_ptr<double>();
  for (int64_t i = 0; i < moved.numel(); ++i) {
    const double before = numbers[i];
    numbers[i] = before + step;
    const double above = value(moved).item<double>();
    numbers[i] = before - step;
    const double below = value(moved).item<double>();
    numbers[i] = before;
    EXPECT_NEAR(x.grad().view(-1)[i].item<double>(), (above - below) / (2 * step), 1e-8);
  }
}

TEST(Propagate, GradientsKeepTheTypeOfTheTable) {
  const BipartiteGraph graph = graph_of(40, 60, 0.5);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = random(100, 32).to(type).requires_grad_(true);
    const at::Tensor gradient = random(100, 32).cos().to(type);
    propagate(graph, x).backward(gradient);
    EXPECT_TRUE(at::equal(x.grad(), propagate(graph, gradient)));
  }
}

TEST(Propagate, SameBitsForAnyThreads) {
  const at::Tensor x = random(1600, 64);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const DrawKey key{.seed = 4, .epoch = 2, .view = 1};
  const at::Tensor want = propagate(graph_of(700, 900, 0.5).drop_edges(0.2, key), x);
  for (const int count : {2, 3, 7}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(propagate(graph_of(700, 900, 0.5).drop_edges(0.2, key), x), want));
  }
  at::set_num_threads(threads);
}

TEST(Propagate, WhatDoesNotFit) {
  const BipartiteGraph graph = graph_of(6, 9, 0.8);
  expect_error([&] { propagate(graph, random(14, 3)); }, "expected 15 rows");
  expect_error([&] { propagate(graph, random(15, 3).to(at::kHalf)); }, "of Half");
  const std::vector<int64_t> starts{0, 2};
  const std::vector<int32_t> ids{1, 5};
  expect_error([&] { BipartiteGraph({starts, ids}, 5); }, "got 1 to 5, expected 0 .. 4");
  expect_error([&] { graph.drop_edges(1, {}); }, "got 1", ErrorKind::usage);
}

TEST(DroppedGraph, EdgesAreLeftOutBothWaysAndTheRestRenormalised) {
  const BipartiteGraph graph = graph_of(300, 400, 0.6);
  const at::Tensor whole = dense(graph) > 0;
  const double edges = whole.sum().item<double>();
  for (const double rate : {0.1, 0.4}) {
    const at::Tensor got = dense(graph.drop_edges(rate, {.seed = 1, .epoch = 3, .view = 1}));
    EXPECT_TRUE(at::equal(got, got.t()));
    const at::Tensor kept = got > 0;
    EXPECT_FALSE((kept & ~whole).any().item<bool>());
    EXPECT_LE((got - normalised(kept.to(at::kDouble))).abs().max().item<double>(), 1e-7);
    // Within five standard deviations of a share drawn edge by edge.
    const double share = 1 - kept.sum().item<double>() / edges;
    EXPECT_NEAR(share, rate, 5 * std::sqrt(rate * (1 - rate) / (edges / 2)));
  }
  EXPECT_TRUE(at::equal(dense(graph.drop_edges(0, {.seed = 1})), dense(graph)));
}

TEST(DroppedGraph, ViewsAndEpochsAreDrawnByTheirKeys) {
  const BipartiteGraph graph = graph_of(100, 200, 0.6);
  const auto kept = [&](const DrawKey& key) { return dense(graph.drop_edges(0.5, key)) > 0; };
  const at::Tensor first = kept({.seed = 1, .epoch = 0, .view = 0});
  EXPECT_TRUE(at::equal(first, kept({.seed = 1, .epoch = 0, .sample = 77, .view = 0})));
  for (const DrawKey& other :
       {DrawKey{.seed = 2}, DrawKey{.seed = 1, .epoch = 1}, DrawKey{.seed = 1, .view = 1}}) {
    // Independent draws agree on half of the edges.
    const at::Tensor same = (kept(other) & first).sum(), all = first.sum();
    EXPECT_NEAR(same.item<double>() / all.item<double>(), 0.5, 0.1);
  }
}

TEST(DroppedGraph, NodesLoseAllTheirEdges) {
  const BipartiteGraph graph = graph_of(300, 400, 0.6);
  const at::Tensor whole = (dense(graph) > 0).to(at::kDouble);
  const at::Tensor got = dense(graph.drop_nodes(0.3, {.seed = 5, .epoch = 1}));
  const at::Tensor left = got.sum(1) > 0;
  const at::Tensor want = whole * left.unsqueeze(0) * left.unsqueeze(1);
  EXPECT_LE((got - normalised(want)).abs().max().item<double>(), 1e-7);
  const double nodes = (whole.sum(1) > 10).sum().item<double>();
  const double dropped = ((whole.sum(1) > 10) & ~left).sum().item<double>();
  EXPECT_NEAR(dropped / nodes, 0.3, 5 * std::sqrt(0.3 * 0.7 / nodes));
}

}  // namespace
}  // namespace vistas::recommend
