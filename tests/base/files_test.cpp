#include "vistas/base/files.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/temp_folder.h"

namespace vistas {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  static void fill(const fs::path& folder) {
    fs::create_directory(folder / "inner");
    write_file_atomic(folder / "inner/file", "new");
  }
  test::TempFolder folder_;
};

TEST_F(Folders, AreWrittenWholeOrNotAtAll) {
  for (const char* name : {"new", "deep/er/new", "slash/"}) {
    write_folder_atomic(folder_.path() / name, fill);
    EXPECT_EQ(read_file(folder_.path() / name / "inner/file"), "new") << name;
  }
  fs::create_directory(folder_.path() / "empty");
  EXPECT_ANY_THROW(write_folder_atomic(folder_.path() / "empty", [](const fs::path& folder) {
    fill(folder);
    throw std::runtime_error("half done");
  }));
  EXPECT_TRUE(fs::is_empty(folder_.path() / "empty"));
  EXPECT_FALSE(fs::exists(folder_.path() / "empty.tmp"));
  write_folder_atomic(folder_.path() / "empty", fill);
  EXPECT_EQ(read_file(folder_.path() / "empty/inner/file"), "new");
}

TEST_F(Folders, ThatHoldSomethingAreLeftAlone) {
  folder_.write("full/file", "old");
  folder_.write("file", "old");
  for (const char* name : {"full", "file"}) {
    test::expect_error([&] { write_folder_atomic(folder_.path() / name, fill); }, "new or empty",
                       ErrorKind::usage);
  }
  EXPECT_EQ(read_file(folder_.path() / "full/file"), "old");
  EXPECT_EQ(read_file(folder_.path() / "file"), "old");
}

}  // namespace
}  // namespace vistas
