#include "vistas/recipe/short_trainings.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/temp_folder.h"
#include "vistas/base/files.h"

namespace vistas::recipe {
namespace {

std::optional<Numbers> get(KeptResults& kept, const std::string& key, double value) {
  return kept.get(key, [&] {
    return KeptResult{.numbers = {{"score", value}}, .about = {{"seed", Value{.data = 7.0}}}};
  });
}

TEST(KeptResults, AreMeasuredOnce) {
  const test::TempFolder folder;
  const auto file = folder.path() / "new" / "trainings.jsonl";
  {
    KeptResults kept(file);
    EXPECT_EQ(get(kept, "a", 1)->at("score"), 1);
    EXPECT_EQ(get(kept, "a", 2)->at("score"), 1);
    EXPECT_TRUE(std::isnan(get(kept, "none", NAN)->at("score")));
  }
  KeptResults again(file);
  // What a reader is told is no measure.
  EXPECT_EQ(*get(again, "a", 3), (Numbers{{"score", 1}}));
  EXPECT_TRUE(std::isnan(get(again, "none", 3)->at("score")));
  EXPECT_EQ(get(again, "b", 3)->at("score"), 3);
}

TEST(KeptResults, NothingIsKeptOfWhatWasStopped) {
  const test::TempFolder folder;
  const auto file = folder.path() / "trainings.jsonl";
  KeptResults kept(file);
  EXPECT_FALSE(kept.get("a", [] { return std::nullopt; }));
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(get(kept, "a", 2)->at("score"), 2);
}

TEST(KeptResults, ALineThatWasCutShortCountsAsNone) {
  const test::TempFolder folder;
  const auto file = folder.path() / "trainings.jsonl";
  {
    KeptResults kept(file);
    get(kept, "a", 1);
    get(kept, "b", 2);
  }
  const std::string whole = read_file(file);
  write_file_atomic(file, whole.substr(0, whole.size() - 10));
  {
    KeptResults kept(file);
    EXPECT_EQ(get(kept, "a", 5)->at("score"), 1);
    EXPECT_EQ(get(kept, "b", 6)->at("score"), 6);  // on a line of its own
  }
  KeptResults kept(file);
  EXPECT_EQ(get(kept, "a", 7)->at("score"), 1);
  EXPECT_EQ(get(kept, "b", 8)->at("score"), 6);
}

TEST(KeptResults, WithoutAFileTheyLastAsLongAsTheCall) {
  KeptResults kept{std::filesystem::path()};
  EXPECT_EQ(get(kept, "a", 1)->at("score"), 1);
  EXPECT_EQ(get(kept, "a", 2)->at("score"), 1);
}

}  // namespace
}  // namespace vistas::recipe
