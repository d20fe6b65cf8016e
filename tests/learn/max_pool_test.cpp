#include "vistas/learn/max_pool.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

namespace vistas::learn {
namespace {

struct Result {
  at::Tensor y, dx;
};

template <class Pool>
Result run(const at::Tensor& values, const Pool& pool) {
  const at::Tensor x = values.detach().clone().requires_grad_(true);
  const at::Tensor y = pool(x);
  at::Tensor grad = at::arange(y.numel(), at::kFloat).remainder(97).view(y.sizes()) + 1;
  y.backward(grad.to(y.scalar_type()));
  return {y.detach(), x.grad()};
}

void expect_same_as_aten(const at::Tensor& x) {
  const Result got = run(x, max_pool_2x2);
  const Result want = run(x, [](const at::Tensor& t) { return at::max_pool2d(t, {2, 2}); });
  EXPECT_EQ(got.y.scalar_type(), x.scalar_type());
  EXPECT_TRUE(at::allclose(got.y, want.y, 0, 0, /*equal_nan=*/true));
  EXPECT_TRUE(at::equal(got.dx, want.dx));
}

TEST(MaxPool2x2, SameAsAtenForEveryShapeAndType) {
  at::manual_seed(1);
  const std::vector<std::vector<int64_t>> shapes = {
      {3, 16, 8, 8}, {2, 64, 5, 7}, {1, 48, 2, 3}, {2, 3, 6, 6}, {70, 16, 3, 2}};
  for (const auto& shape : shapes) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
      for (const auto layout : {at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}) {
        SCOPED_TRACE(testing::Message() << at::IntArrayRef(shape) << at::toString(type));
        // Few different values: ties everywhere.
        const at::Tensor coarse = at::randint(-2, 3, shape).to(type).contiguous(layout);
        expect_same_as_aten(coarse);
        expect_same_as_aten(at::randn(shape).to(type).contiguous(layout));
      }
    }
  }
}

TEST(MaxPool2x2, NanWins) {
  at::Tensor x = at::randn({1, 16, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  x[0][3][1][0] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor y = max_pool_2x2(x);
  EXPECT_TRUE(y[0][3][0][0].isnan().item<bool>());
  EXPECT_EQ(y.isnan().sum().item<int64_t>(), 1);
}

}  // namespace
}  // namespace vistas::learn
