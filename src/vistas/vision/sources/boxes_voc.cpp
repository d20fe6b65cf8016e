// Boxes as Pascal VOC has them: an XML file a picture.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <pugixml.hpp>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/annotation_kinds.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

const fs::path kLists = fs::path("ImageSets") / "Main";

// Numbers lines of one file; places must come in ascending order.
class LineCounter {
 public:
  explicit LineCounter(Bytes bytes) : bytes_(bytes) {}
  int64_t line_at(ptrdiff_t place) {
    const auto end = std::clamp(place, at_, static_cast<ptrdiff_t>(bytes_.size()));
    line_ += std::count(bytes_.begin() + at_, bytes_.begin() + end, std::byte{'\n'});
    at_ = end;
    return line_;
  }

 private:
  Bytes bytes_;
  ptrdiff_t at_ = 0;
  int64_t line_ = 1;
};

double number_in(const pugi::xml_node& parent, const char* name) {
  return to_number(parent.child_value(name));
}

// All annotation files of a data set; of every split, because all share their class names.
struct Annotations {
  std::map<std::string, VocFile> files{};
  std::map<std::string, std::string> broken{};  // why they cannot be read
  std::vector<std::string> class_names{};
};

Annotations read_all(const FilesByStem& paths) {
  Annotations all;
  std::set<std::string> names;
  for (const auto& [stem, same] : paths) {
    try {
      const MappedFile file(same.front());
      VocFile parsed = parse_voc(file.bytes(), same.front().string());
      for (const VocObject& object : parsed.objects) {
        if (!object.name.empty()) names.insert(object.name);
      }
      all.files.emplace(stem, std::move(parsed));
    } catch (const Error& e) {
      all.broken.emplace(stem, e.what());
    }
  }
  all.class_names.assign(names.begin(), names.end());
  return all;
}

// The picture of that stem, or of the name the annotation file gives; empty if there is neither.
fs::path picture_of(const FilesByStem& pictures, const std::string& stem, const VocFile& file,
                    const fs::path& folder) {
  const auto found = pictures.find(stem);
  if (found != pictures.end() && found->second.size() == 1) return found->second.front();
  const fs::path named = folder / fs::path(file.picture).filename();
  if (has_picture_extension(file.picture) && is_file(named)) return named;
  return found != pictures.end() ? found->second.front() : fs::path();
}

std::vector<ObjectBox> boxes_of(const VocFile& file, double width, double height,
                                const std::string& place, const std::vector<std::string>& classes,
                                ProblemLog& log) {
  std::vector<ObjectBox> boxes;
  for (const VocObject& object : file.objects) {
    const std::string where = fmt::format("{}:{}", place, object.line);
    if (object.name.empty()) {
      log.add(Problem::unknown_class, where, "an object without a name");
      continue;
    }
    const auto at = std::lower_bound(classes.begin(), classes.end(), object.name);
    keep_box({.left = object.left,
              .top = object.top,
              .right = object.right,
              .bottom = object.bottom,
              .label = at - classes.begin(),
              .difficult = object.difficult},
             width, height, where, log, boxes);
  }
  return boxes;
}

// Where a stem is listed: the list and its line, or the annotation file.
struct Listed {
  std::string stem, where;
};

std::vector<Listed> listed(const fs::path& root, const Split& split, const FilesByStem& paths) {
  std::vector<Listed> stems;
  if (split.on_disk.empty()) {
    for (const auto& [stem, same] : paths) stems.push_back({stem, same.front().string()});
    return stems;
  }
  const fs::path list = root / kLists / (split.on_disk + ".txt");
  for (const ListLine& line : read_list(list)) {
    stems.push_back({line.text, fmt::format("{}:{}", list.string(), line.number)});
  }
  return stems;
}

BoxedPictures read_voc(const fs::path& root, const Split& split, ProblemLog& log) {
  const fs::path folder = root / "JPEGImages";
  const FilesByStem paths = files_by_stem(root / "Annotations", ".xml");
  const FilesByStem pictures = pictures_by_stem(folder);
  Annotations all = read_all(paths);
  BoxedPictures out;
  std::set<std::string> seen;
  for (const auto& [stem, where] : listed(root, split, paths)) {
    if (!seen.insert(stem).second) {
      log.add(Problem::listed_twice, where, stem);
    } else if (const auto why = all.broken.find(stem); why != all.broken.end()) {
      log.add(Problem::unreadable_file, where, why->second);
    } else if (!all.files.contains(stem)) {
      log.add(Problem::missing_file, where, (root / "Annotations" / (stem + ".xml")).string());
    } else {
      const VocFile& file = all.files.at(stem);
      const fs::path picture = picture_of(pictures, stem, file, folder);
      if (picture.empty()) {
        log.add(Problem::missing_picture, where, (folder / stem).string() + ".*");
        continue;
      }
      double width = file.width, height = file.height;
      if (width == 0) {
        const auto info = probe_file(picture, where, log);
        if (!info) continue;
        width = info->width;
        height = info->height;
      }
      out.pictures.push_back(picture);
      out.boxes.push_back(
          boxes_of(file, width, height, paths.at(stem).front().string(), all.class_names, log));
    }
  }
  out.class_names = std::move(all.class_names);
  return out;
}

bool is_voc(const fs::path& root) {
  return is_folder(root / "JPEGImages") && !files_by_stem(root / "Annotations", ".xml").empty();
}

std::vector<Split> voc_splits(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& [stem, same] : files_by_stem(root / kLists, ".txt")) {
    const std::vector<ListLine> lines = read_list(same.front());
    if (lines.empty()) continue;
    // Of VOC's own lists some tell of one class which pictures have it: "000005 -1".
    const auto words = words_of(lines.front().text);
    const bool of_class = words.size() == 2 && std::abs(to_number(words[1])) <= 1;
    if (!of_class) names.push_back(stem);
  }
  return name_splits(std::move(names));
}

}  // namespace

VocFile parse_voc(Bytes bytes, const std::string& name) {
  pugi::xml_document document;
  const pugi::xml_parse_result result = document.load_buffer(
      bytes.data(), bytes.size(), pugi::parse_default | pugi::parse_trim_pcdata);
  if (!result) {
    const int64_t line = LineCounter(bytes).line_at(result.offset);
    throw Error(ErrorKind::data, {.what = fmt::format("{}:{}: not valid XML: {}", name, line,
                                                      result.description())});
  }
  const pugi::xml_node root = document.child("annotation");
  if (!root) {
    throw Error(ErrorKind::data, {.what = name + ": no annotation file of Pascal VOC",
                                  .expected = "an element <annotation>"});
  }
  VocFile file{.picture = root.child_value("filename")};
  const double width = number_in(root.child("size"), "width");
  const double height = number_in(root.child("size"), "height");
  constexpr double kMost = std::numeric_limits<int>::max();
  if (width >= 1 && height >= 1 && width <= kMost && height <= kMost) {
    file.width = width;
    file.height = height;
  }
  LineCounter lines(bytes);
  for (const pugi::xml_node object : root.children("object")) {
    const pugi::xml_node box = object.child("bndbox");
    file.objects.push_back({.name = object.child_value("name"),
                            .left = number_in(box, "xmin"),
                            .top = number_in(box, "ymin"),
                            .right = number_in(box, "xmax"),
                            .bottom = number_in(box, "ymax"),
                            .difficult = number_in(object, "difficult") > 0,
                            .line = lines.line_at(object.offset_debug())});
  }
  return file;
}

const AnnotationKind<BoxedPictures> kVocBoxes{
    "voc", "Annotations/*.xml, JPEGImages/, ImageSets/Main/SPLIT.txt", is_voc, voc_splits,
    read_voc};

}  // namespace vistas::vision
