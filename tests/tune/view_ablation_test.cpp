#include "vistas/tune/view_ablation.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "vistas/recipe/eval_rows.h"
#include "vistas/recipe/image_config.h"
#include "vistas/vision/views/edit.h"

namespace vistas::tune {
namespace {

VariantResult result(const std::string& operation, Change change,
                     const std::vector<double>& scores) {
  VariantResult out{{operation, change}, {}};
  for (const double score : scores) {
    out.seeds.push_back({{"score", score},
                         {"effective_rank", 10 - score},
                         {"alignment", 0.5},
                         {"uniformity", -score}});
  }
  return out;
}

// Differences seed by seed: their spread counts, not that of the scores.
Ablation by_hand() {
  return {RankBy::score,
          "kNN",
          {result("", Change::none, {1, 2, 3}),
           result("a", Change::without, {0.0, 1.1, 2.0}),  // -1, -0.9, -1: 95 % within 0.15
           result("b", Change::without, {2, 1, 3}),        // 1, -1, 0
           result("c", Change::without, {2, 3.1, 4}),      //
           result("d", Change::with, {3, 4.1, 5}),         //
           result("e", Change::with, {-1, 0.1, 1.1})}};
}

TEST(Rank, DifferencesArePairedBySeed) {
  const Ablation ablation = by_hand();
  const auto ranked = rank(ablation);
  std::vector<std::string> names, verdicts;
  for (const RankedVariant& row : ranked) {
    names.push_back(row.result->variant.name());
    verdicts.push_back(row.verdict);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"with d", "without c", "all", "without b", "without a",
                                             "with e"}));
  EXPECT_EQ(verdicts,
            (std::vector<std::string>{"helps", "does harm", "", "unclear", "matters", "hurts"}));
  const measure::Summary& a = ranked[4].difference;
  EXPECT_NEAR(a.mean, -2.9 / 3, 1e-12);
  // s = 0.1 / sqrt(3), t(2) = 4.3027.
  EXPECT_NEAR(a.ci95, 4.3027 * 0.1 / 3, 1e-5);
  EXPECT_EQ(ranked[2].difference.mean, 0);
}

TEST(SecondTrial, SwitchesOffWhatDoesHarmAndOnWhatHelps) {
  const Ablation ablation = by_hand();  // c does harm, d helps
  Space space;
  for (const char* name :
       {"views.a.p", "views.1.c.p", "views.2.c_2.p", "views.c.hue", "views.d.p"}) {
    space.push_back({.name = name, .low = 0, .high = 1, .now = Value{.data = 0.5}});
  }
  const auto settings = second_trial(rank(ablation), {"d"}, space);
  ASSERT_EQ(settings.size(), 3);
  EXPECT_EQ(settings[0].first, "views.1.c.p");
  EXPECT_EQ(settings[1].first, "views.2.c_2.p");
  EXPECT_EQ(to_toml(settings[0].second), "0.0");
  EXPECT_EQ(settings[2].first, "views.d.p");
  EXPECT_EQ(to_toml(settings[2].second), "0.5");
  EXPECT_EQ(to_toml(space[4].now), "0.0");  // the first trial is the recipe
  EXPECT_EQ(to_toml(space[0].now), "0.5");
  space[1].low = space[2].low = 0.1;  // as the user wants it
  EXPECT_TRUE(second_trial(rank(ablation), {}, space).empty());
}

TEST(WhatHelps, IsAddedWhereItHasAProbability) {
  const Value recipe = parse_toml("views.recipe = 'simclr'", "test");
  Ablation ablation{RankBy::score,
                    "kNN",
                    {result("", Change::none, {1, 2, 3}),
                     result("hflip", Change::without, {2, 3, 4.1}),  // does harm
                     result("affine", Change::with, {2, 3, 4.1}),    //
                     result("cutout", Change::with, {3, 4, 5.1}),    //
                     result("scale_jitter", Change::with, {4, 5, 6.1}),
                     result("solarize", Change::with, {0, 1, 2.1})}};
  const auto added = what_helps(recipe, rank(ablation));
  EXPECT_EQ(added, (std::vector<std::string>{"cutout", "affine"}));  // the best first
  const auto config = recipe::read_config(with_operations(recipe, added));
  const auto used =
      vision::operations_of(dynamic_cast<const recipe::ImageConfig&>(*config).views());
  for (const char* name : {"hflip", "affine", "cutout"}) EXPECT_TRUE(recipe::is_among(used, name));
  EXPECT_FALSE(recipe::is_among(used, "solarize"));
}

TEST(Rank, ByWhatNeedsNoLabels) {
  Ablation ablation = by_hand();
  ablation.rank_by = RankBy::effective_rank;
  EXPECT_EQ(rank(ablation).front().result->variant.name(), "with e");
  ablation.rank_by = RankBy::alignment_and_uniformity;
  const auto ranked = rank(ablation);
  EXPECT_EQ(ranked.front().result->variant.name(), "with d");
  EXPECT_NEAR(ranked.front().value.mean, 12.1 / 3 - 0.5, 1e-12);
}

TEST(Rank, OneSeedTellsNoSpread) {
  const Ablation ablation{
      RankBy::score, "kNN", {result("", Change::none, {1}), result("a", Change::without, {0})}};
  EXPECT_EQ(rank(ablation).back().verdict, "one seed");
}

std::vector<std::string> names(const std::string& recipe, const std::vector<std::string>& added) {
  const auto config = recipe::read_config(parse_toml(recipe, "test"));
  std::vector<std::string> out;
  for (const ViewVariant& v : view_variants(*config, added)) out.push_back(v.name());
  return out;
}

using Names = std::vector<std::string>;

TEST(ViewVariants, OfPictures) {
  EXPECT_EQ(names("views.size = 32", {"none"}),
            (Names{"all", "without random_resized_crop", "without hflip", "without color_jitter",
                   "without grayscale"}));
  EXPECT_EQ(names("views.recipe = \"light\"", {"cutout", "hflip"}),
            (Names{"all", "without random_resized_crop", "without hflip", "with cutout"}));
  EXPECT_EQ(names("views.recipe = \"characters\"", {}),
            (Names{"all", "without affine", "without elastic", "with random_resized_crop",
                   "with hflip", "with color_jitter", "with cutout"}));
  test::expect_error([] { names("views.size = 32", {"colour_jitter"}); }, "color_jitter",
                     ErrorKind::usage);
  test::expect_error([] { names("views.recipe = \"none\"", {"none"}); }, "no operations",
                     ErrorKind::usage);
}

TEST(ViewVariants, SettingsMakeTheViews) {
  const Value settings = parse_toml("views = { size = 32, strength = 0.5 }", "test");
  const auto config = recipe::read_config(settings);
  for (const ViewVariant& v : view_variants(*config, {"affine"})) {
    Value changed = settings;
    merge_into(changed, v.settings);
    const vision::ViewRecipe views = recipe::ImageConfig(changed).views();
    const size_t count = v.change == Change::with ? 5 : v.change == Change::none ? 4 : 3;
    // A crop is replaced by what shows the whole picture.
    const bool crop = v.operation == "random_resized_crop";
    ASSERT_EQ(views.view_count(), 2) << v.name();
    ASSERT_EQ(views.views.front().ops.size(), crop ? 4u : count) << v.name();
    EXPECT_EQ(views.views.front().height, 32);
    EXPECT_EQ(views.views.front().ops.back().p, v.change == Change::with     ? 0.5
                                                : v.operation == "grayscale" ? 0.8
                                                                             : 0.2);
  }
}

TEST(ViewVariants, OfTexts) {
  const std::string text = "data.modality = \"text\"\n";
  EXPECT_EQ(
      names(text + "encoder.name = \"static\"\nviews.recipe = \"crop\"", {"deletion", "crop"}),
      (Names{"all", "deletion instead"}));
  EXPECT_EQ(names(text + "encoder.name = \"transformer\"\nviews.recipe = \"crop\"", {"none"}),
            (Names{"all", "without crop"}));
  EXPECT_EQ(names(text + "encoder.name = \"static\"\nviews.recipe = \"crop\"", {}).size(), 8u);
  test::expect_error([&] { names(text, {"crops"}); }, "crop", ErrorKind::usage);
}

TEST(ViewVariants, OfSequences) {
  const std::string sequences = "data.modality = \"interactions\"\nmethod.name = \"cl4srec\"\n";
  EXPECT_EQ(names(sequences, {}),
            (Names{"all", "without crop", "without mask", "without reorder"}));
  EXPECT_EQ(names(sequences + "views = { mask = 0, reorder = 0 }", {}),
            (Names{"all", "with mask", "with reorder"}));
  test::expect_error([] { names("data.modality = \"interactions\"", {}); }, "collaborative",
                     ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::tune
