#include "vistas/recommend/sources/split.h"

#include <gtest/gtest.h>

#include <map>

#include "recommend_sources/made.h"
#include "support/errors.h"
#include "support/options_round_trip.h"
#include "vistas/base/random.h"
#include "vistas/recommend/sources/split_file.h"

namespace vistas::recommend {
namespace {

using test::expect_error;

// "train | valid | test"
std::string told(const Split& split) {
  return told(split.train) + " | " + told(split.valid) + " | " + told(split.test);
}

// Users with 0 to 30 drawn actions at drawn times.
Interactions drawn(int64_t users, int64_t items, bool times = true) {
  Draws draws({3, 0, 0, 0});
  std::string text = "user,item,time\n";
  for (int64_t user = 0; user < users; ++user) {
    for (int64_t n = draws.below(31); n > 0; --n) {
      text += fmt::format("u{},i{},{}\n", user, draws.below(items), draws.below(1000));
    }
  }
  return made(text, {.time = times ? "" : "none"});
}

// Every row of the data is in one part, in the order of the data.
void expect_partition(const Interactions& data, const Split& split) {
  EXPECT_EQ(split.train.size() + split.valid.size() + split.test.size(), data.size());
  std::map<std::pair<int64_t, int32_t>, int> rows;
  const auto count = [&](const Interactions& part, int step) {
    check(part, "part");
    EXPECT_EQ(part.user_ids, data.user_ids);
    EXPECT_EQ(part.item_ids, data.item_ids);
    for (int64_t user = 0; user < part.users(); ++user) {
      for (const int32_t item : part.items_of(user)) rows[{user, item}] += step;
    }
  };
  count(data, 1);
  for (const Interactions* part : {&split.train, &split.valid, &split.test}) count(*part, -1);
  for (const auto& [row, sum] : rows) EXPECT_EQ(sum, 0);
}

TEST(LeaveOneOut, TakesTheLastByTime) {
  const Interactions data =
      made("a,x,3\na,y,1\na,z,2\nb,x,5\nb,y,5\nc,z,1\n", {.weight = "none", .time = "3"});
  EXPECT_EQ(told(make_split(data, {.kind = "leave_one_out"})),
            "a: y@1; b: x@5; c: z@1 | a: z@2; b:; c: | a: x@3; b: y@5; c:");
  EXPECT_EQ(told(make_split(data, {.kind = "leave_one_out", .valid = 0})),
            "a: y@1 z@2; b: x@5; c: z@1 | a:; b:; c: | a: x@3; b: y@5; c:");
}

TEST(Ratio, CountsAreRecBoles) {
  // int(ratio * n) each, one where that is less than one and training keeps one.
  const std::map<int64_t, std::vector<int64_t>> want = {
      {1, {1, 0, 0}}, {2, {1, 0, 1}},  {3, {1, 1, 1}},   {5, {3, 1, 1}},
      {9, {7, 1, 1}}, {10, {8, 1, 1}}, {19, {17, 1, 1}}, {20, {16, 2, 2}}};
  for (const auto& [n, counts] : want) {
    std::string text = "u";
    for (int64_t i = 0; i < n; ++i) text += fmt::format(" i{}", i);
    const Interactions data = made(text + "\nv i0 i1\n", {.format = "lists"});
    for (const char* order : {"random", "time"}) {
      const Split split = make_split(data, {.order = order});
      EXPECT_EQ(
          (std::vector{split.train.count_of(0), split.valid.count_of(0), split.test.count_of(0)}),
          counts)
          << n;
    }
  }
}

TEST(Ratio, TimeTakesTheLastAndRandomDependsOnTheSeed) {
  const Interactions data = drawn(50, 40);
  const Split last = make_split(data, {.valid = 0.2, .test = 0.3, .order = "time"});
  expect_partition(data, last);
  for (int64_t user = 0; user < data.users(); ++user) {
    if (last.train.count_of(user) == 0 || last.test.count_of(user) == 0) continue;
    EXPECT_LE(last.train.time[static_cast<size_t>(last.train.end_of(user) - 1)],
              last.test.time[static_cast<size_t>(last.test.begin_of(user))]);
  }
  const auto drawn_split = [&](int64_t seed) { return make_split(data, {.seed = seed}); };
  expect_partition(data, drawn_split(1));
  EXPECT_EQ(told(drawn_split(1)), told(drawn_split(1)));
  EXPECT_NE(told(drawn_split(1)), told(drawn_split(2)));
}

TEST(Ratio, DrawsAreFair) {
  const Interactions data = made("u a b c d e f g h i j\n", {.format = "lists"});
  std::vector<int64_t> tested(10);
  for (int64_t seed = 0; seed < 2000; ++seed) {
    const Split split = make_split(data, {.seed = seed});
    ++tested[static_cast<size_t>(split.test.item.at(0))];
  }
  for (const int64_t count : tested) EXPECT_NEAR(static_cast<double>(count), 200, 70);  // 5 sigma
}

TEST(ByTime, CutsAtQuantilesOfAllTimes) {
  std::string text = "user,item,time\n";
  for (int i = 0; i < 10; ++i) text += fmt::format("u{},i{},{}\n", i % 3, i, i);
  const Interactions data = made(text);
  const Split split = make_split(data, {.kind = "time", .valid = 0.2, .test = 0.1});
  expect_partition(data, split);
  EXPECT_EQ(told(split.valid), "u0:; u1: i7@7; u2: i8@8");
  EXPECT_EQ(told(split.test), "u0: i9@9; u1:; u2:");
  const Interactions tied = made("user,item,time\na,x,1\nb,x,2\nc,x,2\nd,x,2\n");
  EXPECT_EQ(make_split(tied, {.kind = "time", .valid = 0, .test = 0.25}).test.size(), 3);
  expect_error([&] { make_split(made("a x\nb y\n"), {.kind = "time"}); }, "without times");
  expect_error(
      [&] {
        make_split(made("a,x,2000000000\na,y,2000000000\n"),
                   {.kind = "time", .valid = 0, .test = 0.5});
      },
      "0 interactions for training and 2 for the test");
}

TEST(ColdItems, NoneOfTheirActionsIsInTraining) {
  const Interactions data = drawn(60, 50);
  const Split split =
      make_split(data, {.kind = "cold_items", .valid = 0.1, .test = 0.2, .seed = 1});
  expect_partition(data, split);
  const auto train = item_counts(split.train), valid = item_counts(split.valid),
             test = item_counts(split.test);
  int cold = 0, held = 0;
  for (size_t item = 0; item < train.size(); ++item) {
    EXPECT_EQ((train[item] > 0) + (valid[item] > 0) + (test[item] > 0), 1);
    cold += test[item] > 0;
    held += valid[item] > 0;
  }
  EXPECT_EQ(cold, 10);
  EXPECT_EQ(held, 5);
  EXPECT_EQ(check_split(split).unseen_items, 10);
  EXPECT_EQ(check_split(split).unseen_rows, split.test.size());
}

TEST(WithValidation, IsTakenFromTraining) {
  const Interactions data = drawn(60, 50);
  const Split split = make_split(data, {.valid = 0, .test = 0.2});
  EXPECT_EQ(split.valid.size(), 0);
  const Split more = with_validation(split, 0.1, 7);
  expect_partition(data, more);
  EXPECT_EQ(told(more.test), told(split.test));
  EXPECT_GT(more.valid.size(), 0);
  EXPECT_NE(more.how.find("validation drawn from training: 0.1, seed 7"), std::string::npos);
}

TEST(KCore, IsWhatIsLeftWhenNothingChanges) {
  // c goes for its one action, then z has one, then b has one, then ...
  const Interactions data = made("a x y\nb x z y\nc z\nd x y\n", {.format = "lists"});
  CoreReport report;
  EXPECT_EQ(told(k_core(data, 2, 2, &report)), "a: x y; b: x y; d: x y");
  EXPECT_EQ(report.rounds, 2);
  EXPECT_EQ(report.users, 1);
  EXPECT_EQ(report.items, 1);
  EXPECT_EQ(report.rows, 2);
  EXPECT_EQ(report.summary(), "1 users, 1 items and 2 interactions were left out in 2 rounds");
  expect_error([&] { k_core(data, 4, 4); }, "none among 8 interactions");
  const Interactions large = k_core(drawn(300, 60), 10, 20);
  for (int64_t user = 0; user < large.users(); ++user) EXPECT_GE(large.count_of(user), 10);
  for (const int64_t count : item_counts(large)) EXPECT_GE(count, 20);
  EXPECT_EQ(told(k_core(large, 10, 20)), told(large));
}

TEST(CheckSplit, SaysWhatIsOdd) {
  const test::TempFolder folder;
  folder.write("train.txt", "a x y\nb\nc z\n");
  folder.write("valid.txt", "a z\n");
  folder.write("test.txt", "a x z w\nb w y\nc x\n");
  const Split split = open_split(folder.path());
  const SplitCheck odd = check_split(split);
  EXPECT_EQ(odd.test_rows, 6);
  EXPECT_EQ(odd.seen_rows, 2);
  EXPECT_EQ(odd.untrained_users, 1);
  EXPECT_EQ(odd.unseen_items, 1);
  EXPECT_EQ(odd.unseen_rows, 2);
  EXPECT_EQ(odd.summary(),
            "2 of 6 test interactions are also in training or validation\n"
            "1 users of the test have no training interaction\n"
            "1 items of the test are in no training interaction (2 test rows)");
  EXPECT_EQ(check_split(make_split(drawn(9, 9), {.kind = "leave_one_out"})).seen_rows, 0);
}

TEST(GivenSplit, IsFoundByTheNamesOfFiles) {
  const test::TempFolder folder;
  const auto lists = folder.write("a/train.txt", "0 1 2\n1 2\n").parent_path();
  EXPECT_EQ(training_file(lists), "");
  folder.write("a/test.txt", "0 0\n");
  folder.write("a/item_list.txt", "x");
  EXPECT_EQ(training_file(lists), lists / "train.txt");
  EXPECT_FALSE(holds_split_file(lists));
  ReadReport report;
  const Split split = open_split(lists, {}, &report);
  EXPECT_EQ(told(split), "0: 1 2; 1: 2 | 0:; 1: | 0: 0; 1:");
  EXPECT_EQ(split.how, "given: train.txt, test.txt");
  EXPECT_EQ(report.layouts.size(), 2u);
  folder.write("b/ml.train.inter", "user_id:token\titem_id:token\na\tx\n");
  folder.write("b/ml.valid.inter", "user_id:token\titem_id:token\na\ty\n");
  folder.write("b/ml.test.inter", "user_id:token\titem_id:token\nb\tx\n");
  EXPECT_EQ(told(open_split(folder.path() / "b")), "a: x; b: | a: y; b: | a:; b: x");
  folder.write("a/x.test.csv", "1,2\n");
  expect_error([&] { open_split(lists); },
               "two files of one part of a split: test.txt and x.test.csv");
  folder.write("c/train.txt", "0 1\n");
  expect_error([&] { open_split(folder.path() / "c"); }, "no split: got train.txt");
  expect_error([&] { open_split(folder.path() / "none"); }, "got none of its files");
  EXPECT_EQ(training_file(folder.path() / "none"), "");
  // Pictures and their packages.
  for (const char* name : {"train.bin", "test.bin", "train.tar", "test.png", "test.small.png"}) {
    folder.write(std::string("d/") + name, "x");
  }
  EXPECT_EQ(training_file(folder.path() / "d"), "");
}

TEST(SplitFile, IsReadAsItWasWritten) {
  const test::TempFolder folder;
  const Interactions ratings = made("user,item,rating,time\nä b,\"x,1\",2,7\nc,y,1,8\nc,z,4,9\n");
  for (const Interactions& data : {drawn(40, 30), drawn(40, 30, false), ratings}) {
    const Split split = make_split(data, {.kind = "leave_one_out"});
    write_split(folder.path() / "new", split);
    EXPECT_TRUE(holds_split_file(folder.path() / "new"));
    const Split same = open_split(folder.path() / "new");
    EXPECT_EQ(told(same), told(split));
    EXPECT_EQ(same.how, split.how);
    EXPECT_EQ(same.train.user_ids, same.test.user_ids);
  }
}

TEST(SplitFile, DamageIsAnError) {
  const test::TempFolder folder;
  write_split(folder.path(), make_split(drawn(20, 9), {.kind = "leave_one_out"}));
  const std::string good = read_file(folder.path() / "split.safetensors");
  int refused = 0, unharmed = 0;
  Draws draws({1, 0, 0, 0});
  const Split split = read_split(folder.path());
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    bad[static_cast<size_t>(draws.below(static_cast<int64_t>(bad.size())))] ^=
        static_cast<char>(1 << draws.below(8));
    if (i % 10 == 0) bad.resize(bad.size() / 2);
    folder.write("split.safetensors", bad);
    try {
      unharmed += told(read_split(folder.path())) == told(split);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      ++refused;
    }
  }
  EXPECT_EQ(refused + unharmed, 300);
  EXPECT_GT(refused, 250);
}

TEST(Options, EveryFieldOfASplitIsItsOwn) {
  expect_options_round_trip([] { return std::make_unique<SplitOptions>(); });
  expect_error([] { make_split(made("a x\n"), {.valid = 0.5, .test = 0.5}); },
               "less than 1 together", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::recommend
