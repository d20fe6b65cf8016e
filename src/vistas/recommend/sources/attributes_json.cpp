#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/recommend/sources/attribute_collector.h"

namespace vistas::recommend {
namespace {

using Json = nlohmann::ordered_json;

bool is_category(const Json& value) {
  return value.is_string() || value.is_number() || value.is_boolean();
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_list(const Json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_category);
}

// "" or what is wrong; `field` is empty for what stands right at the item.
std::string add(int32_t item, const std::string& field, const Json& value,
                AttributeCollector& out) {
  if (value.is_null()) return "";
  if (value.is_number() && !field.empty()) {
    const double number = value.get<double>();
    if (std::abs(number) > std::numeric_limits<float>::max()) return field + ": too large";
    out.number(item, field, number);
  } else if (is_category(value)) {
    out.category(item, field, text_of(value));
  } else if (is_list(value)) {
    for (const Json& one : value) out.category(item, field, text_of(one));
  } else {
    return fmt::format("{}{} that is no text, number or list of them",
                       field.empty() ? "" : field + ": ", value.type_name());
  }
  return "";
}

}  // namespace

void read_json_attributes(std::string_view text, const std::string& file, AttributeCollector& out,
                          AttributeReport& report) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::data, {.what = file + ": no JSON", .got = error.what()});
  }
  if (!json.is_object()) {
    throw Error(ErrorKind::data, {.what = file,
                                  .got = std::string("JSON that is of type ") + json.type_name(),
                                  .expected = "an object with a member for each item"});
  }
  report.layout = "JSON: a list or an object for each item";
  for (const auto& [id, value] : json.items()) {
    const int32_t item = out.item(id);
    const auto note = [&, &name = id](const std::string& wrong) {
      if (!wrong.empty()) out.bad(fmt::format("item '{}'", name), wrong);
    };
    if (!value.is_object()) {
      note(add(item, "", value, out));
      continue;
    }
    for (const auto& [field, one] : value.items()) note(add(item, field, one, out));
  }
}

}  // namespace vistas::recommend
