#include "vistas/search/candidates.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace vistas::search {
namespace {

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

}  // namespace

Search::Search(const at::Tensor& q, const at::Tensor& b, int64_t count, Metric m)
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

// d products and sums rounded once each, a few roundings more for scale, shift and the score
// itself, and products that underflow.
float Search::error_bound(int64_t query) const {
  const double norm = query_norms[static_cast<size_t>(query)];
  // No partial sum of products is larger than |q| |b|; where that leaves float32, all is open.
  if (norm * norm_bound > 1e38) return std::numeric_limits<float>::infinity();
  const double d = static_cast<double>(bank.size(1));
  const double size = norm * product_bound + shift_bound + (metric == Metric::l2 ? norm * norm : 0);
  const double underflow = d * double{std::numeric_limits<float>::min()} * scale_bound;
  return static_cast<float>((d + 8) * 0x1p-24 * size + underflow);
}

float Search::exact(int64_t query, int64_t row) const {
  const int64_t d = bank.size(1);
  const float* q = queries.const_data_ptr<float>() + query * d;
  const float* b = bank.const_data_ptr<float>() + row * d;
  if (metric == Metric::l2) return static_cast<float>(0 - squared_distance(q, b, d));
  const double product = products(q, b, d);
  if (metric == Metric::dot) return static_cast<float>(product);
  return static_cast<float>(product * inverse_or_zero(query_norms[static_cast<size_t>(query)]) *
                            inverse_or_zero(bank_norms[static_cast<size_t>(row)]));
}

TopCandidates::TopCandidates(const Search& search, const RowFilter& filter, int64_t query)
    : search_(search),
      open_(filter, query),
      query_(query),
      margin_(2 * search.error_bound(query)),
      capacity_(static_cast<size_t>(2 * search.k + 128)) {
  hits_.reserve(capacity_);
}

std::vector<Hit> TopCandidates::best() {
  raise_threshold();
  keep_best_exactly();
  return std::move(hits_);
}

void TopCandidates::shrink() {
  raise_threshold();
  // Very many rows within rounding error of each other, for example copies of one picture.
  if (hits_.size() > capacity_ / 4 * 3) keep_best_exactly();
}

// The k-th best float32 rank so far, less twice the error bound, is beyond reach for no winner.
void TopCandidates::raise_threshold() {
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

void TopCandidates::keep_best_exactly() {
  for (Hit& hit : hits_) hit.score = search_.exact(query_, hit.index);
  std::sort(hits_.begin(), hits_.end(), better);
  hits_.resize(std::min(hits_.size(), static_cast<size_t>(search_.k)));
}

}  // namespace vistas::search
