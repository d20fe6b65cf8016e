#include "vistas/text/sources/text_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/base/strings.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

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

// A first row of short names where a later row has a number in a column, or of names that data sets
// use.
bool looks_like_header(const std::vector<std::string>& first,
                       const std::vector<std::string>& second) {
  static const std::vector<std::string> known = {
      "anchor",    "positive",  "negative",   "query",     "passage", "sentence",
      "sentence1", "sentence2", "text",       "text1",     "text2",   "label",
      "score",     "source",    "target",     "split",     "title",   "question",
      "answer",    "premise",   "hypothesis", "similarity"};
  for (size_t i = 0; i < first.size() && i < second.size(); ++i) {
    if (is_number(second[i]) && !is_number(first[i])) return true;
  }
  return std::ranges::all_of(first, [](const std::string& name) {
    return std::ranges::find(known, ascii_lower(name)) != known.end();
  });
}

}  // namespace

TextFile::TextFile(const fs::path& path, const TextFileOptions& options)
    : name_(path.string()), file_(map_text_file(path)) {
  content_ = text_of(file_);
  format_ = format_of(path, content_, options.format);
  longest_ = static_cast<size_t>(options.longest_line);
  find_rows(options.on_bad_line == "fail");
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

void TextFile::note_bad(int64_t line, const std::string& wrong, bool fail) {
  const std::string what = fmt::format("{}: line {}", name_, line);
  if (fail) {
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

std::string TextFile::split(std::string_view record, std::vector<std::string>& fields) const {
  return format_ == TextFormat::jsonl ? split_json(record, columns_, fields)
                                      : split_record(record, format_, fields);
}

void TextFile::find_rows(bool fail) {
  std::vector<std::string> fields;
  int64_t line = 1;
  for (size_t at = 0; at < content_.size();) {
    const std::string_view rest = content_.substr(at);
    const size_t length = record_length(rest, format_, longest_);
    const std::string_view text = without_line_end(rest.substr(0, length));
    if (text.find_first_not_of(" \t\r\v\f") != std::string_view::npos) {
      const std::string wrong = what_is_wrong(text, fields);
      if (wrong.empty()) {
        starts_.push_back(at);
      } else {
        note_bad(line, wrong, fail);
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
  if (std::string wrong = split(text, fields); !wrong.empty()) return wrong;
  if (columns_.empty()) {
    for (size_t i = 1; i <= fields.size(); ++i) columns_.push_back(fmt::format("column {}", i));
  }
  if (fields.size() == columns_.size()) return "";
  return fmt::format("{} columns, {} in the first row", fields.size(), columns_.size());
}

void TextFile::take_header(const std::string& option) {
  const bool may_be = format_ == TextFormat::tsv || format_ == TextFormat::csv;
  if (!may_be || option == "no" || starts_.empty()) return;
  std::vector<std::string> first, second;
  read(0, first);
  if (size() > 1) read(1, second);
  header_ = option == "yes" || (size() > 1 && looks_like_header(first, second));
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

int64_t TextFile::row_bytes(int64_t i) const {
  const auto at = static_cast<size_t>(i);
  const uint64_t end = at + 1 < starts_.size() ? starts_[at + 1] : content_.size();
  return static_cast<int64_t>(end - starts_.at(at));
}

void TextFile::read(int64_t i, std::vector<std::string>& fields) const {
  split(record(static_cast<size_t>(starts_.at(static_cast<size_t>(i)))), fields);
}

}  // namespace vistas::text
