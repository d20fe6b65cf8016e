#include "vistas/vision/methods/detcon.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "vistas/base/error.h"
#include "vistas/vision/encoders/resnet.h"
#include "vistas/vision/tasks/picture_regions.h"

namespace vistas::vision {
namespace {

std::shared_ptr<ResNet> small_resnet() {
  return std::make_shared<ResNet>(
      ResNetShape{.blocks = {1, 1, 1, 1}, .stem = Stem::cifar, .channels = 3, .width = 8}, 1);
}

at::Tensor regions_of(const std::vector<uint8_t>& cells, int64_t rows, int64_t side) {
  return at::tensor(std::vector<int64_t>(cells.begin(), cells.end()))
      .to(at::kByte)
      .view({rows, side, side});
}

DetConOptions small_options() {
  DetConOptions options;
  options.regions = 3;
  options.projector.out = 8;
  return options;
}

TEST(DetCon, SharesAreThoseOfCellsOnAPlace) {
  // Left half region 0; of the lower right quarter one cell in four is region 2.
  const at::Tensor regions =
      regions_of({0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 2, 255, 0, 0, 255, 255}, 1, 4);
  const at::Tensor want =
      at::tensor({1.f, 0.f, 1.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.25f}).view({1, 3, 4});
  EXPECT_TRUE(at::equal(region_shares(regions, 3, 2, 2), want));
}

learn::Batch batch_of(const at::Tensor& regions) {
  at::manual_seed(3);
  learn::Batch batch;
  for (int v = 0; v < 2; ++v) {
    batch.views.push_back(
        {{{"pixels", at::randn({regions.size(0), 3, 32, 32})}, {"regions", regions}}});
  }
  return batch;
}

TEST(DetCon, EmbedsTheRegionsThatAreShown) {
  DetCon method(small_resnet(), small_options(), 1);
  at::Tensor regions = at::full({2, 8, 8}, 255, at::kByte);
  regions[0].slice(0, 0, 4).fill_(0);
  regions[0].slice(0, 4, 8).fill_(2);
  regions[1].slice(1, 0, 4).fill_(1);
  const learn::Batch batch = batch_of(regions);
  const auto z = method.embed(batch);
  ASSERT_EQ(z.live.size(), 2u);
  EXPECT_EQ(z.live[0].sizes(), (at::IntArrayRef{3, 8}));
  EXPECT_EQ(z.live[1].sizes(), z.live[0].sizes());
  const at::Tensor loss = method.loss(z, batch);
  EXPECT_NEAR(loss.item<double>(),
              contrast::nt_xent(z.live[0], z.live[1], small_options().loss).item<double>(), 1e-6);
  loss.backward();
  for (const auto& p : method.named_parameters())
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
}

TEST(DetCon, ARegionIsTheMeanOfItsPlaces) {
  DetConOptions options = small_options();
  options.projector.layers = 0;
  const auto encoder = small_resnet();
  DetCon method(encoder, options, 1);
  method.eval();
  at::Tensor regions = at::full({1, 8, 8}, 255, at::kByte);
  regions[0].slice(0, 0, 4).fill_(1);  // the upper half: the upper two rows of 4 x 4 places
  const learn::Batch batch = batch_of(regions);
  const at::Tensor map = encoder->map(batch.views[0].at("pixels"));
  EXPECT_TRUE(
      at::allclose(method.embed(batch).live[0][0], map[0].slice(1, 0, 2).mean({1, 2}), 1e-5, 1e-6));
}

TEST(DetCon, WithoutACommonRegionTheLossIsZero) {
  DetCon method(small_resnet(), small_options(), 1);
  method.eval();
  const learn::Batch batch = batch_of(at::full({2, 8, 8}, 255, at::kByte));
  const auto z = method.embed(batch);
  EXPECT_EQ(z.live[0].size(0), 0);
  EXPECT_EQ(method.loss(z, batch).item<double>(), 0);
}

// A source of one picture.
class OnePicture : public ImageSource {
 public:
  explicit OnePicture(Image image) : image_(std::move(image)) {}
  int64_t size() const override { return 1; }
  std::string name(int64_t) const override { return "a.png"; }
  int64_t label(int64_t) const override { return -1; }
  int64_t stored_bytes(int64_t) const override { return 1; }
  PictureInfo info(int64_t) const override {
    return {image_.height(), image_.width(), image_.channels(), image_.type()};
  }
  ImageView read_part(int64_t, const ChooseBox& choose, Image&, Box& got) const override {
    if (choose) choose(info(0));
    got = info(0).whole();
    return image_.view();
  }

 private:
  Image image_;
};

TEST(PictureRegions, ViewsShowTheRegionsThatTheySee) {
  // Red, green and blue thirds of 60 x 30 pixels.
  Image image(30, 60, 3);
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 60; ++x) {
      for (int c = 0; c < 3; ++c) image.row<uint8_t>(y)[3 * x + c] = c == x / 20 ? 255 : 0;
    }
  }
  PictureRegionOptions options;
  options.from = "felzenszwalb";
  options.found.sigma = 0;
  const PictureRegions regions(std::make_shared<OnePicture>(std::move(image)), options);
  // The first view shows red and green, the second, mirrored, green and blue.
  std::vector<uint8_t> a(64), b(64);
  const std::vector<RegionView> views = {
      {{.box = {0, 0, 30, 40}, .shown = {0, 0, 32, 32}}, {32, 32}, 8, 8, a.data()},
      {{.box = {0, 20, 30, 40}, .shown = {0, 0, 32, 32}, .hflip = true}, {32, 32}, 8, 8, b.data()}};
  regions.write(0, {30, 60}, {}, views);
  for (size_t y = 0; y < 8; ++y) {
    for (size_t x = 0; x < 8; ++x) {
      EXPECT_EQ(a[8 * y + x], x < 4 ? kNoRegion : 0);
      EXPECT_EQ(b[8 * y + x], x < 4 ? kNoRegion : 0);
    }
  }
}

TEST(PictureRegions, AtMostSoManyAreNumberedFromZeroInADrawnOrder) {
  Image image(40, 200, 3);
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 200; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.row<uint8_t>(y)[3 * x + c] = static_cast<uint8_t>((x / 20) >> c & 1 ? 255 : 0);
      }
    }
  }
  PictureRegionOptions options;
  options.from = "felzenszwalb";
  options.found.sigma = 0;
  options.found.scale = 50;
  options.most = 4;
  const PictureRegions regions(std::make_shared<OnePicture>(std::move(image)), options);
  std::vector<uint8_t> first(400), again(400), other(400);
  const auto write = [&](std::vector<uint8_t>& out, uint64_t epoch) {
    const std::vector<RegionView> views = {
        {{.box = {0, 0, 40, 200}, .shown = {0, 0, 40, 200}}, {40, 200}, 8, 50, out.data()}};
    regions.write(0, {40, 200}, {.seed = 1, .epoch = epoch}, views);
    std::set<uint8_t> numbers(out.begin(), out.end());
    EXPECT_EQ(numbers, (std::set<uint8_t>{0, 1, 2, 3, kNoRegion}));
  };
  write(first, 0);
  write(again, 0);
  write(other, 1);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(PictureRegions, NameThePictureWithoutAMask) {
  PictureRegionOptions options;
  options.from = "/nowhere";
  try {
    const PictureRegions regions(std::make_shared<OnePicture>(Image(4, 4, 3)), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a.png"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("/nowhere/a.png"), std::string::npos);
  }
}

}  // namespace
}  // namespace vistas::vision
