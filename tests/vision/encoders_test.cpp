#include "vistas/vision/encoders/encoders.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/other_device.h"
#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/encoders/vit.h"
#include "vistas/vision/tasks/bundle.h"

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

TEST(Encoders, EveryEntryIsTheSameOnAnotherDevice) {
  const at::Tensor pixels = at::randn({3, 2, 32, 32});
  for (const EncoderEntry& entry : encoder_table()) {
    SCOPED_TRACE(entry.name);
    std::vector<at::Tensor> features, gradients;
    for (const at::Device& device : {at::Device(at::kCPU), test::other_device_of(0)}) {
      EncoderOptions options = small(entry.name);
      options.width = 16;  // LibTorch's strided 1x1 convolutions of fewer channels are wrong
      const auto net = make_encoder(options, 1);
      net->eval();
      net->to(device);
      features.push_back(net->forward(pixels.to(device)));
      const at::Tensor pull = at::randn({3, net->dim()}, at::detail::createCPUGenerator(5));
      (features.back() * pull.to(device)).sum().backward();
      gradients.push_back(net->parameters().front().grad().cpu());
    }
    EXPECT_TRUE(at::allclose(features[1].cpu(), features[0], 1e-3, 1e-5));
    EXPECT_TRUE(at::allclose(gradients[1], gradients[0], 1e-3,
                             1e-4 * gradients[0].abs().max().item<double>()));
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

// Positions that are the same everywhere stay so when their grid is resized.
TEST(Vit, SmallerViewsGetResizedPositions) {
  const auto large = make_encoder(small("vit_tiny"), 1);
  EncoderOptions shape = small("vit_tiny");
  shape.image_size = 16;
  const auto own = make_encoder(shape, 2);
  const at::NoGradGuard no_grad;
  auto from = large->named_parameters(), to = own->named_parameters();
  for (auto& item : to) {
    if (item.key() != "encoder.pos_embedding") item.value().copy_(from[item.key()]);
  }
  const at::Tensor place = at::randn({192});
  from["encoder.pos_embedding"].slice(1, 1).copy_(place.expand({1, 16, 192}));
  to["encoder.pos_embedding"].slice(1, 1).copy_(place.expand({1, 4, 192}));
  to["encoder.pos_embedding"].slice(1, 0, 1).copy_(from["encoder.pos_embedding"].slice(1, 0, 1));
  const at::Tensor pixels = at::randn({3, 2, 16, 16});
  EXPECT_TRUE(at::allclose(large->forward(pixels), own->forward(pixels), 1e-4, 1e-5));
  EXPECT_THROW(large->forward(at::randn({3, 2, 20, 16})), Error);
}

TEST(Vit, ABundleMayHaveTimmsNames) {
  const auto net = make_encoder(small("vit_tiny"), 1);
  learn::NamedTensors values;
  for (auto [name, tensor] : learn::named_tensors(*net)) {
    for (const auto& [ours, theirs] : std::vector<std::pair<std::string, std::string>>{
             {"class_token", "cls_token"},
             {"encoder.pos_embedding", "pos_embed"},
             {"conv_proj.", "patch_embed.proj."},
             {"encoder.layers.encoder_layer_", "blocks."},
             {"encoder.ln.", "norm."},
             {".ln_", ".norm"},
             {".self_attention.in_proj_", ".attn.qkv."},
             {".self_attention.out_proj.", ".attn.proj."},
             {".mlp.0.", ".mlp.fc1."},
             {".mlp.3.", ".mlp.fc2."}}) {
      if (const size_t at = name.find(ours); at != name.npos) name.replace(at, ours.size(), theirs);
    }
    values.emplace_back(name, tensor);
  }
  const TempFolder folder;
  learn::save_tensors(folder.path() / "encoder.safetensors", values);
  write_file_atomic(folder.path() / "encoder.json",
                    bundle_json(small("vit_tiny"), builtin_recipe("eval", {.size = 32})));
  const Bundle bundle = load_bundle(folder.path());
  const at::NoGradGuard no_grad;
  const at::Tensor pixels = at::randn({3, 2, 32, 32});
  EXPECT_TRUE(at::equal(bundle.encoder->forward(pixels), net->forward(pixels)));
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
