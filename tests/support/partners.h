// Threads that share work (search/partners.h).
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <thread>
#include <vector>

#include "vistas/search/partners.h"

namespace vistas::test {

// What threads that share exchange.
struct Table {
  explicit Table(int64_t parts) : all(static_cast<size_t>(parts)), barrier(parts) {}
  std::vector<at::Tensor> all;
  std::barrier<> barrier;
  std::atomic<int64_t> exchanges{0};
};

class Partner : public search::Partners {
 public:
  Partner(Table& table, int64_t part) : table_(table), part_(part) {}
  int64_t part() const override { return part_; }
  int64_t parts() const override { return static_cast<int64_t>(table_.all.size()); }
  void sum_(at::Tensor& t) const override { t.copy_(gather(t).sum(0)); }
  at::Tensor gather(const at::Tensor& t) const override {
    table_.all[static_cast<size_t>(part_)] = t.clone();
    table_.barrier.arrive_and_wait();
    const at::Tensor stacked = at::stack(table_.all);
    table_.barrier.arrive_and_wait();
    ++table_.exchanges;
    return stacked;
  }

 private:
  Table& table_;
  int64_t part_;
};

// Calls run(partner) in `parts` threads; how often each has exchanged something.
inline int64_t together(int64_t parts, const std::function<void(const search::Partners&)>& run) {
  Table table(parts);
  {
    std::vector<std::jthread> threads;
    for (int64_t part = 0; part < parts; ++part) {
      threads.emplace_back([&, part] { run(Partner(table, part)); });
    }
  }
  return table.exchanges / parts;
}

}  // namespace vistas::test
