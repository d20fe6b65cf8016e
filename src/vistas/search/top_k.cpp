#include "vistas/search/top_k.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/search/candidates.h"
#include "vistas/search/features.h"
#include "vistas/search/partners.h"
#include "vistas/search/rank_kernels.h"

namespace vistas::search {
namespace {

TopK empty_result(int64_t queries, int64_t k) {
  return {at::empty({queries, k}, at::kLong), at::empty({queries, k}, at::kFloat)};
}

// Hits of one query, and none behind them.
void write(const std::vector<Hit>& hits, int64_t k, int64_t place, TopK& out) {
  int64_t* indices = out.indices.mutable_data_ptr<int64_t>() + place;
  float* scores = out.scores.mutable_data_ptr<float>() + place;
  std::fill_n(indices, k, int64_t{-1});
  std::fill_n(scores, k, -std::numeric_limits<float>::infinity());
  for (const Hit& hit : hits) {
    *indices++ = hit.index;
    *scores++ = hit.score;
  }
}

void check_k(int64_t k) {
  if (k < 1) {
    throw Error(
        ErrorKind::usage,
        {.what = "number of neighbours", .got = fmt::to_string(k), .expected = "1 or more"});
  }
}

// Some queries in panels, as the kernel reads them; zeros behind the last.
std::vector<float> packed(const at::Tensor& queries, int64_t first, int64_t count) {
  const int64_t panel = panel_queries(), width = queries.size(1);
  std::vector<float> out(static_cast<size_t>((count + panel - 1) / panel * panel * width));
  const float* from = queries.const_data_ptr<float>() + first * width;
  for (int64_t i = 0; i < count; ++i) {
    float* to = out.data() + i / panel * panel * width + i % panel;
    for (int64_t k = 0; k < width; ++k) to[k * panel] = from[i * width + k];
  }
  return out;
}

// Some queries on their way through the bank.
class BlockSearch {
 public:
  BlockSearch(const Search& search, const RowFilter& filter, int64_t first, int64_t count)
      : search_(search), panels_(packed(search.queries, first, count)) {
    for (int64_t i = 0; i < count; ++i) candidates_.emplace_back(search, filter, first + i);
    const auto padded = static_cast<int64_t>(panels_.size()) / search.bank.size(1);
    thresholds_.assign(static_cast<size_t>(padded), std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < candidates_.size(); ++i) thresholds_[i] = candidates_[i].threshold();
    ranks_.resize(static_cast<size_t>(group_rows() * panel_queries()));
    hits_.resize(static_cast<size_t>(group_rows()));
  }

  // Compares bank rows [begin, end) with all queries; the rows ascend from call to call.
  void scan(int64_t begin, int64_t end) {
    const int64_t panel = panel_queries(), group = group_rows();
    for (int64_t q = 0; q < static_cast<int64_t>(thresholds_.size()); q += panel) {
      int64_t row = begin;
      for (; row + group <= end; row += group) scan_rows(q, row, group);
      for (; row < end; ++row) scan_rows(q, row, 1);
    }
  }

  std::vector<TopCandidates>& candidates() { return candidates_; }

 private:
  // `count` is the size of a group or 1.
  void scan_rows(int64_t first_query, int64_t first_row, int64_t count) {
    const int64_t width = search_.bank.size(1);
    if (!rank_tile({.width = width,
                    .panel = panels_.data() + first_query * width,
                    .rows = search_.bank.const_data_ptr<float>() + first_row * width,
                    .stride = count == 1 ? 0 : width,
                    .scale = search_.scale.data() + first_row,
                    .shift = search_.shift.data() + first_row,
                    .step = count == 1 ? 0 : 1,
                    .thresholds = thresholds_.data() + first_query,
                    .ranks = ranks_.data(),
                    .hits = hits_.data()})) {
      return;
    }
    for (int64_t r = 0; r < count; ++r) {
      for (uint32_t bits = hits_[static_cast<size_t>(r)]; bits != 0; bits &= bits - 1) {
        const int64_t lane = std::countr_zero(bits);
        const auto query = static_cast<size_t>(first_query + lane);
        if (query >= candidates_.size()) break;  // 0 times an infinite scale
        candidates_[query].add(ranks_[static_cast<size_t>(r * panel_queries() + lane)],
                               first_row + r);
        thresholds_[query] = candidates_[query].threshold();
      }
    }
  }

  const Search& search_;
  std::vector<float> panels_, thresholds_, ranks_;
  std::vector<uint32_t> hits_;
  std::vector<TopCandidates> candidates_;
};

void search_block(const Search& search, const RowFilter& filter, int64_t first, int64_t count,
                  int64_t bank_block, TopK& out) {
  BlockSearch block(search, filter, first, count);
  const int64_t rows = search.bank.size(0);
  for (int64_t begin = 0; begin < rows; begin += bank_block) {
    block.scan(begin, std::min(rows, begin + bank_block));
  }
  int64_t place = first * search.k;
  for (TopCandidates& candidates : block.candidates()) {
    write(candidates.best(), search.k, place, out);
    place += search.k;
  }
}

// Whether one of some scores is above the threshold; NaN is not.
bool any_above(std::span<const float> scores, float threshold) {
  int above = 0;
  for (const float score : scores) above |= score > threshold;
  return above != 0;
}

// The k best of a row, descending.
std::vector<Hit> best_of(std::span<const float> scores, int64_t k, OpenRows open) {
  constexpr size_t kGroup = 128;
  const auto better = [](const Hit& a, const Hit& b) {
    return a.score > b.score || (a.score == b.score && a.index < b.index);
  };
  std::vector<Hit> heap;  // the worst in front
  float threshold = -std::numeric_limits<float>::infinity();
  for (size_t first = 0; first < scores.size(); first += kGroup) {
    const size_t end = std::min(scores.size(), first + kGroup);
    if (!any_above(scores.subspan(first, end - first), threshold)) continue;
    for (size_t j = first; j < end; ++j) {
      // Of equal scores the earlier stay.
      if (!(scores[j] > threshold) || !open(static_cast<int64_t>(j))) continue;
      if (static_cast<int64_t>(heap.size()) == k) {
        std::ranges::pop_heap(heap, better);
        heap.pop_back();
      }
      heap.push_back({0, scores[j], static_cast<int64_t>(j)});
      std::ranges::push_heap(heap, better);
      if (static_cast<int64_t>(heap.size()) == k) threshold = heap.front().score;
    }
  }
  std::ranges::sort_heap(heap, better);
  return heap;
}

}  // namespace

TopK top_k(const at::Tensor& queries, const at::Tensor& bank, int64_t k, Metric metric,
           const RowFilter& filter, const Blocks& blocks) {
  check_k(k);
  const at::Tensor q = as_features(queries, "queries");
  const at::Tensor b = as_features(bank, "bank");
  if (q.size(1) != b.size(1)) {
    throw Error(ErrorKind::data, {.what = "width of the queries",
                                  .got = fmt::to_string(q.size(1)),
                                  .expected = fmt::format("{}, the width of the bank", b.size(1)),
                                  .fix = "Embed both with the same encoder"});
  }
  check_filter(filter, q.size(0), b.size(0));
  const Search search(q, b, std::min(k, b.size(0)), metric);
  TopK out = empty_result(q.size(0), search.k);
  const Partners* partners = PartnersScope::current(q.numel() * b.size(0));
  const Chunk own = partners == nullptr ? Chunk{0, q.size(0)}
                                        : chunk_of(q.size(0), partners->part(), partners->parts());
  // A block for every thread, and at most some 4 million candidates a thread, however large k is.
  const int64_t share = (own.rows + at::get_num_threads() - 1) / at::get_num_threads();
  const int64_t most = std::min(share, 1 + (int64_t{1} << 21) / search.k);
  const int64_t size = std::clamp<int64_t>(blocks.queries, 1, std::max<int64_t>(1, most));
  const int64_t bank_block =
      (std::max<int64_t>(1, blocks.bank) + group_rows() - 1) / group_rows() * group_rows();
  at::parallel_for(0, (own.rows + size - 1) / size, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * size;
      search_block(search, filter, own.begin + first, std::min(size, own.rows - first), bank_block,
                   out);
    }
  });
  if (partners != nullptr) {
    for (at::Tensor* lists : {&out.indices, &out.scores}) {
      *lists = gather_chunks(*partners, lists->narrow(0, own.begin, own.rows), q.size(0));
    }
  }
  return out;
}

TopK top_k_of_rows(const at::Tensor& scores, int64_t k) {
  check_k(k);
  if (scores.dim() != 2 || scores.size(1) == 0) {
    throw Error(ErrorKind::data, {.what = "scores to rank",
                                  .got = fmt::format("{} dimensions", scores.dim()),
                                  .expected = "a table [Q, N] with N at least 1"});
  }
  const at::Tensor table = scores.detach().to(at::kCPU, at::kFloat).contiguous();
  const int64_t n = table.size(1);
  k = std::min(k, n);
  TopK out = empty_result(table.size(0), k);
  at::parallel_for(0, table.size(0), 1, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t i = begin; i < end; ++i) {
      const float* row = table.const_data_ptr<float>() + i * n;
      std::iota(order.begin(), order.end(), int64_t{0});
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        const bool a_nan = std::isnan(row[a]), b_nan = std::isnan(row[b]);
        if (a_nan != b_nan) return b_nan;
        return row[a] > row[b] || (!(row[b] > row[a]) && a < b);
      });
      for (int64_t j = 0; j < k; ++j) {
        const int64_t index = order[static_cast<size_t>(j)];
        out.indices.mutable_data_ptr<int64_t>()[i * k + j] = index;
        out.scores.mutable_data_ptr<float>()[i * k + j] = row[index];
      }
    }
  });
  return out;
}

TopK top_k_of(int64_t rows, int64_t columns, int64_t k, const RowFilter& filter,
              const std::function<void(int64_t row, std::span<float> out)>& scores) {
  check_k(k);
  check_filter(filter, rows, columns);
  k = std::min(k, columns);
  TopK out = empty_result(rows, k);
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(columns));
    for (int64_t i = begin; i < end; ++i) {
      scores(i, row);
      write(best_of(row, k, OpenRows(filter, i)), k, i * k, out);
    }
  });
  return out;
}

}  // namespace vistas::search
