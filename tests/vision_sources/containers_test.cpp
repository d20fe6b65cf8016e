// IDX, tar shards, packed files and the cache.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "support/container_files.h"
#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/threads.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/pack.h"
#include "vistas/vision/sources/parsers.h"
#include "vistas/vision/sources/shrink.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

Image read_all(const ImageSource& source, int64_t i) {
  Image storage;
  Box got;
  const ImageView view = source.read(i, nullptr, storage, got);
  Image copy(view.height, view.width, view.channels, view.type);
  for (int y = 0; y < view.height; ++y) {
    std::copy_n(view.row<std::byte>(y), copy.row_bytes(), copy.row<std::byte>(y));
  }
  return copy;
}

void expect_same(const ImageSource& a, const ImageSource& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(a.class_names(), b.class_names());
  for (int64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.name(i), b.name(i));
    EXPECT_EQ(a.label(i), b.label(i));
    EXPECT_TRUE(same_pixels(read_all(a, i).view(), read_all(b, i).view())) << a.name(i);
  }
}

// ---- IDX ----

std::string gzipped(const std::string& text) {
  const TempFolder folder;
  const fs::path path = folder.path() / "x.gz";
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return read_file(path);
}

TEST(Idx, FolderPlainAndCompressed) {
  const TempFolder folder;
  folder.write("train-images-idx3-ubyte.gz", gzipped(idx_file({3, 2, 2}, "abcdefghijkl")));
  folder.write("train-labels-idx1-ubyte.gz", gzipped(idx_file({3}, std::string("\2\0\1", 3))));
  folder.write("t10k-images-idx3-ubyte", idx_file({1, 2, 2}, "mnop"));
  folder.write("t10k-images-idx3-ubyte.gz", "an unused copy");
  folder.write("t10k-labels-idx1-ubyte", idx_file({1}, std::string("\1", 1)));
  EXPECT_EQ(splits_of(folder.path()), (Names{"train", "test"}));
  const auto train = open_source(folder.path());
  ASSERT_EQ(train->size(), 3);
  EXPECT_EQ(train->class_names(), (Names{"0", "1", "2"}));
  EXPECT_EQ(train->label(0), 2);
  EXPECT_EQ(train->name(2), "train-images-idx3-ubyte.gz#2");
  const Image image = read_all(*train, 1);
  EXPECT_EQ(image.channels(), 1);
  EXPECT_EQ(image.row<uint8_t>(1)[1], 'h');
  const auto test = open_source(folder.path(), {.split = "test"});
  EXPECT_EQ(read_all(*test, 0).row<uint8_t>(0)[0], 'm');
  const auto rgb = open_source(folder.path() / "t10k-images-idx3-ubyte", {.channels = "rgb"});
  EXPECT_EQ(rgb->info(0).channels, 3);
  EXPECT_EQ(read_all(*rgb, 0).row<uint8_t>(0)[5], 'n');
}

TEST(Idx, WithoutLabelsAndBroken) {
  const TempFolder folder;
  const auto path = folder.write("my-images-idx3-ubyte", idx_file({1, 1, 2}, "ab"));
  EXPECT_FALSE(open_source(path)->labelled());
  folder.write("my-labels-idx1-ubyte", idx_file({2}, "ab"));
  EXPECT_NE(error_of([&] { open_source(path); }).find("one for each image"), std::string::npos);
  fs::remove(folder.path() / "my-labels-idx1-ubyte");
  const std::string whole = read_file(path), zipped = gzipped(whole);
  for (size_t n = 0; n < whole.size(); ++n) {
    folder.write("my-images-idx3-ubyte", whole.substr(0, n));
    EXPECT_NE(error_of([&] { open_source(path); }), "") << n;
  }
  for (size_t n = 0; n < zipped.size(); ++n) {
    folder.write("my-images-idx3-ubyte", zipped.substr(0, n));
    EXPECT_NE(error_of([&] { open_source(path); }), "") << n;
  }
  const std::string huge = idx_file({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "");
  EXPECT_NE(error_of([&] { parse_idx(bytes_of(huge), "x"); }), "");
}

// ---- tar ----

std::string png(int seed) {
  return encode_png(test_picture(6, 7, 3, static_cast<uint64_t>(seed)).view());
}

TEST(Tar, PicturesAndLabelsAreGroupedByKey) {
  const TempFolder folder;
  const auto path = folder.write("data.tar", tar_file({{"a/001.cls", "2\n"},
                                                       {"a/001.png", png(1)},
                                                       {"a/001.json", "{}"},
                                                       {"b/", "", '5'},
                                                       {"b/x.y.png", png(2)},
                                                       {"b/x.cls", "0"},
                                                       {"link.png", "", '2'},
                                                       {"002.seg.png", png(3)},
                                                       {"002.png", png(4)},
                                                       {"003.cls", "1"}}));
  const auto source = open_source(path);
  ASSERT_EQ(source->size(), 3);
  EXPECT_EQ(source->name(0), "a/001.png");
  EXPECT_EQ(source->name(1), "b/x.y.png");
  EXPECT_EQ(source->name(2), "002.png");
  EXPECT_EQ(source->label(0), 2);
  EXPECT_EQ(source->label(1), 0);
  EXPECT_EQ(source->label(2), -1);
  EXPECT_EQ(source->class_names(), (Names{"0", "1", "2"}));
  EXPECT_TRUE(same_pixels(read_all(*source, 2).view(), test_picture(6, 7, 3, 4).view()));
}

TEST(Tar, TextLabelsAreClassNames) {
  const TempFolder folder;
  const auto source = open_source(folder.write(
      "t.tar",
      tar_file({{"1.png", png(1)}, {"1.cls", "tree"}, {"2.png", png(2)}, {"2.cls", "12"}})));
  EXPECT_EQ(source->class_names(), (Names{"12", "tree"}));
  EXPECT_EQ(source->label(0), 1);
}

TEST(Tar, ABadPictureIsNamedWithItsArchive) {
  const TempFolder folder;
  const fs::path path = folder.write("t.tar", tar_file({{"sub/1.png", png(1).substr(0, 40)}}));
  const std::string error = error_of([&] { read_all(*open_source(path), 0); });
  EXPECT_TRUE(error.starts_with(path.string() + ": sub/1.png: ")) << error;
}

TEST(Tar, ShardsByBracesAndByFolder) {
  const TempFolder folder;
  for (int s = 0; s < 3; ++s) {
    folder.write(fmt::format("s-{:02}.tar", s), tar_file({{fmt::format("{}.png", s), png(s)}}));
  }
  const auto all = open_source(folder.path());
  const auto braces = open_source(folder.path() / "s-{01..02}.tar");
  EXPECT_EQ(all->size(), 3);
  ASSERT_EQ(braces->size(), 2);
  EXPECT_EQ(braces->name(0), "s-01.tar/1.png");
  EXPECT_TRUE(same_pixels(read_all(*braces, 1).view(), test_picture(6, 7, 3, 2).view()));
  const std::string missing = error_of([&] { open_source(folder.path() / "s-{02..03}.tar"); });
  EXPECT_NE(missing.find("s-03.tar"), missing.npos) << missing;
}

TEST(Tar, SplitFoldersMayHoldShards) {
  const TempFolder folder;
  folder.write("train/a.tar", tar_file({{"1.png", png(1)}, {"2.png", png(2)}}));
  folder.write("val/a.tar", tar_file({{"3.png", png(3)}}));
  EXPECT_EQ(open_source(folder.path())->size(), 2);
  EXPECT_EQ(open_source(folder.path(), {.split = "val"})->size(), 1);
}

TEST(Tar, LongNamesDuplicatesAndNamesThatPointElsewhere) {
  const std::string long_name = std::string(150, 'n') + ".png";
  const std::string pax_name = "p/\xC3\xBC ber lang.png";
  const std::string file =
      tar_file({{"././@LongLink", long_name + '\0', 'L'},
                {"cut", "1"},
                {"pax", fmt::format("{} path={}\n", 9 + pax_name.size(), pax_name), 'x'},
                {"cut", "2"},
                {"../../etc/./evil.png", "3"},
                {"/root.png", "4"},
                {"cut", "5"},
                {"cut", "6"}});
  const auto members = parse_tar(bytes_of(file), "t.tar");
  Names names;
  for (const TarMember& m : members) names.push_back(m.name);
  EXPECT_EQ(names, (Names{long_name, pax_name, "etc/evil.png", "root.png", "cut"}));
  EXPECT_EQ(members[4].content[0], std::byte{'6'});
}

TEST(Tar, BrokenHeadersAndTruncation) {
  const std::string good = tar_file({{"1.png", png(1)}, {"2.png", png(2)}});
  std::string bad = good;
  bad[3] = 'x';
  const std::string error = error_of([&] { parse_tar(bytes_of(bad), "t.tar"); });
  EXPECT_NE(error.find("t.tar"), error.npos) << error;
  EXPECT_NE(error.find("broken header at byte 0"), error.npos) << error;
  const size_t second = 512 + (png(1).size() + 511) / 512 * 512;
  EXPECT_NE(error_of([&] { parse_tar(bytes_of(good.substr(0, second + 600)), "t"); }), "");
  EXPECT_EQ(parse_tar(bytes_of(good.substr(0, second)), "t").size(), 1u);
  EXPECT_TRUE(parse_tar(bytes_of(std::string()), "t").empty());
}

// ---- packed files and cache ----

class Packing : public ::testing::Test {
 protected:
  Packing() {
    for (int i = 0; i < 40; ++i) {
      const Image image = test_picture(20 + i, 30, 3, static_cast<uint64_t>(i));
      folder_.write(fmt::format("in/class {}/{:02}.png", i % 3, i), encode_png(image.view()));
    }
    source_ = open_source(folder_.path() / "in");
    packed_ = folder_.path() / "all.vpack";
  }

  TempFolder folder_;
  std::shared_ptr<const ImageSource> source_;
  fs::path packed_;
};

TEST_F(Packing, RawKeepsEveryPixelNameAndLabel) {
  const PackResult result = pack_source(*source_, packed_, {.threads = 3});
  EXPECT_EQ(result.pictures, 40);
  EXPECT_EQ(result.bytes, static_cast<int64_t>(fs::file_size(packed_)));
  EXPECT_FALSE(fs::exists(packed_.string() + ".tmp"));
  expect_same(*open_source(packed_), *source_);
  const auto grey = open_source(packed_, {.channels = "grey"});
  expect_same(*grey, *open_source(folder_.path() / "in", {.channels = "grey"}));
  EXPECT_EQ(grey->info(3).channels, 1);
}

TEST_F(Packing, OtherPixelTypesStay) {
  Image deep(3, 4, 2, PixelType::u16);
  for (int i = 0; i < 24; ++i) deep.row<uint16_t>(0)[i] = static_cast<uint16_t>(i * 2000);
  const auto path = folder_.write("deep/a.png", encode_png(deep.view()));
  const SourceOptions keep{.channels = "keep"};
  const auto deep_source = open_source(path, keep);
  pack_source(*deep_source, packed_);
  expect_same(*open_source(packed_, keep), *deep_source);
}

TEST_F(Packing, SmallerAndAsJpeg) {
  pack_source(*source_, packed_, {.max_side = 24, .quality = 90});
  const auto packed = open_source(packed_);
  ASSERT_EQ(packed->size(), 40);
  EXPECT_EQ(packed->info(0).format, PictureFormat::jpeg);
  for (int64_t i = 0; i < 40; ++i) {
    const PictureInfo big = source_->info(i), small = packed->info(i);
    const double scale = 24.0 / std::max(big.height, big.width);
    EXPECT_NEAR(small.height, big.height * scale, 0.5001);
    EXPECT_NEAR(small.width, big.width * scale, 0.5001);
  }
}

TEST_F(Packing, BadPicturesAreLeftOutOrFail) {
  folder_.write("in/class 0/bad.png", "");
  const auto source = open_source(folder_.path() / "in");
  const PackResult result = pack_source(*source, packed_);
  EXPECT_EQ(result.pictures, 40);
  EXPECT_EQ(result.bad.count, 1);
  EXPECT_NE(result.bad.first[0].find("class 0/bad.png"), std::string::npos);
  fs::remove(packed_);
  EXPECT_NE(error_of([&] { pack_source(*source, packed_, {}, "fail"); }), "");
  EXPECT_FALSE(fs::exists(packed_));
  EXPECT_FALSE(fs::exists(packed_.string() + ".tmp"));
}

TEST_F(Packing, TruncatedAtAnyLength) {
  pack_source(*subset(source_, {0, 1, 2}), packed_);
  const std::string whole = read_file(packed_);
  for (size_t n = 0; n < whole.size(); ++n) {
    ASSERT_NE(error_of([&] { parse_pack(bytes_of(whole).first(n), "p"); }), "") << n;
  }
  folder_.write("cut.vpack", whole.substr(0, whole.size() / 2));
  const std::string error = error_of([&] { open_source(folder_.path() / "cut.vpack"); });
  EXPECT_NE(error.find("cut.vpack"), error.npos) << error;
}

TEST_F(Packing, FullDiskLeavesNothingBehind) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  fs::create_symlink("/dev/full", packed_.string() + ".tmp");
  try {
    pack_source(*source_, packed_);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::resource) << e.what();
  }
  EXPECT_FALSE(fs::exists(packed_));
}

TEST_F(Packing, CacheGivesTheSamePixelsFromMemory) {
  const auto cache = cached(source_, 1);
  expect_same(*cache, *source_);
  fs::remove_all(folder_.path() / "in");  // all is in memory now
  Image storage;
  Box got;
  EXPECT_EQ(cache->read(5, nullptr, storage, got).height, got.height);
  EXPECT_EQ(storage.height(), 0);
  EXPECT_NE(error_of([&] { read_all(*source_, 5); }), "");
}

TEST_F(Packing, CacheStopsAtItsBudgetAndServesThreads) {
  // A budget of 0 MB holds nothing, one of 1 MB everything; either way the pixels are the same.
  for (const int64_t megabytes : {0, 1}) {
    const auto cache = cached(source_, megabytes);
    std::atomic<int> wrong{0};
    parallel_for(400, 4, [&](int64_t k, int) {
      const int64_t i = k % 40;
      wrong += !same_pixels(read_all(*cache, i).view(), read_all(*source_, i).view());
    });
    EXPECT_EQ(wrong, 0);
  }
}

TEST_F(Packing, EverySourceAsksForTheBoxOnce) {
  pack_source(*source_, packed_);
  const std::shared_ptr<const ImageSource> packed = open_source(packed_),
                                           cache = cached(source_, 1);
  for (const auto& source : {source_, packed, cache, cache}) {
    int calls = 0;
    PictureInfo seen;
    const ChooseBox choose = [&](const PictureInfo& info) {
      ++calls;
      seen = info;
      return Box{1, 2, 3, 4};
    };
    Image storage;
    Box got;
    const ImageView view = source->read_part(7, choose, storage, got);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(seen.height, source_->info(7).height);
    EXPECT_LE(got.top, 1);
    EXPECT_GE(got.top + got.height, 4);
    EXPECT_TRUE(same_pixels(view, read_all(*source_, 7).view().crop(got)));
  }
}

TEST(Shrink, ConstantStaysAndHalvingAverages) {
  Image image(8, 8, 1);
  std::fill_n(image.row<uint8_t>(0), 64, uint8_t{77});
  Image out;
  shrink(image.view(), 3, 5, out);
  for (int i = 0; i < 15; ++i) EXPECT_EQ(out.row<uint8_t>(0)[i], 77);
  Image ramp(1, 8, 1, PixelType::f32);
  for (int x = 0; x < 8; ++x) ramp.row<float>(0)[x] = static_cast<float>(x);
  shrink(ramp.view(), 1, 4, out);
  // Weights 1 3 3 1 over 8 inside the row, as PIL's reducing bilinear filter has them.
  EXPECT_NEAR(out.row<float>(0)[1], (1 * 1 + 3 * 2 + 3 * 3 + 1 * 4) / 8.0, 1e-6);
  EXPECT_NEAR(out.row<float>(0)[0], (3 * 0 + 3 * 1 + 1 * 2) / 7.0, 1e-6);
}

}  // namespace
}  // namespace vistas::vision
