// Losses, similarity matrices and embedding statistics against the golden values.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/golden_torch.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/similarity.h"
#include "vistas/contrast/statistics.h"

namespace vistas::contrast {
namespace {

using golden::Group;
using nlohmann::json;

Similarity similarity_of(const std::string& name) {
  for (const auto& [text, value] : similarity_names()) {
    if (text == name) return value;
  }
  throw std::runtime_error("no similarity " + name);
}

at::Tensor leaf(const Group& group, const json& test_case, const std::string& role,
                at::ScalarType dtype) {
  return golden::tensor(group, test_case.at("inputs").at(role)).to(dtype).requires_grad_(true);
}

void expect_near(const Group& group, const json& key, const at::Tensor& got, double tolerance) {
  EXPECT_LE(golden::scaled_error(got, golden::tensor(group, key)), tolerance) << key;
}

void check_nt_xent(const Group& group, const json& c, at::ScalarType dtype, double tolerance) {
  const auto z0 = leaf(group, c, "z0", dtype), z1 = leaf(group, c, "z1", dtype);
  const at::Tensor loss = nt_xent(z0, z1, {.temperature = c.at("options").at("temperature")});
  loss.backward();
  expect_near(group, c.at("outputs").at("loss"), loss, tolerance);
  expect_near(group, c.at("grads").at("z0"), z0.grad(), tolerance);
  expect_near(group, c.at("grads").at("z1"), z1.grad(), tolerance);
}

void check_similarity(const Group& group, const json& c, at::ScalarType dtype, double tolerance) {
  const auto x = leaf(group, c, "x", dtype), y = leaf(group, c, "y", dtype);
  const at::Tensor w = golden::tensor(group, c.at("inputs").at("w")).to(dtype);
  const std::string kind = c.at("options").at("kind");
  at::Tensor matrix = similarity(x, y, similarity_of(kind));
  if (kind != "cosine" && kind != "dot") matrix = -matrix;  // the file holds distances
  (matrix * w).sum().backward();
  expect_near(group, c.at("outputs").at("matrix"), matrix, tolerance);
  // Undefined gradient rows are stored as zero, which is what this implementation gives.
  expect_near(group, c.at("grads").at("x"), x.grad(), tolerance);
  expect_near(group, c.at("grads").at("y"), y.grad(), tolerance);
}

TEST(Golden, Losses) {
  if (golden::folder_of("losses").empty()) GTEST_SKIP() << "no golden group 'losses'";
  const Group group = golden::load("losses");
  golden::check_all(group, [&](const json& c) {
    const auto check = c.at("op") == "ntxent"       ? check_nt_xent
                       : c.at("op") == "similarity" ? check_similarity
                                                    : nullptr;
    if (check == nullptr) return false;
    check(group, c, at::kDouble, c.at("tolerance").at("float64"));
    check(group, c, at::kFloat, c.at("tolerance").at("float32"));
    return true;
  });
}

TEST(Golden, EmbeddingStatistics) {
  if (golden::folder_of("measures").empty()) GTEST_SKIP() << "no golden group 'measures'";
  const Group group = golden::load("measures");
  int cases = 0;
  for (const json& c : group.json.at("cases")) {
    if (c.at("op") != "embedding_statistics") continue;
    SCOPED_TRACE(c.at("name"));
    ++cases;
    const at::Tensor x = golden::tensor(group, c.at("inputs").at("x"));
    const at::Tensor y = golden::tensor(group, c.at("inputs").at("y"));
    const double n = static_cast<double>(x.size(0));
    const std::map<std::string, double> got = {
        {"alignment", alignment(x, y)},
        {"uniformity", uniformity(x, c.at("options").at("uniformity_t"))},
        {"rankme", rank_me(x)},
        {"covariance_effective_rank", covariance_effective_rank(x)},
        {"std", embedding_std(x)},
        {"std_biased", embedding_std(x) * std::sqrt((n - 1) / n)},
        {"mean_norm", mean_norm(x)},
        {"mean_cosine", mean_cosine(x)}};
    for (const auto& [role, want] : c.at("scalars").items()) {
      ASSERT_TRUE(got.contains(role)) << role;
      const double expected = want.get<double>();
      EXPECT_NEAR(
          got.at(role), expected,
          c.at("tolerance").at("float64").get<double>() * std::max(std::abs(expected), 0.01))
          << role;
    }
    EXPECT_NEAR(positive_cosine(x, y), 1 - alignment(x, y) / 2, 1e-12);
  }
  std::printf("  embedding_statistics     %d cases\n", cases);
  EXPECT_GT(cases, 0);
}

}  // namespace
}  // namespace vistas::contrast
