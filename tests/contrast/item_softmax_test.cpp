// Softmax over a catalogue: by hand, against the matrix of scores, drawn items, misuse.
#include "vistas/contrast/item_softmax.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/rows.h"

namespace vistas::contrast {
namespace {

TEST(ItemSoftmax, ByHand) {
  // Scores 1, 0, 2 and 0, 3, 0.
  const at::Tensor q = matrix({1, 0, 0, 1}, 2), items = matrix({1, 0, 0, 3, 2, 0}, 2);
  const double first = std::log(std::exp(1) + 1 + std::exp(2)) - 1;
  const double second = std::log(2 + std::exp(3)) - 3;
  EXPECT_NEAR(item_softmax(q, items, ids_of({0, 1})).item<double>(), (first + second) / 2, 1e-14);
  const double sharp = std::log(std::exp(2) + 1 + std::exp(4)) - 2;
  EXPECT_NEAR(
      item_softmax(q.slice(0, 0, 1), items, ids_of({0}), {.temperature = 0.5}).item<double>(),
      sharp, 1e-14);
  // Drawn items 2, 2 and 0 of three: each stands for one; 0 is no negative of itself.
  const at::Tensor drawn = ids_of({2, 2, 0});
  const double sampled = std::log(std::exp(1) + 2 * std::exp(2)) - 1;
  EXPECT_NEAR(item_softmax(q.slice(0, 0, 1), items, ids_of({0}), {}, drawn).item<double>(), sampled,
              1e-14);
  // One drawn of three stands for all three.
  const double weighted = std::log(std::exp(1) + 3 * std::exp(2)) - 1;
  EXPECT_NEAR(item_softmax(q.slice(0, 0, 1), items, ids_of({0}), {}, ids_of({2})).item<double>(),
              weighted, 1e-14);
}

TEST(ItemSoftmax, GradientsAreCentralDifferences) {
  const at::Tensor target = ids_of({2, 0, 6, 2});
  for (const at::Tensor& drawn : {at::Tensor(), ids_of({2, 5, 5, 1})}) {
    at::Tensor q = random(4, 3, 1).requires_grad_(), items = random(7, 3, 2).requires_grad_();
    const auto value = [&] { return item_softmax(q, items, target, {.temperature = 0.7}, drawn); };
    value().backward();
    expect_central_differences(value, q.detach(), q.grad());
    expect_central_differences(value, items.detach(), items.grad());
  }
}

// Larger than a tile, in float32, as the kernels of the CPU do it.
TEST(ItemSoftmax, IsCrossEntropyOfTheMatrix) {
  at::Tensor q = random(301, 20, 3).to(at::kFloat).requires_grad_();
  at::Tensor items = random(1003, 20, 4).to(at::kFloat).requires_grad_();
  const at::Tensor target = at::arange(301).mul(7).remainder(1003);
  const at::Tensor want = at::cross_entropy_loss(q.mm(items.t()), target);
  want.backward();
  const at::Tensor of_q = q.grad().clone(), of_items = items.grad().clone();
  const double largest = of_items.abs().max().item<double>();
  for (const bool bf16 : {false, true}) {
    q.mutable_grad().reset();
    items.mutable_grad().reset();
    const at::Tensor loss = item_softmax(q, items, target, {.bf16 = bf16});
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), want.item<double>(), bf16 ? 2e-2 : 1e-5);
    EXPECT_LE((q.grad() - of_q).abs().max().item<double>(), largest * (bf16 ? 5e-2 : 1e-5));
    EXPECT_LE((items.grad() - of_items).abs().max().item<double>(), largest * (bf16 ? 5e-2 : 1e-5));
  }
}

// The mean over many draws of the sums is the sum over all items.
TEST(ItemSoftmax, DrawnSumsAreRightOnAverage) {
  const at::Tensor q = random(1, 3, 5), items = random(5, 3, 6), target = ids_of({1});
  const double score = q.mm(items.t())[0][1].item<double>();
  const auto sum_of = [&](const at::Tensor& loss) { return std::exp(loss.item<double>() + score); };
  double mean = 0;
  for (int64_t a = 0; a < 5; ++a) {  // every pair of draws once
    for (int64_t b = 0; b < 5; ++b) {
      mean += sum_of(item_softmax(q, items, target, {}, ids_of({a, b}))) / 25;
    }
  }
  EXPECT_NEAR(mean, sum_of(item_softmax(q, items, target)), 1e-12);
}

TEST(ItemSoftmax, RefusesItemsThatAreNotThere) {
  const at::Tensor q = random(2, 3, 1), items = random(4, 3, 2);
  const auto expect = [&](const std::string& part, const at::Tensor& target,
                          const at::Tensor& drawn = {}) {
    test::expect_error([&] { item_softmax(q, items, target, {}, drawn); }, part, ErrorKind::usage);
  };
  expect("target: got items 1 .. 4, expected 0 .. 3", ids_of({1, 4}));
  expect("target", ids_of({1}));
  expect("drawn: got items -1 .. -1", ids_of({1, 2}), ids_of({-1}));
  expect("drawn", ids_of({1, 2}), at::ones({2}));
}

}  // namespace
}  // namespace vistas::contrast
