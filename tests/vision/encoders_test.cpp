#include "vistas/vision/encoders/encoders.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/encoders/vit.h"

namespace vistas::vision {
namespace {

EncoderOptions small(const std::string& name) {
  return {.name = name,
          .channels = 2,
          .width = 8,
          .stem = Stem::cifar,
          .image_size = 32,
          .patch = 8,
          .depth = 2};
}

TEST(Encoders, EveryEntryTrains) {
  for (const EncoderEntry& entry : encoder_table()) {
    SCOPED_TRACE(entry.name);
    const auto net = make_encoder(small(entry.name), 1);
    const at::Tensor features = net->forward(at::randn({3, 2, 32, 32}));
    EXPECT_EQ(features.sizes(), (std::vector<int64_t>{3, net->dim()}));
    features.square().sum().backward();
    for (const auto& item : net->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
    }
  }
}

TEST(Encoders, SeedDecidesTheInitialValues) {
  for (const EncoderEntry& entry : encoder_table()) {
    const auto a = learn::named_tensors(*make_encoder(small(entry.name), 1));
    const auto b = learn::named_tensors(*make_encoder(small(entry.name), 1));
    const auto c = learn::named_tensors(*make_encoder(small(entry.name), 2));
    bool differs = false;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(at::equal(a[i].second, b[i].second));
      differs = differs || !at::equal(a[i].second, c[i].second);
    }
    EXPECT_TRUE(differs);
  }
}

TEST(Encoders, ConvolutionsStartWithTheVarianceOfKaiming) {
  const auto net = make_encoder({.name = "resnet18", .channels = 3}, 1);
  const at::Tensor weight = net->named_parameters()["layer3.1.conv1.weight"];
  EXPECT_NEAR(weight.std().item<double>(), std::sqrt(2.0 / (256 * 9)), 1e-4);
  EXPECT_EQ(net->dim(), 512);
}

TEST(Encoders, MisuseIsNamed) {
  EXPECT_THROW(make_encoder({.name = "resnet19", .channels = 3}, 1), Error);
  EXPECT_THROW(make_encoder({.name = "vit_tiny", .channels = 3, .image_size = 30, .patch = 16}, 1),
               Error);
  EXPECT_THROW(make_encoder({.name = "resnet18"}, 1), Error);
  const auto net = make_encoder({.name = "resnet18", .channels = 3, .width = 8}, 1);
  EXPECT_THROW(net->forward(at::randn({2, 1, 32, 32})), Error);
  EXPECT_THROW(net->forward(at::zeros({2, 3, 32, 32}, at::kByte)), Error);
}

TEST(Encoders, WeightsAreLoadedByName) {
  const auto from = make_encoder(small("resnet18"), 1), to = make_encoder(small("resnet18"), 2);
  const TempFolder folder;
  const auto path = folder.path() / "weights.safetensors";
  auto values = learn::named_tensors(*from);
  std::reverse(values.begin(), values.end());
  learn::save_tensors(path, values);
  learn::load_into(TensorFile(path), "", learn::named_tensors(*to));
  const auto loaded = learn::named_tensors(*to);
  std::reverse(values.begin(), values.end());
  for (size_t i = 0; i < loaded.size(); ++i) {
    EXPECT_TRUE(at::equal(loaded[i].second, values[i].second)) << loaded[i].first;
  }
  const auto refused = [&] {
    return error_of([&] { learn::load_into(TensorFile(path), "", learn::named_tensors(*to)); });
  };
  values.front().second = at::zeros({3, 3});
  learn::save_tensors(path, values);
  EXPECT_NE(refused().find("'" + values.front().first + "'"), std::string::npos) << refused();
  values = learn::named_tensors(*from);
  values.back().first = "layer5.weight";
  learn::save_tensors(path, values);
  EXPECT_NE(refused().find(loaded.back().first), std::string::npos) << refused();
}

TEST(Vit, TimmNames) {
  EXPECT_EQ(vit_name_from_timm("cls_token"), "class_token");
  EXPECT_EQ(vit_name_from_timm("blocks.11.attn.qkv.bias"),
            "encoder.layers.encoder_layer_11.self_attention.in_proj_bias");
  EXPECT_EQ(vit_name_from_timm("blocks.3.mlp.fc2.weight"),
            "encoder.layers.encoder_layer_3.mlp.3.weight");
  EXPECT_EQ(vit_name_from_timm("norm.weight"), "encoder.ln.weight");
  EXPECT_EQ(vit_name_from_timm("patch_embed.proj.bias"), "conv_proj.bias");
}

}  // namespace
}  // namespace vistas::vision
