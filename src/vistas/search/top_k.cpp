#include "vistas/search/top_k.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/search/features.h"

namespace vistas::search {
namespace {

struct Hit {
  float rank;   // float32 estimate that grows with the score
  float score;  // known once scored exactly
  int64_t index;
};

bool better(const Hit& a, const Hit& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

// Loops compiled for AVX2 too and chosen at run time; both do the same operations in the same
// order.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VISTAS_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define VISTAS_WIDE
#endif

double total(const double (&lanes)[8]) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
         ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

// a.b from eight partial sums: the same result wherever it is called from.
VISTAS_WIDE double products(const float* a, const float* b, int64_t n) {
  double lanes[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += double{a[i + lane]} * double{b[i + lane]};
  }
  for (int lane = 0; i < n; ++i, ++lane) lanes[lane] += double{a[i]} * double{b[i]};
  return total(lanes);
}

// |a - b|^2 in the same way.
VISTAS_WIDE double squared_distance(const float* a, const float* b, int64_t n) {
  double lanes[8] = {};
  const auto square = [](float x, float y) { return (double{x} - y) * (double{x} - y); };
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += square(a[i + lane], b[i + lane]);
  }
  for (int lane = 0; i < n; ++i, ++lane) lanes[lane] += square(a[i], b[i]);
  return total(lanes);
}

constexpr int64_t kGroup = 32;

// Turns kGroup products into ranks; true if one is not below the threshold (NaN is not).
VISTAS_WIDE bool rank_group(float* ranks, const float* scale, const float* shift, float threshold) {
  int above = 0;
  for (int64_t j = 0; j < kGroup; ++j) {
    ranks[j] = ranks[j] * scale[j] + shift[j];
    above |= !(ranks[j] < threshold);
  }
  return above != 0;
}

double inverse_or_zero(double norm) {
  return norm > 0 ? 1 / norm : 0;
}

std::vector<double> row_norms(const at::Tensor& table) {
  const int64_t width = table.size(1);
  const float* data = table.const_data_ptr<float>();
  std::vector<double> norms(static_cast<size_t>(table.size(0)));
  at::parallel_for(0, table.size(0), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* row = data + i * width;
      norms[static_cast<size_t>(i)] = std::sqrt(products(row, row, width));
    }
  });
  return norms;
}

// Everything about a search that its threads share. The float32 stage ranks bank row j by
// product * scale[j] + shift[j], which grows with the score: cosine up to 1/|q|, l2 up to
// (score + |q|^2) / 2.
struct Search {
  at::Tensor queries, bank;
  int64_t k;
  Metric metric;
  std::vector<double> query_norms, bank_norms;
  std::vector<float> scale, shift;
  // Largest |b| * scale, |shift|, scale and |b|.
  double product_bound = 0, shift_bound = 0, scale_bound = 0, norm_bound = 0;

  Search(const at::Tensor& q, const at::Tensor& b, int64_t count, Metric m)
      : queries(q),
        bank(b),
        k(count),
        metric(m),
        query_norms(row_norms(q)),
        bank_norms(row_norms(b)),
        scale(bank_norms.size(), 1.0f),
        shift(bank_norms.size(), 0.0f) {
    for (size_t j = 0; j < scale.size(); ++j) {
      const double norm = bank_norms[j];
      if (metric == Metric::cosine) scale[j] = static_cast<float>(inverse_or_zero(norm));
      if (metric == Metric::l2) shift[j] = static_cast<float>(-norm * norm / 2);
      norm_bound = std::max(norm_bound, norm);
      scale_bound = std::max(scale_bound, double{scale[j]});
      product_bound = std::max(product_bound, norm * double{scale[j]});
      shift_bound = std::max(shift_bound, std::abs(double{shift[j]}));
    }
  }

  // Bounds the distance between a float32 rank and the true one: d products and sums rounded once
  // each, a few roundings more for scale, shift and the score itself, and products that underflow.
  float error_bound(int64_t query) const {
    const double norm = query_norms[static_cast<size_t>(query)];
    // No partial sum of products is larger than |q| |b|; where that leaves float32, all is open.
    if (norm * norm_bound > 1e38) return std::numeric_limits<float>::infinity();
    const double d = static_cast<double>(bank.size(1));
    const double size =
        norm * product_bound + shift_bound + (metric == Metric::l2 ? norm * norm : 0);
    const double underflow = d * double{std::numeric_limits<float>::min()} * scale_bound;
    return static_cast<float>((d + 8) * 0x1p-24 * size + underflow);
  }

  float exact(int64_t query, int64_t row) const {
    const int64_t d = bank.size(1);
    const float* q = queries.const_data_ptr<float>() + query * d;
    const float* b = bank.const_data_ptr<float>() + row * d;
    if (metric == Metric::l2) return static_cast<float>(0 - squared_distance(q, b, d));
    const double product = products(q, b, d);
    if (metric == Metric::dot) return static_cast<float>(product);
    return static_cast<float>(product * inverse_or_zero(query_norms[static_cast<size_t>(query)]) *
                              inverse_or_zero(bank_norms[static_cast<size_t>(row)]));
  }
};

// The rows that may still be among the k best of one query.
class Candidates {
 public:
  Candidates(const Search& search, int64_t query)
      : search_(search),
        query_(query),
        margin_(2 * search.error_bound(query)),
        capacity_(static_cast<size_t>(2 * search.k + 1024)) {
    hits_.reserve(capacity_);
  }

  // Looks at the products of rows [first, first + n), overwriting them. Most groups hold nothing
  // above the threshold; a NaN (overflow in float32) counts as above.
  void scan(float* ranks, int64_t first, int64_t n) {
    const float* scale = search_.scale.data() + first;
    const float* shift = search_.shift.data() + first;
    for (int64_t begin = 0; begin < n; begin += kGroup) {
      const int64_t end = std::min(n, begin + kGroup);
      if (end - begin == kGroup) {
        if (!rank_group(ranks + begin, scale + begin, shift + begin, threshold_)) continue;
      } else {
        for (int64_t j = begin; j < end; ++j) ranks[j] = ranks[j] * scale[j] + shift[j];
      }
      for (int64_t j = begin; j < end; ++j) {
        if (!(ranks[j] < threshold_)) hits_.push_back({ranks[j], 0, first + j});
      }
      if (hits_.size() + kGroup > capacity_) shrink();
    }
  }

  // The k best by true score, descending.
  std::vector<Hit> best() {
    raise_threshold();
    keep_best_exactly();
    return std::move(hits_);
  }

 private:
  void shrink() {
    raise_threshold();
    // Very many rows within rounding error of each other, for example copies of one picture.
    if (hits_.size() > capacity_ / 4 * 3) keep_best_exactly();
  }

  // The k-th best float32 rank so far, less twice the error bound, is beyond reach for no winner.
  void raise_threshold() {
    const auto k = static_cast<size_t>(search_.k);
    if (hits_.size() <= k) return;
    const auto rank = [](const Hit& hit) {
      return std::isnan(hit.rank) ? -std::numeric_limits<float>::infinity() : hit.rank;
    };
    std::nth_element(hits_.begin(), hits_.begin() + static_cast<int64_t>(k) - 1, hits_.end(),
                     [&](const Hit& a, const Hit& b) { return rank(a) > rank(b); });
    threshold_ = std::max(threshold_, rank(hits_[k - 1]) - margin_);
    std::erase_if(hits_, [&](const Hit& hit) { return hit.rank < threshold_; });
  }

  void keep_best_exactly() {
    for (Hit& hit : hits_) hit.score = search_.exact(query_, hit.index);
    std::sort(hits_.begin(), hits_.end(), better);
    hits_.resize(std::min(hits_.size(), static_cast<size_t>(search_.k)));
  }

  const Search& search_;
  int64_t query_;
  float margin_;
  size_t capacity_;
  float threshold_ = -std::numeric_limits<float>::infinity();
  std::vector<Hit> hits_;
};

TopK empty_result(int64_t queries, int64_t k) {
  return {at::empty({queries, k}, at::kLong), at::empty({queries, k}, at::kFloat)};
}

void check_k(int64_t k) {
  if (k < 1) {
    throw Error(
        ErrorKind::usage,
        {.what = "number of neighbours", .got = fmt::to_string(k), .expected = "1 or more"});
  }
}

void search_block(const Search& search, int64_t first, int64_t count, int64_t bank_block,
                  TopK& out) {
  const at::NoGradGuard no_grad;
  const int64_t rows = search.bank.size(0);
  const at::Tensor block = search.queries.narrow(0, first, count);
  const at::Tensor tiles = at::empty({count * std::min(bank_block, rows)}, at::kFloat);
  std::vector<Candidates> candidates;
  for (int64_t i = 0; i < count; ++i) candidates.emplace_back(search, first + i);
  for (int64_t begin = 0; begin < rows; begin += bank_block) {
    const int64_t n = std::min(bank_block, rows - begin);
    at::Tensor tile = tiles.narrow(0, 0, count * n).view({count, n});
    at::mm_out(tile, block, search.bank.narrow(0, begin, n).t());
    for (int64_t i = 0; i < count; ++i) {
      candidates[static_cast<size_t>(i)].scan(tile.mutable_data_ptr<float>() + i * n, begin, n);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t place = (first + i) * search.k;
    for (const Hit& hit : candidates[static_cast<size_t>(i)].best()) {
      out.indices.mutable_data_ptr<int64_t>()[place] = hit.index;
      out.scores.mutable_data_ptr<float>()[place++] = hit.score;
    }
  }
}

}  // namespace

TopK top_k(const at::Tensor& queries, const at::Tensor& bank, int64_t k, Metric metric,
           const Blocks& blocks) {
  check_k(k);
  const at::Tensor q = as_features(queries, "queries");
  const at::Tensor b = as_features(bank, "bank");
  if (q.size(1) != b.size(1)) {
    throw Error(ErrorKind::data, {.what = "width of the queries",
                                  .got = fmt::to_string(q.size(1)),
                                  .expected = fmt::format("{}, the width of the bank", b.size(1)),
                                  .fix = "Embed both with the same encoder"});
  }
  const Search search(q, b, std::min(k, b.size(0)), metric);
  TopK out = empty_result(q.size(0), search.k);
  // A block for every thread, and at most some 4 million candidates a thread, however large k is.
  const int64_t share = (q.size(0) + at::get_num_threads() - 1) / at::get_num_threads();
  const int64_t most = std::min(share, 1 + (int64_t{1} << 21) / search.k);
  const int64_t size = std::clamp<int64_t>(blocks.queries, 1, most);
  const int64_t bank_block = std::max<int64_t>(1, blocks.bank);
  at::parallel_for(0, (q.size(0) + size - 1) / size, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * size;
      search_block(search, first, std::min(size, q.size(0) - first), bank_block, out);
    }
  });
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

}  // namespace vistas::search
