#include "vistas/look/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/look/progress.h"
#include "vistas/look/table.h"

namespace vistas::look {
namespace {

TEST(Text, DisplayWidth) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("Köln ±"), 6);
  EXPECT_EQ(display_width("猫"), 2);
  EXPECT_EQ(display_width("🐱"), 2);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("\xff\xfe"), 2);      // not UTF-8
  EXPECT_EQ(display_width("\xe7\x8c"), 2);      // cut short
  EXPECT_EQ(display_width("\xed\xa0\x80"), 3);  // a surrogate
  EXPECT_EQ(display_width(""), 0);
}

TEST(Text, FitAndPad) {
  EXPECT_EQ(fit("photos", 6), "photos");
  EXPECT_EQ(fit("photos", 5), "phot…");
  EXPECT_EQ(fit("猫猫猫", 4), "猫…");  // a wide one that would not fit is left out whole
  EXPECT_EQ(fit("abc", 1), "…");
  EXPECT_EQ(fit("abc", 0), "");
  EXPECT_EQ(pad("猫", 4), "猫  ");
  EXPECT_EQ(pad("4.5", 6, true), "   4.5");
  EXPECT_EQ(pad("abcdef", 3), "abcdef");
}

TEST(Text, BarsAndSparklines) {
  EXPECT_EQ(bar(0, 4), "    ");
  EXPECT_EQ(bar(1, 4), "████");
  EXPECT_EQ(bar(0.5, 3), "█▌ ");
  EXPECT_EQ(bar(7, 2), "██");
  EXPECT_EQ(bar(std::nan(""), 2), "  ");
  EXPECT_EQ(sparkline(std::vector<double>{0, 7, 3.5}, 10), "▁█▅");
  EXPECT_EQ(sparkline(std::vector<double>{0, 0, 1, 1}, 2), "▁█");
  EXPECT_EQ(sparkline(std::vector<double>{1, std::nan(""), 2}, 3), "▁ █");
  EXPECT_EQ(sparkline({}, 3), "");
}

TEST(Text, Durations) {
  EXPECT_EQ(format_duration(0), "0 us");
  EXPECT_EQ(format_duration(0.0123), "12.3 ms");
  EXPECT_EQ(format_duration(0.42), "0.42 s");
  EXPECT_EQ(format_duration(9.97), "10 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(133), "2 min 13 s");
  EXPECT_EQ(format_duration(3 * 3600 + 5 * 60), "3 h 05 min");
  EXPECT_EQ(format_duration(52 * 3600), "2 d 04 h");
  EXPECT_EQ(format_duration(INFINITY), "-");
}

TEST(Text, BytesAndCounts) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1.2e9), "1.2 GB");
  EXPECT_EQ(format_bytes(999.7e3), "1 MB");
  EXPECT_EQ(format_count(7), "7");
  EXPECT_EQ(format_count(50000), "50,000");
  EXPECT_EQ(format_count(-123456), "-123,456");
  EXPECT_EQ(counted(1, "picture"), "1 picture");
  EXPECT_EQ(counted(0, "view"), "0 views");
  EXPECT_EQ(counted(50000, "step"), "50,000 steps");
}

TEST(Table, AlignsNumbersRightAndTextLeft) {
  Table table({"task", "top-1", "n"});
  table.add({"kNN k=20", "45.0", "10,000"});
  table.add({"猫", "7.25 ± 0.3", "-"}, true);
  table.add_rule();
  table.add({"x"});
  EXPECT_EQ(table.str(),
            "task           top-1       n\n"
            "────────────────────────────\n"
            "kNN k=20        45.0  10,000\n"
            "猫        7.25 ± 0.3       -\n"
            "────────────────────────────\n"
            "x\n");
  EXPECT_NE(table.str(true).find("\x1b[1m猫"), std::string::npos);
  EXPECT_THROW(table.add({"1", "2", "3", "4"}), Error);
}

TEST(Table, GivesWayWhereItDoesNotFit) {
  Table table({"score", "path"});
  table.add({"0.913", "photos/holiday/2019/beach/cat.jpg"});
  EXPECT_EQ(table.str(false, 20),
            "score  path\n"
            "────────────────────\n"
            "0.913  photos/holid…\n");
}

TEST(Table, TellsNumbersFromNames) {
  const auto right = [](const std::string& cell) {
    Table table({"wide header"});
    table.add({cell});
    return table.str().find("\n ") != std::string::npos;
  };
  for (const char* cell : {"45.0", "1,930", "-0.5", "47.7 ± 0.3", "2.1x", "1e-3", "2 min 13 s",
                           "98 %", "1.2 GB", "< 1"}) {
    EXPECT_TRUE(right(cell)) << cell;
  }
  for (const char* cell : {"cat", "0001.png", "2019/beach", "3_seeds", "7a", "é"}) {
    EXPECT_FALSE(right(cell)) << cell;
  }
}

TEST(ProgressLine, FitsAnyWidth) {
  const Progress p = {.epoch = 3,
                      .epochs = 20,
                      .step = 250,
                      .steps = 1000,
                      .loss = 4.81234,
                      .learning_rate = 0.06,
                      .samples_per_second = 1534.2,
                      .waiting = 0.021,
                      .seconds_left = 133,
                      .health = "ok"};
  EXPECT_EQ(progress_line(p, 140),
            "epoch 3/20  ▕███         ▏  step 250/1000  loss 4.8123  lr 0.06  1,534 images/s  "
            "waiting 2 %  2 min 13 s left  ok");
  EXPECT_EQ(progress_line(p, 80),
            "ep 3/20  250/1000  loss 4.812  lr 0.06  1,534/s  wait 2%  2:13 left  ok");
  EXPECT_EQ(progress_line(p, 60), "250/1000  loss 4.812  1,534/s  wait 2%  2:13 left  ok");
  for (int width = 0; width < 150; ++width) {
    EXPECT_LE(display_width(progress_line(p, width)), width);
  }
  EXPECT_EQ(progress_line({}, 80), "epoch 0/0  ▕            ▏  step 0/0  waiting 0 %");
}

}  // namespace
}  // namespace vistas::look
