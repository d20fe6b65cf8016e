#include "vistas/base/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"

namespace vistas {
namespace {

[[noreturn]] void bad_value(const Field& field, const Value& value, const std::string& expected) {
  throw Error(ErrorKind::usage, {.what = fmt::format("{}: {}", value.where, field.name),
                                 .got = vistas::to_toml(value),
                                 .expected = expected});
}

std::string range_text(Range range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  if (low && high) return fmt::format("{} .. {}", range.low, range.high);
  if (low) return fmt::format(">= {}", range.low);
  if (high) return fmt::format("<= {}", range.high);
  return "";
}

double number_of(const Field& field, const Value& value, Range range) {
  double number = 0;
  if (const auto* d = std::get_if<double>(&value.data)) {
    number = *d;
  } else if (const auto* i = std::get_if<int64_t>(&value.data)) {
    number = static_cast<double>(*i);
  } else {
    bad_value(field, value, "a number");
  }
  if (!(number >= range.low && number <= range.high)) {
    bad_value(field, value, "a number " + range_text(range));
  }
  return number;
}

int64_t integer_of(const Field& field, const Value& value, Range range) {
  const auto* i = std::get_if<int64_t>(&value.data);
  if (i == nullptr) bad_value(field, value, "a whole number");
  number_of(field, value, range);
  return *i;
}

std::string text_of(const Field& field, const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  bad_value(field, value, "text");
}

size_t choice_of(const Field& field, const Value& value, const std::vector<std::string>& choices) {
  const std::string text = text_of(field, value);
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found == choices.end()) {
    throw Error(ErrorKind::usage, {.what = fmt::format("{}: {}", value.where, field.name),
                                   .got = vistas::to_toml(value),
                                   .expected = fmt::format("one of {}", fmt::join(choices, ", ")),
                                   .fix = did_you_mean(text, choices)});
  }
  return static_cast<size_t>(found - choices.begin());
}

// A single element stands for a list of one.
ValueList list_of(const Value& value) {
  if (const auto* list = std::get_if<ValueList>(&value.data)) return *list;
  return {value};
}

template <class T>
Value list_value(const std::vector<T>& items) {
  ValueList list;
  for (const T& item : items) list.push_back(Value{.data = item});
  return Value{.data = std::move(list)};
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

void flatten(const Value& value, const std::string& prefix,
             std::vector<std::pair<std::string, const Value*>>& out) {
  for (const auto& [key, child] : value.table()) {
    if (child.is_table()) {
      flatten(child, prefix + key + ".", out);
    } else {
      out.emplace_back(prefix + key, &child);
    }
  }
}

}  // namespace

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates) {
  std::vector<std::pair<size_t, std::string>> ranked;
  for (const std::string& candidate : candidates) {
    // Somebody may know the last part of a dotted name only.
    const std::string last = candidate.substr(candidate.rfind('.') + 1);
    const size_t distance = std::min(edit_distance(name, candidate), edit_distance(name, last) + 1);
    if (distance <= std::max<size_t>(3, name.size() / 3)) ranked.emplace_back(distance, candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  if (ranked.size() > 3) ranked.resize(3);
  if (ranked.empty()) return "";
  std::string text = "Did you mean ";
  for (size_t i = 0; i < ranked.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == ranked.size() ? " or " : ", ") + ranked[i].second;
  }
  return text + "?";
}

void Fields::push(const std::string& name, const std::string& help, const std::string& type,
                  const std::string& range, std::function<Value()> get,
                  std::function<void(const Value&)> set) {
  fields_.push_back({prefix_ + name, help, type, range, std::move(get), std::move(set)});
}

void Fields::add(const std::string& name, bool& member, const std::string& help) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "true|false", "", [&member] { return Value{.data = member}; },
      [&member, self](const Value& v) {
        const auto* b = std::get_if<bool>(&v.data);
        if (b == nullptr) bad_value(self, v, "true or false");
        member = *b;
      });
}

void Fields::add(const std::string& name, int64_t& member, const std::string& help, Range range) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "integer", range_text(range), [&member] { return Value{.data = member}; },
      [&member, self, range](const Value& v) { member = integer_of(self, v, range); });
}

void Fields::add(const std::string& name, double& member, const std::string& help, Range range) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "number", range_text(range), [&member] { return Value{.data = member}; },
      [&member, self, range](const Value& v) { member = number_of(self, v, range); });
}

void Fields::add(const std::string& name, std::string& member, const std::string& help) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "text", "", [&member] { return Value{.data = member}; },
      [&member, self](const Value& v) { member = text_of(self, v); });
}

void Fields::add(const std::string& name, std::string& member, const std::string& help,
                 const std::vector<std::string>& choices) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, fmt::format("{}", fmt::join(choices, "|")), "",
      [&member] { return Value{.data = member}; },
      [&member, self, choices](const Value& v) { member = choices[choice_of(self, v, choices)]; });
}

void Fields::add_choice(const std::string& name, const std::string& help,
                        const std::vector<std::string>& choices, std::function<size_t()> get,
                        std::function<void(size_t)> set) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, fmt::format("{}", fmt::join(choices, "|")), "",
      [get = std::move(get), choices] { return Value{.data = choices[get()]}; },
      [set = std::move(set), self, choices](const Value& v) { set(choice_of(self, v, choices)); });
}

void Fields::add(const std::string& name, std::vector<double>& member, const std::string& help,
                 Range range) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "numbers", range_text(range), [&member] { return list_value(member); },
      [&member, self, range](const Value& v) {
        std::vector<double> numbers;
        for (const Value& item : list_of(v)) numbers.push_back(number_of(self, item, range));
        member = std::move(numbers);
      });
}

void Fields::add(const std::string& name, std::vector<int64_t>& member, const std::string& help,
                 Range range) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "integers", range_text(range), [&member] { return list_value(member); },
      [&member, self, range](const Value& v) {
        std::vector<int64_t> numbers;
        for (const Value& item : list_of(v)) numbers.push_back(integer_of(self, item, range));
        member = std::move(numbers);
      });
}

void Fields::add(const std::string& name, std::vector<std::string>& member,
                 const std::string& help) {
  const Field self{prefix_ + name, {}, {}, {}, {}, {}};
  push(
      name, help, "texts", "", [&member] { return list_value(member); },
      [&member, self](const Value& v) {
        std::vector<std::string> texts;
        for (const Value& item : list_of(v)) texts.push_back(text_of(self, item));
        member = std::move(texts);
      });
}

void Fields::set_all(const Value& values, const std::vector<std::string>& skip) {
  std::vector<std::pair<std::string, const Value*>> leaves;
  for (const auto& [key, child] : values.table()) {
    if (std::find(skip.begin(), skip.end(), key) != skip.end()) continue;
    if (child.is_table()) {
      flatten(child, key + ".", leaves);
    } else {
      leaves.emplace_back(key, &child);
    }
  }
  for (const auto& [key, value] : leaves) {
    const auto found = std::find_if(fields_.begin(), fields_.end(),
                                    [&key = key](const Field& f) { return f.name == key; });
    if (found == fields_.end()) {
      std::vector<std::string> names;
      for (const Field& f : fields_) names.push_back(f.name);
      throw Error(ErrorKind::usage,
                  {.what = fmt::format("{}: unknown option '{}'", value->where, key),
                   .fix = did_you_mean(key, names)});
    }
    found->set(*value);
  }
}

Value Fields::to_value() const {
  Value tree{.data = ValueTable{}};
  for (const Field& field : fields_) {
    Value* at = &tree;
    size_t begin = 0;
    for (size_t dot = field.name.find('.'); dot != std::string::npos;
         begin = dot + 1, dot = field.name.find('.', begin)) {
      auto& table = std::get<ValueTable>(at->data);
      at = &table.try_emplace(field.name.substr(begin, dot - begin), Value{.data = ValueTable{}})
                .first->second;
    }
    std::get<ValueTable>(at->data)[field.name.substr(begin)] = field.get();
  }
  return tree;
}

std::string Fields::to_toml(bool with_help) const {
  // A table may be named once only, wherever its fields were declared; what has no table comes
  // first.
  std::vector<std::pair<std::string, std::string>> tables{{"", ""}};
  for (const Field& field : fields_) {
    const size_t dot = field.name.rfind('.');
    const std::string group = dot == std::string::npos ? "" : field.name.substr(0, dot);
    auto table =
        std::find_if(tables.begin(), tables.end(), [&](const auto& t) { return t.first == group; });
    if (table == tables.end()) table = tables.insert(tables.end(), {group, ""});
    if (with_help) {
      table->second += fmt::format("# {}{}\n", field.help,
                                   field.range.empty() ? "" : fmt::format(" ({})", field.range));
    }
    table->second +=
        fmt::format("{} = {}\n", field.name.substr(dot + 1), vistas::to_toml(field.get()));
  }
  std::string out;
  for (const auto& [name, lines] : tables) {
    if (!name.empty()) out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", name);
    out += lines;
  }
  return out;
}

}  // namespace vistas
