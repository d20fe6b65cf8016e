#include "vistas/base/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "vistas/base/vectorize.h"

namespace vistas {

__extension__ using Wide = unsigned __int128;

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

namespace {

constexpr size_t kBlocks = 64;

// Philox of kBlocks counters, the first word counting up from counter[0].
void philox_blocks(const std::array<uint32_t, 4>& counter, std::array<uint32_t, 2> key,
                   std::array<uint32_t, 4 * kBlocks>& out) {
  using Words = std::array<uint32_t, kBlocks>;
  vectorize([&] {
    Words c0, c1, c2, c3;
    for (size_t i = 0; i < kBlocks; ++i) {
      c0[i] = counter[0] + static_cast<uint32_t>(i);
      c1[i] = counter[1];
      c2[i] = counter[2];
      c3[i] = counter[3];
    }
    for (int round = 0; round < 10; ++round) {
      for (size_t i = 0; i < kBlocks; ++i) {
        const uint64_t p0 = uint64_t{0xD2511F53} * c0[i];
        const uint64_t p1 = uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ key[0];
        c1[i] = static_cast<uint32_t>(p1);
        c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ key[1];
        c3[i] = static_cast<uint32_t>(p0);
      }
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    for (size_t i = 0; i < kBlocks; ++i) {
      out[4 * i] = c0[i];
      out[4 * i + 1] = c1[i];
      out[4 * i + 2] = c2[i];
      out[4 * i + 3] = c3[i];
    }
  });
}

}  // namespace

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t z = a + 0x9E3779B97F4A7C15 * (b + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

Draws::Draws(const DrawKey& key) {
  const uint64_t k = mix(mix(0, key.seed), key.epoch);
  key_ = {static_cast<uint32_t>(k), static_cast<uint32_t>(k >> 32)};
  counter_ = {0, key.view, static_cast<uint32_t>(key.sample),
              static_cast<uint32_t>(key.sample >> 32)};
}

uint32_t Draws::bits() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<size_t>(used_++)];
}

void Draws::fill(std::span<uint32_t> out) {
  while (used_ < 4 && !out.empty()) {
    out.front() = bits();
    out = out.subspan(1);
  }
  std::array<uint32_t, 4 * kBlocks> words;
  while (out.size() >= 4) {
    const size_t blocks = std::min(out.size() / 4, kBlocks);
    philox_blocks(counter_, key_, words);
    std::copy_n(words.begin(), 4 * blocks, out.begin());
    counter_[0] += static_cast<uint32_t>(blocks);
    out = out.subspan(4 * blocks);
  }
  for (uint32_t& word : out) word = bits();
}

double Draws::uniform() {
  const uint64_t high = bits();
  const uint64_t low = bits();
  return static_cast<double>(((high << 32) | low) >> 11) * 0x1p-53;
}

double Draws::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

int64_t Draws::below(int64_t n) {
  // Lemire's multiply-and-reject method on 64 bits.
  const uint64_t range = static_cast<uint64_t>(n);
  const uint64_t reject = (0 - range) % range;
  while (true) {
    const uint64_t high = bits();
    const uint64_t x = (high << 32) | bits();
    const Wide product = static_cast<Wide>(x) * range;
    if (static_cast<uint64_t>(product) >= reject) return static_cast<int64_t>(product >> 64);
  }
}

double Draws::normal() {
  const double u = 1.0 - uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<int64_t> Draws::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(below(i + 1))]);
  }
  return order;
}

}  // namespace vistas
