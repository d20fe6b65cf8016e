#include "vistas/recommend/graph/bipartite.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "vistas/base/error.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kGrain = 256;  // nodes a thread takes at least

void check_rate(double rate) {
  if (rate >= 0 && rate < 1) return;
  throw Error(ErrorKind::usage, {.what = "share of edges or nodes to drop",
                                 .got = fmt::to_string(rate),
                                 .expected = "at least 0, below 1"});
}

void check_size(const IdLists& interactions, int64_t items) {
  if (interactions.size() + items > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorKind::data,
                {.what = "users and items together",
                 .got = fmt::to_string(interactions.size() + items),
                 .expected = fmt::format("at most {}", std::numeric_limits<int32_t>::max())});
  }
}

}  // namespace

BipartiteGraph::BipartiteGraph(const IdLists& interactions, int64_t items)
    : users_(interactions.size()) {
  check_size(interactions, items);
  check_ids(interactions, items, "items of interactions");
  const OwnIdLists of_items = transposed(interactions, items);
  const auto edges = static_cast<int64_t>(interactions.ids.size());
  std::vector<int64_t> starts(interactions.starts.begin(), interactions.starts.end());
  for (size_t i = 1; i < of_items.starts.size(); ++i) starts.push_back(edges + of_items.starts[i]);
  std::vector<int32_t> columns;
  columns.reserve(2 * interactions.ids.size());
  for (const int32_t item : interactions.ids) {
    columns.push_back(static_cast<int32_t>(users_ + item));
  }
  columns.insert(columns.end(), of_items.ids.begin(), of_items.ids.end());
  adjacency_.starts = std::make_shared<const std::vector<int64_t>>(std::move(starts));
  adjacency_.columns = std::make_shared<const std::vector<int32_t>>(std::move(columns));
  *this = with_edges([](int64_t, int64_t) { return true; });
}

// keep(user, item node) says which edges are left.
template <class Keep>
BipartiteGraph BipartiteGraph::with_edges(const Keep& keep) const {
  const std::vector<int64_t>& starts = *adjacency_.starts;
  const std::vector<int32_t>& columns = *adjacency_.columns;
  std::vector<float> values(columns.size());
  std::vector<double> scale(static_cast<size_t>(nodes()));
  const auto for_entries = [&](int64_t begin, int64_t end, const auto& work) {
    for (int64_t node = begin; node < end; ++node) {
      for (int64_t k = starts[static_cast<size_t>(node)]; k < starts[static_cast<size_t>(node) + 1];
           ++k) {
        const auto entry = static_cast<size_t>(k);
        work(static_cast<size_t>(node), static_cast<size_t>(columns[entry]), values[entry]);
      }
    }
  };
  at::parallel_for(0, nodes(), kGrain, [&](int64_t begin, int64_t end) {
    for_entries(begin, end, [&](size_t node, size_t other, float& value) {
      const auto [user, item] = std::minmax(node, other);
      const bool kept = keep(static_cast<int64_t>(user), static_cast<int64_t>(item));
      value = kept ? 1.0f : 0.0f;
      scale[node] += kept;
    });
    for (int64_t node = begin; node < end; ++node) {
      double& of_node = scale[static_cast<size_t>(node)];
      if (of_node > 0) of_node = 1 / std::sqrt(of_node);
    }
  });
  at::parallel_for(0, nodes(), kGrain, [&](int64_t begin, int64_t end) {
    for_entries(begin, end, [&](size_t node, size_t other, float& value) {
      value *= static_cast<float>(scale[node] * scale[other]);
    });
  });
  BipartiteGraph out = *this;
  out.adjacency_ = {.starts = adjacency_.starts,
                    .columns = adjacency_.columns,
                    .values = std::make_shared<const std::vector<float>>(std::move(values))};
  return out;
}

BipartiteGraph BipartiteGraph::drop_edges(double rate, const DrawKey& key) const {
  check_rate(rate);
  return with_edges([&](int64_t user, int64_t item) {
    DrawKey of_edge = key;
    of_edge.sample = static_cast<uint64_t>(user) << 32 | static_cast<uint64_t>(item);
    return !Draws(of_edge).chance(rate);
  });
}

BipartiteGraph BipartiteGraph::drop_nodes(double rate, const DrawKey& key) const {
  check_rate(rate);
  std::vector<uint8_t> kept(static_cast<size_t>(nodes()));
  for (size_t node = 0; node < kept.size(); ++node) {
    DrawKey of_node = key;
    of_node.sample = node;
    kept[node] = !Draws(of_node).chance(rate);
  }
  return with_edges([&](int64_t user, int64_t item) {
    return kept[static_cast<size_t>(user)] != 0 && kept[static_cast<size_t>(item)] != 0;
  });
}

at::Tensor propagate(const BipartiteGraph& graph, const at::Tensor& x) {
  return learn::symmetric_product(graph.adjacency(), x);
}

}  // namespace vistas::recommend
