#include "vistas/recommend/tasks/full_ranking.h"

namespace vistas::recommend {

std::vector<bool> new_items(const Interactions& train, const Interactions& measured) {
  const auto trained = item_counts(train), wanted = item_counts(measured);
  std::vector<bool> out;
  for (size_t item = 0; item < trained.size(); ++item) {
    if (trained[item] > 0 && wanted[item] > 0) return {};
    out.push_back(wanted[item] > 0);
  }
  return out;
}

FullRanking::FullRanking(const Interactions& measured, const std::vector<const Interactions*>& seen)
    : wanted_(item_lists(measured)),
      popularity_(item_counts(*seen.front())),
      allowed_(new_items(*seen.front(), measured)) {
  for (const Interactions* data : seen) seen_.push_back(item_lists(*data));
}

FullRanking::FullRanking(const Split& split)
    : FullRanking(split.test, {&split.train, &split.valid}) {}

search::RowFilter FullRanking::filter() const {
  search::RowFilter filter{.allowed = allowed_};
  for (const OwnIdLists& lists : seen_) filter.without.push_back(lists.view());
  return filter;
}

search::TopK FullRanking::lists(const NodeEmbeddings& nodes, int64_t k) const {
  return search::top_k(nodes.users, nodes.items, k, search::Metric::dot, filter());
}

std::vector<measure::ListScores> FullRanking::scores(const at::Tensor& lists,
                                                     std::span<const int64_t> ks,
                                                     const measure::RankingGroup& group) const {
  return measure::list_scores(lists, wanted_.view(), popularity_, ks, group);
}

}  // namespace vistas::recommend
