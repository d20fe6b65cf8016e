// What the columns of files are taken for.
#include "vistas/text/sources/layout.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/errors.h"

namespace vistas::text {
namespace {

using test::error_of;

namespace fs = std::filesystem;

class Layouts : public testing::Test {
 protected:
  Layouts() : folder_(fs::temp_directory_path() / ("vistas-layout-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Layouts() override { fs::remove_all(folder_); }
  TextFile open(const std::string& name, const std::string& content,
                const TextFileOptions& options = {}) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return TextFile(folder_ / name, options);
  }
  std::string said(const std::string& name, const std::string& content) const {
    const TextFile file = open(name, content);
    return describe(detect_layout(file), file);
  }
  fs::path folder_;
};

void expect_part(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(Layouts, LayoutsAreDetectedAndSaid) {
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
            "labelled texts of text, label in label (not used: split)");
  EXPECT_EQ(layout("a.tsv", "premise\thypothesis\tlabel\na\tb\t1\n"),
            "scored pairs of premise, hypothesis, score in label");
  EXPECT_EQ(layout("a.jsonl", "{\"id\": 3, \"query\": \"a\", \"negatives\": [\"b\", \"c\"]}\n"),
            "anchor, positive and negatives in query, negatives[0], negatives[1] (not used: id)");
  expect_part(error_of([&] { layout("a.csv", "a,1,2\nb,2,3\n"); }), "3 columns: 1 of text, 2 of");
  expect_part(error_of([&] { layout("a.tsv", "a\tb\tlabel\tc\nx\ty\t1\tz\n"); }),
              "3 of text, 1 of labels");
}

TEST_F(Layouts, ColumnsMayBeChosen) {
  const TextFile file = open("a.tsv", "en\tde\tscore\na\tb\t1\n");
  const auto said = [&](const std::vector<std::string>& texts, const std::string& score,
                        const std::string& label) {
    return describe(choose_layout(file, texts, score, label), file);
  };
  EXPECT_EQ(said({"de", "1"}, "", ""), "pairs of de, en (not used: score)");
  EXPECT_EQ(said({"en", "de"}, "3", ""), "scored pairs of en, de, score in score");
  EXPECT_EQ(said({"en"}, "", "score"), "labelled texts of en, label in score (not used: de)");
  expect_part(error_of([&] { said({"fr"}, "", ""); }, ErrorKind::usage), "no column 'fr'");
  expect_part(error_of([&] { said({"4"}, "", ""); }, ErrorKind::usage), "from 1 to 3");
  expect_part(error_of([&] { said({"en"}, "score", ""); }, ErrorKind::usage), "two beside a score");
}

TEST_F(Layouts, NamesOfKnownDataSets) {
  EXPECT_EQ(
      said("SICK.txt",
           "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
           "1\tA man\tA boy\t4.5\tNEUTRAL\n"),
      "scored pairs of sentence_A, sentence_B, score in relatedness_score (not used: pair_ID, "
      "entailment_judgment)");
  EXPECT_EQ(said("quora.tsv",
                 "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tWhy?\tHow?\t0\n"),
            "scored pairs of question1, question2, score in is_duplicate (not used: id, qid1, "
            "qid2)");
  EXPECT_EQ(said("msr.tsv", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tOne\tTwo\n"),
            "scored pairs of #1 String, #2 String, score in Quality (not used: #1 ID, #2 ID)");
  EXPECT_EQ(said("snli.tsv",
                 "gold_label\tsentence1_parse\tsentence1\tsentence2\tcaptionID\tlabel1\n"
                 "neutral\t( A )\tA\tB\t1.jpg#0\tneutral\n"),
            "pairs of sentence1, sentence2, class in gold_label (not used: sentence1_parse, "
            "captionID, label1)");
  EXPECT_EQ(said("nli.csv", "premise,hypothesis,label\na b,c d,0\ne f,g h,1\ni j,k l,2\n"),
            "pairs of premise, hypothesis, class in label");
}

TEST_F(Layouts, ValuesThatAreNoTexts) {
  EXPECT_EQ(said("a.jsonl", "{\"title\": \"a\", \"foo\": \"b\", \"bar\": 3, \"baz\": null}\n"),
            "pairs of title, foo (not used: bar)");
  EXPECT_EQ(said("a.jsonl", "{\"title\": \"a\", \"body\": \"b\"}\n"), "pairs of title, body");
  EXPECT_EQ(said("a.jsonl", "{\"title\": \"a\", \"text\": \"b\", \"label\": 3}\n"),
            "labelled texts of text, label in label (not used: title)");
  EXPECT_EQ(said("a.tsv", "text\tnote\tscore\na\t\t1\nb\t\t2\n"),
            "labelled texts of text, label in score (not used: note)");
  std::string numbered, domains = "English\tGerman\tdomain\n";
  for (int i = 0; i < 30; ++i) {
    numbered += fmt::format("{}\tone text {}\tein Text {}\n", 100 + 3 * i, i, i);
    domains += fmt::format("one text {}\tein Text {}\t{}\n", i, i, i % 2 ? "news" : "law");
  }
  EXPECT_EQ(said("a.tsv", numbered), "pairs of column 2, column 3 (not used: column 1)");
  EXPECT_EQ(said("a.tsv", domains), "pairs of English, German (not used: domain)");
  expect_part(error_of([&] { said("a.tsv", "id\tscore\n1\t2\n2\t3\n"); }),
              "1 of scores, 1 of ids or nothing");
}

TEST_F(Layouts, WordsAreNoScores) {
  EXPECT_EQ(said("a.csv", "premise,hypothesis,label\na,b,entailment\nc,d,neutral\n"),
            "pairs of premise, hypothesis, class in label");
  EXPECT_EQ(said("a.csv", "a,b,score\nx,y,bad\nz,w,good\n"), "pairs of a, b, class in score");
  EXPECT_EQ(said("a.csv", "a,b,score\nx,y,1\nz,w,n/a\nu,v,2\n"),
            "scored pairs of a, b, score in score");
}

TEST_F(Layouts, UnusableRowsAreLeftOut) {
  const std::string content =
      "text1,text2,score\na,b,1\nc,,2\nd,e,n/a\nf,g,nan\nh,i,\nj,k, 3.5 \nl,m,2x\n";
  TextFile file = open("a.csv", content);
  leave_out_unusable(file, detect_layout(file));
  EXPECT_EQ(file.size(), 2);
  for (const char* part : {"line 3: no text in text2", "line 4: 'n/a' in score is no number",
                           "line 5: 'nan'", "line 6: ''", "line 8: '2x'"}) {
    expect_part(file.bad().summary(), part);
  }
  TextFile strict = open("a.csv", content, {.on_bad_line = "fail"});
  expect_part(error_of([&] { leave_out_unusable(strict, detect_layout(strict)); }), "line 3: got");
}

}  // namespace
}  // namespace vistas::text
