// Whose lists are measured, and what is not listed again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "vistas/base/id_lists.h"
#include "vistas/measure/ranking.h"
#include "vistas/recommend/encoders/node_encoder.h"
#include "vistas/recommend/sources/split.h"
#include "vistas/search/top_k.h"

namespace vistas::recommend {

// Which items are measured, where training has none of them; else empty.
std::vector<bool> new_items(const Interactions& train, const Interactions& measured);

// Measures users by what they have in one part of the data. What they have in the parts seen
// before is masked; the first of these, the training, says how popular an item is. Where training
// has none of the items that are measured, these new items are ranked among themselves.
class FullRanking {
 public:
  FullRanking(const Interactions& measured, const std::vector<const Interactions*>& seen);
  // The test part, with training and validation masked.
  explicit FullRanking(const Split& split);

  IdLists train() const { return seen_.front().view(); }
  IdLists wanted() const { return wanted_.view(); }
  const std::vector<int64_t>& popularity() const { return popularity_; }  // of each item
  search::RowFilter filter() const;  // good as long as this object

  // The k best items of every user by dot product.
  search::TopK lists(const NodeEmbeddings& nodes, int64_t k) const;

  // Of lists of every user, made with filter(); see measure::list_scores().
  std::vector<measure::ListScores> scores(const at::Tensor& lists, std::span<const int64_t> ks,
                                          const measure::RankingGroup& group = {}) const;

 private:
  OwnIdLists wanted_;
  std::vector<OwnIdLists> seen_;
  std::vector<int64_t> popularity_;
  std::vector<bool> allowed_;
};

}  // namespace vistas::recommend
