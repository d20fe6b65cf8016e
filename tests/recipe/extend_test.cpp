// Encoders and methods that another project adds to the tables.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vistas/base/error.h"
#include "vistas/methods/simclr.h"
#include "vistas/recipe/image_config.h"
#include "vistas/vision/encoders/conv4.h"

namespace vistas::recipe {
namespace {

std::shared_ptr<vision::ImageEncoder> make_narrow(const vision::EncoderOptions& options,
                                                  uint64_t seed) {
  return std::make_shared<vision::Conv4>(
      vision::Conv4Shape{.channels = options.channels, .width = 3, .image_size = 16}, seed);
}

struct WarmOptions : methods::SimClrOptions {
  WarmOptions() { loss.temperature = 0.75; }
};

MethodEntry warm() {
  MethodEntry entry = methods().front();
  entry.name = "warm";
  entry.choose = Choice<methods::SimClr, WarmOptions>::make;
  return entry;
}

TEST(Extend, AddedEncoderIsBuiltByName) {
  const size_t before = vision::encoder_table().size();
  vision::add_encoder({.name = "narrow", .help = "for this test", .make = make_narrow});
  EXPECT_EQ(vision::encoder_table().size(), before + 1);
  const ImageConfig config(parse_toml("encoder = {name = \"narrow\", channels = 1}", "test"));
  const auto encoder = vision::make_encoder(config.encoder, 1);
  EXPECT_EQ(encoder->dim(), 3);
  EXPECT_EQ(encoder->forward(at::zeros({2, 1, 16, 16})).sizes(), at::IntArrayRef({2, 3}));
  EXPECT_THROW(vision::add_encoder({.name = "narrow", .help = "once more", .make = make_narrow}),
               Error);
  EXPECT_EQ(vision::encoder_table().size(), before + 1);
}

TEST(Extend, AddedMethodIsConfiguredByName) {
  const size_t before = methods().size();
  const Value recipe = parse_toml("method = {name = \"warm\", projector.out = 8}", "test");
  EXPECT_THROW(ImageConfig{recipe}, Error);
  add_method(warm());
  EXPECT_EQ(methods().size(), before + 1);
  const std::string text = ImageConfig(recipe).to_toml();
  EXPECT_NE(text.find("name = \"warm\""), std::string::npos) << text;
  EXPECT_NE(text.find("temperature = 0.75"), std::string::npos) << text;
  EXPECT_NE(text.find("out = 8"), std::string::npos) << text;
  EXPECT_THROW(add_method(warm()), Error);
  EXPECT_THROW(add_method(methods().front()), Error);
  EXPECT_EQ(methods().size(), before + 1);
}

}  // namespace
}  // namespace vistas::recipe
