// The JSON files of COCO.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotation_kinds.h"

namespace vistas::vision {
namespace {

using Json = nlohmann::json;

double number_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>()
                                               : std::numeric_limits<double>::quiet_NaN();
}

// Ids are whole numbers; -1 if it is none.
int64_t id_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number_integer()) return -1;
  if (at->is_number_unsigned() && at->get<uint64_t>() > INT64_MAX) return -1;
  return std::max<int64_t>(at->get<int64_t>(), -1);
}

std::string text_in(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

// Takes what counts out of the JSON as it is parsed, so that files of hundreds of megabytes, most
// of it polygons, need little memory.
class Collector {
 public:
  explicit Collector(CocoFile& file) : file_(file) {}

  // What nlohmann's parser asks: whether to keep the part it has just read.
  bool keep(int depth, Json::parse_event_t event, const Json& parsed) {
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (depth == 1) list_ = key;
      if (depth == 1) return key == "images" || key == "annotations" || key == "categories";
      return kKeys.contains(key);
    }
    if (event != Json::parse_event_t::object_end || depth != kRecordDepth) return true;
    if (list_ == "images") add_picture(parsed);
    if (list_ == "annotations") add_box(parsed);
    if (list_ == "categories") add_category(parsed);
    return false;
  }

 private:
  static constexpr int kRecordDepth = 2;  // below the file's object and a list of it
  static inline const std::set<std::string, std::less<>> kKeys{
      "id", "image_id", "category_id", "bbox", "iscrowd", "name", "width", "height", "file_name"};

  void add_picture(const Json& json) {
    CocoPicture picture{.id = id_in(json, "id"), .file = text_in(json, "file_name")};
    const double width = number_in(json, "width"), height = number_in(json, "height");
    constexpr double kMost = std::numeric_limits<int>::max();
    if (width >= 1 && height >= 1 && width <= kMost && height <= kMost) {
      picture.width = width;
      picture.height = height;
    }
    file_.pictures.push_back(std::move(picture));
  }

  void add_box(const Json& json) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    CocoBox box{.id = id_in(json, "id"),
                .picture = id_in(json, "image_id"),
                .category = id_in(json, "category_id"),
                .numbers = {kNone, kNone, kNone, kNone},
                .crowd = number_in(json, "iscrowd") > 0};
    const auto list = json.find("bbox");
    if (list != json.end() && list->is_array() && list->size() == box.numbers.size()) {
      for (size_t i = 0; i < box.numbers.size(); ++i) {
        if ((*list)[i].is_number()) box.numbers[i] = (*list)[i].get<double>();
      }
    }
    file_.boxes.push_back(box);
  }

  void add_category(const Json& json) {
    file_.categories.push_back({id_in(json, "id"), text_in(json, "name")});
  }

  CocoFile& file_;
  std::string list_{};
};

}  // namespace

CocoFile parse_coco(Bytes bytes, const std::string& name) {
  CocoFile file;
  Collector collector(file);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  Json json;
  try {
    json = Json::parse(text, text + bytes.size(),
                       [&](int depth, Json::parse_event_t event, const Json& parsed) {
                         return collector.keep(depth, event, parsed);
                       });
  } catch (const Json::exception& e) {
    throw Error(ErrorKind::data, {.what = fmt::format("{}: not valid JSON: {}", name, e.what())});
  }
  for (const char* key : {"images", "annotations", "categories"}) {
    if (json.is_object() && json.contains(key) && json[key].is_array()) continue;
    throw Error(ErrorKind::data, {.what = fmt::format("{}: no list '{}'", name, key),
                                  .expected = "images, annotations and categories, as in the "
                                              "instances files of COCO"});
  }
  for (size_t i = 0; i < file.categories.size(); ++i) {
    if (file.categories[i].id < 0 || file.categories[i].name.empty()) {
      throw Error(ErrorKind::data, {.what = fmt::format("{}: categories[{}]", name, i),
                                    .got = "no id or no name",
                                    .expected = "a whole number 'id' and a text 'name'"});
    }
  }
  return file;
}

}  // namespace vistas::vision
