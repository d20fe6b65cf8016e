// Pictures with a mask each: lists and folders as those of CamVid, and Pascal VOC's.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/strings.h"
#include "vistas/vision/sources/annotation_kinds.h"
#include "vistas/vision/sources/formats.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

const fs::path kVocLists = fs::path("ImageSets") / "Segmentation";

// Collects listed pairs whose files exist.
class Pairs {
 public:
  Pairs(ProblemLog& log, MaskedPictures& out) : log_(log), out_(out) {}

  // `where` has it listed.
  void add(const fs::path& picture, const fs::path& mask, const std::string& where) {
    if (!is_file(picture)) return log_.add(Problem::missing_picture, where, picture.string());
    if (!is_file(mask)) return log_.add(Problem::missing_mask, where, mask.string());
    if (!seen_.insert(picture).second) {
      return log_.add(Problem::listed_twice, where, picture.string());
    }
    out_.pictures.push_back(picture);
    out_.masks.push_back(mask);
  }

 private:
  ProblemLog& log_;
  MaskedPictures& out_;
  std::set<fs::path> seen_{};
};

// Appends the pictures of one folder that have a PNG file of the same stem in another.
void pair_folders(const fs::path& pictures, const fs::path& masks, ProblemLog& log,
                  MaskedPictures& out) {
  const FilesByStem masks_by_stem = files_by_stem(masks, ".png");
  const FilesByStem by_stem = pictures_by_stem(pictures);
  for (const auto& [stem, same] : by_stem) {
    const auto mask = masks_by_stem.find(stem);
    if (mask == masks_by_stem.end()) {
      log.add(Problem::missing_mask, same.front().string(), (masks / (stem + ".png")).string());
    } else if (same.size() > 1) {
      log.add(Problem::listed_twice, mask->second.front().string(),
              same[0].string() + " and " + same[1].string());
    } else {
      out.pictures.push_back(same.front());
      out.masks.push_back(mask->second.front());
    }
  }
  for (const auto& [stem, same] : masks_by_stem) {
    if (by_stem.contains(stem)) continue;
    log.add(Problem::missing_picture, same.front().string(), (pictures / stem).string() + ".*");
  }
}

// Sets class_names and ignore by the names of index 0, 1, ...
void set_mask_classes(std::vector<std::string> names, MaskedPictures& out) {
  const auto ignored = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    const std::string n = lower(name);
    return n == "unlabelled" || n == "unlabeled" || n == "void";
  });
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) names[i] = std::to_string(i);
  }
  if (ignored != names.end()) {
    out.ignore = ignored - names.begin();
    if (ignored + 1 == names.end()) names.pop_back();
  }
  out.class_names = std::move(names);
}

// ---- CamVid ----

// A path of a list: from `root`, or by its last two parts, as the lists of SegNet's CamVid give
// "/SegNet/CamVid/train/a.png".
fs::path listed_path(const fs::path& root, std::string_view text) {
  const fs::path path = text;
  const fs::path here = root / path.relative_path();
  return is_file(here) ? here : root / path.parent_path().filename() / path.filename();
}

bool is_pair_list(const fs::path& file) {
  const std::vector<ListLine> lines = read_list(file);
  if (lines.empty()) return false;
  const auto words = words_of(lines.front().text);
  return words.size() == 2 && has_picture_extension(std::string(words[0])) &&
         lower(std::string(words[1])).ends_with(".png");
}

std::vector<Split> camvid_splits(const fs::path& root) {
  std::set<std::string> names;
  if (!is_folder(root)) return {};
  for (const auto& [stem, same] : files_by_stem(root, ".txt")) {
    if (is_pair_list(same.front())) names.insert(stem);
  }
  for_each_entry(root, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    if (is_folder(entry.path()) && is_folder(root / (name + "annot"))) names.insert(name);
  });
  return name_splits({names.begin(), names.end()});
}

bool is_camvid(const fs::path& root) {
  return !camvid_splits(root).empty();
}

MaskedPictures read_camvid(const fs::path& root, const Split& split, ProblemLog& log) {
  MaskedPictures out;
  const fs::path names = root / "classes.txt";
  if (!is_file(names)) {
    throw Error(ErrorKind::data,
                {.what = names.string() + ": missing",
                 .expected = "the names of classes 0, 1, ... with one on each line"});
  }
  set_mask_classes(names_in(names), out);
  const fs::path list = root / (split.on_disk + ".txt");
  if (!is_file(list) || !is_pair_list(list)) {
    pair_folders(root / split.on_disk, root / (split.on_disk + "annot"), log, out);
    return out;
  }
  Pairs pairs(log, out);
  for (const ListLine& line : read_list(list)) {
    const std::string where = fmt::format("{}:{}", list.string(), line.number);
    const auto words = words_of(line.text);
    if (words.size() != 2) {
      log.add(Problem::bad_line, where, fmt::format("'{}' instead of 'image mask'", line.text));
      continue;
    }
    pairs.add(listed_path(root, words[0]), listed_path(root, words[1]), where);
  }
  return out;
}

// ---- Pascal VOC ----

std::vector<std::string> voc_names() {
  return {"background", "aeroplane", "bicycle",      "bird",  "boat",        "bottle", "bus",
          "car",        "cat",       "chair",        "cow",   "diningtable", "dog",    "horse",
          "motorbike",  "person",    "potted plant", "sheep", "sofa",        "train",  "tvmonitor"};
}

bool is_voc(const fs::path& root) {
  return is_folder(root / "JPEGImages") &&
         !files_by_stem(root / "SegmentationClass", ".png").empty();
}

std::vector<Split> voc_splits(const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& [stem, same] : files_by_stem(root / kVocLists, ".txt")) names.push_back(stem);
  return name_splits(std::move(names));
}

MaskedPictures read_voc(const fs::path& root, const Split& split, ProblemLog& log) {
  MaskedPictures out;
  const fs::path names = root / "classes.txt";
  set_mask_classes(is_file(names) ? names_in(names) : voc_names(), out);
  if (split.on_disk.empty()) {
    pair_folders(root / "JPEGImages", root / "SegmentationClass", log, out);
    return out;
  }
  const FilesByStem pictures = pictures_by_stem(root / "JPEGImages");
  const fs::path list = root / kVocLists / (split.on_disk + ".txt");
  Pairs pairs(log, out);
  for (const ListLine& line : read_list(list)) {
    const auto found = pictures.find(line.text);
    pairs.add(found == pictures.end() ? root / "JPEGImages" / (line.text + ".jpg")
                                      : found->second.front(),
              root / "SegmentationClass" / (line.text + ".png"),
              fmt::format("{}:{}", list.string(), line.number));
  }
  return out;
}

// ---- folders ----

struct FolderSplit {
  std::string name;
  fs::path pictures, masks;
};

struct FolderPlan {
  std::vector<std::string> names{};   // "" for classes without
  std::vector<FolderSplit> splits{};  // one of no name where there are none
};

FolderPlan plan_folders(const fs::path& root) {
  FolderPlan plan;
  if (const auto file = find_data_yaml(root)) {
    plan.names = file->names;
    for (const DataFile::Folders& folders : file->splits) {
      if (folders.masks.empty()) continue;
      const auto pictures = find_folder(root, file->base, folders.pictures);
      const auto masks = find_folder(root, file->base, folders.masks);
      if (pictures && masks) plan.splits.push_back({folders.split, *pictures, *masks});
    }
  } else if (is_file(root / "classes.txt")) {
    plan.names = names_in(root / "classes.txt");
  }
  if (!plan.splits.empty() || !is_folder(root / "masks")) return plan;
  for_each_entry(root / "masks", [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    const auto pictures = find_folder(root, "", "images/" + name);
    if (is_folder(entry.path()) && pictures) plan.splits.push_back({name, *pictures, entry.path()});
  });
  const auto pictures = find_folder(root, "", "images");
  if (plan.splits.empty() && pictures) plan.splits.push_back({"", *pictures, root / "masks"});
  return plan;
}

bool is_folders(const fs::path& root) {
  const FolderPlan plan = plan_folders(root);
  return std::any_of(plan.splits.begin(), plan.splits.end(), [](const FolderSplit& split) {
    return !files_by_stem(split.masks, ".png").empty();
  });
}

std::vector<Split> folder_splits(const fs::path& root) {
  std::vector<std::string> names;
  for (const FolderSplit& split : plan_folders(root).splits) {
    if (!split.name.empty()) names.push_back(split.name);
  }
  return name_splits(std::move(names));
}

MaskedPictures read_folders(const fs::path& root, const Split& split, ProblemLog& log) {
  MaskedPictures out;
  FolderPlan plan = plan_folders(root);
  if (plan.names.empty()) {
    throw Error(ErrorKind::data,
                {.what = root.string() + ": no names of classes",
                 .expected = "a *.yaml file with 'classes: {0: name, ...}', or classes.txt with a "
                             "name on each line"});
  }
  set_mask_classes(std::move(plan.names), out);
  for (const FolderSplit& s : plan.splits) {
    if (s.name == split.on_disk) pair_folders(s.pictures, s.masks, log, out);
  }
  return out;
}

}  // namespace

const AnnotationKind<MaskedPictures> kCamvidMasks{
    "camvid", "SPLIT.txt of lines 'image mask' or SPLIT/ and SPLITannot/; classes.txt", is_camvid,
    camvid_splits, read_camvid};

const AnnotationKind<MaskedPictures> kVocMasks{
    "voc", "JPEGImages/, SegmentationClass/*.png, ImageSets/Segmentation/SPLIT.txt", is_voc,
    voc_splits, read_voc};

const AnnotationKind<MaskedPictures> kFolderMasks{
    "folders", "images/SPLIT/ and masks/SPLIT/ with PNG files of the same names; *.yaml",
    is_folders, folder_splits, read_folders};

void read_mask(const fs::path& path, Image& out) {
  const MappedFile file(path);
  decode_indices(file.bytes(), path.string(), {}, out);
}

}  // namespace vistas::vision
