#include "vistas/learn/loader.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

// Row i of the only view is (sample, epoch).
class Numbers : public BatchMaker {
 public:
  explicit Numbers(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    if (std::find(samples.begin(), samples.end(), bad_) != samples.end()) {
      throw std::runtime_error("bad sample");
    }
    Batch batch;
    batch.index = at::tensor(samples);
    batch.views.push_back({{{"x", batch.index * 1000 + static_cast<int64_t>(epoch)}}});
    return batch;
  }
  int64_t bad_ = -1;

 private:
  int64_t size_;
};

std::vector<int64_t> all_of(LoaderOptions options, int64_t size) {
  Loader loader(std::make_shared<Numbers>(size), options);
  std::vector<int64_t> out;
  for (int64_t s = options.first_step; s < options.end_step; ++s) {
    const Batch batch = loader.next();
    const auto* x = batch.views[0].at("x").const_data_ptr<int64_t>();
    out.insert(out.end(), x, x + batch.index.size(0));
  }
  return out;
}

TEST(Loader, TheOrderDoesNotDependOnThreads) {
  LoaderOptions options{.batch = 7, .seed = 3, .threads = 1, .end_step = 20};
  const auto one = all_of(options, 50);
  options.threads = 4;
  EXPECT_EQ(one, all_of(options, 50));
  options.seed = 4;
  EXPECT_NE(one, all_of(options, 50));
}

TEST(Loader, AnEpochShowsEachSampleOnceAndLeavesOutTheRest) {
  const auto x = all_of({.batch = 7, .seed = 3, .threads = 2, .end_step = 14}, 50);
  ASSERT_EQ(x.size(), 98);  // two epochs of seven batches
  const std::set<int64_t> first(x.begin(), x.begin() + 49), second(x.begin() + 49, x.end());
  EXPECT_EQ(first.size(), 49);
  EXPECT_EQ(second.size(), 49);
  EXPECT_TRUE(std::all_of(first.begin(), first.end(), [](int64_t v) { return v % 1000 == 0; }));
  EXPECT_TRUE(std::all_of(second.begin(), second.end(), [](int64_t v) { return v % 1000 == 1; }));
}

TEST(Loader, GoesOnInTheMiddleOfAnEpoch) {
  LoaderOptions options{.batch = 7, .seed = 3, .threads = 2, .end_step = 20};
  const auto whole = all_of(options, 50);
  options.first_step = 11;
  const auto tail = all_of(options, 50);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + 77));
}

TEST(Loader, OncePassesOverAllInOrder) {
  const auto x = all_of(Loader::once(50, 7, 3), 50);
  ASSERT_EQ(x.size(), 50);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], static_cast<int64_t>(i) * 1000);
}

TEST(Loader, MicroBatchesAreThePartsOfABatchAndAllButTheLastAgain) {
  LoaderOptions options{.batch = 12, .seed = 3, .threads = 3, .end_step = 9};
  const auto whole = all_of(options, 50);
  options.micro_batch = 4;
  options.first_step = 5;
  Loader loader(std::make_shared<Numbers>(50), options);
  EXPECT_EQ(loader.parts(), 3);
  std::set<uint64_t> keys;
  for (size_t step = 5; step < 9; ++step) {
    std::vector<uint64_t> first_pass;
    for (size_t i = 0; i < 5; ++i) {
      const Batch part = loader.next();
      const auto* x = part.views[0].at("x").const_data_ptr<int64_t>();
      ASSERT_EQ(part.index.size(0), 4);
      EXPECT_TRUE(std::equal(x, x + 4, whole.data() + 12 * step + 4 * (i % 3)));
      if (i < 3) first_pass.push_back(part.key);
      EXPECT_EQ(part.key, first_pass[i % 3]);
      keys.insert(part.key);
    }
  }
  EXPECT_EQ(keys.size(), 4 * 3);
}

// Sample i costs 1 + i % 5; one of 7 fits no part.
class Costly : public Numbers {
 public:
  using Numbers::Numbers;
  std::vector<int64_t> costs(const std::vector<int64_t>& samples, uint64_t) const override {
    std::vector<int64_t> out;
    for (const int64_t i : samples) out.push_back(i == 17 ? 7 : 1 + i % 5);
    return out;
  }
};

TEST(Loader, PartsAreCutByWhatTheirSamplesCost) {
  LoaderOptions options{.batch = 12, .seed = 3, .threads = 3, .end_step = 8};
  const auto whole = all_of(options, 50);
  options.micro_cost = 6;
  const auto maker = std::make_shared<Costly>(50);
  Loader loader(maker, options);
  std::set<int64_t> counts;
  for (size_t step = 0; step < 8; ++step) {
    const int64_t parts = loader.parts();
    counts.insert(parts);
    std::vector<int64_t> seen, again;
    for (int64_t i = 0; i < 2 * parts - 1; ++i) {
      const Batch part = loader.next();
      const auto* x = part.views[0].at("x").const_data_ptr<int64_t>();
      auto& side = i < parts ? seen : again;
      side.insert(side.end(), x, x + part.index.size(0));
      int64_t cost = 0;
      for (int64_t row = 0; row < part.index.size(0); ++row) {
        cost += maker->costs({x[row] / 1000}, 0).front();
      }
      EXPECT_TRUE(cost <= 6 || part.index.size(0) == 1) << cost;
    }
    ASSERT_EQ(seen.size(), 12);
    EXPECT_TRUE(std::equal(seen.begin(), seen.end(), whole.begin() + 12 * step));
    ASSERT_LT(again.size(), 12);
    EXPECT_TRUE(std::equal(again.begin(), again.end(), seen.begin()));
  }
  EXPECT_GT(counts.size(), 1);
}

TEST(Loader, SamplesWithoutCostsAreRefused) {
  Loader loader(std::make_shared<Numbers>(50), {.batch = 7, .micro_cost = 5, .end_step = 1});
  EXPECT_THROW(loader.parts(), Error);
}

TEST(Loader, AnErrorInAThreadReachesTheCaller) {
  const auto numbers = std::make_shared<Numbers>(50);
  numbers->bad_ = 17;
  Loader loader(numbers, Loader::once(50, 7, 2));
  EXPECT_NO_THROW(loader.next());
  EXPECT_NO_THROW(loader.next());
  EXPECT_THROW(loader.next(), std::runtime_error);
}

TEST(Loader, ABatchLargerThanTheDataIsRefused) {
  EXPECT_THROW(Loader(std::make_shared<Numbers>(5), {.batch = 7, .end_step = 1}), Error);
}

}  // namespace
}  // namespace vistas::learn
