#include <gtest/gtest.h>

#include "support/pictures.h"
#include "vistas/vision/sources/source.h"

namespace vistas::vision {
namespace {

using Names = std::vector<std::string>;

// Byte p of plane c of record i.
uint8_t value(int i, int c, int p) {
  return static_cast<uint8_t>(i * 31 + c * 77 + p);
}

std::string batch(int first, int count, int label_bytes) {
  std::string bytes;
  for (int i = first; i < first + count; ++i) {
    if (label_bytes == 2) bytes += static_cast<char>(i % 20);
    bytes += static_cast<char>(i % 10);
    for (int c = 0; c < 3; ++c) {
      for (int p = 0; p < 1024; ++p) bytes += static_cast<char>(value(i, c, p));
    }
  }
  return bytes;
}

void expect_record(const ImageSource& source, int64_t at, int i) {
  Image storage;
  Box got;
  const ImageView view = source.read(at, nullptr, storage, got);
  EXPECT_EQ(got, (Box{0, 0, 32, 32}));
  EXPECT_EQ(source.label(at), i % 10);
  for (int p = 0; p < 1024; ++p) {
    for (int c = 0; c < 3; ++c) {
      ASSERT_EQ(view.row<uint8_t>(p / 32)[p % 32 * 3 + c], value(i, c, p));
    }
  }
}

TEST(Cifar10, FolderWithSplits) {
  const TempFolder folder;
  folder.write("data_batch_1.bin", batch(0, 3, 1));
  folder.write("data_batch_2.bin", batch(3, 4, 1));
  folder.write("test_batch.bin", batch(7, 2, 1));
  EXPECT_EQ(splits_of(folder.path()), (Names{"train", "test"}));
  const auto train = open_source(folder.path());
  ASSERT_EQ(train->size(), 7);
  for (int i = 0; i < 7; ++i) expect_record(*train, i, i);
  EXPECT_EQ(train->name(4), "data_batch_2.bin#1");
  EXPECT_EQ(train->class_names().front(), "airplane");
  const auto test = open_source(folder.path(), {.split = "test"});
  ASSERT_EQ(test->size(), 2);
  expect_record(*test, 1, 8);
  EXPECT_NE(fingerprint(*train), fingerprint(*test));
}

TEST(Cifar10, OneFileAndGrey) {
  const TempFolder folder;
  const auto path = folder.write("mine.bin", batch(0, 2, 1));
  const auto source = open_source(path, {.channels = "grey"});
  EXPECT_EQ(source->size(), 2);
  EXPECT_EQ(source->info(0).channels, 1);
  Image storage;
  Box got;
  const ImageView view = source->read(1, nullptr, storage, got);
  EXPECT_EQ(view.channels, 1);
  EXPECT_EQ(
      view.row<uint8_t>(0)[0],
      (value(1, 0, 0) * 19595 + value(1, 1, 0) * 38470 + value(1, 2, 0) * 7471 + 0x8000) >> 16);
}

TEST(Cifar100, FineLabels) {
  const TempFolder folder;
  folder.write("train.bin", batch(0, 5, 2));
  folder.write("test.bin", batch(5, 1, 2));
  const auto source = open_source(folder.path());
  ASSERT_EQ(source->size(), 5);
  EXPECT_EQ(source->class_names().size(), 100u);
  expect_record(*source, 3, 3);
}

TEST(Cifar10, BrokenFilesAreErrors) {
  const TempFolder folder;
  const std::string good = batch(0, 2, 1);
  for (const size_t n : {size_t{1}, size_t{3072}, size_t{3074}, good.size() - 1}) {
    const auto path = folder.write("data_batch_1.bin", good.substr(0, n));
    const std::string error = error_of([&] { open_source(path); });
    EXPECT_NE(error.find("data_batch_1.bin"), error.npos) << n << error;
  }
  std::string wrong = good;
  wrong[3073] = 10;
  const std::string error = error_of([&] { open_source(folder.write("data_batch_1.bin", wrong)); });
  EXPECT_NE(error.find("record 1"), error.npos) << error;
}

}  // namespace
}  // namespace vistas::vision
