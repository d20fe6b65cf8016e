#include "vistas/tune/process.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() : root_(fs::path(testing::TempDir()) / "vistas_process_test") {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ProcessTest() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(ProcessTest, RunsInItsFolderWithItsEnvironment) {
  Process process({"sh", "-c", "echo $WORD; pwd; echo wrong >&2; exit 3"},
                  {.folder = root_, .log = root_ / "log", .environment = {"WORD=yes"}});
  process.wait();
  EXPECT_FALSE(process.running());
  EXPECT_EQ(process.exit_code(), 3);
  EXPECT_GT(process.peak_memory_bytes(), 100'000);
  EXPECT_EQ(read(root_ / "log"), "yes\n" + fs::canonical(root_).string() + "\nwrong\n");
}

TEST_F(ProcessTest, TalksInLines) {
  Process process({"sh", "-c", "read a; echo got $a; read b; echo and $b"}, {.talks = true});
  std::string line;
  ASSERT_TRUE(process.send("one two"));
  ASSERT_TRUE(process.receive(line));
  EXPECT_EQ(line, "got one two");
  ASSERT_TRUE(process.send(std::string(100'000, 'x')));
  ASSERT_TRUE(process.receive(line));
  EXPECT_EQ(line, "and " + std::string(100'000, 'x'));
  EXPECT_FALSE(process.receive(line));
  process.wait();
  EXPECT_FALSE(process.send("nobody listens"));
}

TEST_F(ProcessTest, StopsBySignal) {
  Process process({"sleep", "100"});
  EXPECT_TRUE(process.running());
  process.ask_to_stop();
  process.wait();
  EXPECT_EQ(process.exit_code(), 128 + SIGTERM);
}

TEST_F(ProcessTest, EndsWithItsOwner) {
  pid_t id = 0;
  {
    Process process({"sh", "-c", "trap '' TERM; echo $$; while :; do sleep 0.1; done"},
                    {.log = root_ / "log"});
    while (!read(root_ / "log").ends_with("\n")) ASSERT_TRUE(process.running());
    id = std::stoi(read(root_ / "log"));
    ASSERT_EQ(kill(id, 0), 0);
  }
  EXPECT_NE(kill(id, 0), 0);
}

TEST_F(ProcessTest, WhatCannotBeStartedIsNamed) {
  try {
    Process process({(root_ / "nothing-here").string()});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("nothing-here cannot be started: No such file"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace vistas::tune
