#include "vistas/tune/study.h"

#include <gtest/gtest.h>

#include <fstream>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace vistas::tune {
namespace {

namespace fs = std::filesystem;

class StudyTest : public testing::Test {
 protected:
  StudyTest() : root_(fs::path(testing::TempDir()) / "vistas_study_test") {
    fs::remove_all(root_);
    options_.folder = root_ / "study";
    options_.budget.steps = 50;
    space_.push_back({.name = "schedule.lr", .low = 0.1, .high = 1, .log = true});
    subject_ = {.recipe = recipe(0.2), .data_fingerprint = "abc", .samples = 100, .batch = 8};
  }
  ~StudyTest() override { fs::remove_all(root_); }

  static std::string recipe(double temperature) {
    return "[method]\nname = \"simclr\"\ntemperature = " + std::to_string(temperature) + "\n";
  }

  std::string message(bool given = false) {
    try {
      open_study(options_, subject_, space_, given);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
  StudyOptions options_;
  Space space_;
  Subject subject_;
};

TEST_F(StudyTest, GoesOnWithTheLengthItBeganWith) {
  EXPECT_EQ(message(), "no error");
  EXPECT_EQ(read_file(options_.folder / "recipe.toml"), recipe(0.2));
  EXPECT_EQ(message(), "no error");
  EXPECT_EQ(message(true), "no error");
  options_.budget = {.seconds = 30};
  EXPECT_NE(message(true).find("the length of a trial: 50 steps -> 30 s"), std::string::npos);
  EXPECT_EQ(message(false), "no error");
  EXPECT_EQ(options_.budget.seconds, 0);
  EXPECT_EQ(options_.budget.steps, 50);
}

TEST_F(StudyTest, SaysWhatDiffers) {
  message();
  const Subject mine = subject_;
  subject_.recipe = recipe(0.5);
  EXPECT_NE(message().find("method.temperature: 0.2 -> 0.5"), std::string::npos) << message();
  subject_ = mine;
  subject_.data_fingerprint = "abd";
  EXPECT_NE(message().find("the samples have changed"), std::string::npos) << message();
  subject_ = mine;
  space_[0].high = 2;
  EXPECT_NE(message().find("- schedule.lr: 0.1 .. 1, log\n  + schedule.lr: 0.1 .. 2, log"),
            std::string::npos)
      << message();
  space_[0].high = 1;
  options_.objective = Objective::effective_rank;
  EXPECT_NE(message().find("+ effective_rank"), std::string::npos) << message();
  options_.objective = Objective::online;
  EXPECT_EQ(message(), "no error");
}

TEST_F(StudyTest, KeepsOutOfFoldersOfOthers) {
  fs::create_directories(options_.folder);
  std::ofstream(options_.folder / "notes.txt") << "mine";
  EXPECT_NE(message().find("study"), std::string::npos);
  EXPECT_EQ(std::distance(fs::directory_iterator(options_.folder), {}), 1);
}

TEST(BestOf, IsTheLargestThatIsComplete) {
  EXPECT_EQ(best_of({}), -1);
  EXPECT_EQ(best_of({{.trial = 0, .state = "failed"},
                     {.trial = 1, .state = "complete", .value = -2},
                     {.trial = 2, .state = "complete", .value = -1},
                     {.trial = 3, .state = "pruned", .value = 5}}),
            2);
}

TEST(TrialFolder, IsNumbered) {
  EXPECT_EQ(trial_folder("a", 7), fs::path("a/trials/0007"));
  EXPECT_EQ(confirm_folder("a", 7, 2), fs::path("a/confirm/0007-seed-2"));
}

TEST(ToConfirm, AreTheBestAndTheRecipe) {
  using Trials = std::vector<int64_t>;
  const Space space = {{.name = "schedule.lr", .low = 0.1, .high = 1, .now = Value{.data = 0.25}},
                       {.name = "train.batch", .now = Value{.data = int64_t{8}}}};
  const auto row = [](int64_t trial, const char* state, double value, const char* lr) {
    return TrialRow{trial, state, value, {{"train.batch", "8"}, {"schedule.lr", lr}}};
  };
  std::vector<TrialRow> rows = {row(0, "complete", 1, "0.3"), row(1, "complete", 0, "0.25"),
                                row(2, "pruned", 9, "0.4"), row(3, "complete", 3, "0.5"),
                                row(4, "complete", 2, "0.6")};
  EXPECT_EQ(trial_of_recipe(rows, space), 1);
  EXPECT_EQ(trials_to_confirm(rows, space, 2), (Trials{3, 4, 1}));
  EXPECT_EQ(trials_to_confirm(rows, space, 9), (Trials{3, 4, 0, 1}));
  EXPECT_EQ(trials_to_confirm(rows, space, 0), Trials{});
  rows[1].value = 5;  // the recipe is the best: one other is needed to compare
  EXPECT_EQ(trials_to_confirm(rows, space, 2), (Trials{1, 3}));
  EXPECT_EQ(trials_to_confirm(rows, space, 1), Trials{});
  rows[1].state = "pruned";
  EXPECT_EQ(trials_to_confirm(rows, space, 2), (Trials{3, 4}));
  rows[1].settings.front().second = "9";
  EXPECT_EQ(trial_of_recipe(rows, space), -1);
}

TEST(ToConfirm, HasSeedsBehindThatOfTheRecipe) {
  StudyOptions o{.confirm = 3, .seeds = 2};
  EXPECT_EQ(fresh_seeds(o, {.seed = 5}), (std::vector<int64_t>{6, 7}));
  o.sampler.trials = 20;
  EXPECT_EQ(trainings_to_confirm(o), 8);
  o.sampler.trials = 2;
  EXPECT_EQ(trainings_to_confirm(o), 4);
  o.sampler.trials = 1;
  EXPECT_EQ(trainings_to_confirm(o), 0);
  o = {.confirm = 0};
  EXPECT_EQ(trainings_to_confirm(o), 0);
}

}  // namespace
}  // namespace vistas::tune
