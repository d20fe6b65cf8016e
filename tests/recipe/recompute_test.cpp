// Activation recomputation: the same bits in less memory, for every encoder that has it.
#include "vistas/learn/recompute.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/processes.h"
#include "vistas/learn/precision.h"
#include "vistas/learn/tensors.h"
#include "vistas/methods/simclr.h"
#include "vistas/text/encoders/transformer.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/encoders/vit.h"

namespace vistas::learn {
namespace {

// The most bytes of tensors that were alive at once on this thread.
class Peak : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    now_ += size;
    peak_ = std::max(peak_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  int64_t bytes() const { return peak_; }

 private:
  int64_t now_ = 0, peak_ = 0;
};

// A network, and two passes of its inputs through it as a method with two sizes of views has them.
struct Subject {
  std::shared_ptr<torch::nn::Module> network;
  std::function<at::Tensor()> output;
};

struct Pass {
  at::Tensor output;
  std::vector<std::pair<std::string, at::Tensor>> gradients, buffers;
  int64_t peak = 0, segments = 0;
};

Pass pass(const std::function<Subject()>& make, bool recompute, const std::string& precision) {
  const Subject subject = make();
  const auto peak = std::make_shared<Peak>();
  Pass result;
  {
    const c10::DebugInfoGuard watch(c10::DebugInfoKind::PROFILER_STATE, peak);
    at::manual_seed(7);
    {
      const AutocastScope autocast(at::kCPU, precision);
      const RecomputeScope scope(recompute);
      result.output = subject.output();
      result.segments = scope.segments();
    }
    result.output.to(at::kFloat).square().sum().backward();
  }
  result.peak = peak->bytes();
  for (const auto& item : subject.network->named_parameters()) {
    result.gradients.emplace_back(item.key(), item.value().grad());
  }
  for (const auto& item : subject.network->named_buffers()) {
    result.buffers.emplace_back(item.key(), item.value());
  }
  return result;
}

void expect_same_bits(const std::function<Subject()>& make, int64_t segments, double memory) {
  for (const std::string precision : {"fp32", "bf16"}) {
    const Pass kept = pass(make, false, precision), again = pass(make, true, precision);
    EXPECT_EQ(again.segments, segments);
    EXPECT_TRUE(at::equal(again.output, kept.output)) << precision;
    ASSERT_EQ(again.gradients.size(), kept.gradients.size());
    for (size_t i = 0; i < kept.gradients.size(); ++i) {
      const auto& [name, gradient] = kept.gradients[i];
      ASSERT_EQ(again.gradients[i].second.defined(), gradient.defined()) << name;
      if (!gradient.defined()) continue;
      EXPECT_TRUE(at::equal(again.gradients[i].second, gradient)) << name << " " << precision;
    }
    for (size_t i = 0; i < kept.buffers.size(); ++i) {
      EXPECT_TRUE(at::equal(again.buffers[i].second, kept.buffers[i].second))
          << kept.buffers[i].first;
    }
    EXPECT_LT(static_cast<double>(again.peak), memory * static_cast<double>(kept.peak))
        << precision << " " << again.peak << " of " << kept.peak;
  }
}

at::Tensor pixels(int64_t rows, int64_t size) {
  return at::randn({rows, 3, size, size}, at::detail::createCPUGenerator(3))
      .contiguous(at::MemoryFormat::ChannelsLast);
}

Subject pictures(const vision::EncoderOptions& options, int64_t size = 32) {
  const auto encoder = vision::make_encoder(options, 1);
  return {encoder, [encoder, size] {
            return at::cat({encoder->forward(pixels(16, size)), encoder->forward(pixels(8, 16))});
          }};
}

TEST(Recompute, ResNetHasTheSameBitsInLessMemory) {
  for (const auto stem : {vision::Stem::cifar, vision::Stem::imagenet}) {
    expect_same_bits(
        [&] {
          return pictures({.name = "resnet18", .channels = 3, .width = 16, .stem = stem},
                          stem == vision::Stem::cifar ? 32 : 64);
        },
        2 * 9, 0.8);
  }
  expect_same_bits(
      [] {
        return pictures(
            {.name = "resnet50", .channels = 3, .width = 8, .stem = vision::Stem::cifar});
      },
      2 * 17, 0.6);
}

TEST(Recompute, VitHasTheSameBitsInLessMemory) {
  expect_same_bits(
      [] { return pictures({.name = "vit_tiny", .channels = 3, .image_size = 32, .patch = 8}); },
      2 * 12, 0.6);
}

TEST(Recompute, TransformerWithDropoutHasTheSameBitsInLessMemory) {
  for (const auto family : {text::TransformerFamily::bert, text::TransformerFamily::mpnet}) {
    expect_same_bits(
        [&] {
          text::TransformerOptions o;
          o.family = family;
          o.vocabulary = 50;
          o.layers = 6;
          o.hidden = 32;
          o.heads = 4;
          o.intermediate = 64;
          o.max_positions = 20;
          EXPECT_GT(o.dropout, 0);
          EXPECT_GT(o.attention_dropout, 0);
          const auto encoder = std::make_shared<text::Transformer>(o, 1);
          return Subject{encoder, [encoder] {
                           const at::Tensor ids = at::randint(
                               0, 50, {64, 12}, at::detail::createCPUGenerator(3), at::kLong);
                           const at::Tensor length = at::randint(
                               1, 13, {64}, at::detail::createCPUGenerator(4), at::kLong);
                           return at::cat({encoder->encode(ids, length),
                                           encoder->encode(ids.slice(0, 5), length.slice(0, 5))});
                         }};
        },
        2 * 6, 0.6);
  }
}

TEST(Recompute, FrozenPartsStayWithoutGradients) {
  const auto encoder = vision::make_encoder(
      {.name = "resnet18", .channels = 3, .width = 8, .stem = vision::Stem::cifar}, 1);
  for (auto& item : encoder->named_parameters()) {
    if (item.key().starts_with("layer1") || item.key() == "conv1.weight") {
      item.value().set_requires_grad(false);
    }
  }
  const RecomputeScope scope(true);
  encoder->forward(pixels(4, 16)).square().sum().backward();
  for (const auto& item : encoder->named_parameters()) {
    EXPECT_EQ(item.value().grad().defined(), item.value().requires_grad()) << item.key();
  }
}

// Pictures of float64 that are functions of their number.
class Pictures : public BatchMaker {
 public:
  int64_t size() const override { return 24; }
  Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    Batch batch;
    batch.index = at::tensor(samples);
    for (uint64_t view = 0; view < 2; ++view) {
      std::vector<at::Tensor> rows;
      for (const int64_t sample : samples) {
        const uint64_t seed = 1000 * epoch + 10 * static_cast<uint64_t>(sample) + view;
        rows.push_back(at::randn({3, 16, 16}, at::detail::createCPUGenerator(seed), at::kDouble));
      }
      batch.views.push_back({{{"pixels", at::stack(rows)}}});
    }
    return batch;
  }
};

TrainParts parts(const std::string& encoder) {
  TrainParts parts;
  parts.method = std::make_shared<methods::SimClr>(
      vision::make_encoder(
          {.name = encoder, .channels = 3, .width = 8, .stem = vision::Stem::cifar}, 1),
      methods::SimClrOptions{}, 2);
  parts.data = std::make_shared<Pictures>();
  parts.train = {
      .steps = 3, .batch = 8, .recompute = true, .precision = "fp32", .loader_threads = 1};
  return parts;
}

TEST(Recompute, ProcessesAreTheWholeBatch) {
  test::expect_same_in_processes([] { return parts("resnet18"); }, 1e-6);
}

TEST(Recompute, IsRefusedForEncodersWithoutIt) {
  TrainParts conv4 = parts("conv4");
  for (at::Tensor& p : conv4.method->parameters()) p.set_data(p.to(at::kDouble));
  for (at::Tensor& b : conv4.method->buffers()) {
    if (b.is_floating_point()) b.set_data(b.to(at::kDouble));
  }
  Trainer trainer(conv4);
  TrainObserver silent;
  test::expect_error([&] { trainer.run(nullptr, silent, std::atomic<bool>{false}); },
                     "train.recompute", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::learn
