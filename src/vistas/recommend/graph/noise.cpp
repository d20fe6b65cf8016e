#include "vistas/recommend/graph/noise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "vistas/base/vectorize.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kNumbers = 1024;  // drawn together, about

// One row: r_j is 2 b_j + 1 of the random `bits` b_j, so that its length is summed exactly.
void move_row(float* x, const uint16_t* bits, int64_t width, double size) {
  vectorize([&] {
    uint64_t squares = 0;
    for (int64_t j = 0; j < width; ++j) {
      const uint64_t r = 2 * uint64_t{bits[j]} + 1;
      squares += r * r;
    }
    const auto scale = static_cast<float>(size / std::sqrt(static_cast<double>(squares)));
    for (int64_t j = 0; j < width; ++j) {
      const float r = static_cast<float>(2 * int32_t{bits[j]} + 1) * scale;
      x[j] += x[j] > 0 ? r : x[j] < 0 ? -r : 0;
    }
  });
}

}  // namespace

void add_noise(const at::Tensor& x, double size, const DrawKey& key) {
  if (!x.is_cpu()) {
    const at::Tensor copy = x.cpu();
    add_noise(copy, size, key);
    x.copy_(copy);
    return;
  }
  const int64_t rows = x.size(0), width = x.size(1);
  const int64_t together = std::max<int64_t>(1, kNumbers / width);
  float* values = x.mutable_data_ptr<float>();
  at::parallel_for(0, (rows + together - 1) / together, 16, [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> words(static_cast<size_t>((together * width + 1) / 2));
    for (int64_t part = begin; part < end; ++part) {
      DrawKey of_part = key;
      of_part.sample = static_cast<uint64_t>(part);
      Draws(of_part).fill(words);
      const auto* bits = reinterpret_cast<const uint16_t*>(words.data());
      const int64_t last = std::min(rows, (part + 1) * together);
      for (int64_t row = part * together; row < last; ++row, bits += width) {
        move_row(values + row * width, bits, width, size);
      }
    }
  });
}

}  // namespace vistas::recommend
