// The softmax family of losses against the golden values, values and gradients.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <map>

#include "support/golden_torch.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/dcl.h"
#include "vistas/contrast/debiased.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/nt_xent_labels.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/sup_con.h"

namespace vistas::contrast {
namespace {

using golden::Group;
using nlohmann::json;
using Inputs = std::map<std::string, at::Tensor>;

Similarity normalised(const json& options) {
  return options.at("normalize").get<bool>() ? Similarity::cosine : Similarity::dot;
}

at::Tensor info_nce_case(const Inputs& in, const json& o) {
  return info_nce(in.at("q"), in.at("k"),
                  {.temperature = o.at("temperature"),
                   .similarity = normalised(o),
                   .symmetric = o.at("symmetric")});
}

at::Tensor hard_negatives_case(const Inputs& in, const json& o) {
  return info_nce(in.at("q"), in.at("k"), {.temperature = 1 / o.at("scale").get<double>()}, {},
                  in.at("neg"));
}

at::Tensor queue_case(const Inputs& in, const json& o) {
  return info_nce_queue(in.at("q"), in.at("k"), in.at("queue"),
                        {.temperature = o.at("temperature")});
}

at::Tensor clip_case(const Inputs& in, const json&) {
  return clip_loss(in.at("q"), in.at("k"), in.at("log_scale"));
}

at::Tensor siglip_case(const Inputs& in, const json&) {
  return siglip(in.at("q"), in.at("k"), in.at("log_scale"), in.at("bias"));
}

at::Tensor in_batch_softmax_case(const Inputs& in, const json& o) {
  return in_batch_softmax(
      in.at("u"), in.at("items"), {.temperature = o.at("temperature"), .similarity = normalised(o)},
      o.at("log_q_correction").get<bool>() ? in.at("log_q") : at::Tensor(),
      o.at("mask_accidental_hits").get<bool>() ? in.at("item_ids") : at::Tensor());
}

SupConOptions sup_con_options(const json& o) {
  SupConOptions options{.temperature = o.at("temperature")};
  options.variant = o.at("variant") == "in" ? SupConVariant::in : SupConVariant::out;
  if (o.contains("base_temperature") && !o.at("base_temperature").is_null()) {
    options.base_temperature = o.at("base_temperature");
  }
  return options;
}

at::Tensor sup_con_case(const Inputs& in, const json& o) {
  return sup_con(in.at("z"), in.at("labels"), sup_con_options(o));
}

at::Tensor sup_con_views_case(const Inputs& in, const json& o) {
  return sup_con(in.at("z0"), in.at("z1"), in.at("labels"), sup_con_options(o));
}

at::Tensor labels_case(const Inputs& in, const json& o) {
  return nt_xent_labels(in.at("z"), in.at("labels"), {.temperature = o.at("temperature")});
}

at::Tensor dcl_case(const Inputs& in, const json& o) {
  return dcl(in.at("z0"), in.at("z1"), {.temperature = o.at("temperature")});
}

at::Tensor dclw_case(const Inputs& in, const json& o) {
  return dclw(in.at("z0"), in.at("z1"),
              {.temperature = o.at("temperature"), .sigma = o.at("sigma")});
}

at::Tensor debiased_case(const Inputs& in, const json& o) {
  return debiased_nt_xent(in.at("z0"), in.at("z1"),
                          {.temperature = o.at("temperature"),
                           .tau_plus = o.at("tau_plus"),
                           .beta = o.at("beta").is_null() ? 0 : o.at("beta").get<double>()});
}

at::Tensor nnclr_case(const Inputs& in, const json& o) {
  const auto denominator =
      o.at("denominator") == "ntxent" ? NnclrDenominator::nt_xent : NnclrDenominator::predictions;
  return nnclr(in.at("z0"), in.at("z1"), in.at("p0"), in.at("p1"), in.at("queue"),
               {.temperature = o.at("temperature"), .denominator = denominator});
}

at::Tensor matryoshka_case(const Inputs& in, const json& o) {
  const PairLoss inner = [&](const at::Tensor& x, const at::Tensor& y) {
    return nt_xent(x, y, {.temperature = o.at("temperature")});
  };
  return matryoshka(in.at("z0"), in.at("z1"), inner,
                    {.dims = o.at("dims"), .weights = o.at("weights")});
}

at::Tensor bpr_case(const Inputs& in, const json& o) {
  return bpr(in.at("u"), in.at("p"), in.at("n"), {.l2 = o.at("l2")});
}

const std::map<std::string, at::Tensor (*)(const Inputs&, const json&)> kLosses = {
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
};

// Every input as a leaf of `dtype`; whole numbers as they are.
Inputs leaves(const Group& group, const json& c, at::ScalarType dtype) {
  Inputs inputs;
  for (const auto& [role, key] : c.at("inputs").items()) {
    at::Tensor x = golden::tensor(group, key);
    if (x.is_floating_point()) x = x.to(dtype).clone().requires_grad_(true);
    inputs[role] = x;
  }
  return inputs;
}

void check(const Group& group, const json& c, at::ScalarType dtype, double tolerance) {
  SCOPED_TRACE(at::toString(dtype));
  const Inputs inputs = leaves(group, c, dtype);
  const at::Tensor loss = kLosses.at(c.at("op"))(inputs, c.at("options"));
  loss.backward();
  EXPECT_EQ(loss.scalar_type(), dtype);
  EXPECT_LE(golden::scaled_error(loss, golden::tensor(group, c.at("outputs").at("loss"))),
            tolerance);
  for (const auto& [role, x] : inputs) {
    if (c.at("grads").contains(role)) {
      ASSERT_TRUE(x.grad().defined()) << role;
      EXPECT_LE(golden::scaled_error(x.grad(), golden::tensor(group, c.at("grads").at(role))),
                tolerance)
          << role;
    } else {
      EXPECT_FALSE(x.grad().defined()) << role << " has no gradient in this loss";
    }
  }
  for (const char* side : {"0", "1"}) {
    if (!c.at("outputs").contains(std::string("neighbours") + side)) continue;
    const at::Tensor want =
        golden::tensor(group, c.at("outputs").at(std::string("neighbours") + side));
    const at::Tensor got = nearest_in_queue(inputs.at(std::string("z") + side), inputs.at("queue"));
    EXPECT_TRUE(got.equal(want)) << "neighbours" << side;
  }
}

TEST(Golden, SoftmaxLosses) {
  if (golden::folder_of("losses").empty()) GTEST_SKIP() << "no golden group 'losses'";
  const Group group = golden::load("losses");
  golden::check_all(group, [&](const json& c) {
    if (!kLosses.contains(c.at("op"))) return false;
    check(group, c, at::kDouble, c.at("tolerance").at("float64"));
    check(group, c, at::kFloat, c.at("tolerance").at("float32"));
    return true;
  });
}

}  // namespace
}  // namespace vistas::contrast
