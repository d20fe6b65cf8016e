#include "vistas/base/run_folder.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace fs = std::filesystem;

namespace vistas {
namespace {

class RunFolderTest : public testing::Test {
 protected:
  RunFolderTest() : root_(fs::temp_directory_path() / ("vistas-run-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~RunFolderTest() override { fs::remove_all(root_); }

  static void fill(const fs::path& folder) { write_file_atomic(folder / "progress.json", "{}"); }
  static bool keep_none(int64_t) { return false; }

  fs::path root_;
};

TEST_F(RunFolderTest, RefusesToOverwriteARun) {
  const RunFolder run = RunFolder::create(root_);
  write_file_atomic(run.config(), "");
  EXPECT_THROW(RunFolder::create(root_), Error);
  EXPECT_NO_THROW(RunFolder::open(root_));
  EXPECT_THROW(RunFolder::open(root_ / "other"), Error);
}

TEST_F(RunFolderTest, KeepsLastAndBestAndWhatIsAskedFor) {
  const RunFolder run = RunFolder::create(root_);
  EXPECT_THROW(run.checkpoint(), Error);
  const auto keep = [](int64_t step) { return step == 20; };
  for (const int64_t step : {10, 20, 30, 40}) run.save_checkpoint(step, step == 10, fill, keep);
  EXPECT_EQ(fs::read_symlink(root_ / "checkpoints/last"), "step-000040");
  EXPECT_EQ(fs::read_symlink(root_ / "checkpoints/best"), "step-000010");
  EXPECT_TRUE(run.has_checkpoint("step-000020"));
  EXPECT_FALSE(run.has_checkpoint("step-000030"));
}

TEST_F(RunFolderTest, AFailedWriteLosesNothing) {
  const RunFolder run = RunFolder::create(root_);
  run.save_checkpoint(1, true, fill, keep_none);
  const auto fail = [](const fs::path& folder) {
    fill(folder);
    throw Error(ErrorKind::resource, {.what = "disk full"});
  };
  EXPECT_THROW(run.save_checkpoint(2, true, fail, keep_none), Error);
  EXPECT_TRUE(run.has_checkpoint("last"));
  EXPECT_TRUE(run.has_checkpoint("best"));
  EXPECT_FALSE(fs::exists(root_ / "checkpoints/step-000002"));
  EXPECT_FALSE(fs::exists(root_ / "checkpoints/step-000002.tmp"));
}

TEST_F(RunFolderTest, AFullDiskLosesNoEarlierCheckpoint) {
  fs::create_directories(root_);
  if (mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  }
  {
    const RunFolder run = RunFolder::create(root_ / "run");
    const auto write = [](const fs::path& folder) {
      fill(folder);
      write_file_atomic(folder / "weights", std::string(100'000, 'x'));
    };
    run.save_checkpoint(1, true, write, keep_none);
    const auto too_much = [](const fs::path& folder) {
      fill(folder);
      write_file_atomic(folder / "weights", std::string(400'000, 'x'));
    };
    try {
      run.save_checkpoint(2, true, too_much, keep_none);
      FAIL() << "the disk is not full";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::resource) << error.what();
    }
    EXPECT_EQ(read_file(run.checkpoint("last") / "weights").size(), 100'000);
    EXPECT_EQ(read_file(run.checkpoint("best") / "weights").size(), 100'000);
  }
  umount(root_.c_str());
}

TEST_F(RunFolderTest, CutsMetricsBackToTheCheckpoint) {
  const RunFolder run = RunFolder::create(root_);
  for (const int step : {1, 2, 3, 4})
    run.append_metrics("{\"step\": " + std::to_string(step) + "}");
  std::ofstream(root_ / "metrics.jsonl", std::ios::app) << "{\"step\": 2, \"lo";  // torn by a kill
  run.cut_metrics(2);
  EXPECT_EQ(read_file(root_ / "metrics.jsonl"), "{\"step\": 1}\n{\"step\": 2}\n");
}

}  // namespace
}  // namespace vistas
