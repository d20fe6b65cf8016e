// Rows of texts as batches of ids.
#include "vistas/text/tasks/text_batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "vistas/text/tokenizers/word_piece.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

// Letters are words of their own: a = 5, b = 6 ...
std::shared_ptr<const Tokenizer> letters() {
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
  return std::make_shared<WordPiece>(tokens, std::vector<AddedToken>{});
}

class Batches : public testing::Test {
 protected:
  Batches() : folder_(fs::temp_directory_path() / ("vistas-batches-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Batches() override { fs::remove_all(folder_); }

  std::unique_ptr<TextBatches> open(const std::string& name, const std::string& content,
                                    const TextBatchOptions& options,
                                    const TextViewOptions& views = {}) const {
    std::ofstream(folder_ / name) << content;
    const auto file = std::make_shared<TextFile>(folder_ / name);
    return std::make_unique<TextBatches>(file, detect_layout(*file), letters(), views, options);
  }

  fs::path folder_;
};

void expect_ids(const learn::Inputs& view, const std::vector<std::vector<int64_t>>& rows) {
  const at::Tensor& ids = view.at("ids");
  const at::Tensor& length = view.at("length");
  ASSERT_EQ(ids.size(0), static_cast<int64_t>(rows.size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    ASSERT_EQ(length[row].item<int64_t>(), static_cast<int64_t>(rows[i].size())) << "row " << i;
    EXPECT_TRUE(at::equal(ids[row].slice(0, 0, length[row].item<int64_t>()), at::tensor(rows[i])))
        << ids[row];
    EXPECT_TRUE(ids[row].slice(0, length[row].item<int64_t>()).eq(0).all().item<bool>());
  }
}

TEST_F(Batches, ColumnsAreViewsOfOneLength) {
  const auto batches = open("p.tsv", "a b\tc\nd\te f g\n", {.positives = Positives::columns});
  const learn::Batch batch = batches->make({1, 0}, 0);
  ASSERT_EQ(batch.views.size(), 2);
  EXPECT_EQ(batch.views[0].at("ids").size(1), 3);
  EXPECT_TRUE(batch.views[0].fits(batch.views[1]));
  expect_ids(batch.views[0], {{8}, {5, 6}});
  expect_ids(batch.views[1], {{9, 10, 11}, {7}});
  EXPECT_TRUE(at::equal(batch.index, at::tensor({1, 0}, at::kLong)));
  EXPECT_FALSE(batch.group.defined());
  EXPECT_FALSE(batch.label.defined());
}

TEST_F(Batches, RowsGiveViewsOfTheirText) {
  const auto batches = open("t.txt", "a b c d e f g h\nx\n", {.seed = 3},
                            {.recipe = TextRecipe::deletion, .count = 3, .rate = 0.5});
  const learn::Batch batch = batches->make({0, 1}, 0);
  ASSERT_EQ(batch.views.size(), 3);
  EXPECT_FALSE(at::equal(batch.views[0].at("ids"), batch.views[1].at("ids")));
  for (const auto& view : batch.views) EXPECT_EQ(view.at("ids")[1][0].item<int64_t>(), 5 + 23);
  const learn::Batch again = batches->make({0, 1}, 0);
  const learn::Batch later = batches->make({0, 1}, 1);
  EXPECT_TRUE(at::equal(batch.views[0].at("length"), again.views[0].at("length")));
  EXPECT_TRUE(at::equal(batch.views[2].at("ids"), again.views[2].at("ids")));
  const auto drawn = [](const learn::Batch& b) {
    std::vector<int64_t> all;
    for (const auto& view : b.views) all.push_back(view.at("ids").sum().item<int64_t>());
    return all;
  };
  EXPECT_NE(drawn(batch), drawn(later));
}

TEST_F(Batches, ConsecutiveRowsBelongTogether) {
  const auto batches = open("n.txt", "a\nb\nc\n", {.positives = Positives::next_row});
  const learn::Batch batch = batches->make({0, 1, 2}, 0);
  expect_ids(batch.views[0], {{5}, {6}, {7}});
  expect_ids(batch.views[1], {{6}, {7}, {6}});
}

TEST_F(Batches, ConsecutiveSentencesOfARowBelongTogether) {
  const auto batches = open("d.txt", "A! B? C! D.\nX\n", {.positives = Positives::sentences});
  std::set<std::vector<int64_t>> drawn;
  for (uint64_t epoch = 0; epoch < 40; ++epoch) {
    const learn::Batch batch = batches->make({0, 1}, epoch);
    const at::Tensor& first = batch.views[0].at("ids");
    const at::Tensor& second = batch.views[1].at("ids");
    drawn.insert({first[0][0].item<int64_t>(), second[0][0].item<int64_t>()});
    EXPECT_TRUE(at::equal(first[1], second[1]));  // a text of one sentence is both
    EXPECT_TRUE(at::equal(second, batches->make({0, 1}, epoch).views[1].at("ids")));
  }
  EXPECT_EQ(drawn, (std::set<std::vector<int64_t>>{{5, 6}, {6, 7}, {7, 8}}));
}

TEST_F(Batches, ConsecutiveParagraphsOfARowBelongTogether) {
  const auto batches = open("d.jsonl", "{\"text\": \"a b\\n\\nc\"}\n{\"text\": \"d<br />e\"}\n",
                            {.positives = Positives::paragraphs});
  const learn::Batch batch = batches->make({0, 1}, 0);
  expect_ids(batch.views[0], {{5, 6}, {8}});
  expect_ids(batch.views[1], {{7}, {9}});
}

// 60 rows of 1 to 60 letters in batches of 4: of 5 batches together, of all, and by chance alone.
TEST_F(Batches, SortedBatchesHoldTextsOfLikeLength) {
  std::string content;
  for (int i = 0; i < 60; ++i)
    content += std::string(static_cast<size_t>(i * 7 % 60 + 1), 'a') + "\n";
  const auto spread = [&](int64_t sorted) {
    const auto batches = open("l.txt", content, {.sorted_batches = sorted});
    Draws draws({.seed = 1});
    const std::vector<int64_t> rows = batches->order(draws, 4);
    EXPECT_EQ(std::set<int64_t>(rows.begin(), rows.end()).size(), 60);
    int64_t sum = 0;
    for (size_t begin = 0; begin < rows.size(); begin += 4) {
      int64_t least = 60, most = 0;
      for (size_t i = begin; i < begin + 4; ++i) {
        least = std::min(least, rows[i] * 7 % 60 + 1);
        most = std::max(most, rows[i] * 7 % 60 + 1);
      }
      sum += most - least;
    }
    return sum;
  };
  EXPECT_EQ(spread(15), 15 * 3);
  EXPECT_LT(spread(5), 15 * 15);
  EXPECT_GT(spread(5), 15 * 3);
  EXPECT_GT(spread(0), 15 * 25);
  const auto batches = open("l.txt", content, {.sorted_batches = 15});
  Draws draws({.seed = 1});
  const std::vector<int64_t> rows = batches->order(draws, 4);
  std::vector<int64_t> first;
  for (size_t begin = 0; begin < rows.size(); begin += 4) first.push_back(rows[begin] * 7 % 60);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));  // the batches come by chance
}

TEST_F(Batches, CostsAreTheTokensOfAllViews) {
  const auto batches = open("p.tsv", "a b\tc\nd\te f g h i\n",
                            {.positives = Positives::columns, .max_length = 4, .marks = true});
  EXPECT_EQ(batches->costs({1, 0, 1}, 0), (std::vector<int64_t>{3 + 4, 4 + 3, 3 + 4}));
}

TEST_F(Batches, LongTextsAreCutBetweenTheirMarksAndCounted) {
  const auto batches =
      open("m.txt", "a b c d e\na b\n", {.max_length = 4, .marks = true}, {.count = 1});
  const learn::Batch batch = batches->make({0, 1}, 0);
  expect_ids(batch.views[0], {{2, 5, 6, 3}, {2, 5, 6, 3}});
  EXPECT_EQ(batches->made(), 2);
  EXPECT_EQ(batches->truncated(), 1);
}

TEST_F(Batches, TextsWithoutTokensAreUnknown) {
  const auto batches = open("e.tsv", "a\t\xC2\xAD\nb\tc\n", {.positives = Positives::columns});
  expect_ids(batches->make({0}, 0).views[1], {{1}});
}

TEST_F(Batches, RowsThatShareATextAreOneThing) {
  // 0 and 1 share an anchor, 1 and 3 a positive, 4 has what is the anchor of 2 as its positive.
  const auto batches = open("g.tsv", "a\tb\na\tc\nd\te\nf\tc\ng\td\nh\ti\n",
                            {.positives = Positives::columns, .groups = true});
  const at::Tensor group = batches->make({0, 1, 2, 3, 4, 5}, 0).group;
  EXPECT_TRUE(at::equal(group, at::tensor({0, 0, 2, 0, 2, 5}, at::kLong))) << group;
}

TEST_F(Batches, ScoresAndLabelsTravelWithTheirRows) {
  const auto scored = open("s.tsv", "a\tb\t0.5\nc\td\t-2\n", {.positives = Positives::columns});
  const learn::Batch batch = scored->make({1, 0}, 0);
  EXPECT_TRUE(at::equal(batch.score, at::tensor({-2.0f, 0.5f})));
  const auto labelled = open("l.tsv", "label\ttext\nbad\ta\ngood\tb\nbad\tc\n", {});
  EXPECT_TRUE(at::equal(labelled->make({0, 1, 2}, 0).label, at::tensor({0, 1, 0}, at::kLong)));
}

}  // namespace
}  // namespace vistas::text
