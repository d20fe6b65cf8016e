// GISTEmbed against sentence-transformers 5.7.0 (GISTEmbedLoss in float64, torch 2.13.0).
#include "vistas/contrast/gist.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vistas/base/error.h"

namespace vistas::contrast {
namespace {

// The matrix ((i cols + j) a mod b - floor(b / 2)) / b.
at::Tensor matrix(int64_t rows, int64_t cols, int64_t a, int64_t b) {
  const at::Tensor k = at::arange(rows * cols, at::kDouble).view({rows, cols});
  const auto modulus = static_cast<double>(b);
  return ((k * static_cast<double>(a)).remainder(modulus) - static_cast<double>(b / 2)) / modulus;
}

constexpr int64_t kRows = 5, kDim = 4, kGuide = 3;

GistColumns model_columns(bool negative) {
  const at::Tensor a = matrix(kRows, kDim, 7, 23);
  return {a, matrix(kRows, kDim, 9, 23) + 0.3 * a,
          negative ? matrix(kRows, kDim, 13, 29) : at::Tensor()};
}

GistColumns guide_columns(bool negative) {
  const at::Tensor a = matrix(kRows, kGuide, 5, 17);
  return {a, a + 0.4 * matrix(kRows, kGuide, 11, 19),
          negative ? matrix(kRows, kGuide, 7, 13) : at::Tensor()};
}

struct Case {
  GistOptions options;
  bool negative;
  double loss;
  std::vector<double> norms;  // of the gradients of anchor, positive, negative
};

const Case kCases[] = {
    {{.temperature = 0.1}, false, 9.377201084194672, {7.8220644730256215, 10.463927907405594}},
    {{.temperature = 0.1},
     true,
     9.614823794039891,
     {7.812592247615707, 9.970878029218515, 0.9417546912899244}},
    {{.temperature = 0.1, .margin = 0.2, .contrast_positives = false},
     false,
     6.453535574637813,
     {9.288807934548476, 9.010995830368186}},
    {{.temperature = 0.1, .margin = 0.2, .contrast_positives = false},
     true,
     8.596561023915879,
     {8.366354904242549, 8.816541124424331, 1.4813261253284287}},
    {{.temperature = 0.05,
      .margin = 0.3,
      .margin_kind = GuideMargin::relative,
      .contrast_anchors = false},
     false,
     15.095771335642315,
     {17.23585577200146, 27.499000346839}},
    {{.temperature = 0.05,
      .margin = 0.3,
      .margin_kind = GuideMargin::relative,
      .contrast_anchors = false},
     true,
     15.619419862521138,
     {18.149231897033268, 22.301939448343294, 4.945760416180036}},
    {{.temperature = 0.1, .margin = -0.1, .contrast_anchors = false, .contrast_positives = false},
     false,
     8.580479943913543,
     {7.820873636463852, 9.688556525704307}},
    {{.temperature = 0.1, .margin = -0.1, .contrast_anchors = false, .contrast_positives = false},
     true,
     9.005623512169075,
     {7.73680034657689, 9.1037653393551, 1.0559636333885623}},
};

TEST(Gist, IsThatOfSentenceTransformers) {
  for (const Case& c : kCases) {
    GistColumns model = model_columns(c.negative);
    std::vector<at::Tensor*> columns{&model.anchor, &model.positive};
    if (c.negative) columns.push_back(&model.negative);
    for (at::Tensor* x : columns) x->requires_grad_(true);
    const at::Tensor loss = gist(model, guide_columns(c.negative), c.options);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), c.loss, 1e-12);
    for (size_t i = 0; i < columns.size(); ++i) {
      EXPECT_NEAR(columns[i]->grad().norm().item<double>(), c.norms[i], 1e-11);
    }
  }
}

TEST(Gist, GradientIsThatOfCentralDifferences) {
  GistColumns model = model_columns(true);
  const GistColumns guide = guide_columns(true);
  const GistOptions options{.temperature = 0.2, .margin = 0.1};
  for (at::Tensor* x : {&model.anchor, &model.positive, &model.negative}) {
    const at::Tensor start = x->clone();
    *x = start.clone().requires_grad_(true);
    gist(model, guide, options).backward();
    const at::Tensor gradient = x->grad();
    for (int64_t i = 0; i < kRows * kDim; ++i) {
      const auto at_step = [&](double by) {
        *x = start.clone();
        x->view({-1})[i] += by;
        return gist(model, guide, options).item<double>();
      };
      constexpr double kStep = 1e-5;
      EXPECT_NEAR(gradient.view({-1})[i].item<double>(),
                  (at_step(kStep) - at_step(-kStep)) / (2 * kStep), 1e-7);
    }
    *x = start;
  }
}

// A margin leaves out what the guide finds equal to the positive; a row is no negative of itself.
TEST(Gist, DuplicatesAndTheRowItselfAreLeftOut) {
  const at::Tensor a = at::eye(2, at::kDouble).index_select(0, at::tensor({0, 0, 1}, at::kLong));
  const GistOptions options{.temperature = 1, .margin = 0.1};
  const double got = gist({a, a}, {a, a}, options).item<double>();
  // Rows 0 and 1 meet row 2 in three blocks with cosine 0; row 2 meets both.
  const double two = std::log(1 + 3 * std::exp(-1)), one = std::log(1 + 6 * std::exp(-1));
  EXPECT_NEAR(got, (2 * two + one) / 3, 1e-14);
}

TEST(Gist, MisuseIsNamed) {
  const GistColumns model = model_columns(true), guide = guide_columns(true);
  EXPECT_THROW(gist(model, guide_columns(false)), Error);
  EXPECT_THROW(gist(model, {guide.anchor.slice(0, 1), guide.positive.slice(0, 1), guide.negative}),
               Error);
  EXPECT_THROW(gist({model.anchor, model.positive.slice(0, 1)}, guide), Error);
  EXPECT_THROW(gist(model, guide, {.temperature = 0}), Error);
}

}  // namespace
}  // namespace vistas::contrast
