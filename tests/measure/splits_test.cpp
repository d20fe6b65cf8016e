#include "vistas/measure/splits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/measure/lbfgs.h"
#include "vistas/measure/summary.h"

namespace vistas::measure {
namespace {

using Labels = std::vector<int64_t>;

std::map<int64_t, int> count_classes(const Labels& labels, const std::vector<int64_t>& rows) {
  std::map<int64_t, int> counts;
  for (const int64_t row : rows) ++counts[labels[static_cast<size_t>(row)]];
  return counts;
}

Labels cycle(int64_t rows, int64_t classes) {
  Labels labels;
  for (int64_t i = 0; i < rows; ++i) labels.push_back(i % classes);
  return labels;
}

void expect_error(const std::function<void()>& call, const std::string& part) {
  try {
    call();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(LabelShare, Parses) {
  EXPECT_DOUBLE_EQ(parse_label_share("1%").fraction, 0.01);
  EXPECT_DOUBLE_EQ(parse_label_share("0.5%").fraction, 0.005);
  EXPECT_DOUBLE_EQ(parse_label_share("100%").fraction, 1);
  EXPECT_EQ(parse_label_share("5").per_class, 5);
  for (const char* text : {"1%", "0.5%", "100%", "12.5%", "5"}) {
    EXPECT_EQ(to_string(parse_label_share(text)), text);
  }
  for (const char* text :
       {"", "%", "0%", "101%", "-1%", "nan%", "0", "-3", "1.5", "5 ", "1%%", "all"}) {
    expect_error([&] { parse_label_share(text); }, std::string("\"") + text + "\"");
  }
}

TEST(DrawLabels, TakesTheShareOfEveryClass) {
  const Labels labels = cycle(1000, 10);
  for (const auto& [label, count] :
       count_classes(labels, draw_labels(labels, {.fraction = 0.07}, 1))) {
    EXPECT_EQ(count, 7) << label;
  }
  EXPECT_EQ(count_classes(labels, draw_labels(labels, {.fraction = 1e-6}, 1)).size(),
            10u);  // at least one
  EXPECT_EQ(draw_labels(labels, {.per_class = 3}, 1).size(), 30u);
  EXPECT_EQ(draw_labels(labels, {}, 1).size(), 1000u);
}

TEST(DrawLabels, IsAFunctionOfSeedAndNested) {
  const Labels labels = cycle(500, 5);
  const auto few = draw_labels(labels, {.fraction = 0.02}, 3);
  const auto more = draw_labels(labels, {.fraction = 0.1}, 3);
  EXPECT_EQ(few, draw_labels(labels, {.fraction = 0.02}, 3));
  EXPECT_NE(few, draw_labels(labels, {.fraction = 0.02}, 4));
  EXPECT_TRUE(std::includes(more.begin(), more.end(), few.begin(), few.end()));
  EXPECT_TRUE(std::is_sorted(more.begin(), more.end()));
}

TEST(DrawLabels, EveryRowIsEquallyLikely) {
  const Labels labels = cycle(40, 2);
  std::vector<int> counts(40);
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    for (const int64_t row : draw_labels(labels, {.per_class = 5}, seed))
      ++counts[static_cast<size_t>(row)];
  }
  double chi2 = 0;
  for (const int c : counts) chi2 += (c - 1000.0) * (c - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 73.4);  // above the 0.999 quantile with 39 degrees of freedom (72.1)
}

TEST(DrawLabels, UnknownLabelsAndTooFewRows) {
  EXPECT_EQ(draw_labels(Labels{-1, 0, -1, 4, 0}, {}, 1), (std::vector<int64_t>{1, 3, 4}));
  expect_error([] { draw_labels(Labels{-1, -1}, {}, 1); }, "none with a label");
  expect_error(
      [] {
        draw_labels(Labels{0, 0, 1}, {.per_class = 2}, 1);
      },
      "class 1: got 1, expected 2");
  const std::vector<std::string> names{"sea", "sky"};
  expect_error(
      [&] {
        draw_labels(Labels{0, 0, 1}, {.per_class = 2}, 1, names);
      },
      "class 'sky': got 1, expected 2");
}

using Shown = std::vector<std::vector<int64_t>>;

// 200 samples of 8 classes: class c is shown by one of 2^c / 4 samples, some show nothing.
Shown rarer_and_rarer() {
  Shown shown;
  Draws draws({9, 0, 0, 0});
  for (int64_t i = 0; i < 200; ++i) {
    auto& own = shown.emplace_back();
    for (int64_t c = 0; c < 8; ++c) {
      if (draws.chance(std::min(1.0, 4.0 / std::pow(2, c)) * 0.8)) own.push_back(c);
    }
  }
  shown[17] = {};
  shown[90] = {7};
  return shown;
}

std::vector<int64_t> times_shown(const Shown& shown, const std::vector<int64_t>& samples,
                                 size_t classes) {
  std::vector<int64_t> times(classes);
  for (const int64_t i : samples) {
    for (const int64_t c : shown[static_cast<size_t>(i)]) ++times[static_cast<size_t>(c)];
  }
  return times;
}

bool contains(const std::vector<int64_t>& more, const std::vector<int64_t>& few) {
  return std::includes(more.begin(), more.end(), few.begin(), few.end());
}

TEST(DrawSamples, ALargerShareContainsEverySmallerOne) {
  const Shown shown = rarer_and_rarer();
  for (uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<int64_t> before;
    for (const double fraction : {0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 1.0}) {
      const auto drawn = draw_samples(shown, 8, {.fraction = fraction}, seed);
      const auto want = std::max(1.0, std::floor(fraction * 200 + 0.5));
      EXPECT_EQ(static_cast<double>(drawn.size()), want);
      EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
      EXPECT_EQ(std::adjacent_find(drawn.begin(), drawn.end()), drawn.end());
      EXPECT_TRUE(contains(drawn, before));
      before = drawn;
    }
    EXPECT_EQ(before.front(), 0);
    EXPECT_EQ(before.back(), 199);
    const auto one = draw_samples(shown, 8, {.per_class = 1}, seed),
               three = draw_samples(shown, 8, {.per_class = 3}, seed);
    EXPECT_TRUE(contains(three, one));
    const double share = static_cast<double>(three.size()) / 200;
    EXPECT_EQ(three, draw_samples(shown, 8, {.fraction = share}, seed));
  }
}

TEST(DrawSamples, SmallSharesShowEveryClass) {
  const Shown shown = rarer_and_rarer();
  std::vector<int64_t> all(200);
  std::iota(all.begin(), all.end(), 0);
  const auto times = times_shown(shown, all, 8);
  ASSERT_LT(*std::min_element(times.begin(), times.end()), 10);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    // A sample for each class, and one for those that show nothing, is enough.
    const auto few = times_shown(shown, draw_samples(shown, 8, {.fraction = 9 / 200.0}, seed), 8);
    EXPECT_GE(*std::min_element(few.begin(), few.end()), 1);
    // Half of the samples show about half of each class.
    const auto half = times_shown(shown, draw_samples(shown, 8, {.fraction = 0.5}, seed), 8);
    for (size_t c = 0; c < 8; ++c) {
      const auto whole = static_cast<double>(times[c]);
      EXPECT_NEAR(static_cast<double>(half[c]), whole / 2, 2 + whole / 5) << c;
    }
  }
}

TEST(DrawSamples, CountsAreThoseOfEveryClass) {
  const Shown shown = rarer_and_rarer();
  for (const int64_t wanted : {1, 2, 5}) {
    const auto drawn = draw_samples(shown, 8, {.per_class = wanted}, 4);
    const auto times = times_shown(shown, drawn, 8);
    EXPECT_GE(*std::min_element(times.begin(), times.end()), wanted);
    // One sample less would not do.
    const auto size = static_cast<double>(drawn.size());
    const auto fewer = draw_samples(shown, 8, {.fraction = (size - 1) / 200}, 4);
    ASSERT_EQ(fewer.size() + 1, drawn.size());
    const auto less = times_shown(shown, fewer, 8);
    EXPECT_LT(*std::min_element(less.begin(), less.end()), wanted);
  }
  EXPECT_EQ(draw_samples({{0}, {0, 1}, {1}}, 2, {.per_class = 2}, 1),
            (std::vector<int64_t>{0, 1, 2}));
}

TEST(DrawSamples, AreAFunctionOfTheSeed) {
  const Shown shown = rarer_and_rarer();
  const auto drawn = [&](uint64_t seed) { return draw_samples(shown, 8, {.fraction = 0.1}, seed); };
  EXPECT_EQ(drawn(1), drawn(1));
  EXPECT_NE(drawn(1), drawn(2));
  // Samples that show the same are equally likely.
  std::vector<int> counts(40);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    for (const int64_t i : draw_samples(Shown(40, {0}), 1, {.per_class = 10}, seed)) {
      ++counts[static_cast<size_t>(i)];
    }
  }
  double chi2 = 0;
  for (const int c : counts) chi2 += (c - 500.0) * (c - 500.0) / 500.0;
  EXPECT_LT(chi2, 73.4);  // as above
}

TEST(DrawSamples, SamplesWithoutClassesAreDrawnInTheirShare) {
  Shown shown(100);
  for (size_t i = 0; i < 40; ++i) shown[i] = {static_cast<int64_t>(i % 2)};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto drawn = draw_samples(shown, 2, {.fraction = 0.2}, seed);
    const auto empty = std::count_if(drawn.begin(), drawn.end(), [](int64_t i) { return i >= 40; });
    EXPECT_EQ(drawn.size(), 20u);
    EXPECT_NEAR(static_cast<double>(empty), 12, 1);
  }
  EXPECT_EQ(draw_samples(Shown(3), 0, {.fraction = 0.5}, 1).size(), 2u);
}

TEST(DrawSamples, NameTheClassThatIsTooRare) {
  const std::vector<std::string> names{"sea", "sky", "land"};
  const auto draw = [&](const Shown& shown, int64_t wanted) {
    return [=, &names] { draw_samples(shown, 3, {.per_class = wanted}, 1, names); };
  };
  expect_error(draw({{0, 1}, {0, 2}, {1, 0}}, 2), "class 'land': got 1, expected 2");
  expect_error(draw({{0}, {2}}, 1), "class 'sky': got 0, expected 1");
  expect_error([] { draw_samples({{0}}, 2, {.per_class = 1}, 1); }, "class 1: got 0, expected 1");
}

TEST(StratifiedSplit, HoldsOutAFifth) {
  Labels labels = cycle(100, 4);
  labels.push_back(7);  // a class of one row
  labels.push_back(8);  // a class of two
  labels.push_back(8);
  labels.push_back(-1);
  const Split split = stratified_split(labels, 0.2, 5);
  EXPECT_EQ(count_classes(labels, split.test),
            (std::map<int64_t, int>{{0, 5}, {1, 5}, {2, 5}, {3, 5}, {8, 1}}));
  EXPECT_EQ(split.train.size() + split.test.size(), 103u);
  std::vector<int64_t> both;
  std::set_intersection(split.train.begin(), split.train.end(), split.test.begin(),
                        split.test.end(), std::back_inserter(both));
  EXPECT_TRUE(both.empty());
  EXPECT_NE(split.test, stratified_split(labels, 0.2, 6).test);
  expect_error([&] { stratified_split(labels, 1, 5); }, "between 0 and 1");
}

TEST(Summary, ByHand) {
  const std::vector<double> values = {2, 4, 4, 4, 5, 5, 7, 9};
  const Summary got = summarise(values);
  EXPECT_EQ(got.count, 8);
  EXPECT_DOUBLE_EQ(got.mean, 5);
  EXPECT_NEAR(got.std, std::sqrt(32.0 / 7), 1e-12);
  EXPECT_NEAR(got.ci95, 2.3646243 * std::sqrt(32.0 / 7 / 8), 1e-6);
  std::vector<double> many(42);
  many[0] = std::sqrt(42.0 * 41 / 41);  // mean m, std 1 exactly
  EXPECT_NEAR(summarise(many).ci95 / summarise(many).std * std::sqrt(42.0), 2.0195410,
              1e-5);  // df 41
  EXPECT_TRUE(std::isnan(summarise(std::vector<double>{3}).std));
  EXPECT_EQ(summarise(std::vector<double>{3}).mean, 3);
  expect_error([] { summarise({}); }, "none");
}

TEST(Lbfgs, SolvesRosenbrock) {
  const auto rosenbrock = [](std::span<const double> x, std::span<double> g) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    g[0] = -2 * a - 400 * x[0] * b;
    g[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  const LbfgsResult got = minimise_lbfgs({-1.2, 1}, rosenbrock, {.gradient_tolerance = 1e-10});
  EXPECT_TRUE(got.converged);
  EXPECT_NEAR(got.x[0], 1, 1e-9);
  EXPECT_NEAR(got.x[1], 1, 1e-9);
  EXPECT_LT(got.evaluations, 80);
  EXPECT_FALSE(minimise_lbfgs({-1.2, 1}, rosenbrock, {.max_iterations = 3}).converged);
}

TEST(Lbfgs, SurvivesInfiniteStepsAndNoise) {
  // log x + 1/x: infinite left of 0, minimum at 1.
  const auto f = [](std::span<const double> x, std::span<double> g) {
    g[0] = 1 / x[0] - 1 / (x[0] * x[0]);
    return x[0] > 0 ? std::log(x[0]) + 1 / x[0] : std::numeric_limits<double>::infinity();
  };
  EXPECT_NEAR(minimise_lbfgs({0.3}, f).x[0], 1, 1e-7);
  // A value known to float precision only: it stops by itself.
  const auto rough = [](std::span<const double> x, std::span<double> g) {
    g[0] = 2 * (x[0] - 3);
    return static_cast<double>(static_cast<float>((x[0] - 3) * (x[0] - 3) + 1000));
  };
  const LbfgsResult got = minimise_lbfgs({10}, rough, {.gradient_tolerance = 1e-15});
  EXPECT_TRUE(got.converged);
  EXPECT_NEAR(got.x[0], 3, 0.02);
  expect_error([&] { minimise_lbfgs({-1}, f); }, "objective at the start");
}

}  // namespace
}  // namespace vistas::measure
