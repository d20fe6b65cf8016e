// Boxes as YOLO has them: a text file a picture, its lines in shares of the picture.
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

constexpr size_t kFields = 5;  // class cx cy w h
// Where LabelImg and others keep the names of classes, also among the labels.
constexpr const char* kNamesFile = "classes.txt";

struct YoloSplit {
  std::string name{};  // empty where there are none
  fs::path pictures{}, labels{};
};

struct YoloPlan {
  std::vector<std::string> names{};  // "" for classes without; empty: none is named
  std::vector<YoloSplit> splits{};
};

FilesByStem label_files(const fs::path& folder) {
  FilesByStem files = files_by_stem(folder, ".txt");
  files.erase(fs::path(kNamesFile).stem().string());
  return files;
}

// "train/images" as "train/labels": the last folder of that name counts.
std::string labels_for(const std::string& pictures) {
  std::vector<std::string> parts;
  for (const fs::path& part : fs::path(pictures)) parts.push_back(part.string());
  const auto last = std::find(parts.rbegin(), parts.rend(), "images");
  if (last != parts.rend()) *last = "labels";
  fs::path labels;
  for (const std::string& part : parts) labels /= part;
  return labels.string();
}

YoloPlan plan_of(const fs::path& root) {
  YoloPlan plan;
  const auto add = [&](const std::string& name, const std::string& base,
                       const std::string& pictures) {
    const auto at = find_folder(root, base, pictures);
    const auto labels = find_folder(root, base, labels_for(pictures));
    if (at && labels && *at != *labels) plan.splits.push_back({name, *at, *labels});
  };
  if (const auto file = find_data_yaml(root)) {
    plan.names = file->names;
    for (const auto& split : file->splits) add(split.split, file->base, split.pictures);
  } else {
    for (const fs::path& names : {root / kNamesFile, root / "labels" / kNamesFile}) {
      if (is_file(names) && plan.names.empty()) plan.names = names_in(names);
    }
  }
  if (!plan.splits.empty() || !is_folder(root / "labels")) return plan;
  for_each_entry(root / "labels", [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    if (is_folder(entry.path())) add(name, "", "images/" + name);
  });
  if (plan.splits.empty()) add("", "", "images");
  return plan;
}

// False where the first line is no box but a polygon. Of labels there must be one.
bool holds_boxes(const fs::path& folder) {
  constexpr int kLooks = 100;
  const FilesByStem files = label_files(folder);
  int looked = 0;
  for (const auto& [stem, same] : files) {
    const std::vector<ListLine> lines = read_list(same.front());
    if (!lines.empty()) return words_of(lines.front().text).size() == kFields;
    if (++looked == kLooks) break;
  }
  return !files.empty();
}

bool is_yolo(const fs::path& root) {
  if (!is_folder(root)) return false;
  const YoloPlan plan = plan_of(root);
  return std::any_of(plan.splits.begin(), plan.splits.end(),
                     [](const YoloSplit& split) { return holds_boxes(split.labels); });
}

std::vector<Split> yolo_splits(const fs::path& root) {
  std::vector<std::string> names;
  for (const YoloSplit& split : plan_of(root).splits) {
    if (!split.name.empty()) names.push_back(split.name);
  }
  return name_splits(std::move(names));
}

std::vector<YoloLine> read_labels(const fs::path& file) {
  const MappedFile map(file);
  return parse_yolo(map.bytes());
}

// "0", "1", ... up to the highest class of any split.
std::vector<std::string> numbered(const YoloPlan& plan) {
  int64_t highest = -1;
  for (const YoloSplit& split : plan.splits) {
    for (const auto& [stem, same] : label_files(split.labels)) {
      for (const YoloLine& line : read_labels(same.front())) {
        if (line.fields == kFields) highest = std::max(highest, line.label);
      }
    }
  }
  std::vector<std::string> names;
  for (int64_t i = 0; i <= highest; ++i) names.push_back(std::to_string(i));
  return names;
}

// The boxes of a label file in a picture of width x height.
std::vector<ObjectBox> boxes_of(const std::vector<YoloLine>& lines, double width, double height,
                                const fs::path& file, const std::vector<std::string>& names,
                                ProblemLog& log) {
  std::vector<ObjectBox> boxes;
  for (const YoloLine& line : lines) {
    const std::string where = fmt::format("{}:{}", file.string(), line.number);
    if (line.fields != kFields) {
      log.add(Problem::bad_line, where,
              fmt::format("{} fields instead of 'class cx cy w h'", line.fields));
      continue;
    }
    if (line.label < 0 || line.label >= static_cast<int64_t>(names.size()) ||
        names[static_cast<size_t>(line.label)].empty()) {
      log.add(Problem::unknown_class, where, fmt::format("'{}'", line.label_text));
      continue;
    }
    const auto [cx, cy, w, h] = line.shares;
    keep_box({.left = (cx - w / 2) * width,
              .top = (cy - h / 2) * height,
              .right = (cx + w / 2) * width,
              .bottom = (cy + h / 2) * height,
              .label = line.label},
             width, height, where, log, boxes);
  }
  return boxes;
}

// A picture without a label file has no objects.
void read_split(const YoloSplit& split, const std::vector<std::string>& names, ProblemLog& log,
                BoxedPictures& out) {
  const FilesByStem labels = label_files(split.labels), pictures = pictures_by_stem(split.pictures);
  for (const auto& [stem, same] : pictures) {
    for (size_t i = 1; i < same.size(); ++i) {
      log.add(Problem::listed_twice, same[i].string(), "the name of " + same[0].string());
    }
    std::vector<ObjectBox> boxes;
    if (const auto file = labels.find(stem); file != labels.end()) {
      const std::vector<YoloLine> lines = read_labels(file->second.front());
      if (!lines.empty()) {
        const auto info = probe_file(same.front(), same.front().string(), log);
        if (!info) continue;
        boxes = boxes_of(lines, info->width, info->height, file->second.front(), names, log);
      }
    }
    out.pictures.push_back(same.front());
    out.boxes.push_back(std::move(boxes));
  }
  for (const auto& [stem, same] : labels) {
    if (pictures.contains(stem)) continue;
    log.add(Problem::missing_picture, same.front().string(),
            (split.pictures / stem).string() + ".*");
  }
}

BoxedPictures read_yolo(const fs::path& root, const Split& split, ProblemLog& log) {
  YoloPlan plan = plan_of(root);
  if (plan.names.empty()) plan.names = numbered(plan);
  BoxedPictures out;
  for (const YoloSplit& s : plan.splits) {
    if (s.name == split.on_disk) read_split(s, plan.names, log, out);
  }
  for (size_t i = 0; i < plan.names.size(); ++i) {
    if (plan.names[i].empty()) plan.names[i] = std::to_string(i);
  }
  out.class_names = std::move(plan.names);
  return out;
}

}  // namespace

std::vector<YoloLine> parse_yolo(Bytes bytes) {
  std::vector<YoloLine> lines;
  for (const ListLine& line : lines_of(bytes)) {
    const std::vector<std::string_view> words = words_of(line.text);
    YoloLine parsed{.number = line.number,
                    .fields = words.size(),
                    .label_text = std::string(words[0]),
                    .label = to_index(to_number(words[0]))};
    for (size_t i = 1; i < std::min(words.size(), kFields); ++i) {
      parsed.shares[i - 1] = to_number(words[i]);
    }
    lines.push_back(std::move(parsed));
  }
  return lines;
}

const AnnotationKind<BoxedPictures> kYoloBoxes{
    "yolo", "labels/SPLIT/*.txt of lines 'class cx cy w h', images/SPLIT/; *.yaml", is_yolo,
    yolo_splits, read_yolo};

}  // namespace vistas::vision
