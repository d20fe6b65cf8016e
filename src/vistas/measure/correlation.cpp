#include "vistas/measure/correlation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void check(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size() || x.size() < 2) {
    throw Error(ErrorKind::data, {.what = "values to correlate",
                                  .got = fmt::format("{} and {}", x.size(), y.size()),
                                  .expected = "as many of one as of the other, two or more"});
  }
  for (const auto& values : {x, y}) {
    for (size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) continue;
      throw Error(ErrorKind::numeric, {.what = fmt::format("value {} to correlate", i),
                                       .got = fmt::to_string(values[i]),
                                       .expected = "a finite number"});
    }
  }
}

}  // namespace

std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    // The places begin + 1 .. end.
    const double rank = static_cast<double>(begin + 1 + end) / 2;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

double pearson(std::span<const double> x, std::span<const double> y) {
  check(x, y);
  const double mean_x = mean(x), mean_y = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double a = x[i] - mean_x, b = y[i] - mean_y;
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

double spearman(std::span<const double> x, std::span<const double> y) {
  check(x, y);
  return pearson(average_ranks(x), average_ranks(y));
}

}  // namespace vistas::measure
