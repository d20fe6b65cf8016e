// Features, layers, gradients and running statistics of the networks against the golden values.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/golden_torch.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/encoders/resnet.h"
#include "vistas/vision/encoders/vit.h"

namespace vistas::vision {
namespace {

using golden::Group;
using nlohmann::json;

constexpr uint64_t kWeights = 100000, kInput = 150000, kLoss = 160000, kChecksum = 170000;

// The formula of the file: 2 u(stream, k) - 1 for k = 0 .. n - 1.
at::Tensor formula(uint64_t stream, at::IntArrayRef shape) {
  at::Tensor out = at::empty(shape, at::kDouble);
  double* values = out.data_ptr<double>();
  for (int64_t k = 0; k < out.numel(); ++k) {
    uint64_t z = ((stream << 32) + static_cast<uint64_t>(k) + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    values[k] = 2 * (static_cast<double>(z >> 11) * 0x1p-53) - 1;
  }
  return out;
}

at::Tensor weights(uint64_t index, const json& entry) {
  const auto shape = entry.at(1).get<std::vector<int64_t>>();
  const std::string rule = entry.at(2);
  if (rule == "zero") return at::zeros(shape, at::kDouble);
  const at::Tensor v = formula(kWeights + index, shape);
  double fan_in = 1;
  for (size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
  if (rule == "he") return v * std::sqrt(6 / fan_in);
  if (rule == "linear") return v * std::sqrt(3 / fan_in);
  if (rule == "gamma") return 1 + 0.1 * v;
  if (rule == "small") return 0.1 * v;
  if (rule == "var") return 1 + 0.2 * v;
  if (rule == "embed") return 0.5 * v;
  throw std::runtime_error("unknown rule " + rule);
}

// mean, L2 norm and a weighted sum
at::Tensor checksum(const at::Tensor& t) {
  const at::Tensor wide = t.detach().to(at::kDouble).contiguous();
  return at::stack(
      {wide.mean(), at::linalg_vector_norm(wide), (wide * formula(kChecksum, wide.sizes())).sum()});
}

// Worst error of checksum rows [n, 3] by the file's rule.
double checksum_error(const at::Tensor& got, const at::Tensor& want) {
  const at::Tensor norm = want.select(1, 1);
  const at::Tensor error = (got - want).abs().slice(1, 1) / norm.clamp_min(1e-300).unsqueeze(1);
  return error.max().item<double>();
}

using NetPtr = std::shared_ptr<ImageEncoder>;

NetPtr build(const std::string& model, const json& c, const json& about_vit) {
  if (model.starts_with("resnet")) {
    ResNetShape shape;
    if (!model.starts_with("resnet18")) shape.blocks = {3, 4, 6, 3};
    shape.bottleneck = model.starts_with("resnet50");
    if (model.ends_with("-cifar")) shape.stem = Stem::cifar;
    return std::make_shared<ResNet>(shape, 0);
  }
  const json& size =
      about_vit.at("torchvision").at(model.starts_with("vit-tiny") ? "tiny" : "small");
  return std::make_shared<Vit>(VitShape{.dim = size.at("dim"),
                                        .depth = size.at("depth"),
                                        .heads = size.at("heads"),
                                        .image_size = c.at("options").at("size"),
                                        .patch = size.at("patch")},
                               0);
}

std::string own_name(const std::string& model, const std::string& name) {
  return model.find("timm") == std::string::npos ? name : vit_name_from_timm(name);
}

// The network of a case with the formula's weights, checking names and shapes on the way.
NetPtr load(const std::string& model, const json& c, const Group& group, const json& names,
            at::ScalarType dtype) {
  const NetPtr net = build(model, c, group.json.at("vit"));
  learn::NamedTensors values;
  uint64_t index = 0;
  for (const json& entry : names) {
    values.emplace_back(own_name(model, entry.at(0)), weights(index++, entry));
  }
  net->to(dtype);
  const auto own = learn::named_tensors(*net);
  EXPECT_EQ(own.size(), values.size());
  if (model.find("timm") == std::string::npos) {
    for (size_t i = 0; i < std::min(own.size(), values.size()); ++i) {
      EXPECT_EQ(own[i].first, values[i].first);
    }
  }
  const std::map<std::string, at::Tensor> by_name(own.begin(), own.end());
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : values) {
    EXPECT_EQ(by_name.at(name).sizes(), value.sizes()) << name;
    by_name.at(name).copy_(value);
  }
  net->train(c.at("options").at("mode") == "train");
  return net;
}

// Outputs of the layers that the case names. In training this moves running statistics.
std::map<std::string, at::Tensor> layers(ImageEncoder& net, const at::Tensor& x) {
  std::map<std::string, at::Tensor> out;
  if (auto* resnet = dynamic_cast<ResNet*>(&net)) {
    const auto modules = net.named_children();
    out["conv1"] = modules["conv1"]->as<learn::Conv2d>()->forward(x);
    // The library's ReLU works in place, so the stored output of its bn1 has gone through it.
    out["bn1"] = modules["bn1"]->as<learn::BatchNorm>()->forward_relu(out["conv1"]);
    const auto stages = resnet->stages(x);
    for (size_t i = 0; i < 4; ++i) out["layer" + std::to_string(i + 1)] = stages[i];
    out["avgpool"] = stages[3].mean({2, 3}, true);
    return out;
  }
  auto& vit = dynamic_cast<Vit&>(net);
  const auto stages = vit.stages(x);
  for (size_t i = 0; i < stages.size(); ++i) {
    out["encoder.layers.encoder_layer_" + std::to_string(i)] = stages[i];
    out["blocks." + std::to_string(i)] = stages[i];
  }
  out["encoder.ln"] = out["norm"] = vit.tokens(x);
  const auto parameters = net.named_parameters();
  const at::Tensor patch = parameters["conv_proj.weight"];
  out["patch_embed"] =
      at::conv2d(x, patch, parameters["conv_proj.bias"], {patch.size(2), patch.size(2)})
          .flatten(2)
          .transpose(1, 2);
  return out;
}

at::Tensor layer_rows(const json& c, ImageEncoder& net, const at::Tensor& x) {
  at::NoGradGuard no_grad;
  auto outputs = layers(net, x);
  std::vector<at::Tensor> rows;
  for (const std::string name : c.at("options").at("layers")) {
    EXPECT_TRUE(outputs.contains(name)) << name;
    rows.push_back(checksum(outputs[name]));
  }
  return at::stack(rows);
}

at::Tensor input_of(const json& c, at::ScalarType dtype) {
  const int64_t batch = c.at("options").at("batch"), size = c.at("options").at("size");
  return (2 * formula(kInput, {batch, 3, size, size})).to(dtype);
}

void check_net(const Group& group, const json& all_names, const json& c, at::ScalarType dtype) {
  const std::string model = c.at("options").at("model");
  const bool wide = dtype == at::kDouble;
  const auto tolerance = [&](const char* float32) {
    return c.at("tolerance").at(wide ? "float64" : float32).get<double>();
  };
  const auto want = [&](const char* role) {
    return golden::tensor(group, c.at("outputs").at(role));
  };
  const NetPtr net = load(model, c, group, all_names.at(model), dtype);
  at::Tensor x = input_of(c, dtype).requires_grad_(wide);
  const at::Tensor features = net->forward(x);
  EXPECT_EQ(features.size(1), net->dim());
  EXPECT_LE(golden::scaled_error(features, want("features"), 0), tolerance("float32_features"));
  if (wide) {
    const at::Tensor loss = (features * formula(kLoss, features.sizes())).sum();
    EXPECT_LE(golden::scaled_error(loss, want("loss").squeeze()), tolerance(""));
    loss.backward();
    std::vector<at::Tensor> rows;
    const auto parameters = net->named_parameters();
    for (const std::string name : c.at("options").at("gradient_of")) {
      rows.push_back(checksum(parameters[own_name(model, name)].grad()));
    }
    EXPECT_LE(checksum_error(at::stack(rows), want("gradients")), tolerance(""));
    EXPECT_LE(checksum_error(checksum(x.grad()).view({1, 3}), want("input_gradient").view({1, 3})),
              tolerance(""));
    if (c.at("options").contains("running_of")) {
      std::vector<at::Tensor> running;
      const auto buffers = net->named_buffers();
      for (const std::string name : c.at("options").at("running_of")) {
        running.push_back(checksum(buffers[name]));
      }
      EXPECT_LE(checksum_error(at::stack(running), want("running")), tolerance(""));
    }
  }
  EXPECT_LE(checksum_error(layer_rows(c, *net, x), want("layers")), tolerance("float32_layers"));
}

TEST(Golden, Nets) {
  const auto folder = golden::folder_of("nets");
  if (folder.empty()) GTEST_SKIP() << "no golden group 'nets'";
  const Group group = golden::load("nets");
  const json names = json::parse(read_file(folder / "nets-names.json")).at("formula_models");
  golden::check_all(group, [&](const json& c) {
    check_net(group, names, c, at::kDouble);
    check_net(group, names, c, at::kFloat);
    return true;
  });
}

}  // namespace
}  // namespace vistas::vision
