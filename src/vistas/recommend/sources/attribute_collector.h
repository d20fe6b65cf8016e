// Attributes as they are read, in any order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vistas/recommend/sources/item_attributes.h"

namespace vistas::recommend {

class AttributeCollector {
 public:
  AttributeCollector(const std::string& file, const IdTable& items, const AttributeOptions& options,
                     AttributeReport& report)
      : file_(file), items_(items), fail_(options.on_bad_line == "fail"), report_(report) {}

  // The number of an item, -1 for one that is not among the items, which is noted.
  int32_t item(std::string_view id);
  // `field` may be empty, and so may `value`: nothing then.
  void category(int32_t item, std::string_view field, std::string_view value);
  void number(int32_t item, const std::string& field, double value);
  // `where` is "line 3" or "item 'x'".
  void bad(const std::string& where, std::string_view wrong);

  ItemAttributes finish();

 private:
  const std::string& file_;
  const IdTable& items_;
  bool fail_;
  AttributeReport& report_;
  IdTable unknown_;
  ItemAttributes out_;
  std::vector<std::pair<int32_t, int32_t>> pairs_;  // item, attribute
  std::string name_;
};

// The readers; each says the layout in the report.
void read_json_attributes(std::string_view text, const std::string& file, AttributeCollector& out,
                          AttributeReport& report);
void read_table_attributes(std::string_view text, const std::string& file,
                           const AttributeOptions& options, AttributeCollector& out,
                           AttributeReport& report);

}  // namespace vistas::recommend
