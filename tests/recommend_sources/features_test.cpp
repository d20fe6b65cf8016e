#include "vistas/recommend/sources/features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <span>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/base/tensor_file.h"

namespace vistas::recommend {
namespace {

class FeaturesTest : public testing::Test {
 protected:
  FeaturesTest() {
    for (const char* id : {"a", "b", "c"}) ids_.add(id);
  }
  std::filesystem::path embeddings(const std::string& names, const char* tensor,
                                   const std::vector<float>& values, int64_t rows) {
    const auto path = folder_.path() / "e.safetensors";
    const auto bytes = std::as_bytes(std::span(names));
    write_tensor_file(path, {{"embeddings",
                              DType::f32,
                              {rows, static_cast<int64_t>(values.size()) / rows},
                              std::as_bytes(std::span(values))},
                             {tensor, DType::u8, {static_cast<int64_t>(bytes.size())}, bytes}});
    return path;
  }

  test::TempFolder folder_;
  IdTable ids_;
};

TEST_F(FeaturesTest, NumbersHaveMeanZeroAndVarianceOne) {
  const auto file =
      folder_.write("items.tsv", "item\tgenre\tprice\na\tx|y\t1\nc\ty\t3\nz\tx\t100\n");
  FeatureReport report;
  const Features f = read_features(file, ids_, &report);
  EXPECT_EQ(f.starts, (std::vector<int64_t>{0, 2, 2, 3}));
  EXPECT_EQ(f.categories, 2);
  EXPECT_EQ(f.number, (std::vector<float>{-1, 0, 1})) << "b has no price";
  EXPECT_EQ(report.described, 2);
  EXPECT_EQ(report.unknown, 1);
  write_features(folder_.path() / "f.safetensors", f);
  const Features again = read_written_features(folder_.path() / "f.safetensors");
  EXPECT_EQ(again.starts, f.starts);
  EXPECT_EQ(again.category, f.category);
  EXPECT_EQ(again.number, f.number);
  EXPECT_EQ(again.categories, 2);
  EXPECT_EQ(again.width, 1);
}

TEST_F(FeaturesTest, EmbeddingsOfAnotherRunAreMatchedByName) {
  using namespace std::string_literals;
  const std::vector<float> values{3, 4, 0, 2, 5, 5};
  FeatureReport report;
  Features f = read_features(embeddings("c\0a\0nobody\0"s, "texts", values, 3), ids_, &report);
  EXPECT_EQ(f.width, 2);
  EXPECT_EQ(f.number, (std::vector<float>{0, 1, 0, 0, 0.6F, 0.8F}));
  EXPECT_EQ(report.undescribed, 1);
  EXPECT_EQ(report.unknown, 1);
  f = read_features(embeddings("photos/c.jpg\0x/a.png\0b\0"s, "paths", values, 3), ids_);
  EXPECT_EQ(f.number[4], 0.6F);
  EXPECT_EQ(f.number[1], 1);
}

TEST_F(FeaturesTest, SaysWhatIsWrong) {
  using namespace std::string_literals;
  test::expect_error(
      [&] {
        read_features(embeddings("x\0y\0"s, "texts", {1, 2}, 2), ids_);
      },
      "2 ids, none of them in the interactions");
  test::expect_error(
      [&] {
        read_features(embeddings("a\0"s, "texts", {1, 2}, 2), ids_);
      },
      "a row for each name");
  test::expect_error(
      [&] {
        read_features(embeddings("a\0b\0"s, "labels", {1, 2}, 2), ids_);
      },
      "no tensor of names");
  Features f;
  f.starts = {0, 1};
  f.category = {7};
  f.categories = 2;
  write_features(folder_.path() / "f.safetensors", f);
  test::expect_error([&] { read_written_features(folder_.path() / "f.safetensors"); },
                     "out of order");
}

}  // namespace
}  // namespace vistas::recommend
