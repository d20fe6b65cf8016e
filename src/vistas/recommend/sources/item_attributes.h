// What is known of items besides who acted on them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/text_input.h"
#include "vistas/recommend/sources/id_table.h"

namespace vistas::recommend {

struct AttributeOptions {
  std::string item{};
  std::vector<std::string> columns{}, categories{};
  std::string list_separator = "|";
  std::string on_bad_line = "skip";

  void fields(Fields& f);
};

struct NumberField {
  std::string name;
  std::vector<float> value;  // of each item, NaN where nothing is known
};

struct ItemAttributes {
  IdTable names;                      // of attributes: "genre=Comedy"; "17" of a plain list
  std::vector<int64_t> starts = {0};  // items + 1
  std::vector<int32_t> attribute;     // of each item, ascending
  std::vector<NumberField> numbers;

  int64_t items() const { return static_cast<int64_t>(starts.size()) - 1; }
  std::span<const int32_t> of(int64_t item) const;
};

struct AttributeReport {
  std::string layout{};       // "a table separated by tab: item in movie, genre, year (number)"
  int64_t described = 0;      // items with an attribute or a number
  int64_t undescribed = 0;    // items without
  int64_t unknown_items = 0;  // in the file, but not among the items
  std::vector<std::string> first_unknown{};  // the first five
  BadLines bad{};

  std::string summary() const;
};

// Attributes of `items` from these files, also packed by gzip:
// - JSON: {"item": [17, "x"]}, or {"item": {"brand": "x", "tags": ["a", "b"], "price": 3.5}}.
// - RecBole's typed header: token, token_seq (between blanks) and float; float_seq is left out.
// - Tables with a header or without. A column of nothing but numbers is a number, unless its name
//   ends in "id" or `categories` names it; others are categories, several between
//   `list_separator`. An item may have several rows.
// Bad are lines as for interactions, and values of JSON of another shape.
ItemAttributes read_item_attributes(const std::filesystem::path& file, const IdTable& items,
                                    const AttributeOptions& options = {},
                                    AttributeReport* report = nullptr);

}  // namespace vistas::recommend
