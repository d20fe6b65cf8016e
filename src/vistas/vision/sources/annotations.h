// What is where in the pictures of a data set: boxes around objects, and masks with a class for
// every pixel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/vision/sources/image.h"

namespace vistas::vision {

// A rectangle around an object, in pixels from the top left corner of the picture: x from `left` to
// `right`, y from `top` to `bottom`, with right - left the width (no + 1).
struct ObjectBox {
  double left = 0, top = 0, right = 0, bottom = 0;
  int64_t label = 0;
  bool crowd = false;      // COCO: many objects in one box
  bool difficult = false;  // Pascal VOC: found or not, it does not count
};

struct AnnotationOptions {
  std::string split = "";                  // empty: train if there is one
  std::string layout = "auto";             // or one of those below
  std::string on_bad_annotation = "skip";  // or "fail"

  void fields(Fields& f);
};

// What could not be used, by kind: "empty box", "box outside its picture", "missing picture" ...
struct AnnotationProblems {
  int64_t count = 0;
  std::vector<std::pair<std::string, int64_t>> kinds{};  // in the order they were met
  std::vector<std::string> first{};                      // the first ten, with file and line

  // "2 annotations were left out: 2 empty boxes (Annotations/a.xml:9: ...)", with one example;
  // empty if there are none.
  std::string summary() const;
};

// The pictures of one split with the boxes in each; a picture without objects has none.
struct BoxedPictures {
  std::string layout;  // "voc", "coco" or "yolo"
  std::string split;
  std::filesystem::path root;                   // the folder that was opened
  std::vector<std::filesystem::path> pictures;  // that exist
  std::vector<std::vector<ObjectBox>> boxes;    // of each picture
  std::vector<std::string> class_names;         // by label, the same for every split
  AnnotationProblems problems;
};

// Opens a data set with boxes at `path` or one folder further down, told by its content:
// - voc: Annotations/*.xml, JPEGImages/, ImageSets/Main/SPLIT.txt; classes sorted by name. VOC
//   counts pixels from 1 with both ends inside; the numbers are taken as they are, as torchvision
//   does.
// - coco: JSON with images, annotations and categories (annotations/instances_SPLIT.json, or one
//   file); classes by ascending category id; a box is x, y, width, height.
// - yolo: labels/SPLIT/*.txt of lines "class cx cy w h" as shares of the picture, beside
//   images/SPLIT/; names and folders from a *.yaml file, or names from classes.txt, where there is
//   one, else classes are called by their numbers.
// Boxes that are empty, not numbers, of an unknown class or outside their picture, files that are
// missing or broken: left out and counted, or a data error that names file and place, as
// on_bad_annotation says. A box that reaches over the border is cut there. A split may be named as
// on disk ("train2017") or without its year. Data errors: no such data set, several, no box left;
// a usage error: a split or layout that there is not.
BoxedPictures read_boxes(const std::filesystem::path& path, const AnnotationOptions& options = {});

// The pictures of one split with the mask file of each.
struct MaskedPictures {
  std::string layout;  // "camvid", "voc" or "folders"
  std::string split;
  std::filesystem::path root;
  std::vector<std::filesystem::path> pictures, masks;
  // Of index 0, 1, ... An ignored index after all others has no name here, one between them keeps
  // its own; an index that the data set gives no name is called by its number.
  std::vector<std::string> class_names;
  int64_t ignore = 255;  // the index that does not count
  AnnotationProblems problems;
};

// Opens a data set with masks at `path` or one folder further down, told by its content:
// - camvid: SPLIT.txt of lines "image mask", or SPLIT/ and SPLITannot/; classes.txt has the names.
// - voc: JPEGImages/, SegmentationClass/*.png, ImageSets/Segmentation/SPLIT.txt; the classes of
//   Pascal VOC, or those of classes.txt.
// - folders: images/SPLIT/ and masks/SPLIT/ with PNG files of the same stem; names and folders from
//   a *.yaml file, or names from classes.txt.
// The first class called "unlabelled", "unlabeled" or "void" is the one to be ignored; without one
// it is 255. Pictures without a mask and masks without a picture are left out and counted, or an
// error, as for boxes; whether a mask has the size of its picture is not looked at.
MaskedPictures read_mask_list(const std::filesystem::path& path,
                              const AnnotationOptions& options = {});

// The class index of every pixel of a PNG file of one channel, 8 bits or less: palette indices as
// they are stored, grey values as they are. Anything else is a data error.
void read_mask(const std::filesystem::path& path, Image& out);

// The splits of a data set with boxes or with masks, as "train", "val", "test"; empty if it has
// none.
std::vector<std::string> box_splits(const std::filesystem::path& path);
std::vector<std::string> mask_splits(const std::filesystem::path& path);

}  // namespace vistas::vision
