// One definition of an option: an options struct names its members once, in `fields()`, and the
// command line, recipes, --help, the resolved configuration and the docs tables come from that.
//
//   struct NtXentOptions {
//     double temperature = 0.1;
//     void fields(Fields& f) {
//       f.add("temperature", temperature, "divides the similarities", {1e-4, 100});
//     }
//   };
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vistas/base/value.h"

namespace vistas {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// One option bound to a member of a live object.
struct Field {
  std::string name;  // dotted: "method.temperature"
  std::string help;
  std::string type;   // "number", "integer", "true|false", "text", "a|b|c", "numbers", "texts"
  std::string range;  // "0.0001 .. 100", or empty
  std::function<Value()> get;
  std::function<void(const Value&)> set;  // throws a usage error that names value and range
};

class Fields {
 public:
  void add(const std::string& name, bool& member, const std::string& help);
  void add(const std::string& name, int64_t& member, const std::string& help, Range range = {});
  void add(const std::string& name, double& member, const std::string& help, Range range = {});
  void add(const std::string& name, std::string& member, const std::string& help);
  void add(const std::string& name, std::vector<double>& member, const std::string& help,
           Range range = {});
  void add(const std::string& name, std::vector<int64_t>& member, const std::string& help,
           Range range = {});
  void add(const std::string& name, std::vector<std::string>& member, const std::string& help);
  // Text that must be one of `choices`.
  void add(const std::string& name, std::string& member, const std::string& help,
           const std::vector<std::string>& choices);

  // An enumeration by the names of its values: {{"cosine", Similarity::cosine}, ...}.
  template <class Enum>
  requires std::is_enum_v<Enum>
  void add(const std::string& name, Enum& member, const std::string& help,
           const std::vector<std::pair<std::string, Enum>>& values) {
    std::vector<std::string> choices;
    for (const auto& [text, value] : values) choices.push_back(text);
    add_choice(
        name, help, choices,
        [&member, values] {
          size_t i = 0;
          while (values[i].second != member) ++i;
          return i;
        },
        [&member, values](size_t i) { member = values[i].second; });
  }

  // The fields of a member struct under `name` + ".".
  template <class Options>
  void group(const std::string& name, Options& options) {
    const std::string outer = std::exchange(prefix_, prefix_ + name + ".");
    options.fields(*this);
    prefix_ = outer;
  }

  const std::vector<Field>& all() const { return fields_; }

  // Sets every leaf of `values` (a table). An unknown key is a usage error that gives its place
  // and the nearest known names. `skip` names top-level keys that somebody else reads.
  void set_all(const Value& values, const std::vector<std::string>& skip = {});

  // All fields as a tree of tables.
  Value to_value() const;

  // All fields as TOML text with one [table] a group, in the order of declaration.
  std::string to_toml(bool with_help = false) const;

 private:
  void push(const std::string& name, const std::string& help, const std::string& type,
            const std::string& range, std::function<Value()> get,
            std::function<void(const Value&)> set);
  void add_choice(const std::string& name, const std::string& help,
                  const std::vector<std::string>& choices, std::function<size_t()> get,
                  std::function<void(size_t)> set);

  std::string prefix_;
  std::vector<Field> fields_;
};

// The fields of a whole options struct; the struct must outlive the result.
template <class Options>
Fields fields_of(Options& options) {
  Fields fields;
  options.fields(fields);
  return fields;
}

// The up to three candidates nearest to `name` by edit distance, "did you mean a, b or c?".
std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace vistas
