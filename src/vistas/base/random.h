// Randomness as a function of a key: the same draws for any number of threads, workers or batches.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace vistas {

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// A 64-bit mix (SplitMix64 finaliser over a running combination), for deriving seeds.
uint64_t mix(uint64_t a, uint64_t b);

// What a sequence of draws belongs to. `view` also serves as a stream number for other purposes.
struct DrawKey {
  uint64_t seed = 0;
  uint64_t epoch = 0;
  uint64_t sample = 0;
  uint32_t view = 0;
};

// The sequence of draws of one key: draw n is a pure function of (key, n).
class Draws {
 public:
  explicit Draws(const DrawKey& key);

  uint32_t bits();                                 // 32 random bits
  void fill(std::span<uint32_t> out);              // the same as bits() for each, faster
  double uniform();                                // [0, 1), 53 bits
  double uniform(double low, double high);         // [low, high)
  int64_t below(int64_t n);                        // 0 .. n-1, without bias; n >= 1
  bool chance(double p) { return uniform() < p; }  // p <= 0 never, p >= 1 always; uses one draw
  double normal();                                 // mean 0, variance 1 (Box-Muller)
  std::vector<int64_t> permutation(int64_t n);     // Fisher-Yates

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace vistas
