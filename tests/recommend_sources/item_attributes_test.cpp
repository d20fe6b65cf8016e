#include "vistas/recommend/sources/item_attributes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/options_round_trip.h"
#include "support/temp_folder.h"

namespace vistas::recommend {
namespace {

using test::expect_error;

class Attributes : public testing::Test {
 protected:
  Attributes() {
    for (const char* id : {"a", "b", "7"}) items_.add(id);
  }
  ItemAttributes read(const std::string& name, const std::string& content,
                      const AttributeOptions& options = {}) {
    report_ = {};
    return read_item_attributes(folder_.write(name, content), items_, options, &report_);
  }
  // "a: red,price=3; b:; 7: blue"
  std::string told(const std::string& name, const std::string& content,
                   const AttributeOptions& options = {}) {
    const ItemAttributes data = read(name, content, options);
    EXPECT_EQ(data.items(), items_.size());
    std::string text;
    for (int64_t item = 0; item < data.items(); ++item) {
      text += fmt::format("{}{}:", item ? "; " : "", items_[item]);
      for (const int32_t attribute : data.of(item))
        text += fmt::format(" {}", data.names[attribute]);
      for (const NumberField& field : data.numbers) {
        const float value = field.value[static_cast<size_t>(item)];
        if (!std::isnan(value)) text += fmt::format(" {}:{}", field.name, value);
      }
    }
    return text;
  }
  void expect_said(const std::string& part) {
    EXPECT_NE(report_.summary().find(part), std::string::npos) << report_.summary();
  }

  test::TempFolder folder_;
  IdTable items_;
  AttributeReport report_;
};

TEST_F(Attributes, S3RecJson) {
  EXPECT_EQ(told("x.json", R"({"7": [3, 1, 3], "a": ["x", 3], "9": [1], "b": []})"),
            "a: 3 x; b:; 7: 3 1");
  expect_said("2 items are described, 1 are not");
  expect_said("1 items of the file are in no interaction: 9");
}

TEST_F(Attributes, JsonWithFields) {
  EXPECT_EQ(told("x", R"({"a": {"brand": "x", "tags": ["p", 2], "price": 3.5, "none": null},
                         "b": {"price": 1e300, "deep": {"x": 1}, "list": [[1]], "new": true}, "7": "one"})"),
            "a: brand=x tags=p tags=2 price:3.5; b: new=true; 7: one");
  EXPECT_EQ(report_.bad.count, 3);
  expect_said("item 'b': price: too large");
  expect_said("item 'b': deep: object that is no text, number or list of them");
  expect_error([&] { told("x.json", "{\"a\": "); }, "no JSON: got");
  expect_error([&] { told("x.json", "[1]"); }, "JSON that is of type array");
  expect_error([&] { told("x.json", R"({"a": [[1]]})", {.on_bad_line = "fail"}); },
               "item 'a': got array");
}

TEST_F(Attributes, TablesWithAHeader) {
  const std::string content =
      "genres\titemId\tyear\tshopid\nDrama|War\ta\t1990\t3\n|War\tb\t1.5e3\t4\n\t7\t\t\nx\ty\n";
  EXPECT_EQ(told("x.tsv", content),
            "a: genres=Drama genres=War shopid=3 year:1990; b: genres=War shopid=4 year:1500; 7:");
  expect_said("a table separated by tab: item in itemId, genres, year (number), shopid");
  expect_said("line 5: 2 columns, 4 in the first line");
  EXPECT_EQ(told("x.tsv", content,
                 {.columns = {"year", "1"}, .categories = {"year"}, .list_separator = ""}),
            "a: genres=Drama|War year=1990; b: genres=|War year=1.5e3; 7:");
  EXPECT_EQ(told("x.csv", "item,tag\na,\"p, q\"\na,r\n"), "a: tag=p, q tag=r; b:; 7:");
  EXPECT_EQ(told("x.csv", "key,tag\na,p\n", {.item = "1"}), "a: column 2=p; b:; 7:");
  expect_error([&] { told("x.csv", "item,tag\na,p\n", {.item = "itm"}); }, "no column 'itm'",
               ErrorKind::usage);
  expect_error([&] { told("x.csv", "item,tag\nz,p\n"); }, "no attribute of any item");
  expect_error([&] { told("x.csv", "item\na\n"); }, "expected a column of items and others");
  expect_error([&] { told("x.csv", ""); }, "an empty file");
}

TEST_F(Attributes, MovieLens) {
  EXPECT_EQ(told("movies.dat", "7::Toy Story (1995)::Animation|Children's\n", {.columns = {"3"}}),
            "a:; b:; 7: column 3=Animation column 3=Children's");
}

TEST_F(Attributes, RecBoleItems) {
  EXPECT_EQ(told("ml.item",
                 "item_id:token\ttitle:token_seq\tyear:float\tclass:token\tv:float_seq\n"
                 "a\tOne two\t1995\tx y\t1 2\nb\t\tx\t3\t\n"),
            "a: title=One title=two class=x y year:1995; b: class=3; 7:");
  expect_said("v:float_seq (not used)");
  expect_said("line 3: year 'x' is no number");
}

TEST_F(Attributes, EveryOptionIsItsOwn) {
  expect_options_round_trip([] { return std::make_unique<AttributeOptions>(); });
}

}  // namespace
}  // namespace vistas::recommend
