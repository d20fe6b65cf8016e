#include "vistas/measure/summary.h"

#include <array>
#include <cmath>
#include <limits>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

// The 0.975 quantile of Student's t: a table, then the expansion in 1 / df (Abramowitz and Stegun
// 26.7.5), which is right to 5 digits from there on.
double t_quantile(int64_t df) {
  static constexpr std::array kTable = {12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818,
                                        2.4469119,  2.3646243, 2.3060041, 2.2621572, 2.2281389,
                                        2.2009852,  2.1788128, 2.1603687, 2.1447867, 2.1314495,
                                        2.1199053,  2.1098156, 2.1009220, 2.0930241, 2.0859634};
  if (df <= static_cast<int64_t>(kTable.size())) return kTable[static_cast<size_t>(df - 1)];
  const double z = 1.959963984540054, n = static_cast<double>(df);
  const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

}  // namespace

Summary summarise(std::span<const double> values) {
  if (values.empty()) {
    throw Error(ErrorKind::data, {.what = "values to summarise", .got = "none"});
  }
  const auto n = static_cast<double>(values.size());
  Summary out;
  out.count = static_cast<int64_t>(values.size());
  for (const double v : values) out.mean += v / n;
  if (values.size() == 1) {
    out.std = out.ci95 = std::numeric_limits<double>::quiet_NaN();
    return out;
  }
  double squares = 0;
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  out.std = std::sqrt(squares / (n - 1));
  out.ci95 = t_quantile(out.count - 1) * out.std / std::sqrt(n);
  return out;
}

}  // namespace vistas::measure
