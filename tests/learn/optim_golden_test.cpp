// Optimisers, schedules and teacher averaging against the golden trajectories.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>

#include "support/golden_torch.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/schedule.h"

namespace vistas::learn {
namespace {

using golden::Group;
using nlohmann::json;

const char* const kParameters[] = {"q.x",     "fc1.weight", "fc1.bias", "bn.weight",
                                   "bn.bias", "fc2.weight", "fc2.bias"};

using Tensors = std::map<std::string, at::Tensor>;

at::Tensor loss_of(const Tensors& data, const Tensors& p) {
  const at::Tensor& x = p.at("q.x");
  const at::Tensor quadratic = 0.5 * x.dot(data.at("A").mv(x)) - data.at("b").dot(x);
  const at::Tensor h = at::addmm(p.at("fc1.bias"), data.at("X"), p.at("fc1.weight").t());
  const at::Tensor variance = at::var(h, at::IntArrayRef{0}, /*unbiased=*/false, /*keepdim=*/true);
  const at::Tensor normal = (h - h.mean(0, true)) / (variance + 1e-5).sqrt();
  const at::Tensor hidden = (normal * p.at("bn.weight") + p.at("bn.bias")).tanh();
  const at::Tensor out = at::addmm(p.at("fc2.bias"), hidden, p.at("fc2.weight").t());
  return quadratic + (out - data.at("Y")).square().mean();
}

OptimizerOptions options_of(const std::string& name, const json& o) {
  OptimizerOptions options;
  const std::string kind = name.substr(0, name.find('.'));
  options.name = kind == "sgd"     ? OptimizerName::sgd
                 : kind == "adam"  ? OptimizerName::adam
                 : kind == "adamw" ? OptimizerName::adamw
                                   : OptimizerName::lars;
  options.momentum = o.value("momentum", 0.0);
  options.dampening = o.value("dampening", 0.0);
  options.nesterov = o.value("nesterov", false);
  options.weight_decay = o.value("weight_decay", 0.0);
  options.exclude_bias_and_norm = o.value("plain_weight_decay", options.weight_decay) == 0;
  options.bias_lr_scale = o.value("plain_lr", o.at("lr").get<double>()) / o.at("lr").get<double>();
  options.beta1 = o.value("beta1", 0.9);
  options.beta2 = o.value("beta2", 0.999);
  options.eps = o.value("eps", 1e-8);
  options.trust_coefficient = o.value("eta", 0.001);
  options.lars_form =
      name.find("lightly") != std::string::npos ? LarsForm::decay_inside : LarsForm::decay_first;
  options.lars_clip = o.value("clip", false);
  options.adapt_bias_and_norm = !o.contains("plain_adapt") && !o.contains("plain_weight_decay");
  return options;
}

// strided: every parameter is a view with holes, which takes the path of other devices.
void check_optimizer(const Group& group, const json& c, bool strided) {
  const json& o = c.at("options");
  const auto dtype = o.at("dtype") == "float64" ? at::kDouble : at::kFloat;
  const double tolerance = c.at("tolerance").at(o.at("dtype").get<std::string>());
  Tensors data, parameters;
  for (const char* role : {"A", "b", "X", "Y"}) {
    data[role] = golden::tensor(group, c.at("inputs").at(role)).to(dtype);
  }
  NamedTensors named;
  for (const std::string name : kParameters) {
    at::Tensor start = golden::tensor(group, c.at("inputs").at("start." + name)).to(dtype);
    if (strided) start = at::stack({start, start}, -1).select(-1, 0);
    named.emplace_back(name, start.requires_grad_(true));
    parameters[name] = start;
  }
  const auto optimizer = make_optimizer(options_of(c.at("name"), o), named);
  const at::Tensor losses = golden::tensor(group, c.at("outputs").at("losses"));
  const int64_t steps = o.at("steps");
  std::vector<at::Tensor> seen;
  for (int64_t t = 0; t <= steps; ++t) {
    for (const auto& [name, value] : parameters) {
      const std::string role = "at" + std::to_string(t) + "." + name;
      if (!c.at("outputs").contains(role)) continue;
      const at::Tensor want = golden::tensor(group, c.at("outputs").at(role));
      EXPECT_LE(golden::scaled_error(value, want), tolerance) << role;
    }
    const at::Tensor loss = loss_of(data, parameters);
    seen.push_back(loss.detach());
    optimizer->zero_grad();
    loss.backward();
    if (t < steps) optimizer->step(o.at("lr"));
  }
  EXPECT_LE(golden::scaled_error(at::stack(seen), losses), tolerance) << "losses";
  EXPECT_EQ(optimizer->steps(), steps);
}

double schedule_value(const std::string& op, const json& o, int64_t t) {
  if (op == "multistep") {
    return multi_step(t, o.at("base"), o.at("milestones").get<std::vector<int64_t>>(),
                      o.at("gamma"));
  }
  const int64_t total = o.at("total_steps");
  if (op == "wd_cosine" || op == "ema_cosine") {
    return cosine_between(t, o.at("start"), o.at("end"), total);
  }
  if (op == "ema_cosine_lightly") {
    return cosine_between_lightly(t, o.at("start"), o.at("end"), total);
  }
  const double base = o.at("base");
  const int64_t warmup = o.at("warmup_steps");
  if (op == "warmup_cosine") return warmup_cosine(t, base, warmup, total, o.at("end"));
  if (op == "warmup_cosine_lightly") {
    return warmup_cosine_lightly(t, base, warmup, total, o.at("end"));
  }
  return warmup_cosine(t, base, warmup, total, base * o.at("floor").get<double>());
}

void check_schedule(const Group& group, const json& c) {
  const at::Tensor want = golden::tensor(group, c.at("outputs").at("values"));
  at::Tensor got = at::empty_like(want);
  for (int64_t t = 0; t < want.numel(); ++t) {
    got[t] = schedule_value(c.at("op"), c.at("options"), t);
  }
  EXPECT_LE(golden::scaled_error(got, want), c.at("tolerance").at("float64").get<double>());
}

void check_ema(const Group& group, const json& c) {
  const at::Tensor students = golden::tensor(group, c.at("inputs").at("students"));
  const at::Tensor want = golden::tensor(group, c.at("outputs").at("teachers"));
  const auto taus = c.at("options").at("tau").get<std::vector<double>>();
  at::Tensor teacher = golden::tensor(group, c.at("inputs").at("start"));
  std::vector<at::Tensor> got;
  for (size_t i = 0; i < taus.size(); ++i) {
    update_teacher({teacher}, {students[static_cast<int64_t>(i)]}, taus[i]);
    got.push_back(teacher.clone());
  }
  const double tolerance = c.at("tolerance").at(c.at("options").at("dtype").get<std::string>());
  EXPECT_LE(golden::scaled_error(at::stack(got), want), tolerance);
}

TEST(Golden, Optim) {
  if (golden::folder_of("optim").empty()) GTEST_SKIP() << "no golden group 'optim'";
  const Group group = golden::load("optim");
  golden::check_all(group, [&](const json& c) {
    const std::string op = c.at("op");
    if (op == "optimizer") {
      check_optimizer(group, c, /*strided=*/false);
      check_optimizer(group, c, /*strided=*/true);
    } else if (op == "ema") {
      check_ema(group, c);
    } else if (c.at("outputs").contains("values")) {
      check_schedule(group, c);
    } else {
      return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace vistas::learn
