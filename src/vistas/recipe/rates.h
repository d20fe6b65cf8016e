// How fast this machine does what training is made of.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace vistas::recipe {

struct Rate {
  std::string name;  // "step_resnet_bf16"
  std::string what;  // for people
  std::string unit;  // a second: "GFLOP", "views", "rows", "pictures", "texts"
  double value = 0;
};

// Products of matrices, views of a picture in memory, NT-Xent with its gradient, training steps on
// views in memory: by all threads, each for about `seconds` after one call to warm up. `progress`
// is told what is measured.
std::vector<Rate> machine_rates(double seconds,
                                const std::function<void(const std::string&)>& progress);

}  // namespace vistas::recipe
