#include "vistas/recommend/sources/interactions.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "recommend_sources/made.h"
#include "support/errors.h"
#include "support/options_round_trip.h"
#include "vistas/recommend/sources/moment.h"
#include "vistas/recommend/sources/read_interactions.h"
#include "vistas/recommend/sources/summary.h"

namespace vistas::recommend {
namespace {

using test::error_of;
using test::expect_error;

Interactions rows(std::vector<int64_t> starts, std::vector<int32_t> items,
                  std::vector<double> times = {}) {
  Interactions data;
  data.starts = std::move(starts);
  data.item = std::move(items);
  data.time = std::move(times);
  return data;
}

TEST(Merged, OrdersByTimeWhereAllHaveTimes) {
  const Interactions a = rows({0, 2, 2}, {4, 5}, {10, 30}), b = rows({0, 1, 2}, {6, 7}, {20, 5});
  EXPECT_EQ(merged({&a, &b}).item, (std::vector<int32_t>{4, 6, 5, 7}));
  EXPECT_EQ(merged({&a, &b}).starts, (std::vector<int64_t>{0, 3, 4}));
  EXPECT_EQ(merged({&a, &b}).time, (std::vector<double>{10, 20, 30, 5}));
  const Interactions timeless = rows({0, 1, 2}, {6, 7});
  EXPECT_EQ(merged({&a, &timeless}).item, (std::vector<int32_t>{4, 5, 6, 7}));
  EXPECT_TRUE(merged({&a, &timeless}).time.empty());
}

class ReadInteractions : public testing::Test {
 protected:
  Interactions read(const std::string& name, const std::string& content,
                    const InteractionOptions& options = {}) {
    report_ = {};
    return read_interactions(folder_.write(name, content), options, &report_);
  }
  std::string told(const std::string& name, const std::string& content,
                   const InteractionOptions& options = {}) {
    return recommend::told(read(name, content, options));
  }
  std::string layout() const {
    const std::string& text = report_.layouts.at(0);
    return text.substr(text.find(": ") + 2);
  }
  void expect_bad(const std::string& part) {
    EXPECT_NE(report_.bad.summary().find(part), std::string::npos) << report_.bad.summary();
  }

  test::TempFolder folder_;
  ReadReport report_;
};

TEST_F(ReadInteractions, LightGcnLists) {
  const Interactions data = read("train.txt", "0 2 0\n1 1\r\n\n2\n3 2 3 1");
  EXPECT_EQ(recommend::told(data), "0: 2 0; 1: 1; 2:; 3: 2 3 1");
  EXPECT_EQ(layout(), "lists: user item item ...");
  EXPECT_EQ(data.item, (std::vector<int32_t>{2, 0, 1, 2, 3, 1})) << "dense ids as they are";
  EXPECT_EQ(data.starts, (std::vector<int64_t>{0, 2, 3, 3, 6}));
  EXPECT_TRUE(data.time.empty());
  EXPECT_TRUE(data.weight.empty());
}

TEST_F(ReadInteractions, SasRecPairsKeepTheirOrder) {
  EXPECT_EQ(told("ml.txt", "1 3\n1 1\n2 2\n1 2\n"), "1: 3 1 2; 2: 2");
  EXPECT_EQ(layout(), "a table separated by blanks, user in column 1, item in column 2");
}

TEST_F(ReadInteractions, S3RecAndSelfRecSequences) {
  EXPECT_EQ(told("Beauty.txt", "1 5 9 5\n2 9 7\n", {.duplicates = "keep"}), "1: 5 9 5; 2: 9 7");
  EXPECT_EQ(told("train.txt", "a:x y z\nb:y\n"), "a: x y z; b: y");
  EXPECT_EQ(layout(), "sequences: user:item item ...");
  EXPECT_EQ(told("t", "a:x y z\nb:y\nc x\n:y\n", {.format = "sequences"}), "a: x y z; b: y");
  expect_bad("line 3: no ':' after the user");
  expect_bad("line 4: no user");
}

TEST_F(ReadInteractions, SelfRecTriples) {
  EXPECT_EQ(told("train.txt", "u1 i1 1\nu1 i2 0.5\nu2 i1 2\n"), "u1: i1*1 i2*0.5; u2: i1*2");
}

TEST_F(ReadInteractions, CsvWithAHeader) {
  const std::string content =
      "time,userId, movieId ,note,rating\n30,bob,\"a, b\",,4\n20,bob,\"say \"\"x\"\"\",n,5\n";
  EXPECT_EQ(told("r.csv", content), "bob: say \"x\"*5@20 a, b*4@30");
  EXPECT_EQ(layout(),
            "a table separated by comma, user in userId, item in movieId, weight in rating, time "
            "in time");
  EXPECT_EQ(told("r.csv", content, {.item = "note", .weight = "none", .time = "none"}), "bob: n");
  expect_bad("line 2: no item");
  EXPECT_EQ(told("r.csv", content, {.user = "3", .item = "2", .weight = "1", .time = "none"}),
            "a, b: bob*30; say \"x\": bob*20");
}

TEST_F(ReadInteractions, HeadersAreFoundByNamesOrNumbers) {
  EXPECT_EQ(told("a.tsv", "user\titem\na\tb\n"), "a: b");
  EXPECT_EQ(told("a.tsv", "a\tb\nc\td\n"), "a: b; c: d");
  EXPECT_EQ(told("a.tsv", "a\tB0\t5\nb\t01\t4\n"), "a: B0*5; b: 01*4") << "a number in line 1";
  EXPECT_EQ(told("a.tsv", "a\tbook\nc\td\n"), "a: book; c: d") << "no header";
  EXPECT_EQ(told("a.tsv", "user\titem\na\tb\n", {.header = "no"}), "user: item; a: b");
  EXPECT_EQ(told("a.tsv", "x\ty\na\tb\n", {.header = "yes", .user = "x", .item = "y"}), "a: b");
  const std::string error = error_of([&] { told("a.csv", "who,what,n\na,b,1\n"); });
  EXPECT_NE(error.find("got a header separated by comma: who, what, n"), std::string::npos)
      << error;
}

TEST_F(ReadInteractions, TablesWithoutNames) {
  EXPECT_EQ(told("u.data", "196\t242\t3\t881250949\n196\t302\t4\t881250000\n"),
            "196: 302*4@881250000 242*3@881250949");
  EXPECT_EQ(told("ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n"),
            "1: 1193*5@978300760 661*3@978302109");
  EXPECT_EQ(layout(),
            "a table separated by ::, user in column 1, item in column 2, weight in column 3, "
            "time in column 4");
  EXPECT_EQ(told("a.csv", "a,b,978300760\n"), "a: b@978300760");
  EXPECT_EQ(told("a.csv", "a,b,some text\n"), "a: b");
  EXPECT_EQ(told("a.csv", "a;b\nc;d,e\n"), "a: b; c: d,e");
  EXPECT_EQ(told("a", "a|b|2\n"), "a: b*2");
}

TEST_F(ReadInteractions, DatesAreSeconds) {
  EXPECT_EQ(told("r.csv", "user,item,date\na,x,2018-07-07 22:09:11\na,y,1970-01-02\n"),
            "a: y@86400 x@1531001351");
  EXPECT_EQ(told("a.csv", "a,x,2014-04-07T10:51:09.25Z\n"), "a: x@1396867869.25");
  double value = 0;
  for (const char* same : {"2014-04-07 12:51:09+02:00", "2014-04-07T05:21:09-0530",
                           "2014-04-07 10:51:09", "1396867869"}) {
    EXPECT_TRUE(is_moment(same, value)) << same;
    EXPECT_EQ(value, 1396867869) << same;
  }
  for (const char* bad :
       {"2014-02-30", "2014-4-7", "2014-04-07 25:00", "2014-04-07 10", "07.04.2014",
        "2014-04-07 10:51:", "2014-04-07 10:51x", "2014-04-07 10:51+2", "", "nan"}) {
    EXPECT_FALSE(is_moment(bad, value)) << bad;
  }
  told("r.csv", "user,item,time\na,x,1\na,y,noon\n");
  expect_bad("line 3: the time 'noon' is no number and no date");
}

TEST_F(ReadInteractions, RecBoleAtomicFiles) {
  const std::string content =
      "item_id:token\tuser_id:token\trating:float\ttimestamp:float\nb\ta\t2\t7\nc\ta\t1\t5.5\n";
  EXPECT_EQ(told("ml.inter", content), "a: c*1@5.5 b*2@7");
  EXPECT_EQ(layout(),
            "RecBole's table separated by tab, user in user_id:token, item in item_id:token, "
            "weight in rating:float, time in timestamp:float");
}

TEST_F(ReadInteractions, Gzip) {
  const auto path = folder_.path() / "r.csv.gz";
  const std::string content = "user,item\na,b\n";
  const gzFile out = gzopen(path.c_str(), "wb");
  gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
  gzclose(out);
  EXPECT_EQ(recommend::told(read_interactions(path)), "a: b");
}

TEST_F(ReadInteractions, DuplicatePolicies) {
  const std::string content = "a,x,1,3\na,y,2,4\na,x,4,9\nb,x,8,1\na,x,3,2\n";
  const InteractionOptions columns{.time = "4"};
  const auto by = [&](const std::string& policy) {
    InteractionOptions options = columns;
    options.duplicates = policy;
    return told("a.csv", content, options);
  };
  EXPECT_EQ(by("keep"), "a: x*3@2 x*1@3 y*2@4 x*4@9; b: x*8@1");
  EXPECT_EQ(report_.duplicates, 2);
  EXPECT_NE(report_.summary().find("2 rows repeat the user and the item of another, kept"),
            std::string::npos);
  EXPECT_EQ(by("first"), "a: x*3@2 y*2@4; b: x*8@1");
  EXPECT_EQ(by("last"), "a: y*2@4 x*4@9; b: x*8@1");
  EXPECT_EQ(by("sum"), "a: y*2@4 x*8@9; b: x*8@1");
  EXPECT_EQ(report_.duplicates, 2);
  EXPECT_EQ(told("a", "a x\na y\na x\n", {.duplicates = "sum"}), "a: y*1 x*2");
}

TEST_F(ReadInteractions, WeightsBelowTheLeastAreLeftOutAfterDuplicates) {
  const std::string content = "a,x,5\na,x,2\nb,y,3\nb,z,4\nc,w,0\nd,w,-1\n";
  EXPECT_EQ(told("a.csv", content), "a: x*2; b: y*3 z*4");
  EXPECT_EQ(report_.below_min_weight, 2);
  EXPECT_EQ(told("a.csv", content, {.min_weight = 3}), "b: y*3 z*4");
  EXPECT_EQ(report_.below_min_weight, 3);
  EXPECT_EQ(told("a.csv", content, {.weight = "none"}), "a: x; b: y z; c: w; d: w");
  expect_error([&] { told("a.csv", content, {.min_weight = 9}); }, "no interaction is left");
}

TEST_F(ReadInteractions, BadLinesAreCountedAndNamed) {
  const std::string content =
      "user,item,rating\na,x,1\na,x\nb\tx\t1\nc,,1\n,x,1\na,\xff,1\na,x,nan\na,x,inf\n"
      "a,x,1e999\na,x,?\na,\"x,1\na,\"x\"y,1\n\nd,x,2\n";
  EXPECT_EQ(told("a.csv", content), "a: x*1; d: x*2");
  EXPECT_EQ(report_.bad.count, 11);
  expect_bad("a.csv: line 3: 2 columns, 3 in the first line");
  expect_bad("line 4: 1 columns, 3 in the first line; it is separated by tab, not by comma");
  expect_bad("line 5: no item");
  expect_bad("line 6: no user");
  expect_bad("line 7: the item is no UTF-8");
  expect_bad("line 8: the weight 'nan' is no number");
  expect_bad("line 9: the weight 'inf' is no number");
  expect_bad("line 12: a quote that is not closed");
  EXPECT_EQ(report_.rows, 2);
  expect_error([&] { told("a.csv", content, {.on_bad_line = "fail"}); },
               "line 3: got 2 columns, 3 in the first line. Mend");
  EXPECT_EQ(told("l", "a x y\nb x \xff\nc\tx  z\n", {.format = "lists"}), "a: x y; c: x z");
  expect_bad("line 2: byte 5 is no UTF-8");
}

TEST_F(ReadInteractions, NothingToReadIsAnError) {
  expect_error([&] { read("a.csv", ""); }, "no interaction: got an empty file");
  expect_error([&] { read("a.csv", " \n\n"); }, "nothing but blank lines");
  expect_error([&] { read("a.csv", "user,item\n"); }, "no interaction");
  expect_error([&] { read("a.csv", "user,item\nx\n"); }, "line 2: 1 columns");
  expect_error([&] { read("a.csv", "a,\"b\nc,d\n"); }, "the first line, which says what columns");
  expect_error([&] { read("a.csv", "one\ntwo\n"); }, "Say what separates the columns");
  expect_error([&] { read("a.csv", "user,item\na,b\n", {.item = "itm"}); },
               "no column 'itm': expected a name or a number from 1 to 2", ErrorKind::usage);
  expect_error([&] { read_interactions(folder_.path()); }, "got no file");
}

TEST_F(ReadInteractions, IdsOfAnySize) {
  const Interactions data = read("a", "4000000000 1000000000000\n7 -3\n007 1000000000000\n");
  EXPECT_EQ(recommend::told(data), "4000000000: 1000000000000; 7: -3; 007: 1000000000000");
  EXPECT_LT(data.bytes(), 5000);
}

TEST_F(ReadInteractions, FilesThatShareTheirIds) {
  const std::filesystem::path files[] = {folder_.write("train.txt", "0 3 1\n2 0\n"),
                                         folder_.write("test.txt", "0 2\n1 3 2\n")};
  const std::vector<Interactions> data = read_interactions(files);
  EXPECT_EQ(recommend::told(data[0]), "0: 3 1; 1:; 2: 0");
  EXPECT_EQ(recommend::told(data[1]), "0: 2; 1: 3 2; 2:");
  EXPECT_EQ(data[0].item_ids, data[1].item_ids);
  EXPECT_EQ(data[1].item, (std::vector<int32_t>{2, 3, 2}));
}

TEST_F(ReadInteractions, SeveralPartsAreAsOneForAnyNumberOfThreads) {
  std::string content = "user,item,rating,time\n";
  for (int i = 0; content.size() < 15'000'000; ++i) {
    const int64_t user = i * 7919LL % 50'021;
    content +=
        fmt::format("user-{},item {},{},{}\n", user, i * 104'729LL % 9973, 1 + i % 5, i % 777);
    if (i == 500'000) content += "bad line\n";
  }
  const auto file = folder_.write("a.csv", content);
  ReadReport one, four;
  const Interactions a = read_interactions(file, {}, &one, 1),
                     b = read_interactions(file, {}, &four, 4);
  EXPECT_EQ(a.starts, b.starts);
  EXPECT_EQ(a.item, b.item);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ((*b.user_ids)[50'020], (*a.user_ids)[50'020]);
  EXPECT_EQ((*a.user_ids)[1], "user-7919");
  EXPECT_EQ(one.bad.first, four.bad.first);
  EXPECT_NE(one.bad.first.at(0).find("line 500003: 1 columns"), std::string::npos)
      << one.bad.first[0];
  EXPECT_EQ(one.rows, a.size() + one.duplicates);
  EXPECT_LT(a.bytes(), 16 * a.size() + 80 * (a.users() + a.items()));
}

TEST_F(ReadInteractions, SummaryAndContent) {
  const Interactions lists = read("a", "a x y\nb x\nc\n");
  const Summary summary = summarise(lists);
  EXPECT_EQ(summary.users, 3);
  EXPECT_EQ(summary.items, 2);
  EXPECT_EQ(summary.interactions, 3);
  EXPECT_EQ(summary.density, 0.5);
  EXPECT_EQ(summary.empty_users, 1);
  EXPECT_EQ(summary.per_user.max, 2);
  EXPECT_EQ(summary.per_item.min, 1);
  EXPECT_EQ(summary.per_item.mean, 1.5);
  EXPECT_NE(summary.text().find("0 to 2 per user, mean 1.00"), std::string::npos);
  const auto hash = [&](const std::string& content) { return content_hash(read("a", content)); };
  EXPECT_EQ(hash("a x y\nb x\n"), hash("b,x\na,x\na,y\n"));
  EXPECT_EQ(hash("a,x,1\nb,y,1\n"), hash("b y\na x\n"));
  EXPECT_NE(hash("a x y\nb x\n"), hash("a y x\nb x\n"));
  EXPECT_NE(hash("a x y\nb x\n"), hash("a x y\nb y\n"));
  EXPECT_NE(hash("a x y\nb x\n"), hash("a x y\nc x\n"));
  EXPECT_NE(hash("a x y\nb x\n"), summary.hash) << "a user more";
  EXPECT_NE(hash("a,x,2\nb,y,1\n"), hash("a,x,1\nb,y,2\n"));
}

TEST_F(ReadInteractions, UnusedUsersAndItemsAreDropped) {
  Interactions data = read("a", "a x y\nb z\nc y\n");
  keep_rows(data, {0, 1, 0, 1});
  EXPECT_EQ(recommend::told(data), "a: y; b:; c: y");
  EXPECT_EQ(data.items(), 3);
  drop_unused(data);
  EXPECT_EQ(recommend::told(data), "a: y; c: y");
  EXPECT_EQ(data.items(), 1);
}

TEST(IdTables, NumbersWithoutGapsHaveAnOrder) {
  const auto order = [](const std::vector<std::string>& ids) {
    IdTable table;
    for (const std::string& id : ids) table.add(id);
    return table.numeric_order();
  };
  EXPECT_EQ(order({"2", "0", "1"}), (std::vector<int32_t>{1, 2, 0}));
  EXPECT_EQ(order({"2", "3", "1"}), (std::vector<int32_t>{2, 0, 1}));
  EXPECT_TRUE(order({"2", "0"}).empty());
  EXPECT_TRUE(order({"0", "01"}).empty());
  EXPECT_TRUE(order({"1", "-1"}).empty());
  EXPECT_TRUE(order({"1", "x"}).empty());
}

TEST(Options, EveryFieldIsItsOwn) {
  expect_options_round_trip([] { return std::make_unique<InteractionOptions>(); });
}

TEST(IdTables, FindsWhatWasAdded) {
  IdTable table;
  EXPECT_EQ(table.find("a"), -1);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(table.add(std::to_string(i * i)), i);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(table.add(std::to_string(i * i)), i);
  EXPECT_EQ(table.size(), 5000);
  EXPECT_EQ(table.find("4"), 2);
  EXPECT_EQ(table.find("5"), -1);
  EXPECT_EQ(table[4999], "24990001");
}

}  // namespace
}  // namespace vistas::recommend
