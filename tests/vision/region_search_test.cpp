#include "vistas/vision/tasks/region_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

using Colour = std::array<uint8_t, 3>;

// A grey picture of 64 x 96 with a square of 24 pixels.
Image with_square(int top, int left, const Colour& colour) {
  Image image(64, 96, 3);
  std::fill_n(image.row<uint8_t>(0), image.size_bytes(), uint8_t{128});
  for (int y = top; y < top + 24; ++y) {
    for (int x = left; x < left + 24; ++x) {
      std::copy(colour.begin(), colour.end(), image.row<uint8_t>(y) + 3 * x);
    }
  }
  return image;
}

class Pictures : public ImageSource {
 public:
  explicit Pictures(std::vector<Image> images) : images_(std::move(images)) {}
  int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  std::string name(int64_t i) const override { return std::to_string(i); }
  int64_t label(int64_t) const override { return -1; }
  int64_t stored_bytes(int64_t) const override { return 1; }
  PictureInfo info(int64_t i) const override {
    const Image& image = images_[static_cast<size_t>(i)];
    return {image.height(), image.width(), image.channels(), image.type()};
  }
  ImageView read_part(int64_t i, const ChooseBox& choose, Image&, Box& got) const override {
    if (choose) choose(info(i));
    got = info(i).whole();
    return images_[static_cast<size_t>(i)].view();
  }

 private:
  std::vector<Image> images_;
};

constexpr Colour kRed = {255, 0, 0}, kGreen = {0, 255, 0};

Bundle small_bundle(const std::string& name = "resnet18") {
  Bundle bundle;
  bundle.options.name = name;
  bundle.options.channels = 3;
  bundle.options.width = 16;
  bundle.options.stem = Stem::cifar;
  bundle.options.image_size = 32;
  bundle.encoder = make_encoder(bundle.options, 1);
  bundle.encoder->eval();
  bundle.preprocess = builtin_recipe("eval", {});
  return bundle;
}

std::shared_ptr<const ImageSource> query() {
  std::vector<Image> one;
  one.push_back(with_square(16, 16, kRed));
  return std::make_shared<Pictures>(std::move(one));
}

TEST(RegionSearch, FindsThePictureAndThePlace) {
  std::vector<Image> images;
  images.push_back(with_square(16, 16, {128, 128, 128}));
  images.push_back(with_square(32, 64, kRed));
  images.push_back(with_square(16, 16, kGreen));
  const auto bank = std::make_shared<Pictures>(std::move(images));
  const auto found = search_region(small_bundle(), query(), {16, 16, 24, 24}, bank, 2, 96, {});
  ASSERT_EQ(found.hits.size(), 2u);
  const RegionHit& best = found.hits.front();
  EXPECT_EQ(best.sample, 1);
  EXPECT_GT(best.score, found.hits[1].score);
  EXPECT_LE(best.score, 1 + 1e-5);
  // Its place is within the red square.
  EXPECT_GE(best.best.left + best.best.width / 2, 64);
  EXPECT_GE(best.best.top + best.best.height / 2, 32);
  // Cells of 8 pixels over the whole picture, none over what fills the view.
  EXPECT_EQ(best.heat.height, 8);
  EXPECT_EQ(best.heat.width, 12);
  EXPECT_FLOAT_EQ(static_cast<float>(best.score),
                  *std::max_element(best.heat.values.begin(), best.heat.values.end()));
}

TEST(RegionSearch, ThePictureItselfIsTheBest) {
  const auto found = search_region(small_bundle(), query(), {16, 16, 8, 8}, query(), 5, 96, {});
  ASSERT_EQ(found.hits.size(), 1u);
  // The region is one cell, whose features are its own.
  EXPECT_NEAR(found.hits[0].score, 1, 0.01);
  EXPECT_EQ(found.hits[0].best, (Box{16, 16, 8, 8}));
}

TEST(RegionSearch, RefusesARegionOutsideAndAnEncoderWithoutAMap) {
  EXPECT_THROW(search_region(small_bundle(), query(), {50, 80, 24, 24}, query(), 1, 96, {}), Error);
  EXPECT_THROW(search_region(small_bundle(), query(), {0, 0, 0, 4}, query(), 1, 96, {}), Error);
  EXPECT_THROW(search_region(small_bundle("conv4"), query(), {0, 0, 8, 8}, query(), 1, 96, {}),
               Error);
}

}  // namespace
}  // namespace vistas::vision
