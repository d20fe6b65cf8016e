#include "vistas/text/sources/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/strings.h"

namespace vistas::text {
namespace {

constexpr int64_t kRowsLookedAt = 1000;

bool one_of(const std::string& name, const std::vector<std::string>& names) {
  return std::ranges::find(names, name) != names.end();
}

// What the first rows have in a column.
struct Column {
  bool numbers = true;           // every value
  std::set<std::string> values;  // different ones
  size_t longest = 0;            // bytes
};

std::vector<Column> look_at(const TextFile& file) {
  std::vector<Column> columns(file.columns().size());
  std::vector<std::string> fields;
  const int64_t rows = std::min(file.size(), kRowsLookedAt);
  for (int64_t row = 0; row < rows; ++row) {
    file.read(row, fields);
    for (size_t i = 0; i < columns.size(); ++i) {
      columns[i].numbers = columns[i].numbers && is_number(fields[i]);
      columns[i].values.insert(fields[i]);
      columns[i].longest = std::max(columns[i].longest, fields[i].size());
    }
  }
  return columns;
}

Layout made(std::vector<int64_t> texts, int64_t score, int64_t label) {
  Layout layout{.texts = std::move(texts), .score = score, .label = label};
  if (label >= 0) {
    layout.kind = LayoutKind::labelled;
  } else if (score >= 0) {
    layout.kind = LayoutKind::scored_pairs;
  } else if (layout.texts.size() == 2) {
    layout.kind = LayoutKind::pairs;
  } else if (layout.texts.size() > 2) {
    layout.kind = LayoutKind::tuples;
  }
  return layout;
}

Error unclear(const TextFile& file, const std::string& got) {
  return Error(
      ErrorKind::data,
      {.what = file.name() + ": the columns",
       .got = got,
       .expected = "a text, two texts, two texts and a score, several texts, or a text "
                   "and a label",
       .fix = fmt::format("Name those to use; there are: {}", fmt::join(file.columns(), ", "))});
}

Layout by_name(const TextFile& file) {
  static const std::vector<std::string> scores = {"score", "scores", "similarity"};
  static const std::vector<std::string> labels = {"label", "labels", "class", "category"};
  static const std::vector<std::string> others = {"split", "id",    "idx",  "index",
                                                  "genre", "title", "file", "year"};
  std::vector<int64_t> texts, rest;
  int64_t score = -1, label = -1;
  for (size_t i = 0; i < file.columns().size(); ++i) {
    const std::string name = ascii_lower(file.columns()[i]);
    const auto column = static_cast<int64_t>(i);
    if (one_of(name, scores)) {
      score = column;
    } else if (one_of(name, labels)) {
      label = column;
    } else {
      (one_of(name, others) ? rest : texts).push_back(column);
    }
  }
  if (texts.empty()) texts = rest;
  // With two texts a label says how they go together: sentence-transformers' name of a score.
  if (texts.size() == 2 && score < 0 && label >= 0) std::swap(score, label);
  if (texts.size() == 1 && label < 0) std::swap(score, label);
  return made(texts, score, label);
}

Layout by_content(const TextFile& file) {
  const std::vector<Column> columns = look_at(file);
  const auto rows = static_cast<size_t>(std::min(file.size(), kRowsLookedAt));
  std::vector<int64_t> texts, numbers, classes;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    const bool few = columns[i].values.size() * 10 <= rows && columns[i].longest <= 32;
    if (columns[i].numbers) {
      numbers.push_back(column);
    } else {
      (few ? classes : texts).push_back(column);
    }
  }
  if (columns.size() == 1) return made({0}, -1, -1);
  if (texts.size() == 2 && numbers.size() == 1 && classes.empty()) {
    return made(texts, numbers[0], -1);
  }
  if (texts.size() == 1 && numbers.size() + classes.size() == 1) {
    return made(texts, -1, classes.empty() ? numbers[0] : classes[0]);
  }
  if (texts.size() == columns.size()) return made(texts, -1, -1);
  throw unclear(file, fmt::format("{} columns: {} of text, {} of numbers, {} of few short values",
                                  columns.size(), texts.size(), numbers.size(), classes.size()));
}

int64_t column_of(const TextFile& file, const std::string& name) {
  const auto& columns = file.columns();
  if (const auto found = std::ranges::find(columns, name); found != columns.end()) {
    return found - columns.begin();
  }
  int64_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error == std::errc{} && stop == end && number >= 1 &&
      number <= static_cast<int64_t>(columns.size())) {
    return number - 1;
  }
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{}: no column '{}'", file.name(), name),
               .expected = fmt::format("a name or a number from 1 to {}", columns.size()),
               .fix = did_you_mean(name, columns)});
}

}  // namespace

Layout detect_layout(const TextFile& file) {
  const bool named = file.has_header() || file.format() == TextFormat::jsonl;
  const Layout layout = named ? by_name(file) : by_content(file);
  if (layout.kind == LayoutKind::scored_pairs && layout.texts.size() != 2) {
    throw unclear(file, fmt::format("a score beside {} texts", layout.texts.size()));
  }
  if (layout.kind == LayoutKind::labelled && layout.texts.size() != 1) {
    throw unclear(file, fmt::format("a label beside {} texts", layout.texts.size()));
  }
  return layout;
}

Layout choose_layout(const TextFile& file, const std::vector<std::string>& texts,
                     const std::string& score, const std::string& label) {
  if (texts.empty() || (!score.empty() && texts.size() != 2) ||
      (!label.empty() && (texts.size() != 1 || !score.empty()))) {
    throw Error(
        ErrorKind::usage,
        {.what = "columns",
         .got = fmt::format("{} of text{}{}", texts.size(), score.empty() ? "" : ", a score",
                            label.empty() ? "" : ", a label"),
         .expected = "one text or more; two beside a score; one beside a label"});
  }
  std::vector<int64_t> columns;
  for (const std::string& name : texts) columns.push_back(column_of(file, name));
  return made(columns, score.empty() ? -1 : column_of(file, score),
              label.empty() ? -1 : column_of(file, label));
}

std::string describe(const Layout& layout, const TextFile& file) {
  std::vector<std::string> names;
  for (const int64_t i : layout.texts) names.push_back(file.columns()[static_cast<size_t>(i)]);
  const std::string texts = fmt::format("{}", fmt::join(names, ", "));
  const auto column = [&](int64_t i) { return file.columns()[static_cast<size_t>(i)]; };
  switch (layout.kind) {
    case LayoutKind::texts:
      return "texts of " + texts;
    case LayoutKind::pairs:
      return "pairs of " + texts;
    case LayoutKind::scored_pairs:
      return fmt::format("scored pairs of {}, score in {}", texts, column(layout.score));
    case LayoutKind::tuples:
      return "anchor, positive and negatives in " + texts;
    case LayoutKind::labelled:
      return fmt::format("labelled texts of {}, label in {}", texts, column(layout.label));
  }
  return "";
}

}  // namespace vistas::text
