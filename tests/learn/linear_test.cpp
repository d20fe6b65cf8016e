#include "vistas/learn/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

namespace vistas::learn {
namespace {

struct Result {
  at::Tensor y, dx, dw, db;
};

Result run(const at::Tensor& x0, const at::Tensor& w0, const at::Tensor& b0,
           const at::Tensor& grad) {
  const auto leaf = [](const at::Tensor& t) { return t.detach().clone().requires_grad_(true); };
  const at::Tensor x = leaf(x0), w = leaf(w0), b = b0.defined() ? leaf(b0) : at::Tensor();
  const at::Tensor y = learn::linear(x, w, b);
  y.backward(grad);
  return {y.detach(), x.grad(), w.grad(), b.defined() ? b.grad() : at::Tensor()};
}

void expect_near(const at::Tensor& got, const at::Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes());
  const double largest = want.abs().max().item<double>();
  EXPECT_LT((got.to(at::kDouble) - want).abs().max().item<double>(), 3e-6 * largest);
}

// Sizes on both sides of where small products are left to ATen.
TEST(Linear, AgreesWithFloat64) {
  at::manual_seed(3);
  struct Size {
    std::vector<int64_t> rows;
    int64_t in, out;
  };
  for (const Size& s : {Size{{2}, 3, 5}, Size{{}, 600, 200}, Size{{257}, 100, 33},
                        Size{{4, 31}, 65, 130}, Size{{0}, 64, 64}}) {
    for (const bool with_bias : {true, false}) {
      std::vector<int64_t> in = s.rows, out = s.rows;
      in.push_back(s.in);
      out.push_back(s.out);
      const at::Tensor x = at::randn(in), w = at::randn({s.out, s.in}), grad = at::randn(out);
      const at::Tensor b = with_bias ? at::randn({s.out}) : at::Tensor();
      const auto wide = [](const at::Tensor& t) { return t.defined() ? t.to(at::kDouble) : t; };
      const Result got = run(x, w, b, grad), want = run(wide(x), wide(w), wide(b), wide(grad));
      ASSERT_EQ(got.y.sizes(), want.y.sizes());
      if (x.numel() == 0) continue;
      expect_near(got.y, want.y);
      expect_near(got.dx, want.dx);
      expect_near(got.dw, want.dw);
      if (with_bias) expect_near(got.db, want.db);
      const at::NoGradGuard no_grad;
      expect_near(learn::linear(x, w, b), want.y);
    }
  }
}

TEST(Linear, TakesColumnsInAnyOrderOfMemory) {
  at::manual_seed(4);
  const at::Tensor x = at::randn({80, 300}).t(), w = at::randn({90, 80}),
                   grad = at::randn({90, 300});
  const Result got = run(x, w, {}, grad.t());
  expect_near(got.y, at::linear(x.to(at::kDouble), w.to(at::kDouble)));
  expect_near(got.dw, at::mm(grad.to(at::kDouble), x.to(at::kDouble)));
}

// d/dx sum (dy/dx)^2 of y = sum (x w^T)^2 / 2 is 2 (w^T w)^2 x.
TEST(Linear, HasSecondDerivatives) {
  at::manual_seed(5);
  const at::Tensor x = at::randn({64, 48}).requires_grad_(true), w = at::randn({64, 48});
  const at::Tensor y = learn::linear(x, w, {}).square().sum() / 2;
  const at::Tensor slope = torch::autograd::grad({y}, {x}, {}, {}, /*create_graph=*/true)[0];
  slope.square().sum().backward();
  const at::Tensor square = at::mm(w.t(), w).to(at::kDouble);
  expect_near(x.grad(), 2 * at::mm(x.detach().to(at::kDouble), at::mm(square, square)));
}

}  // namespace
}  // namespace vistas::learn
