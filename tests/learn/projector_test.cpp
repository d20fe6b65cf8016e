#include "vistas/learn/projector.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vistas/learn/tensors.h"

namespace vistas::learn {
namespace {

std::vector<std::string> names_of(const ProjectorOptions& options) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : named_tensors(Projector(16, options, 1))) {
    if (name.find("running") == std::string::npos && name.find("num_b") == std::string::npos) {
      names.push_back(name);
    }
  }
  return names;
}

TEST(Projector, LayersFollowTheOptions) {
  EXPECT_EQ(names_of({}),
            (std::vector<std::string>{"linear1.weight", "norm1.weight", "norm1.bias",
                                      "linear2.weight", "norm2.weight", "norm2.bias"}));
  EXPECT_EQ(names_of({.norm = false, .last_norm = false}),
            (std::vector<std::string>{"linear1.weight", "linear1.bias", "linear2.weight",
                                      "linear2.bias"}));
  EXPECT_EQ(names_of({.layers = 1, .last_affine = false}),
            (std::vector<std::string>{"linear1.weight"}));
  EXPECT_TRUE(names_of({.layers = 0}).empty());
}

TEST(Projector, Shapes) {
  Projector projector(16, {.layers = 3, .hidden = 40, .out = 8}, 1);
  EXPECT_EQ(projector.dim(), 8);
  EXPECT_EQ(projector.forward(at::randn({5, 16})).sizes(), (std::vector<int64_t>{5, 8}));
  EXPECT_EQ(Projector(16, {.layers = 0}, 1).dim(), 16);
}

TEST(Projector, ActivationsAreBetweenTheLayers) {
  const at::Tensor x = at::randn({5, 16});
  const auto out = [&](Activation activation, int64_t layers) {
    Projector projector(
        16, {.layers = layers, .norm = false, .last_norm = false, .activation = activation}, 1);
    return projector.forward(x);
  };
  EXPECT_TRUE(out(Activation::relu, 1).equal(out(Activation::gelu, 1)));
  EXPECT_FALSE(out(Activation::relu, 2).allclose(out(Activation::gelu, 2)));
  Projector projector(16, {.norm = false, .last_norm = false, .activation = Activation::gelu}, 1);
  const auto p = projector.named_parameters();
  const at::Tensor hidden = at::gelu(at::linear(x, p["linear1.weight"], p["linear1.bias"]));
  EXPECT_TRUE(
      projector.forward(x).allclose(at::linear(hidden, p["linear2.weight"], p["linear2.bias"])));
}

// Normalised outputs of a training batch: mean 0 and variance 1 in every column.
TEST(Projector, EndsInTheNorm) {
  Projector projector(16, {.out = 8}, 1);
  const at::Tensor out = projector.forward(at::randn({256, 16}));
  EXPECT_LT(out.mean(0).abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(out.std(0, false).min().item<double>(), 1, 1e-3);
}

}  // namespace
}  // namespace vistas::learn
