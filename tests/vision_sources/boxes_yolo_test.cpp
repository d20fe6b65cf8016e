// Boxes of YOLO's label files.
#include <gtest/gtest.h>

#include "support/annotated.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

// A data set with labels and its description in yolo/, pictures beside that.
struct YoloFolder {
  YoloFolder() {
    for (const char* file : {"train2017/a", "train2017/b", "val2017/c"}) {
      folder.write(std::string("images/") + file + ".png", picture());
    }
    label("train2017/a", "2 0.5 0.5 0.5 1\r\n\n0.0\t0.25 0.5 0.1 0.2 \n");
    label("val2017/c", "3 0.5 0.5 1 1\n");
    folder.write("yolo/config.yaml",
                 "path: .\ntrain: images/train2017\nval: images/val2017\nnames:\n  0: cat\n  2: "
                 "dog\n  3: emu\n");
  }
  fs::path label(const std::string& stem, const std::string& lines) const {
    return folder.write("yolo/labels/" + stem + ".txt", lines);
  }
  BoxedPictures read(const AnnotationOptions& options = {}) const {
    return read_boxes(folder.path(), options);
  }
  TempFolder folder;
};

TEST(BoxesYolo, ReadsSplits) {
  const YoloFolder yolo;
  for (const fs::path& path : {yolo.folder.path(), yolo.folder.path() / "yolo"}) {
    EXPECT_EQ(box_splits(path), (Names{"train", "val"}));
    const BoxedPictures train = read_boxes(path, kFail);
    EXPECT_EQ(train.layout, "yolo");
    EXPECT_EQ(train.split, "train");
    EXPECT_EQ(train.class_names, (Names{"cat", "1", "dog", "emu"}));
    ASSERT_EQ(train.pictures.size(), 2u);
    EXPECT_EQ(train.pictures[1], yolo.folder.path() / "images/train2017/b.png");
    EXPECT_EQ(box_texts(train.boxes[0]), (Names{"2: 10 0 30 30", "0: 8 12 12 18"}));
    EXPECT_TRUE(train.boxes[1].empty());  // without a label file
    EXPECT_EQ(box_texts(read_boxes(path, {.split = "val"}).boxes.at(0)), (Names{"3: 0 0 40 30"}));
  }
}

TEST(BoxesYolo, FoldersAloneTellTheSame) {
  const YoloFolder yolo;
  const fs::path root = yolo.folder.path() / "yolo";
  fs::remove(root / "config.yaml");
  EXPECT_EQ(box_splits(root), (Names{"train", "val"}));
  EXPECT_EQ(read_boxes(root).class_names, (Names{"0", "1", "2", "3"}));  // of all splits
  EXPECT_EQ(read_boxes(root, {.split = "val2017"}).split, "val");
  yolo.folder.write("yolo/labels/classes.txt", "cat\ncow\ndog\nemu\n");
  EXPECT_EQ(read_boxes(root).class_names, (Names{"cat", "cow", "dog", "emu"}));
  yolo.folder.write("yolo/classes.txt", "1\n2\n3\n");
  EXPECT_EQ(read_boxes(root).class_names, (Names{"1", "2", "3"}));
}

TEST(BoxesYolo, WithoutSplitsReadsOneFolder) {
  const TempFolder folder;
  folder.write("images/a.png", picture());
  folder.write("labels/a.txt",
               "\xEF\xBB\xBF"
               "0 0.5 0.5 1 1\n");
  folder.write("labels/classes.txt", "cat\n");
  EXPECT_EQ(box_splits(folder.path()), Names{});
  const BoxedPictures read = read_boxes(folder.path(), kFail);
  EXPECT_EQ(read.split, "");
  EXPECT_EQ(box_texts(read.boxes.at(0)), (Names{"0: 0 0 40 30"}));
}

TEST(BoxesYolo, FoldersOfASplitMayHoldBoth) {  // as Roboflow exports them
  const TempFolder folder;
  for (const char* split : {"train", "valid"}) {
    folder.write(fmt::format("{}/images/a.png", split), picture());
    folder.write(fmt::format("{}/labels/a.txt", split), "1 0.5 0.5 1 1\n");
  }
  folder.write("data.yaml", "train: ../train/images\nval: ../valid/images\nnames: [cat, dog]\n");
  EXPECT_EQ(box_splits(folder.path()), (Names{"train", "val"}));
  const BoxedPictures read = read_boxes(folder.path(), {.split = "val"});
  EXPECT_EQ(read.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(read.pictures, (std::vector{folder.path() / "valid/images/a.png"}));
}

TEST(BoxesYolo, BadLinesAreCountedOrAnError) {
  const struct {
    std::string line, kind, got;
  } cases[] = {
      {"2 0.5 0.5 0 0.1", "empty box", "20, 13.5 to 20, 16.5"},
      {"2 0.5 0.5 0.1 -1", "empty box", ""},
      {"2 1.5 0.5 0.1 0.1", "box outside its picture", "58, 13.5 to 62, 16.5 in 40 x 30"},
      {"2 20 15 8 6", "box outside its picture", "640, 360 to 960, 540"},
      {"2 nan 0.5 0.1 0.1", "box without numbers", ""},
      {"2 0.5 0.5 inf 0.1", "box without numbers", ""},
      {"2 0.5 0.5 1e308 0.1", "box without numbers", ""},
      {"2 a b c d", "box without numbers", "nan"},
      {"2 0.5 0.5 0.1", "malformed line", "4 fields instead of 'class cx cy w h'"},
      {"2 0.1 0.1 0.2 0.1 0.2 0.3", "malformed line", "7 fields"},
      {"1 0.5 0.5 0.1 0.1", "unknown class", "'1'"},
      {"4 0.5 0.5 0.1 0.1", "unknown class", "'4'"},
      {"-1 0.5 0.5 0.1 0.1", "unknown class", "'-1'"},
      {"1.5 0.5 0.5 0.1 0.1", "unknown class", "'1.5'"},
      {"1e300 0.5 0.5 0.1 0.1", "unknown class", "'1e300'"},
      {"dog 0.5 0.5 0.1 0.1", "unknown class", "'dog'"},
  };
  for (const auto& c : cases) {
    const YoloFolder yolo;
    const fs::path file = yolo.label("train2017/a", "0 0.5 0.5 1 1\n\n" + c.line + "\n");
    const BoxedPictures read = yolo.read();
    EXPECT_EQ(box_texts(read.boxes.at(0)), (Names{"0: 0 0 40 30"}));
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + c.kind);
    const std::string place = fmt::format("{}:3: {}: got {}", file.string(), c.kind, c.got);
    EXPECT_TRUE(read.problems.first.at(0).starts_with(place)) << read.problems.first[0];
    expect_error([&] { yolo.read(kFail); }, place);
  }
}

TEST(BoxesYolo, BadFilesAreCountedOrAnError) {
  const YoloFolder yolo;
  yolo.label("train2017/d", "0 0.5 0.5 1 1\n");
  yolo.label("train2017/e", "0 0.5 0.5 1 1\n");
  yolo.folder.write("images/train2017/a.jpg", jpeg_file(test_picture(20, 20, 3)));
  yolo.folder.write("images/train2017/d.png", "bad");
  const BoxedPictures read = yolo.read();
  EXPECT_EQ(read.pictures.size(), 2u);
  EXPECT_EQ(box_texts(read.boxes[0]).at(0), "2: 5 0 15 20");
  EXPECT_EQ(kinds(read.problems),
            "3 annotations were left out: 1 picture listed twice, 1 unreadable picture, 1 missing "
            "picture");
  expect_error([&] { yolo.read(kFail); }, "a.png: picture listed twice");
}

TEST(BoxesYolo, PolygonsAreNoBoxes) {
  const YoloFolder yolo;
  yolo.label("train2017/a", "0 0.1 0.1 0.2 0.1 0.2 0.3\n");
  fs::remove_all(yolo.folder.path() / "yolo/labels/val2017");
  expect_error([&] { yolo.read(); }, "labels/SPLIT/*.txt of lines 'class cx cy w h'");
}

}  // namespace
}  // namespace vistas::vision
