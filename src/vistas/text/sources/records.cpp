#include "vistas/text/sources/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace vistas::text {
namespace {

using Json = nlohmann::ordered_json;

size_t line_length(std::string_view rest) {
  const size_t end = rest.find('\n');
  return end == std::string_view::npos ? rest.size() : end + 1;
}

std::string& next_field(std::vector<std::string>& fields, size_t& count) {
  if (count == fields.size()) fields.emplace_back();
  std::string& field = fields[count++];
  field.clear();
  return field;
}

std::string split_csv(std::string_view record, std::vector<std::string>& fields) {
  size_t count = 0, at = 0;
  for (bool more = true; more;) {
    std::string& field = next_field(fields, count);
    if (at < record.size() && record[at] == '"') {
      for (++at;; ++at) {
        if (at >= record.size()) return "a quote that is not closed";
        if (record[at] == '"') {
          if (at + 1 >= record.size() || record[at + 1] != '"') break;
          ++at;
        }
        field += record[at];
      }
      ++at;
      if (at < record.size() && record[at] != ',') return "text after a closing quote";
    } else {
      const size_t end = std::min(record.find(',', at), record.size());
      field = record.substr(at, end - at);
      at = end;
    }
    more = at < record.size();
    ++at;
  }
  fields.resize(count);
  return "";
}

// The value as text; false for objects, lists, null and so on.
bool is_scalar(const Json& value) {
  return value.is_string() || value.is_number();
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_texts(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
}

// "" or what is wrong.
std::string parse_object(std::string_view record, Json& out) {
  out = Json::parse(record, nullptr, false);
  if (out.is_discarded()) return "no JSON";
  return out.is_object() ? "" : "no JSON object";
}

}  // namespace

size_t record_length(std::string_view rest, TextFormat format, size_t longest) {
  const size_t line = line_length(rest);
  if (format != TextFormat::csv) return line;
  bool quoted = false;
  const std::string_view near = rest.substr(0, longest);
  for (size_t i = 0; i < near.size(); ++i) {
    if (near[i] == '"') quoted = !quoted;
    if (near[i] == '\n' && !quoted) return i + 1;
  }
  // No end outside quotes: the last record, one that is too long, or a stray quote.
  return quoted || near.size() < rest.size() ? line : rest.size();
}

std::string split_record(std::string_view record, TextFormat format,
                         std::vector<std::string>& fields) {
  if (format == TextFormat::csv) return split_csv(record, fields);
  size_t count = 0;
  if (format == TextFormat::lines) {
    next_field(fields, count) = record;
  } else {
    for (size_t at = 0; at <= record.size();) {
      const size_t end = std::min(record.find('\t', at), record.size());
      next_field(fields, count) = record.substr(at, end - at);
      at = end + 1;
    }
  }
  fields.resize(count);
  return "";
}

std::string split_json(std::string_view record, const std::vector<std::string>& columns,
                       std::vector<std::string>& fields, int64_t& beyond) {
  Json object;
  beyond = 0;
  if (std::string wrong = parse_object(record, object); !wrong.empty()) return wrong;
  fields.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    fields[i].clear();
    const std::string& column = columns[i];
    if (const auto found = object.find(column); found != object.end()) {
      if (found->is_null()) continue;
      if (!is_scalar(*found)) return fmt::format("\"{}\" is no text and no number", column);
      fields[i] = text_of(*found);
      continue;
    }
    const size_t bracket = column.rfind('[');
    if (bracket == std::string::npos || !column.ends_with(']')) continue;
    const auto list = object.find(column.substr(0, bracket));
    size_t place = 0;
    const char* end = column.data() + column.size() - 1;
    const auto [stop, error] = std::from_chars(column.data() + bracket + 1, end, place);
    if (list == object.end() || error != std::errc{} || stop != end) continue;
    if (!is_texts(*list)) return fmt::format("\"{}\" is no list of texts", list.key());
    if (place < list->size()) fields[i] = (*list)[place].get<std::string>();
    const bool last =
        i + 1 == columns.size() || columns[i + 1] != fmt::format("{}[{}]", list.key(), place + 1);
    if (last && list->size() > place + 1) beyond += static_cast<int64_t>(list->size() - place - 1);
  }
  return "";
}

std::string json_columns(std::string_view record, std::vector<std::string>& columns) {
  Json object;
  if (std::string wrong = parse_object(record, object); !wrong.empty()) return wrong;
  columns.clear();
  for (const auto& [key, value] : object.items()) {
    if (is_scalar(value)) columns.push_back(key);
    if (!is_texts(value)) continue;
    for (size_t i = 0; i < value.size(); ++i) columns.push_back(fmt::format("{}[{}]", key, i));
  }
  return columns.empty() ? "no member that is a text, a number or a list of texts" : "";
}

double number_in(std::string_view text) {
  while (!text.empty() && is_blank(text.substr(0, 1))) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.substr(text.size() - 1))) text.remove_suffix(1);
  double value = NAN;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end && std::isfinite(value) ? value : NAN;
}

bool is_number(std::string_view text) {
  return !std::isnan(number_in(text));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

}  // namespace vistas::text
