// A tree of configuration values as TOML files and --set options give them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vistas {

struct Value;
using ValueList = std::vector<Value>;
using ValueTable = std::map<std::string, Value>;

struct Value {
  std::variant<bool, int64_t, double, std::string, ValueList, ValueTable> data;
  std::string where{};  // "recipe.toml:12" or "--set method.temperature=0.2"

  bool is_table() const { return std::holds_alternative<ValueTable>(data); }
  bool is_list() const { return std::holds_alternative<ValueList>(data); }
  const ValueTable& table() const;  // throws a usage error naming `where` if it is something else
  const ValueList& list() const;
};

// Parses TOML; `name` appears in errors as "name:line". The result is a table.
Value parse_toml(std::string_view text, const std::string& name);
Value read_toml(const std::filesystem::path& path);

// "method.temperature=0.2" as a tree with one leaf. What does not parse as TOML is taken as text.
Value parse_assignment(const std::string& assignment);

// Leaves of `over` replace those of `base`; tables are merged, lists replaced whole.
void merge_into(Value& base, const Value& over);

// TOML text of one value: 0.2, "text", [1, 2], true.
std::string to_toml(const Value& value);

// JSON of the whole tree and back; `name` appears in errors. JSON null is refused.
std::string to_json(const Value& value);
Value parse_json(std::string_view text, const std::string& name);

}  // namespace vistas
