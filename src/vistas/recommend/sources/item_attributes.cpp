#include "vistas/recommend/sources/item_attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vistas/base/error.h"
#include "vistas/recommend/sources/attribute_collector.h"

namespace vistas::recommend {

void AttributeOptions::fields(Fields& f) {
  f.add("item", item, "column of items of a table, by name or number from 1; empty: detected");
  f.add("columns", columns, "columns of a table to read; empty: all");
  f.add("categories", categories, "columns of numbers that are categories");
  f.add("list_separator", list_separator, "between several values in a column of a table");
  f.add("on_bad_line", on_bad_line, "what to do with a line that cannot be used", {"skip", "fail"});
}

std::span<const int32_t> ItemAttributes::of(int64_t item) const {
  const auto at = static_cast<size_t>(item);
  return std::span(attribute).subspan(static_cast<size_t>(starts[at]),
                                      static_cast<size_t>(starts[at + 1] - starts[at]));
}

std::string AttributeReport::summary() const {
  std::string text =
      fmt::format("{}\n{} items are described, {} are not", layout, described, undescribed);
  if (unknown_items > 0) {
    text += fmt::format("\n{} items of the file are in no interaction: {}{}", unknown_items,
                        fmt::join(first_unknown, ", "),
                        unknown_items > static_cast<int64_t>(first_unknown.size()) ? " ..." : "");
  }
  if (bad.count > 0) text += fmt::format("\n{}", bad.summary());
  return text;
}

int32_t AttributeCollector::item(std::string_view id) {
  const int32_t number = items_.find(id);
  if (number < 0) unknown_.add(id);
  return number;
}

void AttributeCollector::category(int32_t item, std::string_view field, std::string_view value) {
  if (value.empty() || item < 0) return;
  name_.assign(field);
  if (!field.empty()) name_ += '=';
  name_ += value;
  pairs_.emplace_back(item, out_.names.add(name_));
}

void AttributeCollector::number(int32_t item, const std::string& field, double value) {
  if (item < 0) return;
  auto found = std::ranges::find(out_.numbers, field, &NumberField::name);
  if (found == out_.numbers.end()) {
    const auto items = static_cast<size_t>(items_.size());
    out_.numbers.push_back({field, std::vector<float>(items, std::nanf(""))});
    found = out_.numbers.end() - 1;
  }
  found->value[static_cast<size_t>(item)] = static_cast<float>(value);
}

void AttributeCollector::bad(const std::string& where, std::string_view wrong) {
  const std::string what = fmt::format("{}: {}", file_, where);
  if (fail_) {
    throw Error(ErrorKind::data, {.what = what,
                                  .got = std::string(wrong),
                                  .fix = "Mend it, or leave such lines out with on_bad_line = "
                                         "\"skip\""});
  }
  report_.bad.add(fmt::format("{}: {}", what, wrong));
}

ItemAttributes AttributeCollector::finish() {
  std::ranges::sort(pairs_);
  const auto repeated = std::ranges::unique(pairs_);
  pairs_.erase(repeated.begin(), repeated.end());
  out_.starts.assign(static_cast<size_t>(items_.size()) + 1, 0);
  out_.attribute.reserve(pairs_.size());
  for (const auto& [item, attribute] : pairs_) {
    ++out_.starts[static_cast<size_t>(item) + 1];
    out_.attribute.push_back(attribute);
  }
  for (size_t item = 0; item + 1 < out_.starts.size(); ++item) {
    const bool numbers = std::ranges::any_of(
        out_.numbers, [item](const NumberField& field) { return !std::isnan(field.value[item]); });
    ++(numbers || out_.starts[item + 1] > 0 ? report_.described : report_.undescribed);
    out_.starts[item + 1] += out_.starts[item];
  }
  report_.unknown_items = unknown_.size();
  for (int64_t i = 0; i < std::min<int64_t>(unknown_.size(), 5); ++i) {
    report_.first_unknown.emplace_back(unknown_[i]);
  }
  if (report_.described > 0) return std::move(out_);
  throw Error(ErrorKind::data, {.what = file_ + ": no attribute of any item",
                                .got = report_.summary(),
                                .expected = "the ids of items as they stand in the interactions",
                                .fix = "Name the column of items with `item`"});
}

ItemAttributes read_item_attributes(const std::filesystem::path& file, const IdTable& items,
                                    const AttributeOptions& options, AttributeReport* report) {
  AttributeReport own;
  AttributeReport& told = report ? *report : own;
  const std::string name = file.string();
  const MappedFile map = map_text_file(file);
  const std::string_view text = text_of(map);
  AttributeCollector collector(name, items, options, told);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    throw Error(ErrorKind::data,
                {.what = name + ": no attribute",
                 .got = text.empty() ? "an empty file" : "nothing but blanks",
                 .expected = "JSON or a table of items and what is known of them"});
  }
  if (text_extension(file) == ".json" || text[first] == '{') {
    read_json_attributes(text, name, collector, told);
  } else {
    read_table_attributes(text, name, options, collector, told);
  }
  return collector.finish();
}

}  // namespace vistas::recommend
