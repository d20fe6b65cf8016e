#include "vistas/learn/convolution.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "vistas/learn/conv_weight_gradient.h"

namespace vistas::learn {
namespace {

struct Result {
  at::Tensor y, dx, dw;
};

Result run(const at::Tensor& x0, const at::Tensor& w0, const at::Tensor& grad, int64_t stride,
           bool autocast) {
  at::Tensor x = x0.detach().clone().requires_grad_(true);
  at::Tensor w = w0.detach().clone().requires_grad_(true);
  at::autocast::set_autocast_enabled(at::kCPU, autocast);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor y = conv2d(x, w, stride, 1);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  y.backward(grad.to(y.scalar_type()));
  return {y.detach(), x.grad(), w.grad()};
}

double difference(const at::Tensor& got, const at::Tensor& want) {
  return (got.to(at::kDouble) - want).abs().max().item<double>() / want.abs().max().item<double>();
}

struct Size {
  int64_t batch, in, out, height, width;
};

// bfloat16 inputs and weights, so that float64 on the same values is the exact answer.
TEST(Conv2d, AgreesWithFloat64UnderAutocast) {
  at::manual_seed(5);
  for (const Size s : {Size{3, 16, 16, 8, 8}, Size{20, 32, 16, 4, 4}, Size{9, 16, 48, 7, 5},
                       Size{2, 48, 32, 1, 1}, Size{1, 16, 32, 3, 2}, Size{17, 64, 64, 2, 3}}) {
    for (const int64_t stride : {1, 2}) {
      SCOPED_TRACE(testing::Message() << s.batch << " " << s.in << " " << s.out << " " << s.height
                                      << "x" << s.width << " stride " << stride);
      const auto bf16 = [](const at::Tensor& t) {
        return t.to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
      };
      const at::Tensor x = bf16(at::randn({s.batch, s.in, s.height, s.width}));
      const at::Tensor w = bf16(at::randn({s.out, s.in, 3, 3})).to(at::kFloat);
      const at::Tensor grad = bf16(at::randn(
          {s.batch, s.out, (s.height + stride - 1) / stride, (s.width + stride - 1) / stride}));
      const Result want = run(x.to(at::kDouble), w.to(at::kDouble), grad, stride, false);
      const Result got = run(x, w, grad, stride, true);
      EXPECT_EQ(got.dw.scalar_type(), at::kFloat);
      EXPECT_LT(difference(got.y, want.y), 1e-2);
      EXPECT_LT(difference(got.dx, want.dx), 1e-2);
      const bool own = can_compute_weight_gradient(x, s.out);
      EXPECT_LT(difference(got.dw, want.dw), own ? 1e-5 : 1e-2);
      EXPECT_LT(difference(conv3x3_weight_gradient(x, grad, stride), want.dw), own ? 1e-5 : 1e-2);
    }
  }
}

TEST(Conv2d, AnyNumberOfThreadsGivesTheSameBits) {
  const auto random = [](at::IntArrayRef shape) {
    return at::randn(shape).to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  };
  const at::Tensor x = random({19, 16, 8, 8}), grad = random({19, 32, 8, 8});
  if (!can_compute_weight_gradient(x, 32)) GTEST_SKIP() << "this CPU has no AVX512-BF16";
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = conv3x3_weight_gradient(x, grad, 1);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(one, conv3x3_weight_gradient(x, grad, 1)));
  at::set_num_threads(threads);
}

// Channel counts that oneDNN's own strided 1x1 weight gradient does not survive.
TEST(Conv2d, StridedPointwiseOfAnyWidth) {
  for (const int64_t in : {8, 12, 20}) {
    at::Tensor x = at::randn({3, in, 9, 16}).contiguous(at::MemoryFormat::ChannelsLast);
    x.requires_grad_(true);
    at::Tensor w = at::randn({2 * in, in, 1, 1}).requires_grad_(true);
    const at::Tensor y = conv2d(x, w, 2, 0);
    y.square().sum().backward();
    at::Tensor wide_x = x.detach().to(at::kDouble).requires_grad_(true);
    at::Tensor wide_w = w.detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor want = at::conv2d(wide_x, wide_w, {}, {2, 2});
    want.square().sum().backward();
    EXPECT_LT(difference(y.detach(), want.detach()), 1e-5);
    EXPECT_LT(difference(x.grad(), wide_x.grad()), 1e-5);
    EXPECT_LT(difference(w.grad(), wide_w.grad()), 1e-5);
  }
}

TEST(Conv2d, PlainFloatIsLeftToATen) {
  const at::Tensor x = at::randn({2, 16, 6, 6}), w = at::randn({16, 16, 3, 3});
  EXPECT_TRUE(at::equal(conv2d(x, w, 2, 1), at::conv2d(x, w, {}, {2, 2}, {1, 1})));
}

}  // namespace
}  // namespace vistas::learn
