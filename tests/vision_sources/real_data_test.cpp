// Real files, where ./dev data has unpacked them; skipped elsewhere.
#include <gtest/gtest.h>

#include "support/pictures.h"
#include "support/real_data.h"
#include "vistas/vision/sources/sample_reader.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

// Crops of every `step`th picture equal the slices of the whole; counts one-channel files.
int check_crops(const fs::path& folder, int64_t step) {
  const auto source = open_source(folder, {.channels = "keep"});
  int grey = 0;
  Draws draws({5, 0, 0, 0});
  for (int64_t i = 0; i < source->size(); i += step) {
    Image storage, part_storage;
    Box got;
    const ImageView whole = source->read(i, nullptr, storage, got);
    grey += whole.channels == 1;
    for (int k = 0; k < 4; ++k) {
      Box box;
      box.height = static_cast<int>(1 + draws.below(whole.height));
      box.width = static_cast<int>(1 + draws.below(whole.width));
      box.top = static_cast<int>(draws.below(whole.height - box.height + 1));
      box.left = static_cast<int>(draws.below(whole.width - box.width + 1));
      const ImageView part = source->read(i, &box, part_storage, got);
      EXPECT_TRUE(same_pixels(part, whole.crop(got))) << source->name(i);
    }
  }
  return grey;
}

TEST(RealData, Imagenette) {
  const fs::path folder = test::real_data("imagenette-128");
  NEEDS(folder);
  EXPECT_EQ(splits_of(folder), (std::vector<std::string>{"train", "val"}));
  const auto train = open_source(folder), val = open_source(folder, {.split = "val"});
  EXPECT_EQ(train->size(), 2000);
  EXPECT_EQ(val->size(), 500);
  EXPECT_EQ(train->class_names().size(), 10u);
  EXPECT_EQ(train->class_names(), val->class_names());
  const int grey = check_crops(folder / "train", 1) + check_crops(folder / "val", 1);
  EXPECT_EQ(grey, 50);
  Image storage;
  Box got;
  for (int64_t i = 0; i < train->size(); ++i) {  // all alike: rgb
    ASSERT_EQ(train->read(i, nullptr, storage, got).channels, 3);
  }
}

TEST(RealData, BloodCells) {
  const fs::path folder = test::real_data("bccd/BCCD/JPEGImages");
  NEEDS(folder);
  const auto source = open_source(folder);
  EXPECT_EQ(source->size(), 364);
  EXPECT_FALSE(source->labelled());
  EXPECT_EQ(source->info(0).height, 480);
  EXPECT_EQ(source->info(0).width, 640);
  check_crops(folder, 8);
}

TEST(RealData, FashionMnist) {
  const fs::path folder = test::real_data("fashion-mnist");
  NEEDS(folder);
  const auto train = open_source(folder), test = open_source(folder, {.split = "test"});
  EXPECT_EQ(train->size(), 60000);
  EXPECT_EQ(test->size(), 10000);
  std::vector<int> counts(10);
  for (int64_t i = 0; i < test->size(); ++i) ++counts[static_cast<size_t>(test->label(i))];
  EXPECT_EQ(counts, std::vector<int>(10, 1000));
  EXPECT_EQ(train->label(0), 9);  // an ankle boot
}

TEST(RealData, Cifar10) {
  const fs::path folder = test::real_data("cifar-10");
  NEEDS(folder / "test_batch.bin");
  const auto train = open_source(folder), test = open_source(folder, {.split = "test"});
  EXPECT_EQ(train->size(), 50000);
  EXPECT_EQ(test->size(), 10000);
  double sums[3] = {};
  Image storage;
  Box got;
  for (int64_t i = 0; i < train->size(); ++i) {
    const ImageView view = train->read(i, nullptr, storage, got);
    for (int p = 0; p < 32 * 32 * 3; ++p) sums[p % 3] += view.row<uint8_t>(0)[p];
  }
  const double scale = 1.0 / (50000.0 * 1024 * 255);
  EXPECT_NEAR(sums[0] * scale, 0.4914, 5e-5);
  EXPECT_NEAR(sums[1] * scale, 0.4822, 5e-5);
  EXPECT_NEAR(sums[2] * scale, 0.4465, 5e-5);
}

TEST(RealData, FacesInPgm) {
  const fs::path folder = test::real_data("orl-faces");
  NEEDS(folder);
  const auto source = open_source(folder);
  EXPECT_EQ(source->size(), 400);
  EXPECT_EQ(source->class_names().size(), 40u);
  Image storage;
  Box got;
  for (int64_t i = 0; i < source->size(); ++i) {
    const ImageView view = source->read(i, nullptr, storage, got);
    ASSERT_EQ(view.channels, 1);
    ASSERT_EQ(view.height, 112);
    ASSERT_EQ(view.width, 92);
  }
}

}  // namespace
}  // namespace vistas::vision
