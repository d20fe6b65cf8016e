#include "vistas/vision/sources/annotation_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamedProblems = 10;
constexpr std::string_view kBlanks = " \t\r\n";

struct ProblemWords {
  const char *one, *many, *expected;
};

ProblemWords words_for(Problem problem) {
  switch (problem) {
    case Problem::empty_box:
      return {"empty box", "empty boxes", "a width and a height above 0"};
    case Problem::outside:
      return {"box outside its picture", "boxes outside their picture", ""};
    case Problem::no_numbers:
      return {"box without numbers", "boxes without numbers", "four finite numbers"};
    case Problem::unknown_class:
      return {"unknown class", "unknown classes", ""};
    case Problem::unknown_picture:
      return {"unknown picture", "unknown pictures", ""};
    case Problem::missing_picture:
      return {"missing picture", "missing pictures", ""};
    case Problem::unreadable_picture:
      return {"unreadable picture", "unreadable pictures", ""};
    case Problem::listed_twice:
      return {"picture listed twice", "pictures listed twice", ""};
    case Problem::missing_file:
      return {"missing annotation file", "missing annotation files", ""};
    case Problem::unreadable_file:
      return {"unreadable annotation file", "unreadable annotation files", ""};
    case Problem::missing_mask:
      return {"missing mask", "missing masks", ""};
    case Problem::bad_line:
      break;
  }
  return {"malformed line", "malformed lines", ""};
}

// "train2017" as "train".
std::string without_year(const std::string& name) {
  for (const std::string_view split : {"train", "val", "test"}) {
    if (name.size() == split.size() + 4 && name.starts_with(split) &&
        std::all_of(name.end() - 4, name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return std::string(split);
    }
  }
  return name;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

FilesByStem by_stem(const fs::path& folder, const std::function<bool(const std::string&)>& wanted) {
  FilesByStem found;
  if (!is_folder(folder)) return found;
  const auto shown = [&](const std::string& file) { return file[0] != '.' && wanted(file); };
  for (fs::path& file : files_in(folder, shown)) {
    found[file.stem().string()].push_back(std::move(file));
  }
  return found;
}

}  // namespace

void ProblemLog::add(Problem problem, const std::string& where, const std::string& got) {
  const ProblemWords words = words_for(problem);
  const ErrorParts parts{
      .what = where + ": " + words.one, .got = got, .expected = got.empty() ? "" : words.expected};
  if (fail_) {
    ErrorParts with_fix = parts;
    with_fix.fix = "Mend it, or leave such annotations out with on_bad_annotation = \"skip\"";
    throw Error(ErrorKind::data, with_fix);
  }
  ++found.count;
  const auto kind = std::find_if(found.kinds.begin(), found.kinds.end(),
                                 [&](const auto& k) { return k.first == words.one; });
  if (kind != found.kinds.end()) {
    ++kind->second;
  } else {
    found.kinds.emplace_back(words.one, 1);
  }
  if (found.first.size() < kNamedProblems) {
    found.first.push_back(Error(ErrorKind::data, parts).what());
  }
}

std::string AnnotationProblems::summary() const {
  if (count == 0) return "";
  std::vector<std::string> parts;
  for (const auto& [name, times] : kinds) {
    std::string shown = name;
    for (auto p = Problem::empty_box; times > 1 && p <= Problem::bad_line;
         p = static_cast<Problem>(static_cast<int>(p) + 1)) {
      if (name == words_for(p).one) shown = words_for(p).many;
    }
    parts.push_back(fmt::format("{} {}", times, shown));
  }
  return fmt::format("{} left out: {} ({}{})",
                     count == 1 ? "1 annotation was" : fmt::format("{} annotations were", count),
                     fmt::join(parts, ", "), first.empty() ? "" : first.front(),
                     count > 1 ? "; ..." : "");
}

std::vector<Split> name_splits(std::vector<std::string> on_disk) {
  const auto rank = [](const std::string& name) {
    constexpr std::array kFirst{"train", "val", "test"};
    return std::find(kFirst.begin(), kFirst.end(), without_year(name)) - kFirst.begin();
  };
  std::sort(on_disk.begin(), on_disk.end(), [&](const std::string& a, const std::string& b) {
    return std::pair(rank(a), std::string_view(a)) < std::pair(rank(b), std::string_view(b));
  });
  std::vector<Split> splits;
  for (const std::string& name : on_disk) {
    const std::string shown = without_year(name);
    const bool alone = std::count_if(on_disk.begin(), on_disk.end(), [&](const std::string& n) {
                         return without_year(n) == shown;
                       }) == 1;
    splits.push_back({alone ? shown : name, name});
  }
  return splits;
}

void keep_box(const ObjectBox& box, double width, double height, const std::string& where,
              ProblemLog& log, std::vector<ObjectBox>& to) {
  const auto shown = [&] {
    return fmt::format("{:.6g}, {:.6g} to {:.6g}, {:.6g}", box.left, box.top, box.right,
                       box.bottom);
  };
  if (!std::isfinite(box.left) || !std::isfinite(box.top) || !std::isfinite(box.right) ||
      !std::isfinite(box.bottom)) {
    return log.add(Problem::no_numbers, where, shown());
  }
  if (box.right <= box.left || box.bottom <= box.top) {
    return log.add(Problem::empty_box, where, shown());
  }
  ObjectBox cut = box;
  cut.left = std::max(box.left, 0.0);
  cut.top = std::max(box.top, 0.0);
  cut.right = std::min(box.right, width);
  cut.bottom = std::min(box.bottom, height);
  if (cut.right <= cut.left || cut.bottom <= cut.top) {
    return log.add(Problem::outside, where,
                   fmt::format("{} in {:.6g} x {:.6g} pixels", shown(), width, height));
  }
  to.push_back(cut);
}

std::optional<PictureInfo> probe_file(const fs::path& picture, const std::string& where,
                                      ProblemLog& log) {
  std::string why;
  try {
    const MappedFile file(picture);
    return probe(file.bytes(), picture.string());
  } catch (const Error& e) {
    why = e.what();
  }
  log.add(Problem::unreadable_picture, where, why);
  return {};
}

double to_number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? value : std::numeric_limits<double>::quiet_NaN();
}

int64_t to_index(double number) {
  const bool whole =
      number >= 0 && number < static_cast<double>(kMaxClasses) && number == std::floor(number);
  return whole ? static_cast<int64_t>(number) : -1;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t end = 0;;) {
    const size_t begin = text.find_first_not_of(kBlanks, end);
    if (begin == text.npos) return words;
    end = std::min(text.find_first_of(kBlanks, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
  }
}

std::vector<ListLine> lines_of(Bytes bytes) {
  std::vector<ListLine> lines;
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (const std::string_view kept = trimmed(line); !kept.empty()) {
      lines.push_back({number, std::string(kept)});
    }
  }
  return lines;
}

std::vector<ListLine> read_list(const fs::path& file) {
  const MappedFile map(file);
  return lines_of(map.bytes());
}

std::vector<std::string> names_in(const fs::path& file) {
  std::vector<std::string> names;
  for (ListLine& line : read_list(file)) names.push_back(std::move(line.text));
  return names;
}

FilesByStem pictures_by_stem(const fs::path& folder) {
  return by_stem(folder, has_picture_extension);
}

FilesByStem files_by_stem(const fs::path& folder, const std::string& extension) {
  return by_stem(folder, [&](const std::string& file) {
    return lower(fs::path(file).extension().string()) == extension;
  });
}

}  // namespace vistas::vision
