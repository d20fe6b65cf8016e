#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/base/threads.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/sources/source.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

std::string png(int seed = 0, int channels = 3) {
  return encode_png(test_picture(9, 12, channels, static_cast<uint64_t>(seed)).view());
}

std::vector<std::string> names_of(const ImageSource& source) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < source.size(); ++i) names.push_back(source.name(i));
  return names;
}

std::vector<int64_t> labels_of(const ImageSource& source) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < source.size(); ++i) labels.push_back(source.label(i));
  return labels;
}

using Names = std::vector<std::string>;
using Labels = std::vector<int64_t>;

TEST(Folder, ClassFoldersSortedByBytes) {
  const TempFolder folder;
  for (const char* name : {"zebra/2.png", "zebra/10.png", "Ape/x.JPG.png", "\xC3\xA9lan/a b.png",
                           "cat/deep/er/c.png", "cat/deep-er/d.png", "cat/b.png", "cat/notes.txt",
                           "cat/.hidden.png", ".git/e.png", "empty/readme.md"}) {
    folder.write(name, png());
  }
  const auto source = open_source(folder.path());
  EXPECT_EQ(source->class_names(), (Names{"Ape", "cat", "zebra", "\xC3\xA9lan"}));
  EXPECT_EQ(names_of(*source),
            (Names{"Ape/x.JPG.png", "cat/b.png", "cat/deep-er/d.png", "cat/deep/er/c.png",
                   "zebra/10.png", "zebra/2.png", "\xC3\xA9lan/a b.png"}));
  EXPECT_EQ(labels_of(*source), (Labels{0, 1, 1, 1, 2, 2, 3}));
  EXPECT_EQ(source->where(), folder.path().string());
}

TEST(Folder, PicturesBesideFoldersMeanNoLabels) {
  const TempFolder folder;
  for (const char* name : {"b.png", "a/x.png", "c d/y z.png"}) folder.write(name, png());
  const auto source = open_source(folder.path());
  EXPECT_FALSE(source->labelled());
  EXPECT_EQ(names_of(*source), (Names{"b.png", "a/x.png", "c d/y z.png"}));
  EXPECT_EQ(labels_of(*source), (Labels{-1, -1, -1}));
  const std::string error = error_of([&] { require_labels(*source, "the linear probe"); });
  EXPECT_NE(error.find("the linear probe needs labels"), error.npos) << error;
}

TEST(Folder, LinksAreFollowedButNotInCircles) {
  const TempFolder folder, elsewhere;
  elsewhere.write("far/f.png", png());
  folder.write("a/x.png", png());
  fs::create_directory_symlink(folder.path(), folder.path() / "a" / "loop");
  fs::create_directory_symlink(elsewhere.path() / "far", folder.path() / "linked");
  fs::create_symlink(elsewhere.path() / "far/f.png", folder.path() / "a" / "one.png");
  fs::create_symlink(elsewhere.path() / "nothing.png", folder.path() / "a" / "dangling.png");
  const auto source = open_source(folder.path());
  EXPECT_EQ(source->class_names(), (Names{"a", "linked"}));
  const Names names = names_of(*source);
  EXPECT_EQ(std::count(names.begin(), names.end(), "a/one.png"), 1);
  EXPECT_EQ(std::count(names.begin(), names.end(), "linked/f.png"), 1);
  // A link to nothing is a picture that cannot be read: counted and named, not left out silently.
  const auto dangling = std::find(names.begin(), names.end(), "a/dangling.png");
  ASSERT_NE(dangling, names.end());
  Image storage;
  Box part;
  EXPECT_THROW(source->read(dangling - names.begin(), nullptr, storage, part), Error);
}

TEST(Folder, SplitsAreNeverClassesAndShareTheirLabels) {
  const TempFolder folder;
  for (const char* name :
       {"train/cat/1.png", "train/ant/2.png", "val/dog/3.png", "val/cat/4.png", "cover.png"}) {
    folder.write(name, png());
  }
  EXPECT_EQ(splits_of(folder.path()), (Names{"train", "val"}));
  const auto train = open_source(folder.path());
  const auto val = open_source(folder.path(), {.split = "val"});
  const Names classes{"ant", "cat", "dog"};
  EXPECT_EQ(train->class_names(), classes);
  EXPECT_EQ(val->class_names(), classes);
  EXPECT_EQ(names_of(*train), (Names{"ant/2.png", "cat/1.png"}));
  EXPECT_TRUE(fs::exists(fs::path(train->where()) / train->name(0)));
  EXPECT_EQ(labels_of(*val), (Labels{1, 2}));
  try {
    open_source(folder.path(), {.split = "test"});
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("train, val"), std::string::npos) << e.what();
  }
}

TEST(Folder, TrainAloneIsAClass) {
  const TempFolder folder;
  folder.write("train/1.png", png());
  folder.write("plane/1.png", png());
  EXPECT_EQ(open_source(folder.path())->class_names(), (Names{"plane", "train"}));
  EXPECT_TRUE(splits_of(folder.path()).empty());
}

TEST(Folder, WithoutPicturesIsADataError) {
  const TempFolder folder;
  const auto kind_of = [&](const fs::path& path) {
    try {
      open_source(path);
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos) << e.what();
      return e.exit_code();
    }
    return 0;
  };
  EXPECT_EQ(kind_of(folder.path()), 3);
  EXPECT_EQ(kind_of(folder.write("sub/a.txt", "text").parent_path()), 3);
  EXPECT_EQ(kind_of(folder.path() / "absent"), 3);
  EXPECT_EQ(kind_of(folder.write("archive.zip", "PK")), 3);
  EXPECT_EQ(kind_of("/dev/null"), 3);
  if (::geteuid() != 0) {
    fs::permissions(folder.path() / "sub", fs::perms::none);
    EXPECT_EQ(kind_of(folder.path() / "sub"), 3);
  }
}

TEST(Folder, AutoChannelsMakeAllPicturesAlike) {
  const TempFolder mixed, grey;
  mixed.write("a.png", png(1, 1));
  mixed.write("b.png", png(2, 3));
  mixed.write("c.png", png(3, 4));
  grey.write("a.png", png(1, 1));
  grey.write("b.png", png(2, 2));
  for (int64_t i = 0; i < 3; ++i) {
    Image storage;
    Box got;
    EXPECT_EQ(open_source(mixed.path())->read(i, nullptr, storage, got).channels, 3);
    EXPECT_EQ(open_source(mixed.path())->info(i).channels, 3);
  }
  EXPECT_EQ(open_source(grey.path())->info(1).channels, 1);
  EXPECT_EQ(open_source(mixed.path(), {.channels = "keep"})->info(2).channels, 4);
  EXPECT_EQ(open_source(grey.path(), {.channels = "rgb"})->info(0).channels, 3);
}

TEST(Folder, TypeIsToldByContent) {
  const TempFolder folder;
  folder.write("a.png", jpeg_file(test_picture(9, 12, 3)));
  EXPECT_EQ(open_source(folder.path())->info(0).format, PictureFormat::jpeg);
}

TEST(List, PathsAreRelativeToTheFile) {
  const TempFolder folder;
  folder.write("pics/a b.png", png());
  const fs::path absolute = folder.write("other/\xC3\xBC.png", png());
  const fs::path list =
      folder.write("lists/some.txt", "../pics/a b.png\r\n\n" + absolute.string() + "\n");
  const auto source = open_source(list);
  EXPECT_EQ(names_of(*source), (Names{"../pics/a b.png", absolute.string()}));
  EXPECT_EQ(source->info(0).width, 12);
  EXPECT_EQ(source->info(1).width, 12);
  EXPECT_FALSE(source->labelled());
}

TEST(List, ClassAfterATab) {
  const TempFolder folder;
  folder.write("x.png", png());
  const auto source = open_source(folder.write("l.txt", "x.png\tsea\nx.png\tair\n"));
  EXPECT_EQ(source->class_names(), (Names{"air", "sea"}));
  EXPECT_EQ(labels_of(*source), (Labels{1, 0}));
}

TEST(List, ErrorsNameTheLine) {
  const TempFolder folder;
  folder.write("x.png", png());
  folder.write("bad.png", "GIF89a, not really");
  const fs::path mixed = folder.write("mixed.txt", "x.png\tsea\n\nx.png\n");
  EXPECT_NE(error_of([&] { open_source(mixed); }).find(mixed.string() + ":3: "), std::string::npos);
  const fs::path list = folder.write("list.txt", "x.png\n\nabsent.png\nbad.png\n");
  const auto source = open_source(list);
  EXPECT_EQ(source->name(2), "bad.png");
  Image storage;
  Box got;
  for (const auto& [sample, line, file] :
       {std::tuple(1, ":3: ", "absent.png: cannot open: No such"),
        std::tuple(2, ":4: ", "bad.png: not a picture: got")}) {
    const std::string start = list.string() + line + (folder.path() / file).string();
    const auto expect_start = [&](const std::string& error) {
      EXPECT_TRUE(error.starts_with(start)) << error << "\n" << start;
    };
    expect_start(error_of([&, i = sample] { source->info(i); }));
    expect_start(error_of([&, i = sample] { source->read(i, nullptr, storage, got); }));
  }
}

TEST(Picture, OnePictureIsASource) {
  const TempFolder folder;
  const auto source = open_source(folder.write("one.png", png()));
  EXPECT_EQ(names_of(*source), Names{"one.png"});
}

TEST(Subset, ShowsChosenSamples) {
  const TempFolder folder;
  for (const char* name : {"a/1.png", "a/2.png", "b/3.png"}) folder.write(name, png());
  const std::shared_ptr<const ImageSource> all = open_source(folder.path());
  const auto some = subset(all, {2, 0});
  EXPECT_EQ(names_of(*some), (Names{"b/3.png", "a/1.png"}));
  EXPECT_EQ(labels_of(*some), (Labels{1, 0}));
  EXPECT_EQ(some->class_names(), all->class_names());
  EXPECT_NE(error_of([&] { subset(all, {3}); }), "");
}

TEST(Fingerprint, DependsOnNamesSizesAndLabels) {
  const TempFolder folder;
  folder.write("a/1.png", png(1));
  folder.write("b/2.png", png(2));
  const uint64_t first = fingerprint(*open_source(folder.path()));
  EXPECT_EQ(first, fingerprint(*open_source(folder.path())));
  fs::rename(folder.path() / "b/2.png", folder.path() / "b/3.png");
  const uint64_t renamed = fingerprint(*open_source(folder.path()));
  EXPECT_NE(first, renamed);
  folder.write("b/3.png", png(2) + "longer");
  EXPECT_NE(renamed, fingerprint(*open_source(folder.path())));
}

// Bad files: zero bytes, truncated, another type under a picture's name, gigantic.
class BadFiles : public ::testing::Test {
 protected:
  BadFiles() {
    const std::string good = jpeg_file(test_picture(32, 32, 3));
    for (int i = 0; i < 30; ++i) {
      std::string content = good;
      if (i % 10 == 3) content = "";
      if (i % 10 == 4) content = good.substr(0, good.size() / 2);
      if (i % 10 == 5) content = "GIF89a, not really";
      if (i % 10 == 6) content = "P6 200000 200000 255\n";
      if (i == 29) content = "";
      folder_.write(fmt::format("{:02}.jpg", i), content);
    }
    source_ = open_source(folder_.path());
  }

  static int64_t expected_index(int64_t i) {
    if (i == 29) return 0;
    return i % 10 >= 3 && i % 10 <= 6 ? i / 10 * 10 + 7 : i;
  }

  TempFolder folder_;
  std::shared_ptr<const ImageSource> source_;
};

TEST_F(BadFiles, SkipTakesTheNextGoodOneOnAnyNumberOfThreads) {
  const ChooseBox corner = [](const PictureInfo& info) {
    return Box{0, 0, info.height / 2, info.width / 2};
  };
  for (const ChooseBox& choose : {ChooseBox(), corner}) {
    for (const int threads : {1, 4}) {
      const SampleReader reader(source_, "skip");
      std::vector<int64_t> indices(30);
      parallel_for(30, threads, [&](int64_t i, int) {
        Image storage;
        indices[static_cast<size_t>(i)] = reader.read(i, choose, storage).index;
      });
      for (int64_t i = 0; i < 30; ++i) {
        EXPECT_EQ(indices[static_cast<size_t>(i)], expected_index(i));
      }
      const BadImages bad = reader.bad_images();
      EXPECT_EQ(bad.count, 13);
      ASSERT_EQ(bad.first.size(), 10u);
      EXPECT_NE(bad.first[0].find("03.jpg"), std::string::npos) << bad.first[0];
      EXPECT_NE(bad.first[9].find("24.jpg"), std::string::npos) << bad.first[9];
      EXPECT_EQ(bad.damaged, 0);
      EXPECT_NE(bad.summary().find("13 pictures could not be read"), std::string::npos);
    }
  }
}

TEST_F(BadFiles, FailNamesTheFile) {
  const SampleReader reader(source_, "fail");
  Image storage;
  EXPECT_EQ(reader.read(2, {}, storage).index, 2);
  const std::string error = error_of([&] { reader.read(4, {}, storage); });
  EXPECT_TRUE(error.starts_with((folder_.path() / "04.jpg: ").string())) << error;
  EXPECT_EQ(reader.bad_images().count, 0);
}

TEST(BadFolder, DamagedJpegFilesAreUsedAndNamed) {
  const TempFolder folder;
  std::string file = jpeg_file(test_picture(64, 64, 3), {.restart_rows = 1});
  folder.write("good.jpg", file);
  for (size_t i = file.size() / 2; i < file.size() / 2 + 40; ++i) file[i] = 0x55;
  folder.write("hurt.jpg", file);
  const SampleReader reader(open_source(folder.path()), "fail");
  Image storage;
  for (const int64_t i : {0, 1, 1}) EXPECT_EQ(reader.read(i, {}, storage).index, i);
  const BadImages bad = reader.bad_images();
  EXPECT_EQ(bad.count, 0);
  EXPECT_EQ(bad.damaged_names, Names{"hurt.jpg"});
  EXPECT_NE(bad.summary().find("1 picture with damaged places"), std::string::npos);
}

TEST(BadFolder, NothingButBadFilesIsAnError) {
  const TempFolder folder;
  for (int i = 0; i < 5; ++i) folder.write(std::to_string(i) + ".jpg", "");
  const SampleReader reader(open_source(folder.path()), "skip");
  Image storage;
  const std::string error = error_of([&] { reader.read(3, {}, storage); });
  EXPECT_NE(error.find("5 pictures in a row"), error.npos) << error;
}

}  // namespace
}  // namespace vistas::vision
