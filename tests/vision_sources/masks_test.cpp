// Masks, and the data sets that have them.
#include <gtest/gtest.h>

#include "support/annotated.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

TEST(Masks, HoldIndicesAsTheyAreStored) {
  const TempFolder folder;
  const auto rows = [&](const PngForm& form, const Names& packed) {
    Image image;
    read_mask(folder.write("m.png", png_file(form, packed)), image);
    EXPECT_EQ(image.channels(), 1);
    EXPECT_EQ(image.type(), PixelType::u8);
    std::vector<std::vector<int>> out;
    for (int y = 0; y < image.height(); ++y) {
      out.emplace_back(image.row<uint8_t>(y), image.row<uint8_t>(y) + image.width());
    }
    return out;
  };
  using Rows = std::vector<std::vector<int>>;
  const std::vector<png_color> colours(4, {200, 100, 50});
  EXPECT_EQ(rows({.height = 2, .width = 3}, {std::string("\0\1\377", 3), "abc"}),
            (Rows{{0, 1, 255}, {97, 98, 99}}));
  EXPECT_EQ(rows({.width = 5, .bits = 1}, {"\xA8"}), (Rows{{1, 0, 1, 0, 1}}));
  EXPECT_EQ(rows({.width = 3, .bits = 4}, {"\x1F\x20"}), (Rows{{1, 15, 2}}));
  for (const bool interlaced : {false, true}) {
    EXPECT_EQ(rows({.width = 4,
                    .bits = 2,
                    .colour = PNG_COLOR_TYPE_PALETTE,
                    .interlaced = interlaced,
                    .palette = colours,
                    .palette_alpha = {0}},
                   {"\x1B"}),
              (Rows{{0, 1, 2, 3}}));
  }
  EXPECT_EQ(rows({.width = 2, .colour = PNG_COLOR_TYPE_PALETTE, .palette = colours}, {"\3\1"}),
            (Rows{{3, 1}}));
}

TEST(Masks, OtherPicturesAreErrors) {
  const TempFolder folder;
  Image image;
  const auto read = [&](const std::string& content) {
    const fs::path file = folder.write("m.png", content);
    return test::error_of([&] { read_mask(file, image); });
  };
  EXPECT_NE(read(picture()).find("m.png: no mask: got 3 channels of 8 bits, expected one channel"),
            std::string::npos);
  EXPECT_NE(read(png_file({.bits = 16}, {"ab"})).find("1 channels of 16 bits"), std::string::npos);
  EXPECT_NE(read(jpeg_file(test_picture(3, 4, 1))).find("expected a PNG file"), std::string::npos);
  EXPECT_NE(read(mask("abc").substr(0, 50)).find("m.png"), std::string::npos);
  EXPECT_NE(read("").find("expected a PNG file"), std::string::npos);
}

// A data set with lists and folders for train, and a folder alone for val.
struct CamvidFolder {
  CamvidFolder() {
    for (const char* file : {"train/a", "train/b", "val/c"}) {
      const std::string stem = file, split = stem.substr(0, stem.find('/'));
      folder.write(stem + ".png", picture(1, 3));
      folder.write(split + "annot" + stem.substr(split.size()) + ".png", mask("\1\2\3"));
    }
    folder.write("train.txt",
                 "train/b.png trainannot/b.png\n/Old/train/a.png "
                 "/Old/trainannot/a.png\n");
    folder.write("readme.txt", "two words\n");
    folder.write("classes.txt", "sky\nroad\nUnlabelled\n");
  }
  TempFolder folder;
};

TEST(MasksCamvid, ReadsListsAndFolders) {
  const CamvidFolder camvid;
  EXPECT_EQ(mask_splits(camvid.folder.path()), (Names{"train", "val"}));
  const MaskedPictures train = read_mask_list(camvid.folder.path());
  EXPECT_EQ(train.layout, "camvid");
  EXPECT_EQ(train.split, "train");
  EXPECT_EQ(train.class_names, (Names{"sky", "road"}));
  EXPECT_EQ(train.ignore, 2);
  const fs::path root = camvid.folder.path();
  EXPECT_EQ(train.pictures, (std::vector{root / "train/b.png", root / "train/a.png"}));
  EXPECT_EQ(train.masks, (std::vector{root / "trainannot/b.png", root / "trainannot/a.png"}));
  const MaskedPictures val = read_mask_list(root, {.split = "val"});
  EXPECT_EQ(val.pictures, (std::vector{root / "val/c.png"}));
  EXPECT_EQ(val.masks, (std::vector{root / "valannot/c.png"}));
  EXPECT_EQ(val.problems.count, 0);
}

TEST(MasksCamvid, AnIgnoredClassInTheMiddleKeepsItsPlace) {
  const CamvidFolder camvid;
  camvid.folder.write("classes.txt", "void\nsky\nroad\n");
  MaskedPictures read = read_mask_list(camvid.folder.path());
  EXPECT_EQ(read.class_names, (Names{"void", "sky", "road"}));
  EXPECT_EQ(read.ignore, 0);
  camvid.folder.write("classes.txt", "sky\nroad\n");
  read = read_mask_list(camvid.folder.path());
  EXPECT_EQ(read.class_names, (Names{"sky", "road"}));
  EXPECT_EQ(read.ignore, 255);
  fs::remove(camvid.folder.path() / "classes.txt");
  expect_error([&] { read_mask_list(camvid.folder.path()); }, "classes.txt: missing");
}

TEST(MasksCamvid, BadPairsAreCountedOrAnError) {
  const std::pair<std::string, std::string> cases[] = {
      {"train/d.png trainannot/b.png", "missing picture"},
      {"train/a.png trainannot/d.png", "missing mask"},
      {"train/b.png trainannot/b.png", "picture listed twice"},
      {"train/b.png", "malformed line"},
  };
  for (const auto& [line, kind] : cases) {
    const CamvidFolder camvid;
    camvid.folder.write("train.txt", "train/b.png trainannot/b.png\n\n" + line + "\n");
    const MaskedPictures read = read_mask_list(camvid.folder.path());
    EXPECT_EQ(read.pictures.size(), 1u);
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + kind);
    expect_error([&] { read_mask_list(camvid.folder.path(), kFail); }, "train.txt:3: " + kind);
  }
  const CamvidFolder camvid;
  camvid.folder.write("val/d.png", picture());
  camvid.folder.write("valannot/e.png", mask("a"));
  camvid.folder.write("val/c.jpg", jpeg_file(test_picture(1, 3, 3)));
  camvid.folder.write("val/f.png", picture());
  camvid.folder.write("valannot/f.png", mask("a"));
  EXPECT_EQ(kinds(read_mask_list(camvid.folder.path(), {.split = "val"}).problems),
            "3 annotations were left out: 1 picture listed twice, 1 missing mask, 1 missing "
            "picture");
}

TEST(MasksVoc, ReadsASplit) {
  const TempFolder folder;
  for (const char* stem : {"a", "b", "c"}) {
    folder.write(fmt::format("JPEGImages/{}.jpg", stem), jpeg_file(test_picture(1, 3, 3)));
    folder.write(fmt::format("SegmentationClass/{}.png", stem), mask("\1\2\3"));
  }
  EXPECT_EQ(read_mask_list(folder.path()).pictures.size(), 3u);
  folder.write("ImageSets/Segmentation/train.txt", "c\nb\nd\n");
  folder.write("ImageSets/Segmentation/val.txt", "a\n");
  const MaskedPictures read = read_mask_list(folder.path());
  EXPECT_EQ(read.layout, "voc");
  EXPECT_EQ(read.pictures.size(), 2u);
  EXPECT_EQ(read.masks.at(0), folder.path() / "SegmentationClass/c.png");
  EXPECT_EQ(read.class_names.size(), 21u);
  EXPECT_EQ(read.class_names[15], "person");
  EXPECT_EQ(read.ignore, 255);
  EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 missing picture");
  folder.write("classes.txt", "ground\nroof\n");
  EXPECT_EQ(read_mask_list(folder.path()).class_names, (Names{"ground", "roof"}));
}

TEST(MasksFolders, ReadsWhatAYamlFileTells) {
  const TempFolder folder;
  for (const char* stem : {"a", "b"}) {
    folder.write(fmt::format("images/train2017/{}.png", stem), picture(1, 3));
  }
  folder.write("images/val2017/c.png", picture(1, 3));
  folder.write("seg/masks/train2017/b.png", mask("\1\2\3"));
  folder.write("seg/masks/val2017/c.png", mask("\1\2\3"));
  const std::string classes = "classes:\n  0: unlabeled\n  1: sky\n  3: road\n";
  folder.write("seg/config.yaml",
               "train:\n  images: ../images/train2017\n  masks: masks/train2017\nval:\n  images: "
               "../images/val2017\n  masks: masks/val2017\n\n" +
                   classes);
  EXPECT_EQ(mask_splits(folder.path()), (Names{"train", "val"}));
  for (const fs::path& path : {folder.path(), folder.path() / "seg"}) {
    const MaskedPictures read = read_mask_list(path);
    EXPECT_EQ(read.layout, "folders");
    EXPECT_EQ(read.split, "train");
    EXPECT_EQ(read.class_names, (Names{"unlabeled", "sky", "2", "road"}));
    EXPECT_EQ(read.ignore, 0);
    EXPECT_EQ(read.pictures, (std::vector{folder.path() / "images/train2017/b.png"}));
    EXPECT_EQ(read.masks, (std::vector{folder.path() / "seg/masks/train2017/b.png"}));
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 missing mask");
  }
  folder.write("seg/config.yaml", classes);  // the folders alone tell the same
  EXPECT_EQ(mask_splits(folder.path() / "seg"), (Names{"train", "val"}));
  EXPECT_EQ(read_mask_list(folder.path(), {.split = "val2017"}).pictures.size(), 1u);
  fs::remove(folder.path() / "seg/config.yaml");
  expect_error([&] { read_mask_list(folder.path() / "seg"); }, "no names of classes");
  folder.write("seg/classes.txt", "sky\nroad\n");
  EXPECT_EQ(read_mask_list(folder.path() / "seg").class_names, (Names{"sky", "road"}));
}

TEST(MasksFolders, YamlErrorsNameTheLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"classes:\n  0: sky\n  0: road\n", "c.yaml:3: names of classes: got index 0 again"},
      {"classes:\n  -1: sky\n", "c.yaml:2: names of classes: got the index '-1'"},
      {"classes:\n  99999999: sky\n", "the index '99999999'"},
      {"classes:\n  0: [sky]\n", "c.yaml:2: names of classes: got no text"},
      {"classes: 3\n", "c.yaml:1: names of classes: got neither"},
      {"a: 1\nclasses: [sky\n", "c.yaml:3: not valid YAML"},
      {std::string(2 << 20, '#'), "no description of a data set: got 2097152 bytes"},
  };
  const TempFolder folder;
  for (const auto& [content, message] : cases) {
    folder.write("c.yaml", content);
    expect_error([&] { read_mask_list(folder.path()); }, message);
  }
}

}  // namespace
}  // namespace vistas::vision
