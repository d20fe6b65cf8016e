// What tests of data sets with boxes and masks share.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "support/errors.h"
#include "support/picture_files.h"
#include "vistas/vision/sources/annotations.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::vision {

using Names = std::vector<std::string>;

inline const AnnotationOptions kFail{.on_bad_annotation = "fail"};

inline std::string picture(int height = 30, int width = 40) {
  return encode_png(test_picture(height, width, 3).view());
}

inline std::string mask(const std::string& row) {
  return png_file({.height = 1, .width = static_cast<int>(row.size())}, {row});
}

inline std::string box_text(const ObjectBox& b) {
  return fmt::format("{}: {} {} {} {}{}{}", b.label, b.left, b.top, b.right, b.bottom,
                     b.crowd ? " crowd" : "", b.difficult ? " difficult" : "");
}

inline Names box_texts(const std::vector<ObjectBox>& boxes) {
  Names texts;
  for (const ObjectBox& box : boxes) texts.push_back(box_text(box));
  return texts;
}

// "2 annotations were left out: 2 empty boxes" without the examples.
inline std::string kinds(const AnnotationProblems& problems) {
  const std::string text = problems.summary();
  return text.substr(0, text.find(" ("));
}

}  // namespace vistas::vision
