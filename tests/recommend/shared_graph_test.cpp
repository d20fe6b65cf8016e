// Methods that spread over a graph, in several processes: whole batches, shared propagation.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "support/processes.h"
#include "vistas/base/random.h"
#include "vistas/recommend/methods/graph_contrast.h"
#include "vistas/recommend/methods/ncl.h"
#include "vistas/recommend/tasks/interaction_batches.h"
#include "vistas/recommend/tasks/recommender.h"

namespace vistas::recommend {
namespace {

constexpr int64_t kUsers = 300, kItems = 200, kEach = 150, kDim = 64;

std::shared_ptr<const Interactions> many() {
  const auto data = std::make_shared<Interactions>();
  IdTable users, items;
  for (int64_t u = 0; u < kUsers; ++u) users.add(fmt::format("u{}", u));
  for (int64_t i = 0; i < kItems; ++i) items.add(fmt::format("i{}", i));
  data->user_ids = std::make_shared<IdTable>(std::move(users));
  data->item_ids = std::make_shared<IdTable>(std::move(items));
  data->starts = {0};
  for (int64_t u = 0; u < kUsers; ++u) {
    auto order = Draws({.seed = 3, .sample = static_cast<uint64_t>(u)}).permutation(kItems);
    for (int64_t k = 0; k < kEach; ++k) {
      data->item.push_back(static_cast<int32_t>(order[static_cast<size_t>(k)]));
    }
    data->starts.push_back(static_cast<int64_t>(data->item.size()));
  }
  return data;
}

std::shared_ptr<learn::Method> method_of(const std::string& name, const Interactions& data) {
  const auto encoder =
      std::make_shared<GraphEncoder>(graph_of(data), kDim, GraphEncoderOptions{.layers = 2}, 1);
  const CollaborativeOptions base{.loss = name == "bpr" ? "bpr" : "softmax", .l2 = 1e-3};
  if (name == "sgl") return std::make_shared<Sgl>(encoder, SglOptions{.base = base}, 2);
  if (name == "simgcl") return std::make_shared<SimGcl>(encoder, NoiseOptions{.base = base}, 2);
  if (name == "xsimgcl") return std::make_shared<XSimGcl>(encoder, XSimGclOptions{.base = base}, 2);
  if (name == "ncl") {
    NclOptions options{.base = base};
    options.prototypes = 5;
    options.prototypes_from = 0;
    return std::make_shared<Ncl>(encoder, options, 2);
  }
  return std::make_shared<Collaborative>(encoder, base, 2);
}

struct Watch : learn::TrainObserver {
  void on_report(const learn::StepReport& report) override { losses.push_back(report.loss); }
  std::vector<double> losses;
};

struct Trained {
  std::vector<double> losses;
  learn::NamedTensors weights;
};

Trained train(const std::string& name, const std::shared_ptr<const Interactions>& data,
              const at::Device& device = at::kCPU) {
  learn::TrainParts parts;
  parts.method = method_of(name, *data);
  parts.data = std::make_shared<InteractionBatches>(data);
  parts.train = {
      .steps = 3, .batch = 101, .precision = "fp32", .loader_threads = 1, .log_every = 1};
  parts.train.device = device.str();
  parts.optimizer.name = learn::OptimizerName::adam;
  parts.schedule.lr = 0.01;
  parts.whole_batches = true;
  const auto method = parts.method;
  Watch watch;
  learn::Trainer(std::move(parts)).run(nullptr, watch, std::atomic<bool>{false});
  return {watch.losses, learn::named_tensors(*method)};
}

// Not a bit differs: columns of a product do not depend on each other.
TEST(SharedGraph, ProcessesAreOneAlone) {
  const auto data = many();
  ASSERT_GE(2 * data->size(), 128 * (kUsers + kItems));  // dense enough to be shared
  for (const std::string name : {"softmax", "bpr", "sgl", "simgcl", "xsimgcl", "ncl"}) {
    SCOPED_TRACE(name);
    const Trained alone = train(name, data);
    ASSERT_EQ(alone.losses.size(), 3U);
    EXPECT_NE(alone.losses[0], alone.losses[2]);
    for (const int64_t processes : {2, 3}) {
      test::in_processes(processes, [&](int64_t) {
        const Trained shared = train(name, data);
        EXPECT_EQ(shared.losses, alone.losses);
        for (size_t i = 0; i < alone.weights.size(); ++i) {
          EXPECT_TRUE(at::equal(shared.weights[i].second, alone.weights[i].second))
              << alone.weights[i].first;
        }
      });
    }
  }
}

TEST(SharedGraph, ProcessesThatHaveADeviceEachAreOneOnTheCpu) {
  const auto data = many();
  for (const std::string name : {"softmax", "bpr", "sgl", "simgcl", "xsimgcl", "ncl"}) {
    SCOPED_TRACE(name);
    const Trained alone = train(name, data);
    test::in_processes(2, [&](int64_t rank) {
      const Trained shared = train(name, data, test::other_device_of(rank));
      for (size_t i = 0; i < alone.losses.size(); ++i) {
        EXPECT_NEAR(shared.losses[i], alone.losses[i], 1e-3 * std::abs(alone.losses[i])) << i;
      }
    });
  }
}

TEST(Collaborative, IsTheSameOnAnotherDevice) {
  const auto data = many();
  const InteractionBatches batches(data);
  const learn::Batch batch = batches.make({5, 900, 17, 5, 3000}, 0);
  Interactions nothing = *data;
  nothing.starts.assign(kUsers + 1, 0);
  nothing.item.clear();
  for (const CollaborativeOptions& options :
       {CollaborativeOptions{.loss = "softmax", .log_q = true},
        CollaborativeOptions{.loss = "softmax", .negatives = 20},
        CollaborativeOptions{.loss = "bsl"}, CollaborativeOptions{.loss = "direct_au"}}) {
    std::vector<double> losses;
    for (const at::Device& device : {at::Device(at::kCPU), test::other_device_of(0)}) {
      const auto encoder =
          std::make_shared<GraphEncoder>(graph_of(*data), kDim, GraphEncoderOptions{}, 1);
      Collaborative method(encoder, options, 2);
      method.to(device);
      const learn::Batch there = batch.to(device);
      const at::Tensor loss = method.loss(method.embed(there), there);
      EXPECT_EQ(loss.device(), device);
      losses.push_back(loss.item<double>());
      EXPECT_GT(full_ranking(encoder->embed(*data), *data, {&nothing}, {10})[0].mean.recall, 0);
    }
    EXPECT_NEAR(losses[1], losses[0], 1e-4 * std::abs(losses[0])) << options.loss;
  }
}

TEST(SharedGraph, EachProcessComputesItsColumns) {
  const auto graph = graph_of(*many());
  const at::Tensor x = at::randn({graph->nodes(), kDim});
  const at::Tensor whole = propagate(*graph, x);
  test::in_processes(3, [&](int64_t rank) {
    // Each sees the columns of others as these have them: here all others are wrong on purpose.
    const auto [begin, end] = learn::share_of_rows(kDim, rank, 3);
    at::Tensor own = at::zeros_like(x);
    own.narrow(1, begin, end - begin).copy_(x.narrow(1, begin, end - begin));
    EXPECT_TRUE(at::equal(propagate(*graph, own), whole));
  });
}

}  // namespace
}  // namespace vistas::recommend
