#include "vistas/text/views/text_views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "support/count_allocations.h"
#include "support/errors.h"
#include "support/options_round_trip.h"
#include "vistas/text/tokenizers/word_piece.h"

namespace vistas::text {
namespace {

using Ids = std::vector<int32_t>;

// Ids of an even number begin a word, those of an odd number go on with it; 0 is unknown, 2 and 4
// are the marks, 6 is the mask.
const Tokenizer& tokenizer() {
  static const WordPiece model = [] {
    std::vector<std::string> tokens = {"[UNK]", "##x", "[CLS]", "##y", "[SEP]", "##z", "[MASK]"};
    while (tokens.size() < 500) {
      tokens.push_back((tokens.size() % 2 ? "##t" : "t") + std::to_string(tokens.size()));
    }
    return WordPiece(tokens, {});
  }();
  return model;
}

// n words of which every third has two tokens: 8, 9, 10, 12, 14, 15 ...
Ids words(int n) {
  Ids ids;
  for (int i = 0; i < n; ++i) {
    ids.push_back(8 + 2 * i);
    if (i % 3 == 0) ids.push_back(9 + 2 * i);
  }
  return ids;
}

// The numbers of the words of a view; a failure where one of them is torn.
std::vector<int> numbers_of(const Ids& view) {
  std::vector<int> numbers;
  for (size_t at = 0; at < view.size(); ++at) {
    EXPECT_EQ(view[at] % 2, 0) << "a word without its begin";
    const int number = (view[at] - 8) / 2;
    numbers.push_back(number);
    if (number % 3 == 0) {
      EXPECT_LT(at + 1, view.size()) << "a word without its end";
      if (at + 1 == view.size()) break;
      ++at;
      EXPECT_EQ(view[at], view[at - 1] + 1);
    }
  }
  return numbers;
}

TextViews views(TextRecipe recipe, double rate = -1, std::vector<double> crop = {0.1, 0.5}) {
  return TextViews({.recipe = recipe, .rate = rate, .crop = std::move(crop), .changed = "all"},
                   tokenizer());
}

Ids make(const TextViews& views, const Ids& ids, uint64_t sample, int view = 0) {
  Ids out = {1, 2, 3};
  views.make(ids, {7, 0, sample, 0}, view, out);
  return out;
}

const TextRecipe kRecipes[] = {TextRecipe::dropout, TextRecipe::deletion, TextRecipe::delete_one,
                               TextRecipe::span,    TextRecipe::crop,     TextRecipe::swap,
                               TextRecipe::shuffle, TextRecipe::cutoff,   TextRecipe::repetition};

TEST(TextViews, DropoutLeavesATextAsItIs) {
  for (int n : {0, 1, 7}) EXPECT_EQ(make(views(TextRecipe::dropout), words(n), 3, 1), words(n));
}

TEST(TextViews, OptionsGoThroughText) {
  expect_options_round_trip([] { return std::make_unique<TextViewOptions>(); });
}

TEST(TextViews, DeletionDeletesItsShareOfTheWords) {
  const TextViews made = views(TextRecipe::deletion, 0.3);
  double stayed = 0;
  std::map<int, int> often;
  for (uint64_t s = 0; s < 3000; ++s) {
    const auto numbers = numbers_of(make(made, words(20), s));
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    stayed += static_cast<double>(numbers.size());
    for (const int number : numbers) ++often[number];
  }
  // 60,000 draws: the standard deviation of the share is 0.0019.
  EXPECT_NEAR(stayed / 60000, 0.7, 0.008);
  EXPECT_EQ(often.size(), 20U);
  // 3,000 draws of each word: 25.
  for (const auto& [number, count] : often) EXPECT_NEAR(count, 2100, 110) << number;
}

TEST(TextViews, OneWordAlwaysStays) {
  const TextViews deleted = views(TextRecipe::deletion, 1), cut = views(TextRecipe::cutoff, 1);
  std::map<int, int> often;
  for (uint64_t s = 0; s < 1000; ++s) {
    const auto numbers = numbers_of(make(deleted, words(4), s));
    ASSERT_EQ(numbers.size(), 1U);
    ++often[numbers.front()];
    const Ids masked = make(cut, words(4), s);
    ASSERT_EQ(masked.size(), words(4).size());
    Ids left;
    std::copy_if(masked.begin(), masked.end(), std::back_inserter(left),
                 [](int32_t id) { return id != 6; });
    EXPECT_EQ(numbers_of(left).size(), 1U);
  }
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(often[i], 250, 60) << i;
  for (const TextRecipe recipe : kRecipes) {
    for (uint64_t s = 0; s < 50; ++s) {
      for (int n = 1; n < 5; ++n) {
        EXPECT_GE(make(views(recipe, 1, {0, 0}), words(n), s).size(), 1U);
      }
      EXPECT_TRUE(make(views(recipe, 1), {}, s).empty());
    }
  }
}

TEST(TextViews, DeleteOneDeletesEachWordAlikeOften) {
  const TextViews made = views(TextRecipe::delete_one);
  std::map<int, int> missing;
  for (uint64_t s = 0; s < 2000; ++s) {
    const auto numbers = numbers_of(make(made, words(5), s));
    ASSERT_EQ(numbers.size(), 4U);
    ++missing[10 - numbers[0] - numbers[1] - numbers[2] - numbers[3]];
  }
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(missing[i], 400, 80) << i;
  EXPECT_EQ(make(made, words(1), 0), words(1));
}

TEST(TextViews, SpanDeletesWordsThatFollowEachOther) {
  const TextViews made = views(TextRecipe::span, 0.2);
  std::set<int> firsts;
  for (uint64_t s = 0; s < 500; ++s) {
    const auto numbers = numbers_of(make(made, words(12), s));
    ASSERT_EQ(numbers.size(), 10U);  // 2.4 is 2
    int first = 0;
    while (first < 10 && numbers[static_cast<size_t>(first)] == first) ++first;
    for (int i = first; i < 10; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i + 2);
    firsts.insert(first);
  }
  EXPECT_EQ(firsts.size(), 11U);
}

TEST(TextViews, CropKeepsASpanOfItsShare) {
  const TextViews fixed = views(TextRecipe::crop, -1, {0.75, 0.75});
  const TextViews drawn = views(TextRecipe::crop, -1, {0.1, 0.5});
  std::set<int> firsts;
  std::map<size_t, int> lengths;
  for (uint64_t s = 0; s < 4000; ++s) {
    const auto numbers = numbers_of(make(fixed, words(10), s));
    ASSERT_EQ(numbers.size(), 7U);  // 7.5 is 7
    for (size_t i = 0; i < 7; ++i) EXPECT_EQ(numbers[i], numbers[0] + static_cast<int>(i));
    firsts.insert(numbers[0]);
    ++lengths[numbers_of(make(drawn, words(40), s)).size()];
  }
  EXPECT_EQ(firsts.size(), 4U);
  // 4 .. 19 words with one sixteenth each: 250 with a standard deviation of 15.
  EXPECT_EQ(lengths.size(), 16U);
  for (const auto& [length, count] : lengths) {
    EXPECT_GE(length, 4U);
    EXPECT_LE(length, 19U);
    EXPECT_NEAR(count, 250, 65) << length;
  }
}

TEST(TextViews, SwapAndShuffleKeepTheWords) {
  const auto moved = [](const std::vector<int>& numbers) {
    int count = 0;
    for (size_t i = 0; i < numbers.size(); ++i) count += numbers[i] != static_cast<int>(i);
    return count;
  };
  const TextViews one = views(TextRecipe::swap, 0.1), few = views(TextRecipe::swap, 0.25);
  const TextViews all = views(TextRecipe::shuffle), some = views(TextRecipe::shuffle, 0.3);
  std::map<std::vector<int>, int> orders;
  std::set<int> moved_some;
  for (uint64_t s = 0; s < 2400; ++s) {
    const auto swapped = numbers_of(make(one, words(9), s));
    EXPECT_EQ(moved(swapped), 2);
    const auto few_swapped = numbers_of(make(few, words(12), s));
    EXPECT_LE(moved(few_swapped), 6);
    const auto shuffled = numbers_of(make(all, words(4), s));
    ++orders[shuffled];
    const auto part = numbers_of(make(some, words(10), s));
    moved_some.insert(moved(part));
    for (auto numbers : {swapped, few_swapped, shuffled, part}) {
      std::sort(numbers.begin(), numbers.end());
      EXPECT_EQ(moved(numbers), 0);
    }
  }
  EXPECT_EQ(orders.size(), 24U);
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, 100, 45);
  EXPECT_EQ(moved_some, (std::set<int>{0, 2, 3}));
}

TEST(TextViews, CutoffMasksWholeWordsInTheirPlace) {
  const TextViews made = views(TextRecipe::cutoff, 0.25);
  const Ids text = words(30);
  double masked = 0;
  for (uint64_t s = 0; s < 1000; ++s) {
    const Ids view = make(made, text, s);
    ASSERT_EQ(view.size(), text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      EXPECT_TRUE(view[i] == text[i] || view[i] == 6);
      EXPECT_TRUE(text[i] % 2 == 0 || (view[i] == 6) == (view[i - 1] == 6)) << "half a word";
      masked += text[i] % 2 == 0 && view[i] == 6;
    }
  }
  EXPECT_NEAR(masked / 30000, 0.25, 0.012);
}

TEST(TextViews, RepetitionRepeatsUpToItsShare) {
  const TextViews made = views(TextRecipe::repetition);
  std::map<size_t, int> added;
  std::map<int, int> repeated;
  for (uint64_t s = 0; s < 4000; ++s) {
    const auto numbers = numbers_of(make(made, words(10), s));
    ++added[numbers.size() - 10];
    for (size_t i = 1; i < numbers.size(); ++i) {
      const int step = numbers[i] - numbers[i - 1];
      EXPECT_TRUE(step == 0 || step == 1);
      if (step == 0) ++repeated[numbers[i]];
    }
  }
  // 0 .. max(2, floor(3.2)) words, all alike: 1,000 each, and 1.5 of ten words a text.
  EXPECT_EQ(added.size(), 4U);
  for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(added[k], 1000, 110) << k;
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(repeated[i], 600, 90) << i;
  std::set<size_t> sizes;
  for (uint64_t s = 0; s < 100; ++s) sizes.insert(numbers_of(make(made, words(1), s)).size());
  EXPECT_EQ(sizes, (std::set<size_t>{1, 2}));
}

TEST(TextViews, MarksStayInPlace) {
  for (const TextRecipe recipe : kRecipes) {
    const TextViews made = views(recipe);
    Ids marked = {2};
    for (const int32_t id : words(9)) marked.push_back(id);
    marked.push_back(4);
    for (uint64_t s = 0; s < 20; ++s) {
      const Ids view = make(made, marked, s);
      const Ids plain = make(made, words(9), s);
      ASSERT_EQ(view.size(), plain.size() + 2);
      EXPECT_EQ(view.front(), 2);
      EXPECT_EQ(view.back(), 4);
      EXPECT_TRUE(std::equal(plain.begin(), plain.end(), view.begin() + 1));
    }
    EXPECT_EQ(make(made, {2, 4}, 0), (Ids{2, 4}));
    EXPECT_EQ(make(made, {2}, 0), (Ids{2}));
  }
}

TEST(TextViews, AreAFunctionOfSeedEpochSampleAndView) {
  for (const TextRecipe recipe : kRecipes) {
    if (recipe == TextRecipe::dropout) continue;
    const TextViews made = views(recipe);
    const Ids text = words(60);
    const auto of = [&](const DrawKey& key, int view) {
      Ids out;
      made.make(text, key, view, out);
      return out;
    };
    const Ids first = of({1, 2, 3, 0}, 1);
    EXPECT_EQ(of({1, 2, 3, 99}, 1), first);
    // Some draws do nothing or the same; of eight others one at least must differ.
    const auto differs = [&](auto key_of) {
      for (int i = 0; i < 8; ++i) {
        if (key_of(i) != first) return true;
      }
      return false;
    };
    EXPECT_TRUE(differs([&](int i) { return of({100U + static_cast<uint64_t>(i), 2, 3}, 1); }));
    EXPECT_TRUE(differs([&](int i) { return of({1, 100U + static_cast<uint64_t>(i), 3}, 1); }));
    EXPECT_TRUE(differs([&](int i) { return of({1, 2, 100U + static_cast<uint64_t>(i)}, 1); }));
    EXPECT_TRUE(differs([&](int i) { return of({1, 2, 3}, 2 + i); }));
  }
}

TEST(TextViews, AreTheSameFromManyThreads) {
  const TextViews made = views(TextRecipe::shuffle);
  std::vector<Ids> one(200), many(200);
  for (size_t s = 0; s < 200; ++s) made.make(words(20), {5, 0, s}, 1, one[s]);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t s = t; s < 200; s += 4) made.make(words(20), {5, 0, s}, 1, many[s]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(one, many);
}

TEST(TextViews, TheFirstViewIsPlainWherePublishedSo) {
  for (const TextRecipe recipe : kRecipes) {
    const bool plain = recipe == TextRecipe::deletion || recipe == TextRecipe::delete_one ||
                       recipe == TextRecipe::repetition || recipe == TextRecipe::dropout;
    const auto changed = [&](const std::string& which, int view) {
      const TextViews made({.recipe = recipe, .rate = 0.5, .changed = which}, tokenizer());
      for (uint64_t s = 0; s < 8; ++s) {
        if (make(made, words(30), s, view) != words(30)) return true;
      }
      return false;
    };
    EXPECT_EQ(changed("auto", 0), !plain);
    EXPECT_FALSE(changed("others", 0));
    EXPECT_EQ(changed("all", 0), recipe != TextRecipe::dropout);
    EXPECT_EQ(changed("auto", 1), recipe != TextRecipe::dropout);
  }
}

TEST(TextViews, AllocateNothingForTokens) {
  const Ids text = words(400);
  for (const TextRecipe recipe : kRecipes) {
    const TextViews made = views(recipe);
    Ids out;
    out.reserve(2 * text.size());
    const int64_t before = allocations;
    made.make(text, {1, 0, 0}, 1, out);
    const bool orders = recipe == TextRecipe::swap || recipe == TextRecipe::shuffle;
    EXPECT_LE(allocations - before, orders ? 14 : 0);
  }
}

TEST(TextViews, RefusesWhatItCannotDo) {
  const WordPiece bare({"?", "a"}, {}, {.unknown = "?"});
  EXPECT_NO_THROW(TextViews({.recipe = TextRecipe::cutoff}, bare));
  test::expect_error([&] { TextViews({.crop = {0.5}}, bare); }, "1 numbers", ErrorKind::usage);
  test::expect_error([&] { TextViews({.crop = {0.5, 0.1}}, bare); }, "the least", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::text
