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
}

}  // namespace
}  // namespace vistas::tune
