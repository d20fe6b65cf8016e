// What every metric-learning and negative-free loss owes its callers.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/rows.h"
#include "vistas/base/error.h"
#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/contrast/circle.h"
#include "vistas/contrast/contrastive.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/dino.h"
#include "vistas/contrast/distillation.h"
#include "vistas/contrast/lifted_structure.h"
#include "vistas/contrast/memory.h"
#include "vistas/contrast/multi_similarity.h"
#include "vistas/contrast/n_pairs.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/contrast/swav.h"
#include "vistas/contrast/triplet.h"
#include "vistas/contrast/vicreg.h"

namespace vistas::contrast {
namespace {

using at::Tensor;

// Rows for teachers and targets: those of equal ids are equal, so that they move with the ids.
Tensor fixed(const Tensor& ids, const Tensor& like, uint64_t seed) {
  const Tensor rows = random(16, like.size(1), seed).index_select(0, ids);
  return like.scalar_type() == at::kDouble ? rows : rows.to(at::kFloat);
}

// A loss of two matrices [N, D] and N ids, which are labels, scores and targets at once.
struct Loss {
  std::string name;
  std::function<Tensor(const Tensor& a, const Tensor& b, const Tensor& ids)> of;
};

void add_pair_losses(std::vector<Loss>& losses, const std::string& kind_name, Similarity kind) {
  const auto add = [&](const std::string& name, auto of) {
    losses.push_back({name + " " + kind_name, of});
  };
  for (const bool squared : {false, true}) {
    const ContrastiveOptions options{
        .margin = 1.5, .positive_margin = 0.1, .squared = squared, .similarity = kind};
    add("contrastive", [=](const Tensor& a, const Tensor& b, const Tensor& ids) {
      return contrastive(a, b, ids.remainder(2), options);
    });
    add("contrastive_by_labels", [=](const Tensor& a, const Tensor&, const Tensor& ids) {
      return contrastive_by_labels(a, ids, options);
    });
    add("contrastive_with_memory", [=](const Tensor& a, const Tensor&, const Tensor& ids) {
      CrossBatchMemory memory(5, 4);
      memory.push(random(6, 4, 14), ids_of({0, 1, 2, 0, 1, 2}));
      return contrastive_with_memory(a, ids, memory, options);
    });
  }
  for (const bool soft : {false, true}) {
    TripletOptions options{.margin = 0.5, .soft = soft, .similarity = kind, .normalize = false};
    add("triplet", [=](const Tensor& a, const Tensor& b, const Tensor& ids) {
      return triplet(a, b, fixed(ids, a, 7), options);
    });
    for (const auto& [mining_name, mining] : triplet_mining_names()) {
      options.mining = mining;
      options.mean_over = soft ? MeanOver::all : MeanOver::nonzero;
      add("triplet_by_labels " + mining_name + (soft ? " soft" : ""),
          [=](const Tensor& a, const Tensor&, const Tensor& ids) {
            return triplet_by_labels(a, ids, options).loss;
          });
    }
  }
  add("n_pairs", [=](const Tensor& a, const Tensor& b, const Tensor&) {
    return n_pairs(a, b, {.l2 = 0.02, .similarity = kind});
  });
  const LiftedStructureOptions lifted{.margin = 1, .similarity = kind, .normalize = false};
  add("lifted_structure", [=](const Tensor& a, const Tensor&, const Tensor& ids) {
    return lifted_structure(a, ids, lifted);
  });
  add("lifted_structure_generalized", [=](const Tensor& a, const Tensor&, const Tensor& ids) {
    return lifted_structure_generalized(a, ids, lifted);
  });
  for (const bool mining : {false, true}) {
    add("multi_similarity", [=](const Tensor& a, const Tensor&, const Tensor& ids) {
      return multi_similarity(a, ids, {.mining = mining, .similarity = kind});
    });
  }
  add("cosent", [=](const Tensor& a, const Tensor& b, const Tensor& ids) {
    return cosent(a, b, ids, {.scale = 3, .similarity = kind});
  });
  add("margin_mse", [=](const Tensor& a, const Tensor& b, const Tensor& ids) {
    return margin_mse(a, b, fixed(ids, a, 8), ids, {.similarity = kind});
  });
}

void add_other_losses(std::vector<Loss>& losses) {
  losses.push_back({"angle", [](const Tensor& a, const Tensor& b, const Tensor& ids) {
                      return angle(a, b, ids, {.scale = 3});
                    }});
  losses.push_back({"mse_distillation", [](const Tensor& a, const Tensor&, const Tensor& ids) {
                      return mse_distillation(a, fixed(ids, a, 9));
                    }});
  losses.push_back({"kl_distillation", [](const Tensor& a, const Tensor&, const Tensor& ids) {
                      return kl_distillation(a, fixed(ids, a, 9), {.temperature = 0.5});
                    }});
  losses.push_back({"align_uniform", [](const Tensor& a, const Tensor& b, const Tensor&) {
                      return align_uniform(a, b, {.alpha = 1.5, .weight = 0.7}).loss;
                    }});
  losses.push_back({"sim_siam", [](const Tensor& a, const Tensor& b, const Tensor& ids) {
                      return sim_siam(a, b, fixed(ids, a, 10), fixed(ids, a, 11));
                    }});
  losses.push_back({"byol", [](const Tensor& a, const Tensor& b, const Tensor& ids) {
                      return byol(a, b, fixed(ids, a, 10), fixed(ids, a, 11));
                    }});
  losses.push_back({"barlow_twins", [](const Tensor& a, const Tensor& b, const Tensor&) {
                      return barlow_twins(a, b, {.lambda = 0.5});
                    }});
  losses.push_back({"vicreg", [](const Tensor& a, const Tensor& b, const Tensor&) {
                      return vicreg(a, b, {.variance = 30, .covariance = 2}).loss;
                    }});
  // The live views are local ones: gradients through codes and teachers are cut on purpose.
  losses.push_back({"swav", [](const Tensor& a, const Tensor& b, const Tensor& ids) {
                      return swav({fixed(ids, a, 12), fixed(ids, a, 13), a, b}, 2).loss;
                    }});
  losses.push_back({"dino", [](const Tensor& a, const Tensor& b, const Tensor& ids) {
                      return dino({fixed(ids, a, 12)}, {fixed(ids, a, 13), a, b},
                                  at::ones({a.size(1)}), {.student_temperature = 0.3});
                    }});
}

std::vector<Loss> all_losses() {
  std::vector<Loss> losses;
  for (const auto& [name, kind] : similarity_names()) add_pair_losses(losses, name, kind);
  add_other_losses(losses);
  return losses;
}

// Circle's weights carry no gradient: it is no derivative, and has a test of its own.
std::vector<Loss> all_losses_and_circle() {
  std::vector<Loss> losses = all_losses();
  for (const auto& [name, kind] : similarity_names()) {
    losses.push_back({"circle " + name, [kind](const Tensor& a, const Tensor&, const Tensor& ids) {
                        return circle(a, ids, {.gamma = 20, .similarity = kind});
                      }});
  }
  return losses;
}

TEST(MetricLosses, GradientsMatchCentralDifferences) {
  const Tensor ids = ids_of({0, 1, 0, 1, 2});
  for (const Loss& loss : all_losses()) {
    SCOPED_TRACE(loss.name);
    Tensor a = random(5, 4, 1).requires_grad_(true), b = random(5, 4, 2).requires_grad_(true);
    const auto value = [&] { return 3 * loss.of(a, b, ids); };  // the incoming gradient counts
    value().backward();
    ASSERT_TRUE(a.grad().defined());
    EXPECT_GT(a.grad().abs().max().item<double>(), 1e-6);
    expect_central_differences(value, a, a.grad());
    if (b.grad().defined()) expect_central_differences(value, b, b.grad());
  }
}

TEST(MetricLosses, SamplesMayBePermuted) {
  const Tensor order = ids_of({4, 0, 5, 2, 1, 3}), ids = ids_of({0, 1, 0, 2, 1, 3});
  for (const Loss& loss : all_losses_and_circle()) {
    SCOPED_TRACE(loss.name);
    Tensor a = random(6, 4, 3).requires_grad_(true), b = random(6, 4, 4).requires_grad_(true);
    const Tensor straight = loss.of(a, b, ids);
    straight.backward();
    const Tensor gradient = a.grad().clone();
    a.mutable_grad() = Tensor();
    const Tensor permuted = loss.of(a.index({order}), b.index({order}), ids.index({order}));
    permuted.backward();
    const double size = std::max(1.0, std::abs(straight.item<double>()));
    EXPECT_NEAR(permuted.item<double>(), straight.item<double>(), 1e-12 * size);
    EXPECT_LE((a.grad() - gradient).abs().max().item<double>(), 1e-11 * size);
  }
}

// Runs the loss forward and backward on float32 copies; an Error is as good as a finite result.
void expect_finite(const Loss& loss, const Tensor& rows, const Tensor& ids) {
  Tensor a = rows.to(at::kFloat, false, true).requires_grad_(true);
  Tensor b = rows.to(at::kFloat, false, true).requires_grad_(true);
  try {
    const Tensor value = loss.of(a, b, ids);
    EXPECT_TRUE(std::isfinite(value.item<double>())) << value;
    value.backward();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("N >= 2"), std::string::npos) << e.what();
    return;
  }
  EXPECT_TRUE(a.grad().isfinite().all().item<bool>()) << a.grad();
  if (b.grad().defined()) {
    EXPECT_TRUE(b.grad().isfinite().all().item<bool>()) << b.grad();
  }
}

TEST(MetricLosses, ExtremeRowsStayFinite) {
  Tensor mixed = random(5, 4, 5);
  mixed.select(0, 2).zero_();
  const std::map<std::string, Tensor> kinds_of_rows = {
      {"equal", at::ones({5, 4})},
      {"zero", at::zeros({5, 4})},
      {"mixed", mixed},
      {"opposite", at::cat({mixed.slice(0, 0, 2), -mixed.slice(0, 0, 3)})},
      {"large", mixed * 1e4}};
  const std::map<std::string, Tensor> kinds_of_ids = {{"some positives", ids_of({0, 0, 1, 1, 2})},
                                                      {"one class", ids_of({1, 1, 1, 1, 1})},
                                                      {"no positives", ids_of({0, 1, 2, 3, 4})}};
  for (const Loss& loss : all_losses_and_circle()) {
    for (const auto& [rows_name, rows] : kinds_of_rows) {
      for (const auto& [ids_name, ids] : kinds_of_ids) {
        SCOPED_TRACE(loss.name + ", " + rows_name + " rows, " + ids_name);
        expect_finite(loss, rows, ids);
      }
    }
    SCOPED_TRACE(loss.name + ", one row");
    expect_finite(loss, random(1, 4, 6), ids_of({1}));
  }
}

TEST(MetricLosses, SmallTemperaturesStayFinite) {
  const Tensor scores = unit_rows(random(6, 5, 1)).to(at::kFloat);
  EXPECT_TRUE(sinkhorn(scores, {.epsilon = 1e-4, .iterations = 50}).isfinite().all().item<bool>());
  EXPECT_TRUE(std::isfinite(
      swav({scores, scores}, 2, {}, {.temperature = 0.01, .sinkhorn = {.epsilon = 0.01}})
          .loss.item<double>()));
  EXPECT_TRUE(std::isfinite(dino({scores}, {scores, scores}, at::zeros({5}),
                                 {.student_temperature = 0.01, .teacher_temperature = 1e-4})
                                .item<double>()));
  EXPECT_TRUE(
      std::isfinite(kl_distillation(scores, -scores, {.temperature = 0.01}).item<double>()));
}

TEST(MetricLosses, NothingToCompareCostsNothing) {
  const Tensor z = random(4, 3, 1), distinct = ids_of({0, 1, 2, 3}), same = ids_of({5, 5, 5, 5});
  for (const Tensor& labels : {distinct, same}) {
    EXPECT_EQ(triplet_by_labels(z, labels).loss.item<double>(), 0);
    EXPECT_EQ(triplet_by_labels(z, labels).terms.item<int64_t>(), 0);
    EXPECT_EQ(lifted_structure(z, labels).item<double>(), 0);
    EXPECT_EQ(lifted_structure_generalized(z, labels).item<double>(), 0);
    EXPECT_EQ(circle(z, labels).item<double>(), 0);
  }
  EXPECT_EQ(cosent(z, z, same).item<double>(), 0);
  EXPECT_EQ(n_pairs(z.slice(0, 0, 1), z.slice(0, 1, 2)).item<double>(), 0);
}

TEST(MetricLosses, BFloat16IsComputedInFloat32EvenUnderAutocast) {
  const Tensor a = random(6, 4, 1).to(at::kBFloat16), b = random(6, 4, 2).to(at::kBFloat16);
  const Tensor ids = ids_of({0, 1, 0, 2, 1, 3});
  for (const Loss& loss : all_losses_and_circle()) {
    SCOPED_TRACE(loss.name);
    const double want = loss.of(a.to(at::kFloat), b.to(at::kFloat), ids).item<double>();
    Tensor leaf = a.clone().requires_grad_(true);
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const Tensor value = loss.of(leaf, b, ids);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    value.backward();
    EXPECT_EQ(value.scalar_type(), at::kFloat);
    EXPECT_EQ(leaf.grad().scalar_type(), at::kBFloat16);
    EXPECT_EQ(value.item<double>(), want);
  }
}

TEST(MetricLosses, NanIsNotHidden) {
  const Tensor ids = ids_of({0, 1, 0, 1, 1, 0});
  Tensor a = random(6, 4, 1);
  a[1][2] = std::numeric_limits<double>::quiet_NaN();
  for (const Loss& loss : all_losses_and_circle()) {
    EXPECT_TRUE(std::isnan(loss.of(a, random(6, 4, 2), ids).item<double>())) << loss.name;
  }
}

TEST(MetricLosses, MisuseIsNamed) {
  const Tensor a = random(4, 4, 1), b = random(4, 4, 2), ids = ids_of({0, 1, 0, 1});
  for (const Loss& loss : all_losses_and_circle()) {
    SCOPED_TRACE(loss.name);
    EXPECT_THROW(loss.of(a.slice(0, 0, 3), b, ids), Error);
    EXPECT_THROW(loss.of(a.slice(0, 0, 0), b.slice(0, 0, 0), ids.slice(0, 0, 0)), Error);
    EXPECT_THROW(loss.of(a.to(at::kLong), b.to(at::kLong), ids), Error);
  }
  EXPECT_THROW(negative_cosine(a, b.to(at::kFloat)), Error);
  EXPECT_THROW(triplet_by_labels(a, ids.to(at::kDouble)), Error);
  EXPECT_THROW(angle(random(4, 3, 1), random(4, 3, 1), ids), Error);
  EXPECT_THROW(swav({a}, 1), Error);
  EXPECT_THROW(swav({a, b}, 2, {a}), Error);
  EXPECT_THROW(swav({a, b}, 2, {}, {.temperature = 0}), Error);
  EXPECT_THROW(sinkhorn(a, {.epsilon = 0}), Error);
  EXPECT_THROW(dino({a}, {a}, at::zeros({4})), Error);
  EXPECT_THROW(dino({a}, {a, b}, at::zeros({3})), Error);
  for (const Loss& loss : all_losses()) {
    const bool batch_statistics =
        loss.name == "barlow_twins" || loss.name == "vicreg" || loss.name == "align_uniform";
    if (!batch_statistics) continue;
    EXPECT_THROW(loss.of(a.slice(0, 0, 1), b.slice(0, 0, 1), ids.slice(0, 0, 1)), Error);
  }
  Tensor leaf = a.clone().requires_grad_(true);
  EXPECT_THROW(triplet_by_labels(leaf, ids).loss.backward({}, true, /*create_graph=*/true), Error);
}

}  // namespace
}  // namespace vistas::contrast
