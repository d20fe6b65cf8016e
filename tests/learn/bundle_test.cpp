#include "vistas/learn/bundle.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "support/errors.h"

namespace vistas::learn {
namespace {

namespace fs = std::filesystem;

class Bundles : public testing::Test {
 protected:
  Bundles() : folder_(fs::temp_directory_path() / ("vistas-bundles-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Bundles() override { fs::remove_all(folder_); }
  fs::path write(const std::string& name, const std::string& content) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    return path.parent_path();
  }
  fs::path folder_;
};

TEST_F(Bundles, AFolderIsKnownByItsFiles) {
  EXPECT_EQ(modality_of(find_bundle(write("a/encoder.json", "{\"encoder\": {}}"))),
            Modality::image);
  EXPECT_EQ(modality_of(write("b/encoder.json", "{\"modality\": \"image\"}")), Modality::image);
  EXPECT_EQ(modality_of(write("c/encoder.json", "{\"modality\": \"text\"}")), Modality::text);
  EXPECT_EQ(modality_of(find_bundle(write("d/config.json", "{}"))), Modality::text);
  EXPECT_EQ(modality_of(find_bundle(write("e/modules.json", "[]"))), Modality::text);
}

TEST_F(Bundles, ARunGivesItsBestOrLastCheckpoint) {
  const fs::path run = write("run/config.toml", "");
  write("run/checkpoints/step-1/encoder.json", "{}");
  write("run/checkpoints/step-1/progress.json", "{}");
  fs::create_symlink("step-1", run / "checkpoints/last");
  EXPECT_TRUE(fs::equivalent(find_bundle(run), run / "checkpoints/step-1"));
  write("run/checkpoints/step-2/encoder.json", "{}");
  write("run/checkpoints/step-2/progress.json", "{}");
  fs::create_symlink("step-2", run / "checkpoints/best");
  EXPECT_TRUE(fs::equivalent(find_bundle(run), run / "checkpoints/step-2"));
}

TEST_F(Bundles, WhatIsNoEncoder) {
  test::expect_error([&] { find_bundle(folder_ / "nowhere"); }, "nothing there");
  test::expect_error([&] { find_bundle(folder_); }, "none of encoder.json");
  test::expect_error([&] { modality_of(write("f/encoder.json", "{\"modality\": \"sound\"}")); },
                     "got sound");
  test::expect_error([&] { modality_of(write("g/encoder.json", "{\"modality\": 1}")); },
                     "image, text, interactions, boxes or masks");
}

}  // namespace
}  // namespace vistas::learn
