// Losses, similarity matrices and embedding statistics against the golden values.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "support/golden_torch.h"
#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/circle.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/contrastive.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/dcl.h"
#include "vistas/contrast/debiased.h"
#include "vistas/contrast/dino.h"
#include "vistas/contrast/distillation.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/lifted_structure.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/contrast/multi_similarity.h"
#include "vistas/contrast/n_pairs.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/nt_xent_labels.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/similarity.h"
#include "vistas/contrast/statistics.h"
#include "vistas/contrast/sup_con.h"
#include "vistas/contrast/swav.h"
#include "vistas/contrast/triplet.h"
#include "vistas/contrast/vicreg.h"

namespace vistas::contrast {
namespace {

using golden::Group;
using nlohmann::json;
using Outputs = std::map<std::string, at::Tensor>;

// One case in one precision: its options, and its inputs as leaves that gather gradients.
class Case {
 public:
  Case(const Group& group, const json& c, at::ScalarType dtype) : options(c.at("options")) {
    for (const auto& [role, key] : c.at("inputs").items()) {
      at::Tensor x = golden::tensor(group, key);
      if (x.is_floating_point()) x = x.to(dtype).requires_grad_(true);
      inputs[role] = x;
    }
  }

  const at::Tensor& in(const std::string& role) const { return inputs.at(role); }

  // role0, role1, ...
  std::vector<at::Tensor> all(const std::string& role) const {
    std::vector<at::Tensor> found;
    for (size_t i = 0; inputs.contains(role + std::to_string(i)); ++i) {
      found.push_back(in(role + std::to_string(i)));
    }
    return found;
  }

  const json& options;
  std::map<std::string, at::Tensor> inputs;
};

Similarity kind_of(const Case& c, const char* option) {
  return c.options.at(option) == "cosine" ? Similarity::cosine : Similarity::euclidean;
}

Outputs contrastive_pairs(const Case& c) {
  const double factor = c.options.at("factor");
  const at::Tensor loss = contrastive(c.in("x0"), c.in("x1"), c.in("target").detach(),
                                      {.margin = c.options.at("margin"),
                                       .squared = c.options.at("squared"),
                                       .similarity = kind_of(c, "distance"),
                                       .normalize = false});
  return {{"loss", loss * (factor / 0.5)}};  // the half of the squares is part of our formula
}

Outputs contrastive_labels(const Case& c) {
  return {{"loss", contrastive_by_labels(c.in("z"), c.in("labels"),
                                         {.margin = c.options.at("neg_margin"),
                                          .positive_margin = c.options.at("pos_margin"),
                                          .squared = c.options.at("squared")})}};
}

Outputs triplet_labels(const Case& c) {
  const std::map<std::string, TripletMining> minings = {
      {"all", TripletMining::all},
      {"hard", TripletMining::hard},
      {"semihard-all", TripletMining::semi_hard},
      {"semihard-facenet", TripletMining::facenet}};
  const bool soft = c.options.at("soft");
  TripletOptions options;
  options.soft = soft;
  options.mining = minings.at(c.options.at("mining"));
  if (!soft) options.margin = c.options.at("margin");
  options.mean_over = c.options.at("mean_over") == "all" ? MeanOver::all : MeanOver::nonzero;
  options.normalize = c.options.at("normalize");
  const TripletLoss result = triplet_by_labels(c.in("z"), c.in("labels"), options);
  return {{"loss", result.loss}, {"terms", result.terms}, {"nonzero_terms", result.active}};
}

Outputs triplet_explicit(const Case& c) {
  return {{"loss", triplet(c.in("a"), c.in("p"), c.in("n"),
                           {.margin = c.options.at("margin"),
                            .mean_over = MeanOver::all,
                            .similarity = kind_of(c, "distance"),
                            .normalize = false})}};
}

Outputs n_pairs_case(const Case& c) {
  return {{"loss", n_pairs(c.in("a"), c.in("p"), {.l2 = c.options.at("l2")})}};
}

LiftedStructureOptions lifted_options(const Case& c) {
  return {.margin = c.options.at("margin"), .normalize = c.options.at("normalize")};
}

Outputs lifted(const Case& c) {
  return {{"loss", lifted_structure(c.in("z"), c.in("labels"), lifted_options(c))}};
}

Outputs lifted_generalized(const Case& c) {
  return {{"loss", lifted_structure_generalized(c.in("z"), c.in("labels"), lifted_options(c))}};
}

Outputs circle_case(const Case& c) {
  return {{"loss", circle(c.in("z"), c.in("labels"),
                          {.margin = c.options.at("margin"), .gamma = c.options.at("gamma")})}};
}

Outputs multi_similarity_case(const Case& c) {
  const json& epsilon = c.options.at("mining_epsilon");
  return {{"loss", multi_similarity(c.in("z"), c.in("labels"),
                                    {.alpha = c.options.at("alpha"),
                                     .beta = c.options.at("beta"),
                                     .base = c.options.at("base"),
                                     .mining = !epsilon.is_null(),
                                     .epsilon = epsilon.is_null() ? 0 : epsilon.get<double>()})}};
}

Outputs cosent_case(const Case& c) {
  return {
      {"loss", cosent(c.in("x0"), c.in("x1"), c.in("score"), {.scale = c.options.at("scale")})}};
}

Outputs angle_case(const Case& c) {
  return {{"loss", angle(c.in("x0"), c.in("x1"), c.in("score"), {.scale = c.options.at("scale")})}};
}

Outputs margin_mse_case(const Case& c) {
  EXPECT_EQ(c.options.at("similarity"), "dot");
  return {{"loss", margin_mse(c.in("q"), c.in("p"), c.in("n"), c.in("teacher_margin"))}};
}

Outputs kl_case(const Case& c) {
  return {{"loss", kl_distillation(c.in("student"), c.in("teacher"),
                                   {.temperature = c.options.at("temperature")})}};
}

Outputs align_uniform_case(const Case& c) {
  const AlignUniformLoss result = align_uniform(
      c.in("x0"), c.in("x1"),
      {.alpha = c.options.at("alpha"), .t = c.options.at("t"), .weight = c.options.at("weight")});
  return {
      {"loss", result.loss}, {"alignment", result.alignment}, {"uniformity", result.uniformity}};
}

Outputs sim_siam_case(const Case& c) {
  return {{"loss", sim_siam(c.in("p0"), c.in("p1"), c.in("z0"), c.in("z1"))}};
}

Outputs byol_case(const Case& c) {
  return {{"loss", byol(c.in("p0"), c.in("p1"), c.in("z0"), c.in("z1"))}};
}

Outputs barlow_case(const Case& c) {
  const double eps = c.options.at("eps");
  return {{"loss",
           barlow_twins(c.in("z0"), c.in("z1"), {.lambda = c.options.at("lambda"), .eps = eps})},
          {"c", cross_correlation(c.in("z0"), c.in("z1"), eps)}};
}

Outputs vicreg_case(const Case& c) {
  const VicRegLoss result = vicreg(c.in("z0"), c.in("z1"),
                                   {.invariance = c.options.at("invariance"),
                                    .variance = c.options.at("variance"),
                                    .covariance = c.options.at("covariance"),
                                    .eps = c.options.at("eps")});
  return {{"loss", result.loss},
          {"invariance", result.invariance},
          {"variance", result.variance},
          {"covariance", result.covariance}};
}

SinkhornOptions sinkhorn_options(const Case& c) {
  return {.epsilon = c.options.at("epsilon"), .iterations = c.options.at("iterations")};
}

Outputs sinkhorn_case(const Case& c) {
  return {{"codes", sinkhorn(c.in("scores"), sinkhorn_options(c))}};
}

Outputs swav_case(const Case& c) {
  std::vector<at::Tensor> scores, queue;
  for (const at::Tensor& z : c.all("z")) scores.push_back(prototype_scores(z, c.in("prototypes")));
  for (const at::Tensor& z : c.all("queue")) {
    queue.push_back(prototype_scores(z, c.in("prototypes")));
  }
  const SwavLoss result =
      swav(scores, c.options.at("global_views"), queue,
           {.temperature = c.options.at("temperature"), .sinkhorn = sinkhorn_options(c)});
  return {{"loss", result.loss}, {"codes0", result.codes.at(0)}, {"codes1", result.codes.at(1)}};
}

Outputs dino_case(const Case& c) {
  const std::vector<at::Tensor> teacher = c.all("teacher");
  return {{"loss", dino(teacher, c.all("student"), c.in("center"),
                        {.student_temperature = c.options.at("student_temperature"),
                         .teacher_temperature = c.options.at("teacher_temperature")})},
          {"new_center", updated_center(c.in("center"), teacher, c.options.at("center_momentum"))}};
}

Similarity normalised(const Case& c) {
  return c.options.at("normalize").get<bool>() ? Similarity::cosine : Similarity::dot;
}

Outputs info_nce_case(const Case& c) {
  return {{"loss", info_nce(c.in("q"), c.in("k"),
                            {.temperature = c.options.at("temperature"),
                             .similarity = normalised(c),
                             .symmetric = c.options.at("symmetric")})}};
}

Outputs hard_negatives_case(const Case& c) {
  return {{"loss",
           info_nce(c.in("q"), c.in("k"), {.temperature = 1 / c.options.at("scale").get<double>()},
                    {}, c.in("neg"))}};
}

Outputs queue_case(const Case& c) {
  return {{"loss", info_nce_queue(c.in("q"), c.in("k"), c.in("queue"),
                                  {.temperature = c.options.at("temperature")})}};
}

Outputs clip_case(const Case& c) {
  return {{"loss", clip_loss(c.in("q"), c.in("k"), c.in("log_scale"))}};
}

Outputs siglip_case(const Case& c) {
  return {{"loss", siglip(c.in("q"), c.in("k"), c.in("log_scale"), c.in("bias"))}};
}

Outputs in_batch_softmax_case(const Case& c) {
  return {{"loss", in_batch_softmax(
                       c.in("u"), c.in("items"),
                       {.temperature = c.options.at("temperature"), .similarity = normalised(c)},
                       c.options.at("log_q_correction").get<bool>() ? c.in("log_q") : at::Tensor(),
                       c.options.at("mask_accidental_hits").get<bool>() ? c.in("item_ids")
                                                                        : at::Tensor())}};
}

SupConOptions sup_con_options(const Case& c) {
  SupConOptions options{.temperature = c.options.at("temperature")};
  options.variant = c.options.at("variant") == "in" ? SupConVariant::in : SupConVariant::out;
  if (c.options.contains("base_temperature") && !c.options.at("base_temperature").is_null()) {
    options.base_temperature = c.options.at("base_temperature");
  }
  return options;
}

Outputs sup_con_case(const Case& c) {
  return {{"loss", sup_con(c.in("z"), c.in("labels"), sup_con_options(c))}};
}

Outputs sup_con_views_case(const Case& c) {
  return {{"loss", sup_con(c.in("z0"), c.in("z1"), c.in("labels"), sup_con_options(c))}};
}

Outputs labels_case(const Case& c) {
  return {{"loss", nt_xent_labels(c.in("z"), c.in("labels"),
                                  {.temperature = c.options.at("temperature")})}};
}

Outputs dcl_case(const Case& c) {
  return {{"loss", dcl(c.in("z0"), c.in("z1"), {.temperature = c.options.at("temperature")})}};
}

Outputs dclw_case(const Case& c) {
  return {
      {"loss", dclw(c.in("z0"), c.in("z1"),
                    {.temperature = c.options.at("temperature"), .sigma = c.options.at("sigma")})}};
}

Outputs debiased_case(const Case& c) {
  return {{"loss",
           debiased_nt_xent(
               c.in("z0"), c.in("z1"),
               {.temperature = c.options.at("temperature"),
                .tau_plus = c.options.at("tau_plus"),
                .beta = c.options.at("beta").is_null() ? 0 : c.options.at("beta").get<double>()})}};
}

Outputs nnclr_case(const Case& c) {
  const auto denominator = c.options.at("denominator") == "ntxent" ? NnclrDenominator::nt_xent
                                                                   : NnclrDenominator::predictions;
  return {{"loss", nnclr(c.in("z0"), c.in("z1"), c.in("p0"), c.in("p1"), c.in("queue"),
                         {.temperature = c.options.at("temperature"), .denominator = denominator})},
          {"neighbours0", nearest_in_queue(c.in("z0"), c.in("queue"))},
          {"neighbours1", nearest_in_queue(c.in("z1"), c.in("queue"))}};
}

Outputs matryoshka_case(const Case& c) {
  const PairLoss inner = [&](const at::Tensor& x, const at::Tensor& y) {
    return nt_xent(x, y, {.temperature = c.options.at("temperature")});
  };
  return {{"loss", matryoshka(c.in("z0"), c.in("z1"), inner,
                              {.dims = c.options.at("dims"), .weights = c.options.at("weights")})}};
}

Outputs bpr_case(const Case& c) {
  return {{"loss", bpr(c.in("u"), c.in("p"), c.in("n"), {.l2 = c.options.at("l2")})}};
}

// The loss is only there for its gradients; the file holds distances.
Outputs similarity_case(const Case& c) {
  const std::string name = c.options.at("kind");
  const auto names = similarity_names();
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == name; });
  at::Tensor matrix = similarity(c.in("x"), c.in("y"), found->second);
  if (name != "cosine" && name != "dot") matrix = -matrix;
  return {{"matrix", matrix}, {"loss", (matrix * c.in("w").detach()).sum()}};
}

Outputs nt_xent_case(const Case& c) {
  return {{"loss", nt_xent(c.in("z0"), c.in("z1"), {.temperature = c.options.at("temperature")})}};
}

const std::map<std::string, Outputs (*)(const Case&)> kOperations = {
    {"ntxent", nt_xent_case},
    {"similarity", similarity_case},
    {"infonce", info_nce_case},
    {"infonce_hard_negatives", hard_negatives_case},
    {"infonce_queue", queue_case},
    {"clip", clip_case},
    {"siglip", siglip_case},
    {"in_batch_softmax", in_batch_softmax_case},
    {"supcon", sup_con_case},
    {"supcon_views", sup_con_views_case},
    {"ntxent_labels", labels_case},
    {"dcl", dcl_case},
    {"dclw", dclw_case},
    {"debiased", debiased_case},
    {"hard_negative_ntxent", debiased_case},
    {"nnclr", nnclr_case},
    {"matryoshka_ntxent", matryoshka_case},
    {"bpr", bpr_case},
    {"contrastive_pairs", contrastive_pairs},
    {"contrastive_labels", contrastive_labels},
    {"triplet", triplet_labels},
    {"triplet_explicit", triplet_explicit},
    {"npairs", n_pairs_case},
    {"lifted_structure", lifted},
    {"lifted_structure_generalized", lifted_generalized},
    {"circle", circle_case},
    {"multi_similarity", multi_similarity_case},
    {"cosent", cosent_case},
    {"angle", angle_case},
    {"margin_mse", margin_mse_case},
    {"kl_distillation", kl_case},
    {"align_uniform", align_uniform_case},
    {"simsiam", sim_siam_case},
    {"byol", byol_case},
    {"barlow_twins", barlow_case},
    {"vicreg", vicreg_case},
    {"sinkhorn", sinkhorn_case},
    {"swav", swav_case},
    {"dino", dino_case},
};

// Every output and every gradient that the case names, and no gradient besides.
void check(const Group& group, const json& c, at::ScalarType dtype, double tolerance) {
  SCOPED_TRACE(at::toString(dtype));
  const Case inputs(group, c, dtype);
  const Outputs outputs = kOperations.at(c.at("op"))(inputs);
  for (const auto& [role, key] : c.at("outputs").items()) {
    ASSERT_TRUE(outputs.contains(role)) << role;
    EXPECT_LE(golden::scaled_error(outputs.at(role), golden::tensor(group, key)), tolerance)
        << role;
  }
  if (c.at("grads").empty()) return;
  EXPECT_EQ(outputs.at("loss").scalar_type(), dtype);
  outputs.at("loss").backward();
  for (const auto& [role, x] : inputs.inputs) {
    if (!c.at("grads").contains(role)) {
      EXPECT_FALSE(x.grad().defined()) << role << " has no gradient in this loss";
      continue;
    }
    const at::Tensor grad = x.grad().defined() ? x.grad() : at::zeros_like(x);
    EXPECT_LE(golden::scaled_error(grad, golden::tensor(group, c.at("grads").at(role))), tolerance)
        << "gradient of " << role;
  }
}

TEST(Golden, Losses) {
  if (golden::folder_of("losses").empty()) GTEST_SKIP() << "no golden group 'losses'";
  const Group group = golden::load("losses");
  golden::check_all(group, [&](const json& c) {
    if (!kOperations.contains(c.at("op"))) return false;
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
