#include "vistas/text/sources/text_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/base/strings.h"
#include "vistas/text/sources/column_names.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRowsBelowHeader = 100;

std::string_view without_line_end(std::string_view record) {
  if (record.ends_with('\n')) record.remove_suffix(1);
  if (record.ends_with('\r')) record.remove_suffix(1);
  return record;
}

// By the name without .gz; then by the first lines.
TextFormat format_of(const fs::path& path, std::string_view content, const std::string& asked) {
  for (const auto& [name, format] : text_formats()) {
    if (name == asked) return format;
  }
  const std::string extension = text_extension(path);
  if (extension == ".tsv") return TextFormat::tsv;
  if (extension == ".csv") return TextFormat::csv;
  if (extension == ".jsonl" || extension == ".ndjson") return TextFormat::jsonl;
  std::vector<std::string_view> lines;
  while (!content.empty() && lines.size() < 20) {
    const size_t length = record_length(content, TextFormat::lines, 0);
    const std::string_view line = without_line_end(content.substr(0, length));
    if (!line.empty()) lines.push_back(line);
    content.remove_prefix(length);
  }
  const auto tabs = [](std::string_view line) { return std::ranges::count(line, '\t'); };
  const auto all = [&](const auto& holds) {
    return !lines.empty() && std::ranges::all_of(lines, holds);
  };
  std::vector<std::string> columns;
  if (all([&](std::string_view line) { return json_columns(line, columns).empty(); })) {
    return TextFormat::jsonl;
  }
  if (all([&](std::string_view line) { return tabs(line) > 0 && tabs(line) == tabs(lines[0]); })) {
    return TextFormat::tsv;
  }
  return TextFormat::lines;
}

// Whether a field could be the name of a column: short, no number and no sentence.
bool could_name(const std::string& field) {
  return !is_blank(field) && field.size() <= 40 && !is_number(field) &&
         std::ranges::count(field, ' ') < 3 && field.find_first_of(".!?,;\"") == std::string::npos;
}

bool most_of(const std::vector<std::string>& values,
             const std::function<bool(const std::string&)>& holds) {
  return std::ranges::count_if(values, holds) * 10 >= std::ssize(values) * 9;
}

// Whether `name` is of another kind than the values below it: no number above numbers, no word
// that occurs again above few different ones, one word above texts of several.
bool differs_in_kind(const std::string& name, const std::vector<std::string>& values) {
  if (most_of(values, is_number)) return true;
  const std::set<std::string> different(values.begin(), values.end());
  if (values.size() >= 4 && different.size() * 2 <= values.size() && !different.contains(name)) {
    return true;
  }
  return name.find(' ') == std::string::npos &&
         most_of(values, [](const std::string& v) { return v.find(' ') != std::string::npos; });
}

// The first row names the columns if data sets use all of its names, or if all could be names, no
// two the same, and one is that of a score or label, or there are numbers below one, or values of
// another kind below all. `columns` are the values of the rows that follow.
bool looks_like_header(const std::vector<std::string>& first,
                       const std::vector<std::vector<std::string>>& columns) {
  bool known = true, value = false;
  for (const std::string& name : first) {
    const NameMeans means = meaning_of(name);
    known = known && means != NameMeans::nothing;
    value = value || means == NameMeans::score || means == NameMeans::label;
  }
  const std::set<std::string> names(first.begin(), first.end());
  if (names.size() != first.size() || !std::ranges::all_of(first, could_name)) return false;
  bool numbers = false, all = true;
  for (size_t i = 0; i < first.size(); ++i) {
    numbers = numbers || most_of(columns[i], is_number);
    all = all && differs_in_kind(first[i], columns[i]);
  }
  return known || value || numbers || all;
}

// Refuses what is no UTF-8 at all and would be nothing but bad lines.
void check_encoding(std::string_view content, const std::string& name) {
  const std::string_view start = content.substr(0, 64);
  const bool marked = start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF");
  if (!marked && std::ranges::count(start, '\0') * 4 < std::ssize(start)) return;
  if (content.empty()) return;
  throw Error(ErrorKind::data, {.what = name,
                                .got = marked ? "UTF-16" : "zero bytes, as UTF-16 has them",
                                .expected = "UTF-8",
                                .fix = "Convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"});
}

}  // namespace

TextFile::TextFile(const fs::path& path, const TextFileOptions& options, const std::string& name)
    : name_(name.empty() ? path.string() : name),
      file_(map_text_file(path)),
      fails_(options.on_bad_line == "fail") {
  content_ = text_of(file_);
  check_encoding(content_, name_);
  format_ = format_of(path, content_, options.format);
  longest_ = static_cast<size_t>(options.longest_line);
  find_rows();
  take_header(options.header);
  if (starts_.empty()) {
    throw Error(
        ErrorKind::data,
        {.what = name_ + ": no row of text",
         .got = content_.empty() ? "an empty file" : fmt::format("{} bytes", content_.size()),
         .expected = "a text a line, or columns of texts",
         .fix = bad_.count ? bad_.summary() : ""});
  }
}

void TextFile::note_bad(int64_t line, const std::string& wrong) {
  const std::string what = fmt::format("{}: line {}", name_, line);
  if (fails_) {
    throw Error(ErrorKind::data, {.what = what,
                                  .got = wrong,
                                  .fix = "Mend the line, or leave such lines out with "
                                         "on_bad_line = \"skip\""});
  }
  bad_.add(what + ": " + wrong);
}

std::string_view TextFile::record(size_t start) const {
  const std::string_view rest = content_.substr(start);
  return without_line_end(rest.substr(0, record_length(rest, format_, longest_)));
}

std::string TextFile::split(std::string_view record, std::vector<std::string>& fields,
                            int64_t* beyond) const {
  if (format_ != TextFormat::jsonl) return split_record(record, format_, fields);
  int64_t ignored = 0;
  return split_json(record, columns_, fields, beyond != nullptr ? *beyond : ignored);
}

void TextFile::find_rows() {
  std::vector<std::string> fields;
  int64_t line = 1;
  for (size_t at = 0; at < content_.size();) {
    const std::string_view rest = content_.substr(at);
    const size_t length = record_length(rest, format_, longest_);
    const std::string_view text = without_line_end(rest.substr(0, length));
    if (!is_blank(text)) {
      const std::string wrong = what_is_wrong(text, fields);
      if (wrong.empty()) {
        starts_.push_back(at);
      } else {
        note_bad(line, wrong);
      }
    }
    at += length;
    line += std::ranges::count(rest.substr(0, length), '\n');
  }
}

// The first good record says what the columns are.
std::string TextFile::what_is_wrong(std::string_view text, std::vector<std::string>& fields) {
  if (text.size() > longest_) return fmt::format("{} bytes, more than {}", text.size(), longest_);
  if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    return fmt::format("byte {} is no UTF-8", bad + 1);
  }
  if (format_ == TextFormat::jsonl && columns_.empty()) {
    if (std::string wrong = json_columns(text, columns_); !wrong.empty()) return wrong;
  }
  int64_t beyond = 0;
  if (std::string wrong = split(text, fields, &beyond); !wrong.empty()) return wrong;
  longer_lists_ += beyond > 0 ? 1 : 0;
  if (columns_.empty()) {
    for (size_t i = 1; i <= fields.size(); ++i) columns_.push_back(fmt::format("column {}", i));
  }
  if (fields.size() == columns_.size()) return "";
  return fmt::format("{} columns, {} in the first row", fields.size(), columns_.size());
}

void TextFile::take_header(const std::string& option) {
  const bool may_be = format_ == TextFormat::tsv || format_ == TextFormat::csv;
  if (!may_be || option == "no" || starts_.empty()) return;
  std::vector<std::string> first, fields;
  read(0, first);
  std::vector<std::vector<std::string>> columns(first.size());
  for (int64_t row = 1; row < std::min(size(), kRowsBelowHeader); ++row) {
    read(row, fields);
    for (size_t i = 0; i < first.size(); ++i) columns[i].push_back(fields[i]);
  }
  header_ = option == "yes" || (size() > 1 && looks_like_header(first, columns));
  if (!header_) return;
  columns_ = first;
  starts_.erase(starts_.begin());
}

uint64_t TextFile::fingerprint() const {
  uint64_t hash = content_.size(), word = 0;
  size_t at = 0;
  for (; at + sizeof(word) <= content_.size(); at += sizeof(word)) {
    std::memcpy(&word, content_.data() + at, sizeof(word));
    hash = mix(hash, word);
  }
  word = 0;
  std::memcpy(&word, content_.data() + at, content_.size() - at);
  return mix(hash, word);
}

int64_t TextFile::remove_rows(const std::function<bool(const std::vector<std::string>&)>& wanted) {
  std::vector<std::string> fields;
  const auto removed = std::erase_if(starts_, [&](uint64_t start) {
    split(record(static_cast<size_t>(start)), fields);
    return wanted(fields);
  });
  if (starts_.empty()) {
    throw Error(ErrorKind::data, {.what = name_ + ": no row is left",
                                  .got = fmt::format("{} rows, all to be left out", removed)});
  }
  return static_cast<int64_t>(removed);
}

void TextFile::leave_out(const std::function<std::string(const std::vector<std::string>&)>& wrong) {
  std::vector<std::string> fields;
  uint64_t counted = 0;
  int64_t line = 1;
  const auto removed = std::erase_if(starts_, [&](uint64_t start) {
    split(record(static_cast<size_t>(start)), fields);
    const std::string what = wrong(fields);
    if (what.empty()) return false;
    line += std::ranges::count(content_.substr(counted, start - counted), '\n');
    counted = start;
    note_bad(line, what);
    return true;
  });
  if (starts_.empty()) {
    throw Error(ErrorKind::data, {.what = name_ + ": no row is left",
                                  .got = fmt::format("{} rows, all to be left out", removed),
                                  .fix = bad_.summary()});
  }
}

std::string TextFile::left_out() const {
  std::string out = bad_.summary();
  if (longer_lists_ == 0) return out;
  out += fmt::format("{}{} {} lists of more texts than the first row; these texts are not used",
                     out.empty() ? "" : "\n", longer_lists_,
                     longer_lists_ == 1 ? "row has" : "rows have");
  return out;
}

int64_t TextFile::row_bytes(int64_t i) const {
  const auto at = static_cast<size_t>(i);
  const uint64_t end = at + 1 < starts_.size() ? starts_[at + 1] : content_.size();
  return static_cast<int64_t>(end - starts_.at(at));
}

void TextFile::read(int64_t i, std::vector<std::string>& fields) const {
  split(record(static_cast<size_t>(starts_.at(static_cast<size_t>(i)))), fields);
}

}  // namespace vistas::text
