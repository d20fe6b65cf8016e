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

// Normalised outputs of a training batch: mean 0 and variance 1 in every column.
TEST(Projector, EndsInTheNorm) {
  Projector projector(16, {.out = 8}, 1);
  const at::Tensor out = projector.forward(at::randn({256, 16}));
  EXPECT_LT(out.mean(0).abs().max().item<double>(), 1e-5);
  EXPECT_NEAR(out.std(0, false).min().item<double>(), 1, 1e-3);
}

}  // namespace
}  // namespace vistas::learn
