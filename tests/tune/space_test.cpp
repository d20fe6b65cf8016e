#include "vistas/tune/space.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/errors.h"
#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

constexpr char kRecipe[] = R"(
method = {name = "simclr", temperature = 0.2, projector = {hidden = 0, out = 64}}
views = {strength = 0.5}
optimizer = {weight_decay = 0.001}
schedule = {lr = 0.5}
train = {batch = 64}
)";

Space space_of(const SpaceWishes& wishes, bool labels = true, const std::string& recipe = kRecipe) {
  const auto config = recipe::read_config(parse_toml(recipe, "test"));
  const std::string before = config->to_toml();
  const Space space = search_space(*config, wishes, labels, 1000);
  EXPECT_EQ(config->to_toml(), before);
  return space;
}

const Dimension* find(const Space& space, const std::string& name) {
  const auto found = std::ranges::find(space, name, &Dimension::name);
  return found == space.end() ? nullptr : &*found;
}

std::string message(const SpaceWishes& wishes) {
  try {
    space_of(wishes);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(Space, SearchesAroundTheRecipe) {
  const Space space = space_of({});
  const Dimension* lr = find(space, "schedule.lr");
  ASSERT_NE(lr, nullptr);
  EXPECT_DOUBLE_EQ(lr->low, 0.05);
  EXPECT_DOUBLE_EQ(lr->high, 5);
  EXPECT_TRUE(lr->log);
  EXPECT_EQ(find(space, "method.temperature")->text(), "0.05 .. 0.8, log");
  EXPECT_EQ(find(space, "views.strength")->text(), "0.125 .. 1");
  EXPECT_EQ(find(space, "method.projector.out")->text(), "32, 64, 128");
  EXPECT_EQ(find(space, "train.batch")->text(), "32, 64, 128");
  EXPECT_EQ(find(space, "views.crop_area")->choices.size(), 5);
  EXPECT_EQ(find(space, "method.projector.hidden"), nullptr);  // 0: that of the features
  for (const Dimension& d : space) EXPECT_TRUE(d.holds(d.now)) << d.name;
}

TEST(Space, TeachersMomentumNearOne) {
  const Space space = space_of({}, true, "method = {name = \"byol\", teacher = {momentum = 0.98}}");
  const Dimension* momentum = find(space, "method.teacher.momentum");
  ASSERT_NE(momentum, nullptr);
  EXPECT_NEAR(momentum->low, 0.92, 1e-12);
  EXPECT_NEAR(momentum->high, 0.995, 1e-12);
}

TEST(Space, KnowsWhatMethodsHave) {
  const std::pair<const char*, const char*> expected[] = {
      {"barlow", "method.lambda"},
      {"vicreg", "method.covariance"},
      {"dino", "method.student_temperature"},
      {"clip", "method.temperature.initial"},
      {"siamese", "method.triplet.margin"},
      {"siamese", "method.contrastive.margin"},
      {"byol", "method.projector.hidden"},
      {"simsiam", "method.predictor.hidden"},
  };
  for (const auto& [method, setting] : expected) {
    const Space space = space_of({}, true, std::string("method.name = \"") + method + "\"");
    EXPECT_NE(find(space, setting), nullptr) << method << " " << setting;
  }
  for (const auto& [method, setting] :
       {std::pair{"sgl", "method.contrast.weight"}, {"cl4srec", "method.weight"}}) {
    const Space space =
        space_of({}, true,
                 std::string("data.modality = \"interactions\"\nmethod.name = \"") + method + "\"");
    EXPECT_NE(find(space, setting), nullptr) << method << " " << setting;
    EXPECT_NE(find(space, "method.contrast.temperature"), nullptr) << method;
  }
}

TEST(Space, BatchesStayBelowAQuarterOfTheData) {
  const Space space = space_of({}, true, "train = {batch = 200}");
  EXPECT_EQ(find(space, "train.batch")->text(), "100, 200");
}

TEST(Space, FixedSettingsAreNotSearched) {
  const Space space = space_of({.ranges = {}, .only = {}, .fixed = {"schedule.lr"}});
  EXPECT_EQ(find(space, "schedule.lr"), nullptr);
  EXPECT_NE(find(space, "method.temperature"), nullptr);
}

TEST(Space, WithoutLabelsWhatTheScoreDependsOnStays) {
  const Space space = space_of({}, false);
  EXPECT_NE(find(space, "schedule.lr"), nullptr);
  for (const char* name : {"views.strength", "views.crop_area", "train.batch",
                           "method.projector.out", "method.temperature"}) {
    EXPECT_EQ(find(space, name), nullptr) << name;
  }
}

TEST(Space, WishesReplaceDefaults) {
  const Space space =
      space_of({.ranges = {"lr=0.1..0.2", "encoder.width=4..64,log", "views.crop_area=[0.2,1.0],[]",
                           "optimizer.name=sgd,adam"},
                .only = {},
                .fixed = {}});
  EXPECT_EQ(find(space, "schedule.lr")->text(), "0.1 .. 0.2");
  EXPECT_FALSE(find(space, "schedule.lr")->holds(Value{.data = 0.5}));
  EXPECT_TRUE(find(space, "encoder.width")->whole);
  EXPECT_TRUE(find(space, "encoder.width")->log);
  EXPECT_EQ(find(space, "views.crop_area")->text(), "[0.2, 1.0], []");
  EXPECT_EQ(find(space, "optimizer.name")->text(), "\"sgd\", \"adam\"");
  EXPECT_EQ(std::ranges::count(space, "schedule.lr", &Dimension::name), 1);
}

TEST(Space, OnlyBatchIsASweepOverPowersOfTwo) {
  const Space space = space_of({.ranges = {}, .only = {"batch"}, .fixed = {}});
  ASSERT_EQ(space.size(), 1);
  EXPECT_EQ(space[0].text(), "8, 16, 32, 64, 128");  // 250 is a quarter of the data
  const Space two = space_of({.ranges = {}, .only = {"batch", "lr"}, .fixed = {}});
  EXPECT_EQ(two.size(), 2);
  EXPECT_EQ(find(two, "train.batch")->text(), "32, 64, 128");
}

TEST(Space, BadWishesAreUsageErrors) {
  const auto range = [](const std::string& wish) {
    return message({.ranges = {wish}, .only = {}, .fixed = {}});
  };
  EXPECT_NE(range("schedule.lr=1..1").find("an empty range"), std::string::npos);
  EXPECT_NE(range("schedule.lr=2..1").find("LOW < HIGH"), std::string::npos);
  EXPECT_NE(range("schedule.lr=0..1,log").find("LOW > 0"), std::string::npos);
  EXPECT_NE(range("method.temprature=0.1..1").find("method.temperature"), std::string::npos);
  EXPECT_NE(range("method.temperature=0.1..1e9").find("0.0001 .. 10000"), std::string::npos);
  EXPECT_NE(range("optimizer.name=sgd..adam").find("optimizer.name=A,B,C"), std::string::npos);
  EXPECT_NE(range("optimizer.name=sgd,adem").find("adam"), std::string::npos);
  EXPECT_NE(range("train.batch=64").find("--set train.batch=64"), std::string::npos);
  EXPECT_NE(range("train.batch=64,64").find("twice"), std::string::npos);
  EXPECT_NE(range("train.seed=1,2").find("same data, length and seed"), std::string::npos);
  EXPECT_NE(range("data.path=a,b").find("--set"), std::string::npos);
  EXPECT_NE(range("hidden=1,2").find("method.projector.hidden"), std::string::npos);
  EXPECT_NE(range("schedule.lr").find("NAME=LOW..HIGH"), std::string::npos);
  EXPECT_NE(message({.ranges = {"lr=1..2"}, .only = {}, .fixed = {"schedule.lr"}})
                .find("--set or one --space"),
            std::string::npos);
  EXPECT_NE(message({.ranges = {}, .only = {"train.micro_batch"}, .fixed = {}})
                .find("--space train.micro_batch=LOW..HIGH"),
            std::string::npos);
  EXPECT_NE(message({.ranges = {}, .only = {"lr"}, .fixed = {"schedule.lr"}}).find("--only"),
            std::string::npos);
}

using Lines = std::vector<std::string>;

// What --views searches.
Lines view_lines(const std::string& recipe) {
  SpaceWishes wishes;
  wishes.views = true;
  Lines out;
  for (const Dimension& d : space_of(wishes, true, recipe)) {
    EXPECT_TRUE(d.holds(d.now)) << d.name;
    out.push_back(d.name + ": " + to_toml(d.now) + " in " + d.text());
  }
  return out;
}

constexpr char kTables[] = R"(
view = [{size = 16, count = 2, ops = [
  {op = "resize"}, {op = "affine", degrees = 25, translate = 0.6, scale = [0.7, 1.4], fill = 1},
  {op = "color_jitter", p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0, hue = 0.4},
  {op = "grayscale", p = 0}, {op = "sharpness", p = 0, factor = [0.5, 1.5]},
  {op = "gaussian_blur", p = 0.5, sigma = [0.1, 2.0]}, {op = "rotate", degrees = 0}]}]
)";

TEST(ViewSpace, ProbabilitiesAndStrengthsOfOperations) {
  EXPECT_EQ(
      view_lines(kTables),
      (Lines{"views.affine.p: 1.0 in 0 .. 1", "views.affine.degrees: 25.0 in 6.25 .. 50",
             "views.affine.translate: 0.6 in 0.15 .. 0.6",
             "views.affine.scale: [0.7, 1.4] in [0.85, 1.2], [0.7, 1.4], [0.55, 1.6]",
             "views.color_jitter.p: 0.8 in 0 .. 1",
             "views.color_jitter.brightness: 0.4 in 0.1 .. 0.8",
             "views.color_jitter.contrast: 0.4 in 0.1 .. 0.8",
             "views.color_jitter.hue: 0.4 in 0.1 .. 0.4", "views.gaussian_blur.p: 0.5 in 0 .. 1",
             "views.gaussian_blur.sigma: [0.1, 2.0] in [0.05, 1.0], [0.1, 2.0], [0.15, 3.0]",
             "views.rotate.p: 1.0 in 0 .. 1"}));
}

TEST(ViewSpace, SettingsOfNamedViewsSayNothingOfTables) {
  const Space usual = space_of({}, true, kTables);
  EXPECT_NE(find(usual, "schedule.lr"), nullptr);
  for (const char* name : {"views.strength", "views.crop_area", "views.affine.p"}) {
    EXPECT_EQ(find(usual, name), nullptr) << name;
  }
  SpaceWishes wishes;
  wishes.only = {"views.strength"};
  test::expect_error([&] { space_of(wishes, true, kTables); }, "[[view]] tables", ErrorKind::usage);
}

TEST(ViewSpace, OfSeveralTablesIsNumbered) {
  SpaceWishes wishes;
  wishes.views = true;
  const Space space = space_of(wishes, true, "views = {recipe = \"byol\", size = 96}");
  EXPECT_EQ(find(space, "views.1.gaussian_blur.p")->text(), "0 .. 1");
  EXPECT_EQ(to_toml(find(space, "views.2.gaussian_blur.p")->now), "0.1");
  EXPECT_EQ(find(space, "views.1.random_resized_crop.scale")->text(),
            "[0.08, 1.0], [0.2, 1.0], [0.35, 1.0], [0.5, 1.0]");
  EXPECT_EQ(find(space, "views.1.random_resized_crop.p"), nullptr);
  EXPECT_EQ(find(space, "schedule.lr"), nullptr);
}

TEST(ViewSpace, WishesNarrowFixAndAdd) {
  SpaceWishes wishes{
      .ranges = {"views.hflip.p=0.2..0.6"}, .only = {"lr"}, .fixed = {"views.color_jitter.p"}};
  wishes.views = true;
  const Space space = space_of(wishes, true, "views = {blur = \"off\", strength = 0.5}");
  EXPECT_EQ(find(space, "views.hflip.p")->text(), "0.2 .. 0.6");
  EXPECT_EQ(find(space, "views.color_jitter.p"), nullptr);
  EXPECT_EQ(find(space, "views.color_jitter.hue")->text(), "0.025 .. 0.2");
  EXPECT_NE(find(space, "schedule.lr"), nullptr);
  EXPECT_EQ(find(space, "views.strength"), nullptr);
  // By name they are searched without the others.
  SpaceWishes named;
  named.only = {"grayscale.p"};
  const Space one = space_of(named);
  ASSERT_EQ(one.size(), 1);
  EXPECT_EQ(one[0].name, "views.grayscale.p");
}

TEST(ViewSpace, OfTextsAndSequences) {
  const auto texts = [](const std::string& views) {
    return view_lines("data.modality = \"text\"\nencoder.name = \"transformer\"\n" + views);
  };
  EXPECT_EQ(texts("views.recipe = \"deletion\""), (Lines{"views.rate: 0.1 in 0.025 .. 0.2"}));
  EXPECT_EQ(texts("views = {recipe = \"cutoff\", rate = 0.6}"),
            (Lines{"views.rate: 0.6 in 0.15 .. 0.6"}));
  EXPECT_EQ(texts("views = {recipe = \"crop\", crop = [0.2, 0.4]}"),
            (Lines{"views.crop: [0.2, 0.4] in [0.1, 0.5], [0.3, 0.7], [0.5, 0.9], [0.2, 0.4]"}));
  EXPECT_EQ(texts("views.recipe = \"dropout\""),
            (Lines{"encoder.transformer.dropout: 0.1 in 0.025 .. 0.2"}));
  EXPECT_EQ(view_lines("data.modality = \"interactions\"\nmethod.name = \"cl4srec\"\n"
                       "views = {crop = 0.6, mask = 0.3, reorder = 0}"),
            (Lines{"views.crop: 0.6 in 0.15 .. 0.9", "views.mask: 0.3 in 0.075 .. 0.6"}));
}

TEST(ViewSpace, BadWishesAreUsageErrors) {
  SpaceWishes unknown;
  unknown.only = {"views.hflip.q"};
  EXPECT_NE(message(unknown).find("views.hflip.p"), std::string::npos);
  SpaceWishes far;
  far.ranges = {"views.color_jitter.hue=0.1..0.7"};
  EXPECT_NE(message(far).find("0 .. 0.5"), std::string::npos);
  SpaceWishes none;
  none.views = true;
  test::expect_error([&] { space_of(none, true, "views.recipe = \"eval\""); },
                     "no probabilities or strengths", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::tune
