// Laws that every loss of the softmax family obeys.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/rows.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/bsl.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/dcl.h"
#include "vistas/contrast/debiased.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/nt_xent_labels.h"
#include "vistas/contrast/sampled_softmax.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/sup_con.h"

namespace vistas::contrast {
namespace {

constexpr Similarity kAll[] = {Similarity::cosine, Similarity::dot, Similarity::euclidean,
                               Similarity::squared_euclidean, Similarity::manhattan};

// What the losses are called with: three matrices [N, D], of which each uses what it needs.
struct Case {
  at::Tensor a, b, c;
  at::Tensor ids;  // labels or groups [N]
  Similarity kind = Similarity::cosine;
  double temperature = 0.7;
};

struct Loss {
  const char* name;
  const char* live;  // which of a, b, c get a gradient
  at::Tensor (*call)(const Case&);
};

// Numbers for learned scalars and sampling probabilities, independent of the order of rows.
at::Tensor log_scale(const Case& x) {
  return x.c.to(at::kDouble).mean() - std::log(x.temperature);
}
at::Tensor bias(const Case& x) {
  return x.c.to(at::kDouble).square().mean() - 1;
}
at::Tensor log_q(const Case& x) {
  return (x.ids + 2).to(at::kDouble).log().neg();
}
at::Tensor sup_con_of(const Case& x, SupConVariant variant) {
  return sup_con(x.a, x.ids,
                 {.temperature = x.temperature,
                  .similarity = x.kind,
                  .variant = variant,
                  .base_temperature = 0.5});
}
at::Tensor nnclr_of(const Case& x, NnclrDenominator denominator) {
  return nnclr(x.a, x.b,
               {.temperature = x.temperature, .denominator = denominator, .similarity = x.kind});
}
at::Tensor debiased_of(const Case& x, double beta) {
  return debiased_nt_xent(
      x.a, x.b,
      {.temperature = x.temperature, .tau_plus = 0.02, .beta = beta, .similarity = x.kind});
}

const Loss kLosses[] = {
    {"nt_xent with groups", "ab",
     [](const Case& x) {
       return nt_xent(x.a, x.b, {x.temperature, x.kind}, x.ids);
     }},
    {"nt_xent_labels", "a",
     [](const Case& x) {
       return nt_xent_labels(x.a, x.ids, {x.temperature, x.kind});
     }},
    {"info_nce", "ab",
     [](const Case& x) {
       return info_nce(x.a, x.b, {x.temperature, x.kind});
     }},
    {"info_nce symmetric with margin, groups and negatives", "abc",
     [](const Case& x) {
       return info_nce(x.a, x.b, {x.temperature, x.kind, true, 0.2}, x.ids, x.c);
     }},
    {"info_nce_queue", "a",
     [](const Case& x) {
       return info_nce_queue(x.a, x.b, x.c, {x.temperature, x.kind});
     }},
    {"clip_loss", "abc", [](const Case& x) { return clip_loss(x.a, x.b, log_scale(x), {x.kind}); }},
    {"info_nce_learned with groups and negatives", "abc",
     [](const Case& x) {
       return info_nce_learned(x.a, x.b, log_scale(x), {.similarity = x.kind}, x.ids, x.c);
     }},
    {"clip_loss with groups", "abc",
     [](const Case& x) { return clip_loss(x.a, x.b, log_scale(x), {x.kind}, x.ids); }},
    {"siglip", "abc",
     [](const Case& x) { return siglip(x.a, x.b, log_scale(x), bias(x), {x.kind}); }},
    {"siglip with groups", "abc",
     [](const Case& x) { return siglip(x.a, x.b, log_scale(x), bias(x), {x.kind}, x.ids); }},
    {"in_batch_softmax", "ab",
     [](const Case& x) {
       return in_batch_softmax(x.a, x.b, {x.temperature, x.kind}, log_q(x), x.ids);
     }},
    {"sup_con out", "a", [](const Case& x) { return sup_con_of(x, SupConVariant::out); }},
    {"sup_con in", "a", [](const Case& x) { return sup_con_of(x, SupConVariant::in); }},
    {"sup_con of two views", "ab",
     [](const Case& x) {
       return sup_con(x.a, x.b, x.ids, {x.temperature, x.kind});
     }},
    {"dcl", "ab",
     [](const Case& x) {
       return dcl(x.a, x.b, {x.temperature, x.kind});
     }},
    {"dcl with groups", "ab",
     [](const Case& x) {
       return dcl(x.a, x.b, {x.temperature, x.kind}, x.ids);
     }},
    {"dclw with groups", "",
     [](const Case& x) {
       return dclw(x.a, x.b, {x.temperature, 0.5, x.kind}, x.ids);
     }},
    {"debiased_nt_xent", "ab", [](const Case& x) { return debiased_of(x, 0); }},
    {"debiased_nt_xent with groups", "ab",
     [](const Case& x) {
       return debiased_nt_xent(
           x.a, x.b,
           {.temperature = x.temperature, .tau_plus = 0.02, .beta = 0.5, .similarity = x.kind},
           x.ids);
     }},
    {"debiased_nt_xent of hard negatives", "ab", [](const Case& x) { return debiased_of(x, 1); }},
    {"nnclr predictions", "b",
     [](const Case& x) { return nnclr_of(x, NnclrDenominator::predictions); }},
    {"nnclr nt_xent", "b", [](const Case& x) { return nnclr_of(x, NnclrDenominator::nt_xent); }},
    {"nnclr with groups", "b",
     [](const Case& x) {
       return nnclr(x.a, x.b, {x.temperature, NnclrDenominator::predictions, x.kind}, x.ids);
     }},
    {"matryoshka", "ab",
     [](const Case& x) {
       const PairLoss inner = [&](const at::Tensor& u, const at::Tensor& v) {
         return info_nce(u, v, {x.temperature, x.kind, true});
       };
       return matryoshka(x.a, x.b, inner, {{3, 2}, {1, 0.5}});
     }},
    {"bsl with groups", "ab",
     [](const Case& x) {
       return bsl(x.a, x.b, {x.temperature, 0.8, x.kind}, x.ids);
     }},
    {"sampled_softmax", "abc",
     [](const Case& x) {
       return sampled_softmax(x.a, x.b, x.c, {x.temperature, x.kind}, at::cat({log_q(x), log_q(x)}),
                              x.ids.unsqueeze(1) == x.ids);
     }},
    {"bpr", "abc",
     [](const Case& x) {
       return bpr(x.a, x.b, x.c, {0.1, x.kind});
     }},
};

void for_all(const std::function<void(const Loss&, Similarity)>& check) {
  for (const Loss& loss : kLosses) {
    for (const Similarity kind : kAll) {
      SCOPED_TRACE(std::string(loss.name) + ", similarity " +
                   similarity_names()[static_cast<size_t>(kind)].first);
      check(loss, kind);
    }
  }
}

bool contains(const char* letters, char letter) {
  return std::string(letters).find(letter) != std::string::npos;
}

TEST(SoftmaxLosses, GradientsMatchCentralDifferences) {
  for_all([](const Loss& loss, Similarity kind) {
    Case x{random(5, 3, 1), random(5, 3, 2), random(5, 3, 3), ids_of({0, 1, 0, 2, 1}), kind};
    for (at::Tensor* t : {&x.a, &x.b, &x.c}) t->requires_grad_(true);
    (3 * loss.call(x)).backward();  // a factor, so that the incoming gradient counts
    for (const auto& [letter, t] : {std::pair{'a', &x.a}, {'b', &x.b}, {'c', &x.c}}) {
      if (!contains(loss.live, letter)) continue;
      SCOPED_TRACE(letter);
      ASSERT_TRUE(t->grad().defined());
      expect_central_differences([&] { return 3 * loss.call(x); }, *t, t->grad(), 2e-8);
    }
  });
}

// The weights are constants. With them held at their values DCLW is DCL and a pull, and its
// gradient is that function's derivative.
TEST(SoftmaxLosses, DclwGradientIsTheDerivativeWithConstantWeights) {
  constexpr double kTemperature = 0.7, kSigma = 0.5;
  for (const Similarity kind : kAll) {
    SCOPED_TRACE(similarity_names()[static_cast<size_t>(kind)].first);
    at::Tensor a = random(5, 3, 1).requires_grad_(true), b = random(5, 3, 2).requires_grad_(true);
    const at::Tensor loss =
        dclw(a, b, {.temperature = kTemperature, .sigma = kSigma, .similarity = kind});
    (3 * loss).backward();
    const at::Tensor near = at::exp(row_similarity(a, b, kind).detach() / kSigma);
    const at::Tensor weight = 2 - near / near.mean();
    EXPECT_GT((weight - 1).abs().max().item<double>(), 0.1);
    const auto held = [&] {
      const at::Tensor pull = weight * row_similarity(a, b, kind) / kTemperature;
      const at::Tensor plain = row_similarity(a, b, kind) / kTemperature;
      return 3 * (dcl(a, b, {kTemperature, kind}) + (plain - pull).mean());
    };
    EXPECT_NEAR(3 * loss.item<double>(), held().item<double>(), 1e-12);
    for (at::Tensor* t : {&a, &b}) expect_central_differences(held, *t, t->grad(), 2e-8);
  }
}

TEST(SoftmaxLosses, RowsMayBePermuted) {
  const at::Tensor order = ids_of({4, 0, 5, 2, 1, 3});
  for_all([&](const Loss& loss, Similarity kind) {
    const Case x{random(6, 3, 3), random(6, 3, 4), random(6, 3, 5), ids_of({7, 1, 1, 0, 3, 0}),
                 kind};
    Case y = x;
    for (at::Tensor* t : {&y.a, &y.b, &y.c, &y.ids}) *t = t->index({order});
    const double value = loss.call(x).item<double>();
    EXPECT_NEAR(loss.call(y).item<double>(), value, 1e-12);
    y.ids = x.ids;
    y.b = x.b;
    EXPECT_GT(std::abs(loss.call(y).item<double>() - value), 1e-4);  // pairs torn apart
  });
}

TEST(SoftmaxLosses, ExtremeRowsStayFinite) {
  at::Tensor mixed = random(5, 4, 6).to(at::kFloat);
  mixed.select(0, 2).zero_();
  const std::vector<at::Tensor> rows = {at::ones({5, 4}), at::zeros({5, 4}), mixed,
                                        mixed.narrow(0, 0, 1), at::zeros({1, 4})};
  for_all([&](const Loss& loss, Similarity kind) {
    for (const double temperature : {0.01, 100.0}) {
      for (const at::Tensor& r : rows) {
        for (const at::Tensor& groups :
             {at::arange(r.size(0)), at::zeros({r.size(0)}, at::kLong)}) {
          Case x{r.clone(), r.clone(), r.clone(), groups, kind, temperature};
          for (at::Tensor* t : {&x.a, &x.b, &x.c}) t->requires_grad_(true);
          const at::Tensor value = loss.call(x);
          EXPECT_TRUE(value.isfinite().item<bool>()) << r << groups;
          value.backward();
          for (const at::Tensor& t : {x.a, x.b, x.c}) {
            if (!t.grad().defined()) continue;
            EXPECT_TRUE(t.grad().isfinite().all().item<bool>()) << r << groups;
            EXPECT_LT(t.grad().abs().max().item<double>(), 1e5);
          }
        }
      }
    }
  });
}

TEST(SoftmaxLosses, NanIsNotHidden) {
  for_all([](const Loss& loss, Similarity kind) {
    Case x{random(5, 3, 1), random(5, 3, 2), random(5, 3, 3), ids_of({0, 1, 0, 2, 1}), kind};
    x.a[1][1] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(loss.call(x).item<double>()));
  });
}

TEST(SoftmaxLosses, BFloat16IsComputedInFloat32EvenUnderAutocast) {
  for_all([](const Loss& loss, Similarity kind) {
    Case x{random(8, 16, 1), random(8, 16, 2), random(8, 16, 3), ids_of({0, 1, 2, 2, 1, 5, 6, 7}),
           kind};
    for (at::Tensor* t : {&x.a, &x.b, &x.c}) *t = t->to(at::kBFloat16);
    Case wide = x;
    for (at::Tensor* t : {&wide.a, &wide.b, &wide.c}) *t = t->to(at::kFloat);
    const double want = loss.call(wide).item<double>();
    for (at::Tensor* t : {&x.a, &x.b}) t->requires_grad_(true);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const at::Tensor value = loss.call(x);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    value.backward();
    EXPECT_EQ(value.scalar_type(), at::kFloat);
    EXPECT_EQ(value.item<double>(), want);
    const at::Tensor& leaf = x.a.grad().defined() ? x.a : x.b;
    EXPECT_EQ(leaf.grad().scalar_type(), at::kBFloat16);
  });
}

// Losses near 0, which float32 would lose in 1 + x, and their gradients, against float64.
TEST(SoftmaxLosses, TinyLossesKeepTheirDigits) {
  using Call = at::Tensor (*)(const at::Tensor&, const at::Tensor&);
  const std::pair<const char*, Call> calls[] = {
      {"nt_xent", [](auto& a, auto& b) { return nt_xent(a, b, {.temperature = 0.03}); }},
      {"nt_xent with groups",
       [](auto& a, auto& b) { return nt_xent(a, b, {.temperature = 0.03}, at::arange(4)); }},
      {"nt_xent_labels",
       [](auto& a, auto& b) {
         return nt_xent_labels(at::cat({a, b}), at::arange(4).repeat(2), {.temperature = 0.03});
       }},
      {"info_nce",
       [](auto& a, auto& b) { return info_nce(a, b, {.temperature = 0.03, .symmetric = true}); }},
      {"info_nce_queue",
       [](auto& a, auto& b) {
         return info_nce_queue(a, b, b.flip(1).neg(), {.temperature = 0.03});
       }},
      {"clip_loss",
       [](auto& a, auto& b) { return clip_loss(a, b, at::scalar_tensor(3.5, at::kDouble)); }},
      {"sup_con out",
       [](auto& a, auto& b) { return sup_con(a, b, at::arange(4), {.temperature = 0.03}); }},
      {"sup_con in",
       [](auto& a, auto& b) {
         return sup_con(a, b, at::arange(4), {.temperature = 0.03, .variant = SupConVariant::in});
       }},
      {"debiased_nt_xent",
       [](auto& a, auto& b) {
         return debiased_nt_xent(a, b, {.temperature = 0.03, .tau_plus = 0});
       }},
  };
  // Rows close to the axes: pairs are alike, others nearly orthogonal.
  const at::Tensor a = at::eye(4, at::kDouble) + 0.05 * random(4, 4, 1);
  const at::Tensor b = at::eye(4, at::kDouble) + 0.05 * random(4, 4, 2);
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    at::Tensor wide = a.clone().requires_grad_(true);
    at::Tensor narrow = a.to(at::kFloat).requires_grad_(true);
    const at::Tensor want = call(wide, b), got = call(narrow, b.to(at::kFloat));
    want.backward();
    got.backward();
    EXPECT_LT(want.item<double>(), 1e-10);
    EXPECT_NEAR(got.item<double>() / want.item<double>(), 1, 1e-4);
    const at::Tensor error = (narrow.grad().to(at::kDouble) - wide.grad()).abs().max();
    EXPECT_LT(error.item<double>(), 1e-4 * wide.grad().abs().max().item<double>());
  }
}

}  // namespace
}  // namespace vistas::contrast
