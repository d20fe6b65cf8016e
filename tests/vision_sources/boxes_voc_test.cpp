// Boxes of Pascal VOC, and what the readers of all layouts do alike.
#include <gtest/gtest.h>

#include "support/annotated.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

std::string voc_object(const std::string& name, const std::string& corners,
                       const std::string& more = "") {
  const char* tags[] = {"xmin", "ymin", "xmax", "ymax"};
  std::string box;
  size_t at = 0;
  for (const char* tag : tags) {
    const size_t end = std::min(corners.find(' ', at), corners.size());
    box += fmt::format("<{0}>{1}</{0}>", tag, corners.substr(at, end - at));
    at = std::min(end + 1, corners.size());
  }
  return fmt::format("<object>\n<name>{}</name>{}<bndbox>{}</bndbox>\n</object>\n", name, more,
                     box);
}

std::string voc_file(const std::string& objects, const std::string& head = "") {
  return "<annotation>\n" + head + objects + "</annotation>\n";
}

const std::string kSize = "<size><width>40</width><height>30</height><depth>3</depth></size>\n";

// A data set in the folder VOC with pictures a, b and c.
struct VocFolder {
  VocFolder() {
    for (const char* name : {"a", "b", "c"}) {
      folder.write(fmt::format("VOC/JPEGImages/{}.png", name), picture());
    }
    annotate("a", voc_object("dog", "1 2 11 12") + voc_object("cat", "0.5 0 40 30"));
    annotate("b", "");
    annotate("c", voc_object("emu", "3 4 5 6", "<difficult>1</difficult>"));
    list("train", "a\nb\n");
    list("val2012", "c\r\n\n");
    list("dog_train", "a  1\nb -1\n");
  }
  fs::path annotate(const std::string& stem, const std::string& objects) const {
    return folder.write("VOC/Annotations/" + stem + ".xml", voc_file(objects, kSize));
  }
  void list(const std::string& split, const std::string& lines) const {
    folder.write("VOC/ImageSets/Main/" + split + ".txt", lines);
  }
  BoxedPictures read(const AnnotationOptions& options = {}) const {
    return read_boxes(folder.path(), options);
  }

  TempFolder folder;
};

TEST(BoxesVoc, ReadsASplit) {
  const VocFolder voc;
  const BoxedPictures train = voc.read();
  EXPECT_EQ(train.layout, "voc");
  EXPECT_EQ(train.split, "train");
  EXPECT_EQ(train.root, voc.folder.path());
  EXPECT_EQ(train.class_names, (Names{"cat", "dog", "emu"}));  // of all splits
  ASSERT_EQ(train.pictures.size(), 2u);
  EXPECT_EQ(train.pictures[1], voc.folder.path() / "VOC/JPEGImages/b.png");
  EXPECT_EQ(box_texts(train.boxes[0]), (Names{"1: 1 2 11 12", "0: 0.5 0 40 30"}));
  EXPECT_TRUE(train.boxes[1].empty());
  EXPECT_EQ(train.problems.summary(), "");
}

TEST(BoxesVoc, SplitsAreNamedWithoutTheirYear) {
  const VocFolder voc;
  EXPECT_EQ(box_splits(voc.folder.path()), (Names{"train", "val"}));  // no dog_train
  for (const char* name : {"val", "val2012"}) {
    const BoxedPictures val = voc.read({.split = name});
    EXPECT_EQ(val.split, "val");
    EXPECT_EQ(val.class_names, (Names{"cat", "dog", "emu"}));
    EXPECT_EQ(box_texts(val.boxes.at(0)), (Names{"2: 3 4 5 6 difficult"}));
  }
  expect_error([&] { voc.read({.split = "test"}); }, "no split 'test': expected train, val",
               ErrorKind::usage);
  voc.list("val2007", "a\n");
  EXPECT_EQ(box_splits(voc.folder.path()), (Names{"train", "val2007", "val2012"}));
}

TEST(BoxesVoc, WithoutListsReadsEveryAnnotation) {
  const VocFolder voc;
  fs::remove_all(voc.folder.path() / "VOC/ImageSets");
  EXPECT_EQ(box_splits(voc.folder.path()), Names{});
  EXPECT_EQ(voc.read().pictures.size(), 3u);
  expect_error([&] { voc.read({.split = "train"}); }, "it has none", ErrorKind::usage);
}

TEST(BoxesVoc, BoxesAreCutToTheirPicture) {
  const VocFolder voc;
  voc.annotate("a", voc_object("dog", "-5 -1e300 1e300 12"));
  EXPECT_EQ(box_texts(voc.read().boxes[0]), (Names{"0: 0 0 40 12"}));
}

TEST(BoxesVoc, SizeComesFromThePictureWhereItIsNotGiven) {
  const VocFolder voc;
  for (const std::string size : {"", "<size><width>0</width><height>-2</height></size>"}) {
    voc.folder.write("VOC/Annotations/a.xml", voc_file(voc_object("dog", "1 2 100 12"), size));
    EXPECT_EQ(box_texts(voc.read().boxes[0]), (Names{"0: 1 2 40 12"}));
  }
  voc.folder.write("VOC/JPEGImages/a.png", "no picture");
  voc.list("train", "a\nc\n");
  EXPECT_EQ(kinds(voc.read().problems), "1 annotation was left out: 1 unreadable picture");
}

TEST(BoxesVoc, BadBoxesAreCountedOrAnError) {
  const struct {
    std::string object, kind, got;
  } cases[] = {
      {voc_object("dog", "3 4 3 9"), "empty box", "3, 4 to 3, 9"},
      {voc_object("dog", "5 4 3 9"), "empty box", "5, 4 to 3, 9"},
      {voc_object("dog", "40 4 50 9"), "box outside its picture", "40, 4 to 50, 9 in 40 x 30"},
      {voc_object("dog", "nan 4 50 9"), "box without numbers", "nan, 4 to 50, 9"},
      {voc_object("dog", "1 4 inf 9"), "box without numbers", "1, 4 to inf, 9"},
      {voc_object("dog", "1 4 5x 9"), "box without numbers", "1, 4 to nan, 9"},
      {voc_object("dog", "1 4 1e999 9"), "box without numbers", "1, 4 to nan, 9"},
      {"<object>\n<name>dog</name>\n</object>\n", "box without numbers", "nan"},
      {voc_object("", "1 2 3 4"), "unknown class", "an object without a name"},
  };
  for (const auto& c : cases) {
    const VocFolder voc;
    const fs::path file = voc.annotate("a", voc_object("dog", "1 2 11 12") + c.object);
    const BoxedPictures read = voc.read();
    EXPECT_EQ(box_texts(read.boxes[0]), (Names{"0: 1 2 11 12"}));
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + c.kind);
    const std::string place = fmt::format("{}:6: {}: got {}", file.string(), c.kind, c.got);
    ASSERT_EQ(read.problems.first.size(), 1u);
    EXPECT_TRUE(read.problems.first[0].starts_with(place)) << read.problems.first[0];
    expect_error([&] { voc.read(kFail); }, place);
  }
}

TEST(BoxesVoc, BadFilesAreCountedOrAnError) {
  const struct {
    std::string list, file, content, kind, message;
  } cases[] = {
      {"a\na\n", "", "", "picture listed twice", "train.txt:2: picture listed twice: got a"},
      {"a\nd\n", "", "", "missing annotation file", "train.txt:2: missing annotation file"},
      {"a\n../b\n", "", "", "missing annotation file", "VOC/Annotations/../b.xml"},
      {"a\nd\n", "Annotations/d.xml", voc_file(""), "missing picture", "JPEGImages/d.*"},
      {"a\nd\n", "Annotations/d.xml", "<annotation>\n<object>\n</annotation>",
       "unreadable annotation file", "d.xml:3: not valid XML"},
      {"a\nd\n", "Annotations/d.xml", "<other/>", "unreadable annotation file", "d.xml: no ann"},
  };
  for (const auto& c : cases) {
    const VocFolder voc;
    voc.list("train", c.list);
    if (!c.file.empty()) voc.folder.write("VOC/" + c.file, c.content);
    const BoxedPictures read = voc.read();
    EXPECT_EQ(read.pictures.size(), 1u);
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + c.kind);
    EXPECT_NE(read.problems.first.at(0).find(c.message), std::string::npos)
        << read.problems.first[0];
    expect_error([&] { voc.read(kFail); }, c.message);
  }
}

TEST(BoxesVoc, NamedPictureDecidesBetweenTwo) {
  const VocFolder voc;
  voc.folder.write("VOC/JPEGImages/a.jpg", jpeg_file(test_picture(30, 40, 3)));
  EXPECT_EQ(voc.read().pictures[0].filename(), "a.jpg");
  voc.folder.write("VOC/Annotations/a.xml", voc_file("", "<filename>x/a.png</filename>" + kSize));
  EXPECT_EQ(voc.read().pictures[0].filename(), "a.png");
}

TEST(BoxesVoc, TheFirstTenProblemsAreNamed) {
  const VocFolder voc;
  std::string objects = voc_object("dog", "1 2 3 4") + voc_object("dog", "50 2 60 4");
  for (int i = 0; i < 12; ++i) objects += voc_object("dog", "3 3 3 3");
  voc.annotate("a", objects);
  const AnnotationProblems problems = voc.read().problems;
  EXPECT_EQ(problems.count, 13);
  EXPECT_EQ(problems.first.size(), 10u);
  EXPECT_EQ(kinds(problems),
            "13 annotations were left out: 1 box outside its picture, 12 empty boxes");
  EXPECT_NE(problems.summary().find("a.xml:6: box outside"), std::string::npos);
}

TEST(BoxesVoc, NothingLeftIsAnError) {
  const VocFolder voc;
  voc.list("train", "d\ne\n");
  expect_error([&] { voc.read(); },
               "no boxes that can be used, in layout voc, split train: got 2 annotations were");
  voc.list("train", "a\n");
  voc.annotate("a", voc_object("dog", "3 3 3 3"));
  expect_error([&] { voc.read(); }, "1 empty box");
}

TEST(Boxes, UnknownLayoutsAndPathsAreErrors) {
  const VocFolder voc;
  expect_error([&] { voc.read({.layout = "camvid"}); },
               "layout: got camvid, expected auto, voc, coco, yolo", ErrorKind::usage);
  EXPECT_EQ(voc.read({.layout = "voc"}).pictures.size(), 2u);
  expect_error([&] { read_boxes(voc.folder.path() / "nowhere"); }, "no such file or folder");
  const TempFolder empty;
  expect_error([&] { read_boxes(empty.path()); },
               "ImageSets/Main/SPLIT.txt); coco (annotations/instances_SPLIT.json, or one JSON "
               "file); yolo (");
  expect_error([&] { read_mask_list(empty.path()); }, "camvid (SPLIT.txt of lines");
  fs::create_directories(voc.folder.path() / "more");
  fs::copy(voc.folder.path() / "VOC", voc.folder.path() / "more/VOC", fs::copy_options::recursive);
  fs::copy(voc.folder.path() / "VOC", voc.folder.path() / "more/VOC2", fs::copy_options::recursive);
  expect_error([&] { read_boxes(voc.folder.path() / "more"); },
               "several data sets in it: got VOC, VOC2");
}

}  // namespace
}  // namespace vistas::vision
