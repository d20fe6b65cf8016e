#include "vistas/tune/space.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace vistas::tune
