// Boxes and masks in hand-made data sets of every layout.
#include "vistas/vision/sources/annotations.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/picture_files.h"
#include "support/real_data.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/source.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using Names = std::vector<std::string>;

const AnnotationOptions kFail{.on_bad_annotation = "fail"};

std::string picture(int height = 30, int width = 40) {
  return encode_png(test_picture(height, width, 3).view());
}

std::string mask(const std::string& row) {
  return png_file({.height = 1, .width = static_cast<int>(row.size())}, {row});
}

std::string box_text(const ObjectBox& b) {
  return fmt::format("{}: {} {} {} {}{}{}", b.label, b.left, b.top, b.right, b.bottom,
                     b.crowd ? " crowd" : "", b.difficult ? " difficult" : "");
}

Names box_texts(const std::vector<ObjectBox>& boxes) {
  Names texts;
  for (const ObjectBox& box : boxes) texts.push_back(box_text(box));
  return texts;
}

// "2 annotations were left out: 2 empty boxes" without the examples.
std::string kinds(const AnnotationProblems& problems) {
  const std::string text = problems.summary();
  return text.substr(0, text.find(" ("));
}

// ---- Pascal VOC ----

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

// ---- COCO ----

const std::string kCategories =
    R"("categories": [{"id": 7, "name": "emu"}, {"id": 2, "name": "cat"}])";
const std::string kImages = R"("images": [
  {"id": 9, "file_name": "b.png", "width": 40, "height": 30},
  {"id": 4, "file_name": "a.png"}])";

std::string coco_box(const std::string& box, const std::string& ids, const std::string& more = "") {
  return fmt::format(R"({{"bbox": [{}], "segmentation": [[1, 2, {{"bbox": [[[]]]}}]], {}{}}})", box,
                     ids, more);
}

std::string coco_file(const std::string& boxes, const std::string& images = kImages,
                      const std::string& categories = kCategories) {
  return fmt::format(R"({{"info": {{"images": [1]}}, {}, "annotations": [{}], {}}})", images, boxes,
                     categories);
}

// A data set with pictures a and b in train2017, c in val2017.
struct CocoFolder {
  CocoFolder() {
    for (const char* file : {"train2017/a", "train2017/b", "val2017/c"}) {
      folder.write(std::string("images/") + file + ".png", picture());
    }
    write(
        "train2017",
        coco_file(coco_box("1, 2.5, 10, 1e1", R"("id": 1, "image_id": 4, "category_id": 7)") + "," +
                  coco_box("0, 0, 99, 99", R"("id": 2, "image_id": 4, "category_id": 2)",
                           R"(, "iscrowd": 1)")));
    write("val2017", coco_file(coco_box("1, 1, 1, 1", R"("image_id": 1, "category_id": 3)"),
                               R"("images": [{"id": 1, "file_name": "c.png"}])",
                               R"("categories": [{"id": 3, "name": "dog"}])"));
  }
  fs::path write(const std::string& split, const std::string& content) const {
    return folder.write("annotations/instances_" + split + ".json", content);
  }
  BoxedPictures read(const AnnotationOptions& options = {}) const {
    return read_boxes(folder.path(), options);
  }
  TempFolder folder;
};

TEST(BoxesCoco, ReadsSplits) {
  const CocoFolder coco;
  EXPECT_EQ(box_splits(coco.folder.path()), (Names{"train", "val"}));
  const BoxedPictures train = coco.read(kFail);
  EXPECT_EQ(train.layout, "coco");
  EXPECT_EQ(train.split, "train");
  EXPECT_EQ(train.class_names, (Names{"cat", "dog", "emu"}));  // by id, of all splits
  ASSERT_EQ(train.pictures.size(), 2u);
  EXPECT_EQ(train.pictures[1], coco.folder.path() / "images/train2017/a.png");
  EXPECT_TRUE(train.boxes[0].empty());
  EXPECT_EQ(box_texts(train.boxes[1]), (Names{"2: 1 2.5 11 12.5", "0: 0 0 40 30 crowd"}));
  EXPECT_EQ(box_texts(coco.read({.split = "val"}).boxes.at(0)), (Names{"1: 1 1 2 2"}));
}

TEST(BoxesCoco, ReadsASingleFile) {
  const CocoFolder coco;
  const BoxedPictures one = read_boxes(coco.folder.path() / "annotations/instances_train2017.json");
  EXPECT_EQ(one.split, "");
  EXPECT_EQ(one.class_names, (Names{"cat", "emu"}));
  EXPECT_EQ(one.pictures.size(), 2u);
  // Beside its pictures.
  const TempFolder folder;
  folder.write("a.png", picture());
  folder.write("_annotations.coco.json",
               coco_file(coco_box("1, 2, 3, 4", R"("image_id": 4, "category_id": 7)")));
  folder.write("other.json", "{}");
  const BoxedPictures beside = read_boxes(folder.path());
  EXPECT_EQ(beside.pictures, (std::vector{folder.path() / "a.png"}));
  EXPECT_EQ(kinds(beside.problems), "1 annotation was left out: 1 missing picture");
}

TEST(BoxesCoco, FilesOfOtherNamesAreSplits) {
  const TempFolder folder;
  folder.write("a.png", picture());
  for (const char* name : {"train", "val"}) {
    folder.write(fmt::format("annotations/{}.json", name),
                 coco_file(coco_box("1, 2, 3, 4", R"("image_id": 4, "category_id": 7)")));
  }
  EXPECT_EQ(box_splits(folder.path()), (Names{"train", "val"}));
  EXPECT_EQ(read_boxes(folder.path(), {.split = "val"}).pictures.size(), 1u);
}

TEST(BoxesCoco, BadAnnotationsAreCountedOrAnError) {
  const std::string ids = R"("id": 5, "image_id": 4, "category_id": 7)";
  const struct {
    std::string annotation, kind, got;
  } cases[] = {
      {coco_box("1, 2, 0, 4", ids), "empty box", "1, 2 to 1, 6"},
      {coco_box("1, 2, -3, 4", ids), "empty box", "1, 2 to -2, 6"},
      {coco_box("40, 2, 3, 4", ids), "box outside its picture", "40, 2 to 43, 6 in 40 x 30"},
      {coco_box("1, 2, 3", ids), "box without numbers", "nan, nan to nan, nan"},
      {coco_box("1, \"2\", 3, 4", ids), "box without numbers", "1, nan to 4, nan"},
      {coco_box("1e308, 2, 1e308, 4", ids), "box without numbers", "1e+308, 2 to inf, 6"},
      {coco_box("1, 2, 3, 4", R"("id": 5, "image_id": 4, "category_id": 8)"), "unknown class",
       "category_id 8"},
      {coco_box("1, 2, 3, 4", R"("id": 5, "image_id": 4)"), "unknown class", "category_id -1"},
      {coco_box("1, 2, 3, 4", R"("id": 5, "image_id": 5, "category_id": 7)"), "unknown picture",
       "image_id 5"},
      {coco_box("1, 2, 3, 4", R"("id": 5, "image_id": 4.5, "category_id": 7)"), "unknown picture",
       "image_id -1"},
      {coco_box("1, 2, 3, 4", R"("id": 5, "image_id": 18446744073709551615, "category_id": 7)"),
       "unknown picture", "image_id -1"},
  };
  for (const auto& c : cases) {
    const CocoFolder coco;
    const fs::path file =
        coco.write("train2017", coco_file(coco_box("1, 2, 3, 4", ids) + ", " + c.annotation));
    const BoxedPictures read = coco.read();
    EXPECT_EQ(box_texts(read.boxes.at(1)), (Names{"2: 1 2 4 6"}));
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + c.kind);
    const std::string place =
        fmt::format("{}: annotations[1] (id 5): {}: got {}", file.string(), c.kind, c.got);
    EXPECT_TRUE(read.problems.first.at(0).starts_with(place)) << read.problems.first[0];
    expect_error([&] { coco.read(kFail); }, place);
  }
}

TEST(BoxesCoco, BadPicturesAreCountedOrAnError) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"id": 5, "file_name": "d.png"})", "missing picture"},
      {R"({"id": 5})", "missing picture"},
      {R"({"id": 5, "file_name": ""})", "missing picture"},
      {R"({"id": 5, "file_name": "bad.png"})", "unreadable picture"},
      {R"({"id": 4, "file_name": "b.png"})", "picture listed twice"},
      {R"({"id": 5, "file_name": "a.png"})", "picture listed twice"},
      {R"({"file_name": "b.png"})", "unknown picture"},
  };
  for (const auto& [image, kind] : cases) {
    const CocoFolder coco;
    coco.folder.write("images/train2017/bad.png", "bad");
    const std::string ids = R"("image_id": 4, "category_id": 7)";
    const std::string of_5 = R"("image_id": 5, "category_id": 7)";
    coco.write(
        "train2017",
        coco_file(coco_box("1, 2, 3, 4", ids) +
                      (image.find("5") != image.npos ? ", " + coco_box("1, 2, 3, 4", of_5) : ""),
                  R"("images": [{"id": 4, "file_name": "a.png"}, )" + image + "]"));
    const BoxedPictures read = coco.read();
    EXPECT_EQ(read.pictures.size(), 1u);
    EXPECT_EQ(box_texts(read.boxes.at(0)), (Names{"2: 1 2 4 6"}));
    EXPECT_EQ(kinds(read.problems), "1 annotation was left out: 1 " + kind);
    expect_error([&] { coco.read(kFail); }, "instances_train2017.json: images[1] (id ");
  }
}

TEST(BoxesCoco, BrokenFilesAreErrors) {
  const std::pair<std::string, std::string> cases[] = {
      {"{\n\"images\": [1,}", "instances_train2017.json: not valid JSON"},
      {"", "not valid JSON"},
      {"[]", "no list 'images'"},
      {R"({"images": {"a": {"id": 1}}, "annotations": [], "categories": []})", "no list 'images'"},
      {R"({"images": [], "annotations": []})", "no list 'categories'"},
      {std::string(200000, '['), "not valid JSON"},
      {"{\"images\": " + std::string(200000, '[') + std::string(200000, ']') + "}",
       "no list 'annotations'"},
      {coco_file("", kImages, R"("categories": [{"id": 1}])"), "categories[0]: got no id or no"},
      {coco_file("", kImages, R"("categories": [{"id": 3, "name": "eel"}])"),
       "categories: id 3 has two names: got 'eel' and 'dog'"},
      {coco_file("", R"("images": [{"id": 1e999}])"), "not valid JSON"},
  };
  for (const auto& [content, message] : cases) {
    const CocoFolder coco;
    coco.write("train2017", content);
    expect_error([&] { coco.read(); }, message);
  }
}

// ---- YOLO ----

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

TEST(Annotations, OptionsHaveTheirChoices) {
  AnnotationOptions options;
  Fields fields = fields_of(options);
  fields.set_all(parse_assignment("on_bad_annotation=fail"));
  EXPECT_EQ(options.on_bad_annotation, "fail");
  expect_error([&] { fields.set_all(parse_assignment("layout=none")); }, "layout",
               ErrorKind::usage);
}

// ---- masks ----

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

// ---- files ----

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

// ---- real data ----

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
  int64_t empty = 0;
  for (const char* split : {"train", "val", "test"}) {
    const BoxedPictures read = read_boxes(folder, {.split = split});
    EXPECT_EQ(read.class_names, (Names{"Platelets", "RBC", "WBC"}));
    pictures.push_back(read.pictures.size());
    boxes += box_count(read);
    for (const auto& [kind, count] : read.problems.kinds) empty += kind == "empty box" ? count : 9;
  }
  EXPECT_EQ(pictures, (std::vector<size_t>{205, 87, 72}));
  EXPECT_EQ(boxes, 4886u);
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
