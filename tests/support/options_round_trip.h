// Options by name: every field is a variable of its own and survives the way through text.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "vistas/base/options.h"

namespace vistas {

// A value that the field does not have but may have.
inline Value other_value(const Field& field) {
  Value value = field.get();
  if (auto* flag = std::get_if<bool>(&value.data)) {
    *flag = !*flag;
  } else if (auto* number = std::get_if<double>(&value.data)) {
    *number = *number == 0 ? 0.25 : *number / 2;
  } else if (auto* whole = std::get_if<int64_t>(&value.data)) {
    ++*whole;
  } else if (auto* list = std::get_if<ValueList>(&value.data)) {
    list->push_back(field.type == "integers" ? Value{.data = int64_t{3}}
                    : field.type == "texts"  ? Value{.data = std::string("more")}
                                             : Value{.data = 0.5});
  } else if (auto* text = std::get_if<std::string>(&value.data)) {
    const std::string first = field.type.substr(0, field.type.find('|'));
    *text = *text == first ? field.type.substr(field.type.rfind('|') + 1) : first;
  }
  return value;
}

// `choose` makes an object with fields(), behind a pointer.
template <class Choose>
void expect_options_round_trip(const Choose& choose) {
  const auto make = [&] {
    auto object = choose();
    Fields fields;
    object->fields(fields);
    return std::pair(std::move(object), std::move(fields));
  };
  const auto text_of = [](const Fields& fields, size_t i) {
    return to_toml(fields.all()[i].get());
  };
  auto [object, fields] = make();
  auto [parsed_object, parsed] = make();
  const auto [plain_object, plain] = make();
  const size_t count = fields.all().size();
  for (size_t i = 0; i < count; ++i) {
    const Field& field = fields.all()[i];
    const auto [one_object, one] = make();
    one.all()[i].set(other_value(field));
    for (size_t j = 0; j < count; ++j) {
      EXPECT_EQ(text_of(one, j) != text_of(plain, j), i == j)
          << field.name << " was set, " << plain.all()[j].name << " is " << text_of(one, j);
    }
    field.set(other_value(field));
  }
  parsed.set_all(parse_toml(fields.to_toml(), "test"));
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(text_of(parsed, i), text_of(fields, i)) << fields.all()[i].name;
  }
}

}  // namespace vistas
