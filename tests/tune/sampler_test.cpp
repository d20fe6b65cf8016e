#include "vistas/tune/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

namespace fs = std::filesystem;

std::string python_with_optuna() {
  const char* named = std::getenv("VISTAS_TUNE_PYTHON");
  const std::string python = named == nullptr ? "python3" : named;
  return has_optuna(python) ? python : "";
}

class SamplerTest : public testing::Test {
 protected:
  SamplerTest() : root_(fs::path(testing::TempDir()) / "vistas sampler? test") {
    fs::remove_all(root_);
    fs::create_directories(root_);
    options_.folder = root_;
    options_.python = python_with_optuna();
  }
  ~SamplerTest() override { fs::remove_all(root_); }
  void SetUp() override {
    if (options_.python.empty()) {
      GTEST_SKIP() << "no Optuna: set VISTAS_TUNE_PYTHON to a Python that has it";
    }
  }

  Sampler open() const {
    return Sampler(
        options_, space_,
        {{Value{.data = 0.5}, Value{.data = int64_t{8}}, Value{.data = std::string("b")}}});
  }

  fs::path root_;
  SamplerOptions options_;
  Space space_{{.name = "lr", .low = 0.1, .high = 10, .log = true},
               {.name = "width", .low = 2, .high = 9, .whole = true},
               {.name = "kind",
                .choices = {Value{.data = std::string("a")}, Value{.data = std::string("b")}}}};
};

TEST_F(SamplerTest, TriesTheFirstThenWhatTheRangesHold) {
  Sampler sampler = open();
  EXPECT_TRUE(sampler.unfinished().empty());
  const Suggestion first = sampler.suggest();
  EXPECT_EQ(first.trial, 0);
  EXPECT_EQ(first.settings, (Settings{{"kind", "\"b\""}, {"lr", "0.5"}, {"width", "8"}}));
  std::set<std::string> seen;
  for (int64_t i = 1; i < 6; ++i) {
    const Suggestion next = sampler.suggest();
    EXPECT_EQ(next.trial, i);
    ASSERT_EQ(next.settings.size(), 3);
    EXPECT_TRUE(next.settings[0].second == "\"a\"" || next.settings[0].second == "\"b\"");
    const double lr = std::stod(next.settings[1].second);
    EXPECT_TRUE(lr >= 0.1 && lr <= 10) << lr;
    EXPECT_EQ(next.settings[2].second.find('.'), std::string::npos);
    seen.insert(next.settings[1].second);
    sampler.tell({.trial = i, .state = "complete", .value = lr});
  }
  EXPECT_EQ(seen.size(), 5);
}

TEST_F(SamplerTest, HalvesWhatIsWorse) {
  Sampler sampler = open();
  const int64_t good = sampler.suggest().trial, bad = sampler.suggest().trial;
  EXPECT_FALSE(sampler.report(good, 1, 0.9));
  EXPECT_TRUE(sampler.report(bad, 1, 0.1));
  sampler.tell({.trial = bad, .state = "pruned"});
  sampler.tell({.trial = good, .state = "complete", .value = 0.9});
  const auto rows = sampler.table();
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0].state, "complete");
  EXPECT_EQ(rows[1].state, "pruned");
  EXPECT_EQ(rows[1].value, 0.1);
}

TEST_F(SamplerTest, AnotherProcessFindsWhatWasBegun) {
  Settings begun;
  {
    Sampler sampler = open();
    sampler.tell({.trial = sampler.suggest().trial,
                  .state = "complete",
                  .value = 0.25,
                  .seconds = 1.5,
                  .peak_memory = 7,
                  .steps = 3});
    sampler.tell({.trial = sampler.suggest().trial, .state = "failed", .why = "it rained"});
    begun = sampler.suggest().settings;
  }
  Sampler sampler = open();
  ASSERT_EQ(sampler.unfinished().size(), 1);
  EXPECT_EQ(sampler.unfinished()[0].trial, 2);
  EXPECT_EQ(sampler.unfinished()[0].settings, begun);
  sampler.report(2, 1, 0.5);
  sampler.tell({.trial = 2, .state = "complete", .value = 0.75});
  const auto rows = sampler.table();
  ASSERT_EQ(rows.size(), 3);
  EXPECT_EQ(rows[0].value, 0.25);
  EXPECT_EQ(rows[0].seconds, 1.5);
  EXPECT_EQ(rows[0].peak_memory, 7);
  EXPECT_EQ(rows[0].steps, 3);
  EXPECT_EQ(rows[1].why, "it rained");
  EXPECT_TRUE(std::isnan(rows[1].value));
  EXPECT_EQ(rows[2].value, 0.75);
}

TEST_F(SamplerTest, FindsWhatMatters) {
  options_.sampler = "random";
  Sampler sampler = open();
  EXPECT_TRUE(sampler.importance().empty());
  for (int i = 0; i < 12; ++i) {
    const Suggestion next = sampler.suggest();
    sampler.tell({.trial = next.trial,
                  .state = "complete",
                  .value = std::log(std::stod(next.settings[1].second))});
  }
  const auto shares = sampler.importance();
  ASSERT_EQ(shares.size(), 3);
  EXPECT_EQ(shares[0].first, "lr");
  EXPECT_GE(shares[0].second, shares[1].second);
}

TEST_F(SamplerTest, ABrokenStudyIsNamed) {
  std::ofstream(root_ / "study.db") << "no database at all, but long enough to be looked at";
  try {
    open();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::resource);
    EXPECT_NE(std::string(error.what()).find("study.db"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("not a database"), std::string::npos) << error.what();
  }
}

TEST(HasOptuna, IsFalseWithoutIt) {
  EXPECT_FALSE(has_optuna("/bin/false"));
  EXPECT_FALSE(has_optuna("/nowhere/python"));
}

}  // namespace
}  // namespace vistas::tune
