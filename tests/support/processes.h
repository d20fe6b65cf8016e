// Threads that are to each other what processes of a group are.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "vistas/learn/group.h"

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

}  // namespace vistas::test
