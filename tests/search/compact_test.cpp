#include "vistas/search/compact.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/errors.h"

namespace vistas::search {
namespace {

TEST(Compact, Int8IsUndoneToHalfAScale) {
  const at::Tensor x =
      at::sin(at::arange(60).to(at::kFloat)).view({20, 3}) * at::tensor({1.0f, 100.0f, 0.0f}) +
      at::tensor({0.0f, 500.0f, 7.0f});
  const Int8Rows rows = to_int8(x);
  EXPECT_EQ(rows.values.scalar_type(), at::kChar);
  EXPECT_EQ(rows.values.narrow(1, 0, 2).max().item<int>(), 127);
  EXPECT_EQ(rows.values.narrow(1, 0, 2).min().item<int>(), -127);
  const at::Tensor off = (from_int8(rows) - x).abs();
  EXPECT_TRUE((off <= 0.501 * rows.scale + 1e-4).all().item<bool>());
  // The constant column comes back as it was.
  EXPECT_EQ(from_int8(rows)[5][2].item<float>(), 7);
}

TEST(Compact, BitsAreThoseOfPackbits) {
  const at::Tensor x = at::tensor({1., -1., 0., 2., 0., 0., 0., 1., 3., -2.}).view({1, 10});
  EXPECT_TRUE(at::equal(to_bits(x), at::tensor({0b10010001, 0b10000000}, at::kByte).view({1, 2})));
}

TEST(Compact, TruncatedRowsAreUnitRows) {
  const at::Tensor x = at::tensor({3., 4., 12., 0., 0., 1.}).view({2, 3});
  const at::Tensor got = truncate_dims(x, 2);
  EXPECT_TRUE(at::allclose(got, at::tensor({0.6, 0.8, 0., 0.}).view({2, 2}).to(got.dtype())));
  test::expect_error([&] { truncate_dims(x, 4); }, "1 .. 3", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::search
