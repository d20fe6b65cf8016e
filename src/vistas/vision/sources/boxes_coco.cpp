// Data sets with boxes as COCO has them: a JSON file a split.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/annotation_kinds.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "instances_";

bool looks_like_coco(const fs::path& file) {
  if (lower(file.extension().string()) != ".json") return false;
  const MappedFile map(file);
  const Bytes head = map.bytes().first(std::min<size_t>(map.bytes().size(), 1 << 16));
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const auto has = [&](const char* key) { return text.find(key) != text.npos; };
  return has("\"images\"") || has("\"annotations\"") || has("\"categories\"");
}

// The files of splits by the names of these; one of no name where there is a single file.
std::map<std::string, fs::path> files_of(const fs::path& root) {
  if (is_file(root)) {
    if (looks_like_coco(root)) return {{"", root}};
    return {};
  }
  std::map<std::string, fs::path> files, others;
  for (const fs::path& folder : {root / "annotations", root}) {
    for (const auto& [stem, same] : files_by_stem(folder, ".json")) {
      if (stem.starts_with(kPrefix)) {
        files.emplace(stem.substr(kPrefix.size()), same.front());
      } else if (looks_like_coco(same.front())) {
        others.emplace(stem, same.front());
      }
    }
    if (!files.empty()) return files;
    if (others.size() == 1) return {{"", others.begin()->second}};
    if (!others.empty()) return others;
  }
  return {};
}

bool is_coco(const fs::path& root) {
  return !files_of(root).empty();
}

std::vector<Split> coco_splits(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_of(root)) {
    if (!name.empty()) names.push_back(name);
  }
  return name_splits(std::move(names));
}

CocoFile read_file_of(const fs::path& path) {
  const MappedFile file(path);
  return parse_coco(file.bytes(), path.string());
}

// Adds categories of a file; an id with two names is an error.
void add_categories(const CocoFile& file, const fs::path& path,
                    std::map<int64_t, std::string>& names) {
  for (const CocoCategory& category : file.categories) {
    const auto [at, is_new] = names.emplace(category.id, category.name);
    if (!is_new && at->second != category.name) {
      throw Error(ErrorKind::data, {.what = fmt::format("{}: categories: id {} has two names",
                                                        path.string(), category.id),
                                    .got = fmt::format("'{}' and '{}'", at->second, category.name),
                                    .expected = "the same categories in the files of all splits"});
    }
  }
}

// Where the pictures of a file may be, in the order they are looked for.
std::vector<fs::path> picture_folders(const fs::path& root, const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::string split = stem.substr(stem.starts_with(kPrefix) ? kPrefix.size() : 0);
  const fs::path beside = file.parent_path();
  std::vector<fs::path> folders;
  for (const fs::path& from : {is_file(root) ? beside / ".." : root, beside}) {
    folders.insert(folders.end(), {from / split, from / "images" / split, from / "images", from});
  }
  return folders;
}

fs::path find_picture(const std::vector<fs::path>& folders, const std::string& name) {
  for (const fs::path& folder : folders) {
    if (!name.empty() && is_file(folder / name)) return (folder / name).lexically_normal();
  }
  return {};
}

// The pictures of a split with their numbers in `out` by their ids; -1 for those left out.
class PictureIndex {
 public:
  PictureIndex(std::vector<fs::path> folders, std::string place, ProblemLog& log)
      : folders_(std::move(folders)), place_(std::move(place)), log_(log) {}

  void add(const CocoPicture& picture, size_t number, BoxedPictures& out) {
    const std::string where = fmt::format("{}: images[{}] (id {})", place_, number, picture.id);
    if (picture.id < 0) return log_.add(Problem::unknown_picture, where, "no id");
    if (!ids_.emplace(picture.id, -1).second) {
      return log_.add(Problem::listed_twice, where, "the id of another");
    }
    if (!files_.insert(picture.file).second) {
      return log_.add(Problem::listed_twice, where, picture.file);
    }
    const fs::path path = find_picture(folders_, picture.file);
    if (path.empty()) {
      return log_.add(
          Problem::missing_picture, where,
          fmt::format("'{}', not in {} nor elsewhere", picture.file, folders_.front().string()));
    }
    Size size{picture.width, picture.height};
    if (size.width == 0) {
      const auto info = probe_file(path, where, log_);
      if (!info) return;
      size = {static_cast<double>(info->width), static_cast<double>(info->height)};
    }
    ids_[picture.id] = static_cast<int64_t>(out.pictures.size());
    sizes_.push_back(size);
    out.pictures.push_back(path);
    out.boxes.emplace_back();
  }

  struct Size {
    double width = 0, height = 0;
  };

  bool knows(int64_t id) const { return ids_.contains(id); }
  int64_t number_of(int64_t id) const { return ids_.at(id); }
  Size size(int64_t number) const { return sizes_[static_cast<size_t>(number)]; }

 private:
  std::vector<fs::path> folders_;
  std::string place_;
  ProblemLog& log_;
  std::map<int64_t, int64_t> ids_{};
  std::set<std::string> files_{};
  std::vector<Size> sizes_{};
};

// Boxes of pictures that are left out go with these, uncounted.
void add_boxes(const CocoFile& file, const std::string& place, const PictureIndex& pictures,
               const std::map<int64_t, int64_t>& labels, ProblemLog& log, BoxedPictures& out) {
  for (size_t i = 0; i < file.boxes.size(); ++i) {
    const CocoBox& box = file.boxes[i];
    const auto where = [&] { return fmt::format("{}: annotations[{}] (id {})", place, i, box.id); };
    if (!pictures.knows(box.picture)) {
      log.add(Problem::unknown_picture, where(), fmt::format("image_id {}", box.picture));
      continue;
    }
    const int64_t number = pictures.number_of(box.picture);
    if (number < 0) continue;
    const auto label = labels.find(box.category);
    if (label == labels.end()) {
      log.add(Problem::unknown_class, where(), fmt::format("category_id {}", box.category));
      continue;
    }
    const auto [x, y, width, height] = box.numbers;
    const auto [picture_width, picture_height] = pictures.size(number);
    keep_box({.left = x,
              .top = y,
              .right = x + width,
              .bottom = y + height,
              .label = label->second,
              .crowd = box.crowd},
             picture_width, picture_height, where(), log, out.boxes[static_cast<size_t>(number)]);
  }
}

BoxedPictures read_coco(const fs::path& root, const Split& split, ProblemLog& log) {
  const std::map<std::string, fs::path> files = files_of(root);
  const fs::path& path = files.at(split.on_disk);
  std::map<int64_t, std::string> names;
  CocoFile file;
  for (const auto& [name, other] : files) {  // labels must agree between the splits
    CocoFile one = read_file_of(other);
    add_categories(one, other, names);
    if (name == split.on_disk) file = std::move(one);
  }
  BoxedPictures out;
  std::map<int64_t, int64_t> labels;
  for (const auto& [id, name] : names) {
    labels.emplace(id, static_cast<int64_t>(out.class_names.size()));
    out.class_names.push_back(name);
  }
  PictureIndex pictures(picture_folders(root, path), path.string(), log);
  for (size_t i = 0; i < file.pictures.size(); ++i) pictures.add(file.pictures[i], i, out);
  add_boxes(file, path.string(), pictures, labels, log, out);
  return out;
}

}  // namespace

const AnnotationKind<BoxedPictures> kCocoBoxes{
    "coco", "annotations/instances_SPLIT.json, or one JSON file", is_coco, coco_splits, read_coco};

}  // namespace vistas::vision
