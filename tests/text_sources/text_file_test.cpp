#include "vistas/text/sources/text_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "support/errors.h"
#include "vistas/base/threads.h"
#include "vistas/text/sources/layout.h"

namespace vistas::text {
namespace {

using test::error_of;

namespace fs = std::filesystem;
using Rows = std::vector<std::vector<std::string>>;

class TextFiles : public testing::Test {
 protected:
  TextFiles() : folder_(fs::temp_directory_path() / ("vistas-text-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~TextFiles() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  TextFile open(const std::string& name, const std::string& content,
                const TextFileOptions& options = {}) const {
    return TextFile(write(name, content), options);
  }
  fs::path folder_;
};

Rows rows_of(const TextFile& file) {
  Rows rows(static_cast<size_t>(file.size()));
  for (size_t i = 0; i < rows.size(); ++i) file.read(static_cast<int64_t>(i), rows[i]);
  return rows;
}

void expect_part(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(TextFiles, LinesAreTextsAsTheyStand) {
  const TextFile file = open("a.txt", "\xEF\xBB\xBFone, \"two\"\r\n\n  \nthr\u00e9e\tfour\nlast");
  EXPECT_EQ(file.format(), TextFormat::lines);
  EXPECT_EQ(rows_of(file), (Rows{{"one, \"two\""}, {"thr\u00e9e\tfour"}, {"last"}}));
  EXPECT_EQ(file.bad().count, 0);
  EXPECT_EQ(file.bad().summary(), "");
}

TEST_F(TextFiles, TsvIsFoundByNameOrByItsTabs) {
  const std::string content = "a\tb\nc \"d\"\t\n\tf\n";
  const Rows want = {{"a", "b"}, {"c \"d\"", ""}, {"", "f"}};
  for (const char* name : {"a.tsv", "a.txt", "a"}) {
    const TextFile file = open(name, content);
    EXPECT_EQ(file.format(), TextFormat::tsv) << name;
    EXPECT_EQ(rows_of(file), want);
    EXPECT_FALSE(file.has_header());
    EXPECT_EQ(file.columns(), (std::vector<std::string>{"column 1", "column 2"}));
  }
  EXPECT_EQ(open("a.txt", content, {.format = "lines"}).format(), TextFormat::lines);
}

TEST_F(TextFiles, CsvHasQuotesAndLinesInThem) {
  const TextFile file =
      open("a.csv", "\"a, b\",c\r\n\"say \"\"hi\"\"\",\"two\nlines\"\n,\n\"\",x\n");
  EXPECT_EQ(rows_of(file),
            (Rows{{"a, b", "c"}, {"say \"hi\"", "two\nlines"}, {"", ""}, {"", "x"}}));
}

TEST_F(TextFiles, BadLinesAreCountedByTheirNumber) {
  const std::string content =
      "a,\"x\ny\"\nb,c,d\n\"open,e\nf,\xff\n\"g\"h,i\n" + std::string(60, 'j') + ",k\nl,m\n";
  const TextFile file = open("a.csv", content, {.longest_line = 40});
  EXPECT_EQ(rows_of(file), (Rows{{"a", "x\ny"}, {"l", "m"}}));
  EXPECT_EQ(file.bad().count, 5);
  const std::string summary = file.bad().summary();
  expect_part(summary, "5 lines were left out:");
  expect_part(summary, "line 3: 3 columns, 2 in the first row");
  expect_part(summary, "line 4: a quote that is not closed");
  expect_part(summary, "line 5: byte 3 is no UTF-8");
  expect_part(summary, "line 6: text after a closing quote");
  expect_part(summary, "line 7: 62 bytes, more than 40");
  const fs::path path = folder_ / "a.csv";
  expect_part(error_of([&] { TextFile(path, {.on_bad_line = "fail", .longest_line = 40}); }),
              "line 3: got 3 columns");
}

TEST_F(TextFiles, OnlyTenBadLinesAreNamed) {
  std::string content = "a\tb\n";
  for (int i = 0; i < 12; ++i) content += "x\n";
  const TextFile file = open("a.tsv", content);
  EXPECT_EQ(file.bad().count, 12);
  EXPECT_EQ(file.bad().first.size(), 10U);
  EXPECT_TRUE(file.bad().summary().ends_with("..."));
}

TEST_F(TextFiles, HeadersAreFoundOrTold) {
  const auto header = [&](const std::string& content, const std::string& option = "auto") {
    return open("a.csv", content, {.header = option}).has_header();
  };
  EXPECT_TRUE(header("sentence1,sentence2\nx,y\n"));
  EXPECT_TRUE(header("this,that,value\nx,y,1.5\n"));
  EXPECT_FALSE(header("x,y,2\nx,y,1.5\n"));
  EXPECT_FALSE(header("A man,A woman\nx,y\n"));
  EXPECT_TRUE(header("A man,A woman\nx,y\n", "yes"));
  EXPECT_FALSE(header("sentence1,sentence2\nx,y\n", "no"));
  EXPECT_EQ(open("a.csv", "sentence1,sentence2\nx,y\n").size(), 1);
  EXPECT_EQ(open("a.csv", "sentence1,sentence2\n").size(), 1) << "one row is a row";
}

TEST_F(TextFiles, JsonLinesByTheirMembers) {
  const TextFile file =
      open("a.jsonl",
           "{\"query\": \"q\", \"positive\": \"p\", \"negatives\": [\"n\", \"m\"],"
           " \"meta\": {}, \"score\": 0.5}\n"
           "{\"positive\": null, \"query\": \"\\u00e9\", \"negatives\": [\"o\"]}\n"
           "[1]\n{\"query\": {}}\n{\"negatives\": 3}\nx\n");
  EXPECT_EQ(file.columns(), (std::vector<std::string>{"query", "positive", "negatives[0]",
                                                      "negatives[1]", "score"}));
  EXPECT_EQ(rows_of(file), (Rows{{"q", "p", "n", "m", "0.5"}, {"\u00e9", "", "o", "", ""}}));
  expect_part(file.bad().summary(), "line 3: no JSON object");
  expect_part(file.bad().summary(), "line 4: \"query\" is no text and no number");
  expect_part(file.bad().summary(), "line 5: \"negatives\" is no list of texts");
  expect_part(file.bad().summary(), "line 6: no JSON");
  EXPECT_EQ(file.longer_lists(), 0);
  EXPECT_EQ(open("b.jsonl",
                 "{\"n\": [\"a\"], \"x\": [\"b\"]}\n"
                 "{\"n\": [\"a\", \"c\"], \"x\": [\"b\"]}\n")
                .left_out(),
            "1 row has lists of more texts than the first row; these texts are not used");
}

TEST_F(TextFiles, NamesOfMembersMayHoldBrackets) {
  const TextFile file = open("a.jsonl",
                             "{\"x[y\": \"a\", \"x[0]\": \"b\", \"x[]\": \"c\"}\n"
                             "{\"x\": [\"d\"]}\n");
  EXPECT_EQ(rows_of(file), (Rows{{"a", "b", "c"}, {"", "d", ""}}));
}

TEST_F(TextFiles, GzipIsUnpackedAndDamageIsAnError) {
  std::string content;
  for (int i = 0; i < 5000; ++i) content += fmt::format("line {}\n", i * i);
  const fs::path path = folder_ / "a.txt.gz";
  const gzFile out = gzopen(path.c_str(), "wb");
  gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
  gzclose(out);
  const TextFile file(path);
  EXPECT_EQ(file.size(), 5000);
  EXPECT_EQ(rows_of(file)[4999], std::vector<std::string>{"line 24990001"});
  fs::resize_file(path, fs::file_size(path) / 2);
  expect_part(error_of([&] { TextFile{path}; }), "damaged or cut off gzip data");
}

TEST_F(TextFiles, NothingToReadIsAnError) {
  expect_part(error_of([&] { open("a.txt", ""); }), "an empty file");
  expect_part(error_of([&] { open("a.txt", "\n \n"); }), "no row of text");
  expect_part(error_of([&] { open("a.txt", "\xff\n"); }), "line 1: byte 1 is no UTF-8");
  expect_part(error_of([&] { TextFile{folder_}; }), "got no file");
  expect_part(error_of([&] { TextFile{folder_ / "none"}; }), "nothing of that name");
}

TEST_F(TextFiles, RowsAreReadByManyThreads) {
  std::string content;
  for (int i = 0; i < 3000; ++i) content += fmt::format("{}\t\"{}\"\n", i, -i);
  const TextFile file = open("a.tsv", content);
  std::atomic<int> wrong{0};
  parallel_for(file.size(), 4, [&](int64_t i, int) {
    std::vector<std::string> fields;
    file.read(i, fields);
    wrong += fields != std::vector<std::string>{std::to_string(i), fmt::format("\"{}\"", -i)};
  });
  EXPECT_EQ(wrong, 0);
}

TEST_F(TextFiles, HeadersOfUnknownNamesDifferFromWhatIsBelow) {
  const auto header = [&](const std::string& content) {
    return open("a.csv", content).has_header();
  };
  std::string reviews, pairs, words;
  for (int i = 0; i < 20; ++i) {
    reviews += fmt::format("review number {},{}\n", i, i % 3 ? "good" : "bad");
    pairs += fmt::format("one text {},ein Text {}\n", i, i);
    words += fmt::format("word{},Wort{}\n", i, i);
  }
  EXPECT_TRUE(header("review,sentiment\n" + reviews));
  EXPECT_TRUE(header("English,German\n" + pairs));
  EXPECT_FALSE(header("review,bad\n" + reviews)) << "a class that occurs again";
  EXPECT_FALSE(header("Go!,Los!\n" + pairs)) << "a sentence";
  EXPECT_FALSE(header("English,English\n" + pairs)) << "two columns of one name";
  EXPECT_FALSE(header("dog,Hund\n" + words)) << "words above words";
}

TEST_F(TextFiles, RowsAreLeftOutByTheirLines) {
  const std::string content = "a,b\n\"x\ny\",bad\nc,d\ne,bad\n";
  const auto is_bad = [](const std::vector<std::string>& fields) {
    return fields[1] == "bad" ? "not good" : "";
  };
  TextFile file = open("a.csv", content, {.header = "no"});
  file.leave_out(is_bad);
  EXPECT_EQ(rows_of(file), (Rows{{"a", "b"}, {"c", "d"}}));
  expect_part(file.bad().summary(), "line 2: not good");
  expect_part(file.bad().summary(), "line 5: not good");
  TextFile strict = open("a.csv", content, {.header = "no", .on_bad_line = "fail"});
  expect_part(error_of([&] { strict.leave_out(is_bad); }), "line 2: got not good");
  TextFile none = open("a.csv", "a,bad\nb,bad\n", {.header = "no"});
  expect_part(error_of([&] { none.leave_out(is_bad); }), "no row is left");
}

TEST_F(TextFiles, ErrorsMayCallAFileByAnotherName) {
  const fs::path path = write("a.txt", "one\n\xff\n");
  expect_part(TextFile(path, {}, "standard input").bad().summary(), "standard input: line 2: byte");
}

TEST_F(TextFiles, OtherEncodingsAreNamed) {
  using namespace std::string_literals;
  expect_part(error_of([&] { open("a.txt", "\xFF\xFEo\0n\0e\0\n\0"s); }), "got UTF-16");
  expect_part(error_of([&] { open("a.txt", "o\0n\0e\0\n\0"s); }), "zero bytes");
}

}  // namespace
}  // namespace vistas::text
