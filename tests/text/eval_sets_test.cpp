#include "vistas/text/tasks/eval_sets.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "support/errors.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using Texts = std::vector<std::string>;

class EvalSets : public testing::Test {
 protected:
  EvalSets() : folder_(fs::temp_directory_path() / ("vistas-sets-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~EvalSets() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& content) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  fs::path folder_;
};

void expect_note(const Notes& notes, const std::string& part) {
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find(part), std::string::npos) << notes[0];
}

TEST_F(EvalSets, ScoredPairsWithAndWithoutHeader) {
  for (const char* header : {"", "sentence1,sentence2,score\n"}) {
    const ScoredPairs got = read_scored_pairs(
        write("sts-test.csv", std::string(header) + "\"A, b\",c d,2.5\ne,f,0\n ,f,1\n\"\",h,1\n"));
    EXPECT_EQ(got.name, "sts-test");
    EXPECT_EQ(got.first, (Texts{"A, b", "e"}));
    EXPECT_EQ(got.second, (Texts{"c d", "f"}));
    EXPECT_EQ(got.scores, (std::vector<double>{2.5, 0}));
    expect_note(got.notes, "2 lines were left out");
  }
}

TEST_F(EvalSets, TheLayoutOfSick) {
  const ScoredPairs got = read_scored_pairs(
      write("SICK_test_annotated.txt",
            "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
            "6\tThere is no boy\tA boy sits\t3.3\tNEUTRAL\n"
            "7\tTwo dogs fight\tTwo dogs wrestle\t4\tNEUTRAL\n"));
  EXPECT_EQ(got.first, (Texts{"There is no boy", "Two dogs fight"}));
  EXPECT_EQ(got.second, (Texts{"A boy sits", "Two dogs wrestle"}));
  EXPECT_EQ(got.scores, (std::vector<double>{3.3, 4}));
  EXPECT_TRUE(got.notes.empty());
}

TEST_F(EvalSets, TheFoldersOfSentEval) {
  write("STS12-en-test/STS.input.MSRpar.txt", "a \"x\"\tb\nc\td\nno score\tnone\n");
  write("STS12-en-test/STS.gs.MSRpar.txt", "4.400\n0.800\n\n");
  write("STS12-en-test/STS.input.OnWN.txt", "e\tf\tsource one\tsource two\n\tg\th\n");
  write("STS12-en-test/STS.gs.OnWN.txt", "5\n3\n");
  write("STS12-en-test/STS.gs.ALL.txt", "4.4\n");
  write("STS12-en-test/correlation.pl", "");
  const SimilarityTask task = read_similarity(folder_ / "STS12-en-test");
  EXPECT_EQ(task.name, "STS12-en-test");
  ASSERT_EQ(task.parts.size(), 2u);
  EXPECT_EQ(task.parts[0].name, "MSRpar");
  EXPECT_EQ(task.parts[0].first, (Texts{"a \"x\"", "c"}));
  EXPECT_EQ(task.parts[0].scores, (std::vector<double>{4.4, 0.8}));
  EXPECT_TRUE(task.parts[0].notes.empty());
  EXPECT_EQ(task.parts[1].first, (Texts{"e"}));
  expect_note(task.parts[1].notes, "1 row without");
  expect_note(task.notes, "STS.gs.ALL.txt: passed over, there is no STS.input.ALL.txt");
  write("STS12-en-test/STS.gs.OnWN.txt", "5\n");
  expect_error([&] { read_similarity(folder_ / "STS12-en-test"); }, "got 2 and 1 lines");
  write("none/STS.gs.X.txt", "5\n");
  expect_error([&] { read_similarity(folder_ / "none"); }, "1 files STS.gs.X.txt");
}

TEST_F(EvalSets, AFileIsATaskOfOnePart) {
  const SimilarityTask task = read_similarity(write("a.tsv", "a\tb\t1\nc\td\t2\n"));
  EXPECT_EQ(task.name, "a");
  ASSERT_EQ(task.parts.size(), 1u);
  EXPECT_EQ(task.parts[0].scores.size(), 2u);
}

TEST_F(EvalSets, LabelledTextsAndTheirSplits) {
  const LabelledTexts got =
      read_labelled(write("reviews.tsv",
                          "split\tlabel\ttext\ntest\tneg\tBad film\ntrain\tpos\tGood film\n"
                          "train\tneg\t \n"));
  EXPECT_EQ(got.texts, (Texts{"Bad film", "Good film"}));
  EXPECT_EQ(got.classes, (Texts{"neg", "pos"}));
  EXPECT_EQ(got.labels, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(got.splits, (Texts{"test", "train"}));
  expect_note(got.notes, "1 line was left out");
  EXPECT_TRUE(read_labelled(write("b.csv", "text,label\nx,1\ny,0\n")).splits.empty());
  expect_error([&] { read_labelled(write("c.csv", "text,label\nx,1\ny,1\n")); }, "two different");
}

TEST_F(EvalSets, TranslationsInTwoFilesOrInOne) {
  write("por-eng.por", "um\n\ntr\xEAs\nquatro\r\n");
  write("por-eng.eng", "one\ntwo\nthree\nfour\n");
  const Bitext got = read_bitext(folder_ / "por-eng");
  EXPECT_EQ(got.name, "por-eng");
  EXPECT_EQ(got.first_name, "por");
  EXPECT_EQ(got.second_name, "eng");
  EXPECT_EQ(got.first, (Texts{"um", "quatro"}));
  EXPECT_EQ(got.second, (Texts{"one", "four"}));
  expect_note(got.notes, "2 rows");
  const Bitext file = read_bitext(write("pairs.tsv", "um\tone\ndois\ttwo\n"));
  EXPECT_EQ(file.first, (Texts{"um", "dois"}));
  EXPECT_EQ(file.second, (Texts{"one", "two"}));
  write("por-eng.eng", "one\n");
  expect_error([&] { read_bitext(folder_ / "por-eng"); }, "got 4 and 1 lines");
  expect_error([&] { read_bitext(folder_ / "deu-eng"); }, "0 that begin with it and a dot");
  expect_error([&] { read_bitext(folder_ / "nowhere/deu-eng"); }, "0 that begin");
}

TEST_F(EvalSets, QueriesAndPassagesInPairs) {
  const RetrievalSet got =
      read_retrieval(write("questions.tsv",
                           "query\tpositive\tnegative\nq1\tp1\tn1\nq2\tp2\tp1\n"
                           "q1\tp2\t\n"));
  EXPECT_EQ(got.queries, (Texts{"q1", "q2"}));
  EXPECT_EQ(got.passages, (Texts{"p1", "n1", "p2"}));
  EXPECT_EQ(got.relevant, (std::vector<std::vector<int64_t>>{{0, 2}, {2}}));
  const RetrievalSet scored =
      read_retrieval(write("scored.tsv", "q1\tp1\t1\nq1\tp2\t0\nq2\tp1\t0\n"));
  EXPECT_EQ(scored.relevant, (std::vector<std::vector<int64_t>>{{0}, {}}));
}

TEST_F(EvalSets, QueriesAndPassagesInTheLayoutOfBeir) {
  write("nfc/corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"T\", \"text\": \"one\"}\n"
        "{\"_id\": \"d2\", \"title\": \"\", \"text\": \"two\"}\n");
  write("nfc/queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"which\"}\n{\"_id\": \"q2\", \"text\": \"never asked\"}\n");
  write("nfc/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td2\t2\nq1\td1\t0\nq9\td1\t1\n");
  const RetrievalSet got = read_retrieval(folder_ / "nfc");
  EXPECT_EQ(got.name, "nfc");
  EXPECT_EQ(got.queries, (Texts{"which"}));
  EXPECT_EQ(got.passages, (Texts{"T one", "two"}));
  EXPECT_EQ(got.relevant, (std::vector<std::vector<int64_t>>{{1}}));
  expect_note(got.notes, "1 row");
}

TEST_F(EvalSets, OtherColumnsAreNamed) {
  const auto one = write("one.txt", "only texts\nnothing else\n");
  expect_error([&] { read_scored_pairs(one); }, "two texts and a number");
  expect_error([&] { read_labelled(one); }, "a text and its label");
  expect_error([&] { read_bitext(one); }, "two texts, translations");
  expect_error([&] { read_retrieval(one); }, "a query and a passage");
  expect_error([&] { read_similarity(folder_ / "missing.csv"); }, "missing.csv");
  expect_error([&] { read_similarity(write("empty.csv", "")); }, "an empty file");
}

}  // namespace
}  // namespace vistas::text
