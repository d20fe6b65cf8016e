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

TEST_F(TextFiles, LayoutsAreDetectedAndSaid) {
  const auto layout = [&](const std::string& name, const std::string& content) {
    const TextFile file = open(name, content);
    return describe(detect_layout(file), file);
  };
  const auto repeated = [](const std::string& a, const std::string& b) {
    std::string content;
    for (int i = 0; i < 20; ++i) content += fmt::format("text {}{}\n", i, i % 2 ? a : b);
    return content;
  };
  EXPECT_EQ(layout("a.txt", "one\ntwo\n"), "texts of column 1");
  EXPECT_EQ(layout("a.tsv", "a b\tc d\ne\tf\n"), "pairs of column 1, column 2");
  EXPECT_EQ(layout("a.csv", "a b,c d,0.5\ne,f,3\n"),
            "scored pairs of column 1, column 2, score in column 3");
  EXPECT_EQ(layout("a.tsv", "a\tb\tc\td\ne\tf\tg\th\n"),
            "anchor, positive and negatives in column 1, column 2, column 3, column 4");
  EXPECT_EQ(layout("a.tsv", repeated("\tpos", "\tneg")),
            "labelled texts of column 1, label in column 2");
  EXPECT_EQ(layout("a.tsv", repeated("\t1", "\t0")),
            "labelled texts of column 1, label in column 2");
  EXPECT_EQ(layout("a.tsv", "split\tlabel\ttext\ntest\tneg\tA b\n"),
            "labelled texts of text, label in label");
  EXPECT_EQ(layout("a.tsv", "premise\thypothesis\tlabel\na\tb\t1\n"),
            "scored pairs of premise, hypothesis, score in label");
  EXPECT_EQ(layout("a.jsonl", "{\"id\": 3, \"query\": \"a\", \"negatives\": [\"b\", \"c\"]}\n"),
            "anchor, positive and negatives in query, negatives[0], negatives[1]");
  expect_part(error_of([&] { layout("a.csv", "a,1,2\nb,2,3\n"); }), "3 columns: 1 of text, 2 of");
  expect_part(error_of([&] { layout("a.tsv", "a\tb\tlabel\tc\nx\ty\t1\tz\n"); }),
              "a label beside 3 texts");
}

TEST_F(TextFiles, ColumnsMayBeChosen) {
  const TextFile file = open("a.tsv", "en\tde\tscore\na\tb\t1\n");
  const auto said = [&](const std::vector<std::string>& texts, const std::string& score,
                        const std::string& label) {
    return describe(choose_layout(file, texts, score, label), file);
  };
  EXPECT_EQ(said({"de", "1"}, "", ""), "pairs of de, en");
  EXPECT_EQ(said({"en", "de"}, "3", ""), "scored pairs of en, de, score in score");
  EXPECT_EQ(said({"en"}, "", "score"), "labelled texts of en, label in score");
  expect_part(error_of([&] { said({"fr"}, "", ""); }, ErrorKind::usage), "no column 'fr'");
  expect_part(error_of([&] { said({"4"}, "", ""); }, ErrorKind::usage), "from 1 to 3");
  expect_part(error_of([&] { said({"en"}, "score", ""); }, ErrorKind::usage), "two beside a score");
}

}  // namespace
}  // namespace vistas::text
