#include "vistas/text/sources/layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/strings.h"
#include "vistas/text/sources/column_names.h"

namespace vistas::text {
namespace {

constexpr int64_t kRowsLookedAt = 1000;

// What the first rows have in a column.
struct Column {
  int64_t filled = 0, numbers = 0;
  std::set<std::string> values{};  // different ones
  size_t longest = 0;              // bytes
  bool has_spaces = false;         // in a value
  bool whole = true;               // every number
  bool counts_up = true;           // whole numbers, each above the one before
  double last = -INFINITY;

  void add(const std::string& value) {
    if (is_blank(value)) return;
    ++filled;
    values.insert(value);
    longest = std::max(longest, value.size());
    has_spaces = has_spaces || value.find(' ') != std::string::npos;
    const double number = number_in(value);
    if (!std::isnan(number)) ++numbers;
    whole = whole && std::floor(number) == number;
    counts_up = counts_up && whole && number > last;
    last = number;
  }
  bool is_mostly_numbers(int64_t tenths) const { return numbers * 10 >= filled * tenths; }
};

std::vector<Column> look_at(const TextFile& file) {
  std::vector<Column> columns(file.columns().size());
  std::vector<std::string> fields;
  const int64_t rows = std::min(file.size(), kRowsLookedAt);
  for (int64_t row = 0; row < rows; ++row) {
    file.read(row, fields);
    for (size_t i = 0; i < columns.size(); ++i) columns[i].add(fields[i]);
  }
  return columns;
}

enum class Role { text, title, score, label, number, few, none };

// `name` is "" in a file without names.
Role role_of(const std::string& name, const Column& column, int64_t rows) {
  if (column.filled == 0) return Role::none;
  const NameMeans means = meaning_of(name);
  if (means == NameMeans::score) return column.is_mostly_numbers(5) ? Role::score : Role::label;
  if (means == NameMeans::label) return Role::label;
  if (means == NameMeans::other || (means == NameMeans::id && !column.has_spaces)) {
    return Role::none;
  }
  if (column.is_mostly_numbers(9)) {
    return column.counts_up && rows >= 10 ? Role::none : Role::number;
  }
  if (means == NameMeans::title) return Role::title;
  const bool few = std::ssize(column.values) * 10 <= rows && column.longest <= 32;
  return few && means != NameMeans::text ? Role::few : Role::text;
}

Layout made(std::vector<int64_t> texts, int64_t score, int64_t label) {
  Layout layout{.texts = std::move(texts), .score = score, .label = label};
  if (label >= 0) {
    layout.kind = layout.texts.size() == 1 ? LayoutKind::labelled : LayoutKind::labelled_pairs;
  } else if (score >= 0) {
    layout.kind = LayoutKind::scored_pairs;
  } else if (layout.texts.size() == 2) {
    layout.kind = LayoutKind::pairs;
  } else if (layout.texts.size() > 2) {
    layout.kind = LayoutKind::tuples;
  }
  return layout;
}

// Finds the layout of a file from the roles of its columns.
class Detection {
 public:
  explicit Detection(const TextFile& file)
      : file_(file), named_(file.has_header() || file.format() == TextFormat::jsonl) {
    columns_ = look_at(file);
    const int64_t rows = std::min(file.size(), kRowsLookedAt);
    for (size_t i = 0; i < columns_.size(); ++i) {
      roles_.push_back(role_of(named_ ? file.columns()[i] : "", columns_[i], rows));
    }
  }

  Layout layout() const {
    if (columns_.size() == 1) return made({0}, -1, -1);
    const int64_t score = first(Role::score), label = first(Role::label);
    std::vector<int64_t> texts = with({Role::text});
    if (texts.empty() || (texts.size() == 1 && score < 0 && label < 0)) {
      texts = with({Role::text, Role::title});
    }
    if (texts.size() == 1) return one_text(texts[0], label >= 0 ? label : score);
    if (texts.size() == 2) return two_texts(texts, score, label);
    if (texts.empty() || score >= 0 || label >= 0 || !all_have_a_part()) throw unclear();
    return made(texts, -1, -1);
  }

 private:
  std::vector<int64_t> with(std::initializer_list<Role> roles) const {
    std::vector<int64_t> found;
    for (size_t i = 0; i < roles_.size(); ++i) {
      if (std::ranges::find(roles, roles_[i]) != roles.end()) {
        found.push_back(static_cast<int64_t>(i));
      }
    }
    return found;
  }

  int64_t first(Role role) const {
    const auto found = with({role});
    return found.empty() ? -1 : found.front();
  }

  // In a file without names a column of values that nothing uses is a guess too many.
  bool all_have_a_part() const { return named_ || with({Role::number, Role::few}).empty(); }

  Layout one_text(int64_t text, int64_t label) const {
    if (label >= 0) return made({text}, -1, label);
    const auto values = with({Role::number, Role::few});
    if (values.size() == 1) return made({text}, -1, values[0]);
    if (!all_have_a_part()) throw unclear();
    return made({text}, -1, -1);
  }

  Layout two_texts(const std::vector<int64_t>& texts, int64_t score, int64_t label) const {
    if (score >= 0) return made(texts, score, -1);
    if (label >= 0) {
      return is_graded(texts, columns_[static_cast<size_t>(label)]) ? made(texts, label, -1)
                                                                    : made(texts, -1, label);
    }
    const auto numbers = with({Role::number});
    if (!named_ && numbers.size() == 1 && first(Role::few) < 0) return made(texts, numbers[0], -1);
    if (!all_have_a_part()) throw unclear();
    return made(texts, -1, -1);
  }

  // Whether a label says how alike two texts are: numbers, but for the classes 0, 1, 2 of a premise
  // and a hypothesis.
  bool is_graded(const std::vector<int64_t>& texts, const Column& label) const {
    if (!label.is_mostly_numbers(5)) return false;
    const bool inference = std::ranges::any_of(texts, [&](int64_t i) {
      return ascii_lower(file_.columns()[static_cast<size_t>(i)]) == "hypothesis";
    });
    return !inference || !label.whole || label.values.size() <= 2;
  }

  Error unclear() const {
    const auto count = [&](Role role) { return std::ranges::count(roles_, role); };
    std::vector<std::string> parts;
    for (const auto& [role, name] :
         {std::pair{Role::text, "text"}, std::pair{Role::title, "titles"},
          std::pair{Role::score, "scores"}, std::pair{Role::label, "labels"},
          std::pair{Role::number, "numbers"}, std::pair{Role::few, "few short values"},
          std::pair{Role::none, "ids or nothing"}}) {
      if (count(role) > 0) parts.push_back(fmt::format("{} of {}", count(role), name));
    }
    return Error(
        ErrorKind::data,
        {.what = file_.name() + ": the columns",
         .got = fmt::format("{} columns: {}", roles_.size(), fmt::join(parts, ", ")),
         .expected = "a text, two texts, two texts and a score, several texts, or a text "
                     "and a label",
         .fix = fmt::format("Name those to use; there are: {}", fmt::join(file_.columns(), ", "))});
  }

  const TextFile& file_;
  bool named_;
  std::vector<Column> columns_;
  std::vector<Role> roles_;
};

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
  return Detection(file).layout();
}

Layout layout_of(const TextFile& file, const LayoutOptions& options) {
  if (options.columns.empty() && options.score.empty() && options.label.empty()) {
    return detect_layout(file);
  }
  return choose_layout(file, options.columns, options.score, options.label);
}

void leave_out_unusable(TextFile& file, const Layout& layout) {
  const auto field = [](const std::vector<std::string>& fields, int64_t column) -> auto& {
    return fields[static_cast<size_t>(column)];
  };
  const auto name = [&](int64_t column) { return file.columns()[static_cast<size_t>(column)]; };
  file.leave_out([&](const std::vector<std::string>& fields) -> std::string {
    for (const int64_t column : layout.texts) {
      if (is_blank(field(fields, column))) return "no text in " + name(column);
    }
    if (layout.score >= 0 && !is_number(field(fields, layout.score))) {
      return fmt::format("'{}' in {} is no number", field(fields, layout.score),
                         name(layout.score));
    }
    if (layout.label >= 0 && is_blank(field(fields, layout.label))) {
      return "no label in " + name(layout.label);
    }
    return "";
  });
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
  const auto names = [&](const std::vector<int64_t>& columns) {
    std::vector<std::string> out;
    for (const int64_t i : columns) out.push_back(file.columns()[static_cast<size_t>(i)]);
    return fmt::format("{}", fmt::join(out, ", "));
  };
  std::vector<int64_t> unused;
  for (int64_t i = 0; i < std::ssize(file.columns()); ++i) {
    const bool is_text = std::ranges::find(layout.texts, i) != layout.texts.end();
    if (!is_text && i != layout.score && i != layout.label) unused.push_back(i);
  }
  const std::string texts = names(layout.texts);
  const std::string rest = unused.empty() ? "" : fmt::format(" (not used: {})", names(unused));
  switch (layout.kind) {
    case LayoutKind::texts:
      return "texts of " + texts + rest;
    case LayoutKind::pairs:
      return "pairs of " + texts + rest;
    case LayoutKind::scored_pairs:
      return fmt::format("scored pairs of {}, score in {}{}", texts, names({layout.score}), rest);
    case LayoutKind::tuples:
      return "anchor, positive and negatives in " + texts + rest;
    case LayoutKind::labelled:
      return fmt::format("labelled texts of {}, label in {}{}", texts, names({layout.label}), rest);
    case LayoutKind::labelled_pairs:
      return fmt::format("pairs of {}, class in {}{}", texts, names({layout.label}), rest);
  }
  return "";
}

}  // namespace vistas::text
