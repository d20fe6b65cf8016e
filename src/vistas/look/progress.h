// The one line that a terminal shows while training.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace vistas::look {

struct Progress {
  int64_t epoch = 0, epochs = 0;  // counted from 1
  int64_t step = 0, steps = 0;    // of the whole run
  double loss = std::numeric_limits<double>::quiet_NaN();
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  double samples_per_second = 0;
  std::string unit = "image";  // of samples
  double waiting = 0;          // share of the time spent waiting for data, 0 .. 1
  double seconds_left = -1;    // negative: unknown
  std::string health;          // "ok", or a few words
};

// At most `width` columns without a line end. Where they do not fit, the learning rate, the bar,
// the rate, the waiting share and the epoch are left out in that order.
std::string progress_line(const Progress& progress, int width);

}  // namespace vistas::look
