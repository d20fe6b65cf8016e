// Files of tensors: written and read, and every way in which one can be broken. The cases are those
// of the reference implementation (huggingface/safetensors, tensor.rs and attacks/).
#include "vistas/base/tensor_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "support/errors.h"

namespace vistas {
namespace {

namespace fs = std::filesystem;

std::string with_length(uint64_t length, const std::string& rest) {
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + rest;
}

std::string file_of(const std::string& header, size_t data = 0) {
  return with_length(header.size(), header + std::string(data, '\1'));
}

std::vector<TensorView> parse(const std::string& content) {
  std::map<std::string, std::string> metadata;
  return parse_tensor_file(std::as_bytes(std::span(content)), "a.safetensors", metadata);
}

std::string entry(const std::string& shape, const std::string& offsets,
                  const std::string& dtype = "F32") {
  return fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":{}}})", dtype, shape, offsets);
}

void expect_broken(const std::string& content, const std::string& part) {
  const std::string message = test::error_of([&] { parse(content); });
  EXPECT_NE(message.find("a.safetensors: not a usable safetensors file"), std::string::npos)
      << message;
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(TensorFiles, WhatIsWrittenIsRead) {
  const fs::path path =
      fs::temp_directory_path() / ("vistas-tensors-" + std::to_string(getpid()) + ".safetensors");
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<int8_t> small = {7};
  write_tensor_file(path,
                    {{"b", DType::f32, {2, 3}, std::as_bytes(std::span(values))},
                     {"a", DType::i8, {}, std::as_bytes(std::span(small))},
                     {"empty", DType::f64, {3, 0}, {}}},
                    {{"format", "pt"}});
  {
    const TensorFile file(path);
    ASSERT_EQ(file.tensors().size(), 3U);
    EXPECT_EQ(file.at("b").shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(std::memcmp(file.at("b").bytes.data(), values.data(), 24), 0);
    EXPECT_EQ(file.at("a").shape, std::vector<int64_t>{});
    EXPECT_EQ(static_cast<int>(file.at("a").bytes[0]), 7);
    EXPECT_EQ(file.at("empty").bytes.size(), 0U);
    EXPECT_EQ(file.metadata().at("format"), "pt");
    EXPECT_EQ(file.find("c"), nullptr);
  }
  fs::resize_file(path, fs::file_size(path) - 1);
  test::expect_error([&] { TensorFile{path}; }, "at most 24 bytes");
  fs::remove(path);
}

TEST(TensorFiles, WhitespaceAroundTheHeaderIsTaken) {
  EXPECT_TRUE(parse(file_of("{}")).empty());
  EXPECT_TRUE(parse(file_of("{}      ")).empty());
  EXPECT_TRUE(parse(file_of("\t\r\n {}")).empty());
  EXPECT_TRUE(parse(file_of(R"({"__metadata__":{}})")).empty());
}

TEST(TensorFiles, TensorsWithoutANumberOrADimension) {
  EXPECT_EQ(parse(file_of("{\"a\":" + entry("[2,0]", "[0,0]") + "}"))[0].bytes.size(), 0U);
  EXPECT_EQ(parse(file_of("{\"a\":" + entry("[]", "[0,4]") + "}", 4))[0].bytes.size(), 4U);
}

TEST(TensorFiles, LengthsOfTheHeader) {
  expect_broken("", "shorter than 8 bytes");
  expect_broken(std::string(7, '\0'), "shorter than 8 bytes");
  expect_broken(file_of(""), "not a JSON object");
  expect_broken(with_length(100'000'001, std::string(100, ' ')), "header length");
  expect_broken(with_length(3, "{}"), "header length");
  expect_broken(with_length(std::numeric_limits<uint64_t>::max(), "{}"), "header length");
  expect_broken(with_length(std::numeric_limits<uint64_t>::max() - 7, "{}"), "header length");
}

TEST(TensorFiles, HeadersThatAreNone) {
  expect_broken(file_of("{\"\xff\xfe\":1}"), "not a JSON object");
  expect_broken(file_of("{"), "not a JSON object");
  expect_broken(file_of("[]"), "not a JSON object");
  expect_broken(file_of("{} {}"), "not a JSON object");
  expect_broken(file_of(std::string(100'000, '[')), "nested too deep");
  expect_broken(file_of(R"({"__metadata__":{"a":1}})"), "__metadata__ 'a' is not text");
  expect_broken(file_of(R"({"__metadata__":["a"]})"), "__metadata__ is not an object");
  const std::string one = entry("[1]", "[0,4]");
  expect_broken(file_of("{\"a\":" + one + ",\"a\":" + one + "}", 4), "'a' stands twice");
  expect_broken(
      file_of(R"({"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}})", 4),
      "'dtype' stands twice");
}

TEST(TensorFiles, EntriesThatSayTooLittleOrTooMuch) {
  expect_broken(file_of(R"({"a":1})"), "lacks dtype, shape or data_offsets");
  expect_broken(file_of(R"({"a":{"dtype":"F32","shape":[1]}})"), "lacks dtype");
  expect_broken(file_of("{\"a\":" + entry("[1]", "[0]") + "}", 4), "lacks dtype");
  expect_broken(file_of("{\"a\":" + entry("[1]", "[0,4]", "F31") + "}", 4), "got F31");
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "[null]", "[[1]]"}) {
    expect_broken(file_of("{\"a\":" + entry(shape, "[0,4]") + "}", 4), "shape");
  }
  for (const char* offsets : {"[-4,0]", "[0.0,4.0]", "[\"0\",4]", "[18446744073709551616,4]"}) {
    expect_broken(file_of("{\"a\":" + entry("[1]", offsets) + "}", 4), "data_offsets");
  }
  expect_broken(file_of("{\"a\":" + entry("[2]", "[0,4]") + "}", 4), "8 for its shape");
}

TEST(TensorFiles, SizesThatOverflow) {
  for (const char* shape :
       {"[2,18446744073709551614]", "[4611686018427387904,4]", "[4294967296,4294967296,4294967296]",
        "[9223372036854775808]", "[18446744073709551616]"}) {
    expect_broken(file_of("{\"a\":" + entry(shape, "[0,4]") + "}", 4), "shape");
  }
}

TEST(TensorFiles, OffsetsOutsideOverlappingOrWithHoles) {
  const auto two = [](const std::string& a, const std::string& b, size_t data) {
    return file_of("{\"a\":" + entry("[1]", a) + ",\"b\":" + entry("[1]", b) + "}", data);
  };
  EXPECT_EQ(parse(two("[4,8]", "[0,4]", 8))[0].name, "b") << "in the order of the file";
  expect_broken(two("[0,4]", "[4,8]", 7), "at most 7 bytes");
  expect_broken(two("[0,4]", "[0,4]", 4), "gap or overlap");
  expect_broken(two("[0,4]", "[2,6]", 6), "gap or overlap");
  expect_broken(two("[0,4]", "[5,9]", 9), "gap or overlap");
  expect_broken(two("[1,5]", "[5,9]", 9), "gap or overlap");
  expect_broken(two("[0,4]", "[8,4]", 8), "data_offsets");
  expect_broken(two("[0,4]", "[4,8]", 9), "bytes after the last tensor");
  expect_broken(file_of("{}", 1), "bytes after the last tensor");
  // Ten thousand tensors on the same bytes.
  std::string many;
  for (int i = 0; i < 10'000; ++i) {
    many += fmt::format("{}\"{}\":{}", many.empty() ? "{" : ",", i, entry("[1]", "[0,4]"));
  }
  expect_broken(file_of(many + "}", 4), "gap or overlap");
}

}  // namespace
}  // namespace vistas
