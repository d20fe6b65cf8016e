#include "vistas/base/options.h"

#include <gtest/gtest.h>

#include "vistas/base/error.h"

namespace vistas {
namespace {

struct Inner {
  double temperature = 0.1;
  std::string kind = "cosine";
  void fields(Fields& f) {
    f.add("temperature", temperature, "divides", {0.001, 10});
    f.add("kind", kind, "measure", std::vector<std::string>{"cosine", "dot"});
  }
};

struct Outer {
  int64_t epochs = 3;
  bool fast = false;
  std::vector<double> scale{0.08, 1};
  Inner method;
  void fields(Fields& f) {
    f.add("epochs", epochs, "passes", {1, 100});
    f.add("fast", fast, "hurry");
    f.add("scale", scale, "of crops", {0, 1});
    f.group("method", method);
  }
};

std::string message_of(const std::string& toml) {
  Outer options;
  try {
    fields_of(options).set_all(parse_toml(toml, "r.toml"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(Options, SetsFromTomlAndAssignments) {
  Outer options;
  Value values =
      parse_toml("epochs = 7\nscale = [0.2, 0.5]\n[method]\ntemperature = 1\n", "r.toml");
  merge_into(values, parse_assignment("method.kind=dot"));
  merge_into(values, parse_assignment("fast=true"));
  fields_of(options).set_all(values);
  EXPECT_EQ(options.epochs, 7);
  EXPECT_TRUE(options.fast);
  EXPECT_EQ(options.scale, (std::vector<double>{0.2, 0.5}));
  EXPECT_EQ(options.method.temperature, 1.0);
  EXPECT_EQ(options.method.kind, "dot");
}

TEST(Options, TheDumpSetsTheSameOptionsAgain) {
  Outer options;
  options.epochs = 9;
  options.method.kind = "dot";
  Outer again;
  fields_of(again).set_all(parse_toml(fields_of(options).to_toml(true), "dump"));
  EXPECT_EQ(fields_of(again).to_toml(), fields_of(options).to_toml());
  fields_of(again).set_all(parse_json(to_json(fields_of(options).to_value()), "dump"));
  EXPECT_EQ(again.epochs, 9);
}

TEST(Options, ErrorsNameThePlaceTheValueAndTheCure) {
  EXPECT_EQ(message_of("\n[method]\ntemprature = 1\n"),
            "r.toml:3: unknown option 'method.temprature'. Did you mean method.temperature?");
  EXPECT_EQ(message_of("epochs = 0\n"), "r.toml:1: epochs: got 0, expected a number 1 .. 100");
  EXPECT_EQ(message_of("epochs = 1.5\n"), "r.toml:1: epochs: got 1.5, expected a whole number");
  EXPECT_EQ(
      message_of("[method]\nkind = \"cosin\"\n"),
      "r.toml:2: method.kind: got \"cosin\", expected one of cosine, dot. Did you mean cosine?");
  EXPECT_NE(message_of("epochs = = 1\n").find("r.toml:1: not valid TOML"), std::string::npos);
}

TEST(Json, BadTextIsADataError) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& text : {std::string("{\"a\": "), std::string("[null]"), deep}) {
    try {
      parse_json(text, "x.json");
      ADD_FAILURE() << text.substr(0, 20);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::data);
      EXPECT_TRUE(std::string(e.what()).starts_with("x.json: ")) << e.what();
    }
  }
}

}  // namespace
}  // namespace vistas
