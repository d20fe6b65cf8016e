#include "vistas/vision/sources/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotation_kinds.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

template <class Pictures>
struct Layouts;
template <>
struct Layouts<BoxedPictures> {
  static constexpr const char* kWhat = "boxes";
  static constexpr std::array kAll{&kVocBoxes, &kCocoBoxes, &kYoloBoxes};
};
template <>
struct Layouts<MaskedPictures> {
  static constexpr const char* kWhat = "masks";
  static constexpr std::array kAll{&kCamvidMasks, &kVocMasks, &kFolderMasks};
};

template <class Pictures>
struct Found {
  const AnnotationKind<Pictures>* kind = nullptr;
  fs::path root{};
};

template <class Pictures>
using Kinds = std::vector<const AnnotationKind<Pictures>*>;

template <class Pictures>
Kinds<Pictures> kinds_named(const std::string& layout) {
  Kinds<Pictures> kinds;
  std::vector<std::string> names{"auto"};
  for (const auto* kind : Layouts<Pictures>::kAll) {
    names.emplace_back(kind->name);
    if (layout == "auto" || layout == kind->name) kinds.push_back(kind);
  }
  if (!kinds.empty()) return kinds;
  throw Error(
      ErrorKind::usage,
      {.what = "layout", .got = layout, .expected = fmt::format("{}", fmt::join(names, ", "))});
}

template <class Pictures>
[[noreturn]] void no_data_set(const fs::path& path, const Kinds<Pictures>& kinds) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    const std::string why = error ? error.message() : "no such file or folder";
    throw Error(ErrorKind::data, {.what = path.string() + ": " + why});
  }
  std::vector<std::string> expected;
  for (const auto* kind : kinds) {
    expected.push_back(fmt::format("{} ({})", kind->name, kind->looks_like));
  }
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: no pictures with {} in it", path.string(),
                                   Layouts<Pictures>::kWhat),
               .expected = fmt::format("a data set of one of these layouts, here or one folder "
                                       "further down: {}",
                                       fmt::join(expected, "; "))});
}

// The layout and the folder that has it: `path` itself, or the only such folder in it.
template <class Pictures>
Found<Pictures> find(const fs::path& path, const std::string& layout) {
  const auto kinds = kinds_named<Pictures>(layout);
  for (const auto* kind : kinds) {
    if (kind->matches(path)) return {kind, path};
  }
  std::vector<fs::path> folders;
  if (is_folder(path)) {
    for_each_entry(path, [&](const fs::directory_entry& entry) {
      if (is_folder(entry.path())) folders.push_back(entry.path());
    });
  }
  std::sort(folders.begin(), folders.end());
  for (const auto* kind : kinds) {
    std::vector<std::string> matching;
    for (const fs::path& folder : folders) {
      if (kind->matches(folder)) matching.push_back(folder.filename().string());
    }
    if (matching.size() == 1) return {kind, path / matching.front()};
    if (!matching.empty()) {
      throw Error(ErrorKind::data,
                  {.what = path.string() + ": several data sets in it",
                   .got = fmt::format("{}", fmt::join(matching, ", ")),
                   .fix = "Open one of them, as " + (path / matching.front()).string()});
    }
  }
  no_data_set<Pictures>(path, kinds);
}

Split choose_split(const fs::path& path, const std::vector<Split>& splits,
                   const std::string& wanted) {
  std::vector<std::string> names;
  for (const Split& split : splits) {
    if (!wanted.empty() && (split.name == wanted || split.on_disk == wanted)) return split;
    if (wanted.empty() && split.name == "train") return split;
    names.push_back(split.name);
  }
  if (wanted.empty()) return splits.empty() ? Split{} : splits.front();
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{}: no split '{}'", path.string(), wanted),
               .expected = splits.empty() ? "no split, it has none"
                                          : fmt::format("{}", fmt::join(names, ", "))});
}

// An error where nothing is left.
template <class Pictures>
void check_left(const fs::path& path, const Pictures& pictures) {
  bool any = !pictures.pictures.empty();
  if constexpr (std::is_same_v<Pictures, BoxedPictures>) {
    any = std::any_of(pictures.boxes.begin(), pictures.boxes.end(),
                      [](const auto& boxes) { return !boxes.empty(); });
    // Pictures without objects are fine where that is no mistake.
    any |= !pictures.pictures.empty() && pictures.problems.count == 0;
  }
  if (any) return;
  const std::string problems = pictures.problems.summary();
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: no {} that can be used, in layout {}{}", path.string(),
                                   Layouts<Pictures>::kWhat, pictures.layout,
                                   pictures.split.empty() ? "" : ", split " + pictures.split),
               .got = problems.empty() ? "no picture" : problems});
}

template <class Pictures>
Pictures read_annotated(const fs::path& path, const AnnotationOptions& options) {
  const auto found = find<Pictures>(path, options.layout);
  const Split split = choose_split(path, found.kind->splits(found.root), options.split);
  ProblemLog log(options);
  Pictures out = found.kind->read(found.root, split, log);
  out.layout = found.kind->name;
  out.split = split.name;
  out.root = path;
  out.problems = std::move(log.found);
  check_left(path, out);
  return out;
}

template <class Pictures>
std::vector<std::string> splits_shown(const fs::path& path) {
  const auto found = find<Pictures>(path, "auto");
  std::vector<std::string> names;
  for (const Split& split : found.kind->splits(found.root)) names.push_back(split.name);
  return names;
}

}  // namespace

void AnnotationOptions::fields(Fields& f) {
  f.add("split", split, "split of a data set that has train, val or test (empty: train)");
  f.add("layout", layout, "how the data set is laid out; auto: told by its content",
        {"auto", "voc", "coco", "yolo", "camvid", "folders"});
  f.add(
      "on_bad_annotation", on_bad_annotation,
      "what to do with boxes and masks that cannot be used: leave them out and count them, or stop",
      {"skip", "fail"});
}

BoxedPictures read_boxes(const fs::path& path, const AnnotationOptions& options) {
  return read_annotated<BoxedPictures>(path, options);
}

MaskedPictures read_mask_list(const fs::path& path, const AnnotationOptions& options) {
  return read_annotated<MaskedPictures>(path, options);
}

std::vector<std::string> box_splits(const fs::path& path) {
  return splits_shown<BoxedPictures>(path);
}

std::vector<std::string> mask_splits(const fs::path& path) {
  return splits_shown<MaskedPictures>(path);
}

}  // namespace vistas::vision
