// Threads that are to each other what processes of a group are.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "support/other_device_group.h"
#include "vistas/learn/group.h"
#include "vistas/learn/tensors.h"
#include "vistas/learn/trainer.h"

namespace vistas::test {

// Calls run(rank) in `size` threads of a group; rethrows what the first one threw.
inline void in_processes(int64_t size, const std::function<void(int64_t rank)>& run) {
  static std::atomic<int> count{0};
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() /
      ("vistas-group-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  std::filesystem::remove(file);
  std::vector<std::exception_ptr> errors(static_cast<size_t>(size));
  {
    std::vector<std::jthread> threads;
    for (int64_t rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          const learn::Membership membership(rank, size, file.string());
          run(rank);
        } catch (...) {
          errors[static_cast<size_t>(rank)] = std::current_exception();
        }
      });
    }
  }
  std::filesystem::remove(file);
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

// Trains in float64, alone and in 2 and 3 processes: all have the same losses and end with the same
// weights, but for `close`. So do 2 processes that have a device each. Batches of float64 if the
// network wants such.
inline void expect_same_in_processes(const std::function<learn::TrainParts()>& make_parts,
                                     double close) {
  struct Watch : learn::TrainObserver {
    void on_report(const learn::StepReport& report) override { losses.push_back(report.loss); }
    std::vector<double> losses;
  };
  struct Trained {
    std::vector<double> losses;
    learn::NamedTensors weights;
  };
  const auto train = [&](const at::Device& device) {
    learn::TrainParts parts = make_parts();
    parts.train.log_every = 1;
    parts.train.device = device.str();
    const auto method = parts.method;
    for (auto& [name, tensor] : learn::named_tensors(*method)) {
      if (tensor.is_floating_point()) tensor.set_data(tensor.to(at::kDouble));
    }
    Watch watch;
    learn::Trainer(std::move(parts)).run(nullptr, watch, std::atomic<bool>{false});
    return Trained{watch.losses, learn::named_tensors(*method)};
  };
  const Trained whole = train(at::kCPU);
  EXPECT_GE(whole.losses.size(), 3U);  // from the second step on gradients travel in buckets
  const auto compare = [&](int64_t processes, bool elsewhere) {
    in_processes(processes, [&](int64_t rank) {
      const Trained part = train(elsewhere ? other_device_of(rank) : at::kCPU);
      ASSERT_EQ(part.losses.size(), whole.losses.size());
      for (size_t i = 0; i < whole.losses.size(); ++i) {
        EXPECT_NEAR(part.losses[i], whole.losses[i], close) << "step " << i;
      }
      for (size_t i = 0; i < whole.weights.size(); ++i) {
        const auto& [name, weights] = whole.weights[i];
        EXPECT_TRUE(at::allclose(part.weights[i].second.cpu(), weights, 10 * close, close)) << name;
      }
    });
  };
  compare(2, false);
  compare(3, false);
  compare(2, true);
}

}  // namespace vistas::test
