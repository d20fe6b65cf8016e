#include "vistas/base/value.h"

#include <fmt/format.h>

#include <cmath>
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace vistas {
namespace {

Value from_node(const toml::node& node, const std::string& name) {
  Value value;
  value.where = fmt::format("{}:{}", name, node.source().begin.line);
  if (const auto* table = node.as_table()) {
    ValueTable out;
    for (const auto& [key, child] : *table) out[std::string(key.str())] = from_node(child, name);
    value.data = std::move(out);
  } else if (const auto* array = node.as_array()) {
    ValueList out;
    for (const auto& child : *array) out.push_back(from_node(child, name));
    value.data = std::move(out);
  } else if (const auto* boolean = node.as_boolean()) {
    value.data = boolean->get();
  } else if (const auto* integer = node.as_integer()) {
    value.data = integer->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.data = number->get();
  } else if (const auto* text = node.as_string()) {
    value.data = text->get();
  } else {
    throw Error(ErrorKind::usage, {.what = value.where + ": dates and times are not used here",
                                   .fix = "Write the value as text in quotes"});
  }
  return value;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(byte));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

const ValueTable& Value::table() const {
  if (const auto* t = std::get_if<ValueTable>(&data)) return *t;
  throw Error(ErrorKind::usage, {.what = where, .got = to_toml(*this), .expected = "a table"});
}

const ValueList& Value::list() const {
  if (const auto* l = std::get_if<ValueList>(&data)) return *l;
  throw Error(ErrorKind::usage, {.what = where, .got = to_toml(*this), .expected = "a list"});
}

Value parse_toml(std::string_view text, const std::string& name) {
  try {
    return from_node(toml::parse(text), name);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("{}:{}: not valid TOML: {}", name, error.source().begin.line,
                                     error.description())});
  }
}

Value read_toml(const std::filesystem::path& path) {
  return parse_toml(read_file(path), path.string());
}

Value parse_assignment(const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(ErrorKind::usage, {.what = "--set " + assignment,
                                   .expected = "KEY=VALUE",
                                   .fix = "For example --set method.temperature=0.2"});
  }
  const std::string where = "--set " + assignment;
  const std::string text = assignment.substr(equals + 1);
  Value leaf{.data = text, .where = where};
  try {
    leaf = parse_toml("v = " + text, where).table().at("v");
  } catch (const Error&) {
    // Plain words need no quotes on a command line.
  }
  leaf.where = where;
  std::string path = assignment.substr(0, equals);
  for (size_t dot = path.rfind('.');; dot = path.rfind('.')) {
    const std::string key = dot == std::string::npos ? path : path.substr(dot + 1);
    leaf = Value{.data = ValueTable{{key, leaf}}, .where = where};
    if (dot == std::string::npos) return leaf;
    path.resize(dot);
  }
}

void merge_into(Value& base, const Value& over) {
  if (!base.is_table() || !over.is_table()) {
    base = over;
    return;
  }
  auto& table = std::get<ValueTable>(base.data);
  for (const auto& [key, value] : over.table()) {
    const auto [found, inserted] = table.try_emplace(key, value);
    if (!inserted) merge_into(found->second, value);
  }
}

std::string to_toml(const Value& value) {
  struct Printer {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return fmt::format("{}", i); }
    std::string operator()(double d) const {
      if (std::isnan(d)) return "nan";
      if (std::isinf(d)) return d > 0 ? "inf" : "-inf";
      std::string text = fmt::format("{}", d);
      if (text.find_first_of(".e") == std::string::npos) text += ".0";
      return text;
    }
    std::string operator()(const std::string& s) const { return quoted(s); }
    std::string operator()(const ValueList& list) const {
      std::string out = "[";
      for (size_t i = 0; i < list.size(); ++i) out += (i > 0 ? ", " : "") + to_toml(list[i]);
      return out + "]";
    }
    std::string operator()(const ValueTable& table) const {
      std::string out = "{";
      for (const auto& [key, child] : table) {
        out += (out.size() > 1 ? ", " : "") + key + " = " + to_toml(child);
      }
      return out + "}";
    }
  };
  return std::visit(Printer{}, value.data);
}

}  // namespace vistas
