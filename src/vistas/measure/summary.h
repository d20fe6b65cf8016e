// Statistics over repeated runs.
#pragma once

#include <cstdint>
#include <span>

namespace vistas::measure {

struct Summary {
  int64_t count = 0;
  double mean = 0;
  double std = 0;   // sample standard deviation, divided by count - 1; NaN for a single value
  double ci95 = 0;  // half width of the 95 % confidence interval of the mean (Student's t); as std
};

// At least one value; otherwise a data error.
Summary summarise(std::span<const double> values);

}  // namespace vistas::measure
