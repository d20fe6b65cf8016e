#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "support/count_allocations.h"
#include "vistas/base/files.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::vision {
namespace {

constexpr int64_t kPictures = 64;

// CIFAR-10 records: picture i is of class i % 10 and of the one colour 4 i; the last is alone in
// class 9.
std::shared_ptr<const ImageSource> pictures() {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "batches";
  std::filesystem::create_directories(folder);
  std::string records;
  for (int64_t i = 0; i < kPictures; ++i) {
    records += static_cast<char>(i + 1 == kPictures ? 9 : i % 9);
    records += std::string(3 * 32 * 32, static_cast<char>(4 * i));
  }
  for (const char* name : {"data_batch_1.bin", "test_batch.bin"}) {
    write_file_atomic(folder / name, records);
  }
  SourceOptions options;
  options.split = "train";
  return open_source(folder, options);
}

std::vector<int64_t> first(int64_t samples) {
  std::vector<int64_t> numbers(static_cast<size_t>(samples));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(ImageBatches, PairsShowTwoPicturesOfAClass) {
  RecipeOptions views;
  views.size = 8;
  views.mean = {0, 0, 0};
  views.std = {1, 1, 1};
  ViewRecipe recipe = builtin_recipe("none", views);
  recipe.views.front().count = 2;
  const ImageBatches pairs(pictures(), recipe, "skip", 3, SampleViews::pair_of_class);
  std::map<int64_t, int64_t> partners_of_zero;
  for (uint64_t epoch = 0; epoch < 700; ++epoch) {
    const learn::Batch batch = pairs.make(first(kPictures), epoch);
    const auto shown = [&](size_t view) {
      return (batch.views[view].at("pixels").select(1, 0).select(1, 0).select(1, 0) * 255 / 4)
          .round()
          .to(at::kLong);
    };
    const at::Tensor own = shown(0), other = shown(1);
    EXPECT_TRUE(at::equal(own, batch.index));
    EXPECT_TRUE(at::equal(batch.label.index_select(0, other), batch.label));
    EXPECT_TRUE(at::equal(batch.group, batch.label));
    const at::Tensor alone = other.eq(own);
    EXPECT_EQ(alone.sum().item<int64_t>(), 1);
    EXPECT_TRUE(alone[kPictures - 1].item<bool>());
    ++partners_of_zero[other[0].item<int64_t>()];
    if (epoch == 0) {
      const learn::Batch again = pairs.make({0}, 0);
      EXPECT_TRUE(at::equal(again.views[1].at("pixels")[0], batch.views[1].at("pixels")[0]));
    }
  }
  EXPECT_EQ(partners_of_zero.size(), 6);  // 9, 18 ... 54, each as likely
  for (const auto& [sample, times] : partners_of_zero) {
    EXPECT_NEAR(static_cast<double>(times), 700 / 6.0, 45) << sample;
  }
}

TEST(ImageBatches, AllocateForTheBatchNotForItsSamples) {
  RecipeOptions views;
  views.size = 16;
  const ImageBatches batches(pictures(), builtin_recipe("simclr", views), "skip", 0);
  const auto count = [&](int64_t samples) {
    const std::vector<int64_t> wanted = first(samples);
    batches.make(wanted, 0);  // buffers that stay
    const long before = allocations;
    batches.make(wanted, 0);
    return allocations - before;
  };
  EXPECT_EQ(count(8), count(kPictures));
}

}  // namespace
}  // namespace vistas::vision
