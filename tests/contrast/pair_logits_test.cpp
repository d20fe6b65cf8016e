// Losses over all pairs without a matrix: gradients, precision and memory.
#include "vistas/contrast/pair_logits.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/contrast/logits.h"

namespace vistas::contrast {
namespace {

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator, at::kDouble);
}

// The gradients of loss(inputs) against central differences.
using Loss = std::function<at::Tensor(const std::vector<at::Tensor>&)>;
void check_gradients(const Loss& loss, std::vector<at::Tensor> inputs) {
  for (at::Tensor& x : inputs) x = x.clone().requires_grad_(true);
  (3 * loss(inputs)).backward();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const at::Tensor gradient = inputs[k].grad().reshape(-1);
    for (int64_t i = 0; i < inputs[k].numel(); ++i) {
      double* value = inputs[k].data_ptr<double>() + i;
      const double middle = *value;
      *value = middle + kStep;
      const double up = 3 * loss(inputs).item<double>();
      *value = middle - kStep;
      const double down = 3 * loss(inputs).item<double>();
      *value = middle;
      EXPECT_NEAR(gradient[i].item<double>(), (up - down) / (2 * kStep), 1e-8) << k << " " << i;
    }
  }
}

// A sum in which every element has another weight.
at::Tensor mixed(const at::Tensor& x) {
  return (x * at::linspace(0.5, 2, x.size(0), at::kDouble)).sum();
}

constexpr PairOptions kKinds[] = {{.cosine = true}, {.cosine = false}};

TEST(PairLogits, GradientsMatchCentralDifferences) {
  const at::Tensor group = at::tensor({0, 1, 0, 2, 3}, at::kLong);
  const at::Tensor labels = at::tensor({4, 7, 4, 4, 9}, at::kLong);
  const at::Tensor a = random({5, 3}, 1), b = random({5, 3}, 2), more = random({4, 3}, 3);
  const at::Tensor scale = at::scalar_tensor(1.3, at::kDouble),
                   bias = at::tensor({-0.4}, at::kDouble);
  for (const PairOptions& options : kKinds) {
    for (const at::Tensor& ids : {at::Tensor(), group}) {
      check_gradients(
          [&](const auto& x) {
            const auto s = view_logits(x[0], x[1], x[2], ids, options);
            return mixed(s.rows) + mixed(s.target);
          },
          {a, b, scale});
      check_gradients(
          [&](const auto& x) {
            const auto s = tower_logits(x[0], x[1], x[2], x[3], ids, true, options);
            return mixed(s.rows) + mixed(s.target) - mixed(s.columns);
          },
          {a, b, more, scale});
      check_gradients(
          [&](const auto& x) {
            const auto s = tower_logits(x[0], b, more, x[1], ids, false, options);
            return mixed(s.rows) + mixed(s.target);
          },
          {a, scale});
      check_gradients(
          [&](const auto& x) { return pair_sigmoids(x[0], x[1], x[2], x[3], ids, options); },
          {a, b, scale, bias});
    }
    check_gradients(
        [&](const auto& x) {
          const auto s = queue_logits(x[0], b, more, x[1], options);
          return mixed(s.rows) + mixed(s.target);
        },
        {a, scale});
    check_gradients(
        [&](const auto& x) {
          const auto s = label_logits(x[0], labels, 1.3, options);
          return mixed(s.rows) + mixed(s.target);
        },
        {a});
  }
}

TEST(PairLogits, RowsWithoutPairs) {
  const at::Tensor a = random({1, 3}, 1).requires_grad_(true), b = random({1, 3}, 2);
  const at::Tensor scale = at::scalar_tensor(2.0, at::kDouble);
  const auto views = view_logits(a, b, scale, {}, {});
  EXPECT_TRUE(views.rows.isneginf().all().item<bool>());
  log1p_exp(views.rows - views.target.repeat(2)).sum().backward();
  EXPECT_EQ(a.grad().abs().max().item<double>(), 0);
  const auto labelled = label_logits(random({3, 2}, 1), at::arange(3), 2, {});
  EXPECT_EQ(labelled.target.abs().max().item<double>(), 0);
}

at::Tensor nt_xent_of(const at::Tensor& a, const at::Tensor& b, double temperature, bool bf16) {
  const at::Tensor scale = at::scalar_tensor(1 / temperature, at::kDouble);
  const auto s = view_logits(a, b, scale, {}, {.bf16 = bf16});
  return log1p_exp(s.rows - s.target.repeat(2)).mean();
}

// Noisy pairs in float32: loss and gradient against the same numbers in float64.
std::pair<double, double> nt_xent_errors(int64_t n, double noise, double temperature, bool bf16) {
  const at::Tensor base = random({n, 128}, 1);
  const at::Tensor a = base.to(at::kFloat), b = (base + noise * random({n, 128}, 2)).to(at::kFloat);
  const auto run = [&](at::ScalarType type, bool half) {
    const at::Tensor x = a.to(type, false, true).requires_grad_(true);
    const at::Tensor loss = nt_xent_of(x, b.to(type), temperature, half);
    loss.backward();
    return std::pair{loss.item<double>(), x.grad().to(at::kDouble)};
  };
  const auto [loss, gradient] = run(at::kFloat, bf16);
  const auto [true_loss, true_gradient] = run(at::kDouble, false);
  return {std::abs(loss / true_loss - 1),
          ((gradient - true_gradient).abs().max() / true_gradient.abs().max()).item<double>()};
}

TEST(PairLogits, Float32IsNearlyExact) {
  for (const auto& [temperature, tolerance] : {std::pair{0.1, 1e-7}, std::pair{0.02, 1e-5}}) {
    const auto [loss, gradient] = nt_xent_errors(500, 0.5, temperature, false);
    EXPECT_LE(loss, 10 * tolerance);
    EXPECT_LE(gradient, tolerance);
  }
  // Nearly separable: the loss is some 1e-30.
  EXPECT_LE(nt_xent_errors(500, 0.01, 0.01, false).first, 1e-4);
  const auto [loss, gradient] = nt_xent_errors(500, 0.5, 0.1, true);
  EXPECT_LE(loss, 1e-3);
  EXPECT_LE(gradient, 1e-2);
}

// Counts what tensors hold.
class CountingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    constexpr size_t kHeader = 64;
    auto* block = static_cast<size_t*>(
        std::aligned_alloc(kHeader, (bytes + 2 * kHeader - 1) / kHeader * kHeader));
    *block = bytes;
    const int64_t now = held += static_cast<int64_t>(bytes);
    peak = std::max(peak.load(), now);
    return {reinterpret_cast<char*>(block) + kHeader, block, &release, at::kCPU};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  static void release(void* block) {
    held -= static_cast<int64_t>(*static_cast<size_t*>(block));
    std::free(block);
  }
  static inline std::atomic<int64_t> held = 0, peak = 0;
};

// The most bytes that tensors hold at once while `work` runs, beyond what there was before.
int64_t peak_bytes(const std::function<void()>& work) {
  static CountingAllocator counting;
  c10::Allocator* usual = c10::GetCPUAllocator();
  c10::SetCPUAllocator(&counting, 1);
  const int64_t before = CountingAllocator::peak = CountingAllocator::held.load();
  work();
  c10::SetCPUAllocator(usual, 1);
  return CountingAllocator::peak - before;
}

TEST(PairLogits, MemoryGrowsWithTheRows) {
  const auto bytes = [](int64_t n) {
    const at::Tensor a = random({n, 128}, 1).to(at::kFloat).requires_grad_(true);
    const at::Tensor b = random({n, 128}, 2).to(at::kFloat).requires_grad_(true);
    return peak_bytes([&] { nt_xent_of(a, b, 0.1, false).backward(); });
  };
  const int64_t small = bytes(512), large = bytes(2048);
  EXPECT_LE(large, 5 * small);
  EXPECT_LE(large, int64_t{8} << 20 << 1);  // the matrix alone would have 64 MB
  EXPECT_GT(large, 2 * 2048 * 128 * 4);
}

TEST(PairLogits, SecondDerivativesAreRefused) {
  const at::Tensor a = random({4, 3}, 1).requires_grad_(true);
  EXPECT_THROW(nt_xent_of(a, a, 0.5, false).backward({}, true, true), Error);
}

}  // namespace
}  // namespace vistas::contrast
