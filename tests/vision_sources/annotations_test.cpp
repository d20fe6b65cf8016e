// Options, files by their paths, and the annotations of real data sets.
#include <gtest/gtest.h>

#include "support/annotated.h"
#include "support/real_data.h"
#include "vistas/vision/sources/source.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

TEST(Annotations, OptionsHaveTheirChoices) {
  AnnotationOptions options;
  Fields fields = fields_of(options);
  fields.set_all(parse_assignment("on_bad_annotation=fail"));
  EXPECT_EQ(options.on_bad_annotation, "fail");
  expect_error([&] { fields.set_all(parse_assignment("layout=none")); }, "layout",
               ErrorKind::usage);
}

TEST(OpenFiles, IsExactlyTheseFilesInThisOrder) {
  const TempFolder folder;
  const fs::path b = folder.write("x/b.png", picture(5, 6));
  const fs::path a = folder.write("y/a.png", picture(7, 8));
  const auto source = open_files({b, a, b});
  EXPECT_EQ(source->size(), 3);
  EXPECT_EQ(source->name(0), "x/b.png");
  EXPECT_EQ(source->name(1), "y/a.png");
  EXPECT_EQ(source->info(1).height, 7);
  EXPECT_EQ(source->label(0), -1);
  EXPECT_FALSE(source->labelled());
  EXPECT_EQ(open_files({b})->name(0), "b.png");
  const auto missing = open_files({b, folder.path() / "none.png"}, {.cache_mb = 1});
  EXPECT_EQ(missing->size(), 2);
  expect_error([&] { missing->info(1); }, "none.png: cannot open");
  expect_error([] { open_files({}); }, "no picture files");
}

size_t box_count(const BoxedPictures& read) {
  size_t count = 0;
  for (const auto& boxes : read.boxes) count += boxes.size();
  return count;
}

TEST(RealAnnotations, BloodCells) {
  const fs::path folder = test::real_data("bccd");
  NEEDS(folder);
  EXPECT_EQ(box_splits(folder), (Names{"train", "val", "test", "trainval"}));
  size_t boxes = 0;
  std::vector<size_t> pictures;
  std::vector<double> sums;
  int64_t empty = 0;
  for (const char* split : {"train", "val", "test"}) {
    const BoxedPictures read = read_boxes(folder, {.split = split});
    EXPECT_EQ(read.class_names, (Names{"Platelets", "RBC", "WBC"}));
    pictures.push_back(read.pictures.size());
    boxes += box_count(read);
    sums.push_back(0);
    for (const auto& of_one : read.boxes) {
      for (const ObjectBox& b : of_one) sums.back() += b.left + b.top + b.right + b.bottom;
    }
    for (const auto& [kind, count] : read.problems.kinds) empty += kind == "empty box" ? count : 9;
  }
  EXPECT_EQ(pictures, (std::vector<size_t>{205, 87, 72}));
  EXPECT_EQ(boxes, 4886u);
  EXPECT_EQ(sums, (std::vector<double>{3140676, 1283596, 1062864}));  // by another XML reader
  EXPECT_EQ(empty, 2);
}

TEST(RealAnnotations, CocoInYoloLayout) {
  const fs::path folder = test::real_data("coco128-half");
  NEEDS(folder);
  for (const fs::path& path : {folder, folder / "object_detection"}) {
    EXPECT_EQ(box_splits(path), (Names{"train", "val"}));
    const BoxedPictures train = read_boxes(path), val = read_boxes(path, {.split = "val"});
    EXPECT_EQ(train.pictures.size(), 128u);
    EXPECT_EQ(val.pictures.size(), 128u);
    // Of 941; two of the label files of train have no picture.
    EXPECT_EQ(kinds(train.problems), "2 annotations were left out: 2 missing pictures");
    EXPECT_EQ(box_count(train), 941u - 3 - 9);
    EXPECT_EQ(val.problems.summary(), "");
    EXPECT_EQ(box_count(val), 898u);
    for (const BoxedPictures* read : {&train, &val}) {
      EXPECT_EQ(read->class_names.size(), 80u);
      EXPECT_EQ(read->class_names[45], "bowl");
    }
  }
}

TEST(RealAnnotations, CamVid) {
  const fs::path folder = test::real_data("camvid-240x180");
  NEEDS(folder);
  EXPECT_EQ(mask_splits(folder), (Names{"train", "val", "test"}));
  std::vector<size_t> pictures;
  std::vector<int64_t> pixels(12);
  for (const char* split : {"train", "val", "test"}) {
    const MaskedPictures read = read_mask_list(folder, {.split = split});
    EXPECT_EQ(read.class_names.size(), 11u);
    EXPECT_EQ(read.ignore, 11);
    EXPECT_EQ(read.problems.count, 0);
    pictures.push_back(read.pictures.size());
    Image image;
    for (const fs::path& file : read.masks) {
      read_mask(file, image);
      for (size_t i = 0; i < image.size_bytes(); ++i) ++pixels.at(image.row<uint8_t>(0)[i]);
    }
  }
  EXPECT_EQ(pictures, (std::vector<size_t>{184, 51, 117}));
  EXPECT_NEAR(static_cast<double>(pixels[3]) / (352 * 240 * 180), 0.29, 0.01);  // road
}

TEST(RealAnnotations, CocoMasks) {
  const fs::path folder = test::real_data("coco128-half");
  NEEDS(folder);
  for (const char* split : {"train", "val"}) {
    const MaskedPictures read = read_mask_list(folder, {.split = split});
    EXPECT_EQ(read.layout, "folders");
    EXPECT_EQ(read.pictures.size(), 100u);
    EXPECT_EQ(read.ignore, 0);
    EXPECT_EQ(read.class_names.at(1), "person");
    EXPECT_EQ(read.problems.count, 28);  // of 128 pictures
    Image mask_image;
    const auto source = open_files(read.pictures);
    for (size_t i = 0; i < read.masks.size(); ++i) {
      read_mask(read.masks[i], mask_image);
      EXPECT_EQ(mask_image.width(), source->info(static_cast<int64_t>(i)).width);
    }
  }
}

}  // namespace
}  // namespace vistas::vision
