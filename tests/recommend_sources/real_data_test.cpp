// Data sets of recommendation where ./dev data has unpacked them; skipped elsewhere.
#include <gtest/gtest.h>

#include "support/real_data.h"
#include "vistas/recommend/sources/item_attributes.h"
#include "vistas/recommend/sources/split_file.h"
#include "vistas/recommend/sources/summary.h"

namespace vistas::recommend {
namespace {

namespace fs = std::filesystem;

TEST(RealData, GowallaAsLightGcnSplitsIt) {
  const fs::path folder = test::real_data("gowalla/light_gcn_gowalla");
  NEEDS(folder);
  ReadReport report;
  const Split split = open_split(folder, {}, &report);
  EXPECT_EQ(split.train.users(), 29'858);
  EXPECT_EQ(split.train.items(), 40'981);
  EXPECT_EQ(split.train.size(), 810'128);
  EXPECT_EQ(split.test.size(), 217'242);
  EXPECT_EQ(report.bad.count, 0);
  EXPECT_EQ(report.duplicates, 0);
  EXPECT_EQ((*split.train.user_ids)[17], "17") << "dense ids stay as they are";
  EXPECT_EQ((*split.train.item_ids)[40'980], "40980");
  const SplitCheck odd = check_split(split);
  EXPECT_EQ(odd.seen_rows, 0);
  EXPECT_EQ(odd.untrained_users, 0);
  EXPECT_EQ(odd.unseen_items, 0);
}

TEST(RealData, BeautyLeaveOneOut) {
  const fs::path folder = test::real_data("beauty");
  NEEDS(folder);
  const Interactions all = read_interactions(folder / "Beauty.txt");
  const Summary summary = summarise(all);
  EXPECT_EQ(summary.users, 22'363);
  EXPECT_EQ(summary.items, 12'101);
  EXPECT_EQ(summary.interactions, 198'502);
  EXPECT_EQ(summary.per_user.min, 5);
  EXPECT_EQ((*all.item_ids)[0], "1");
  CoreReport core;
  k_core(all, 5, 5, &core);
  EXPECT_EQ(core.rows, 0) << "it is a 5-core";
  const Split split = make_split(all, {.kind = "leave_one_out"});
  EXPECT_EQ(split.test.size(), 22'363);
  EXPECT_EQ(split.valid.size(), 22'363);
  EXPECT_EQ((*all.item_ids)[split.test.item[0]], "5") << "the first line: 1 1 2 3 4 5";
}

TEST(RealData, BeautyAttributes) {
  const fs::path folder = test::real_data("beauty");
  NEEDS(folder);
  const Interactions all = read_interactions(folder / "Beauty.txt");
  AttributeReport report;
  const ItemAttributes attributes =
      read_item_attributes(folder / "Beauty_item2attributes.json", *all.item_ids, {}, &report);
  EXPECT_EQ(attributes.names.size(), 637);
  EXPECT_EQ(report.described, 12'101);
  EXPECT_EQ(report.unknown_items, 0);
  const auto of_4 = attributes.of(all.item_ids->find("4"));  // [1, 2, 3]
  ASSERT_EQ(of_4.size(), 3u);
  EXPECT_EQ(attributes.names[of_4[1]], "2");
}

}  // namespace
}  // namespace vistas::recommend
