#include "vistas/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace vistas {
namespace {

// Known-answer vectors of Random123 1.14 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Draws, EveryPartOfTheKeyMatters) {
  const DrawKey base{1, 2, 3, 4};
  const uint32_t first = Draws(base).bits();
  EXPECT_EQ(first, Draws(base).bits());
  for (const DrawKey& other : {DrawKey{2, 2, 3, 4}, DrawKey{1, 3, 3, 4}, DrawKey{1, 2, 4, 4},
                               DrawKey{1, 2, 3, 5}, DrawKey{1, 2, 3 + (1ull << 32), 4}}) {
    EXPECT_NE(first, Draws(other).bits());
  }
}

TEST(Draws, FillIsBitsRepeated) {
  for (const size_t n : {0, 1, 3, 4, 5, 255, 256, 257, 260, 1000}) {
    for (int before = 0; before < 6; ++before) {
      Draws single({.seed = 7, .sample = n}), many({.seed = 7, .sample = n});
      for (int i = 0; i < before; ++i) EXPECT_EQ(single.bits(), many.bits());
      std::vector<uint32_t> words(n);
      many.fill(words);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(words[i], single.bits()) << i << " of " << n;
      EXPECT_EQ(many.bits(), single.bits());
    }
  }
}

TEST(Draws, UniformLaw) {
  Draws draws({7, 0, 0, 0});
  constexpr int kDraws = 100000, kBins = 50;
  std::vector<int> counts(kBins);
  for (int i = 0; i < kDraws; ++i) {
    const double u = draws.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<size_t>(u * kBins)];
  }
  double chi2 = 0;
  for (const int c : counts) chi2 += (c - 2000.0) * (c - 2000.0) / 2000.0;
  EXPECT_LT(chi2, 85.4);  // 0.999 quantile, 49 degrees of freedom
}

TEST(Draws, PermutationsOfThreeAreUniform) {
  std::vector<int> counts(27);
  for (uint64_t s = 0; s < 60000; ++s) {
    const auto p = Draws({7, 0, s, 0}).permutation(3);
    ++counts[static_cast<size_t>(p[0] * 9 + p[1] * 3 + p[2])];
  }
  double chi2 = 0;
  int seen = 0;
  for (const int c : counts) {
    if (c == 0) continue;
    ++seen;
    chi2 += (c - 10000.0) * (c - 10000.0) / 10000.0;
  }
  EXPECT_EQ(seen, 6);
  EXPECT_LT(chi2, 20.5);  // 0.999 quantile, 5 degrees of freedom
}

}  // namespace
}  // namespace vistas
