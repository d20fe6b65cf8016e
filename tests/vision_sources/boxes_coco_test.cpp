// Boxes of COCO's JSON files.
#include <gtest/gtest.h>

#include "support/annotated.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

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

}  // namespace
}  // namespace vistas::vision
