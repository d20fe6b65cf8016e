#include "vistas/measure/logistic.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/measure/labels.h"
#include "vistas/search/features.h"

namespace vistas::measure {
namespace {

// Rows handled at a time, so that the class scores take at most 64 MB in float32.
int64_t rows_at_a_time(int64_t classes) {
  return std::max<int64_t>(256, (int64_t{1} << 24) / classes);
}

// How features are shifted and scaled before the fit: (x - mean) * scale.
struct Scaling {
  at::Tensor mean, scale;  // float64 [D]
};

Scaling scaling_of(const at::Tensor& features, bool standardise) {
  const int64_t d = features.size(1);
  if (!standardise) return {at::zeros({d}, at::kDouble), at::ones({d}, at::kDouble)};
  const at::Tensor mean = features.mean(0, false, at::kDouble);
  // Centred first: a small spread around a large mean would vanish in a sum of squares.
  const at::Tensor deviation =
      (features - mean.to(features.scalar_type())).square().mean(0, false, at::kDouble).sqrt();
  // A constant column carries nothing; leaving it at zero keeps its weight at zero.
  return {mean, at::where(deviation > 1e-12 * mean.abs(), 1 / deviation, 0.0)};
}

// What was fitted on scaled features, for unscaled ones.
LogisticModel unscaled(const at::Tensor& weight, const at::Tensor& bias, const Scaling& scaling) {
  LogisticModel model;
  model.weight = weight.to(at::kDouble) * scaling.scale;
  model.bias = bias.to(at::kDouble) - model.weight.mv(scaling.mean);
  return model;
}

at::Tensor scaled(const at::Tensor& x, const Scaling& scaling) {
  const at::ScalarType type = x.scalar_type();
  return (x - scaling.mean.to(type)).mul_(scaling.scale.to(type));
}

std::vector<double> parameters_of(const LogisticModel& model, const Scaling& scaling) {
  const at::Tensor bias = model.bias + model.weight.mv(scaling.mean);
  const at::Tensor weight = at::nan_to_num(model.weight / scaling.scale, 0.0, 0.0, 0.0);
  const at::Tensor all = at::cat({weight, bias.unsqueeze(1)}, 1).contiguous();
  const double* data = all.const_data_ptr<double>();
  return {data, data + all.numel()};
}

}  // namespace

at::Tensor LogisticModel::scores(const at::Tensor& features) const {
  return at::addmm(bias, features.to(at::kCPU, at::kDouble), weight.t());
}

double logistic_objective(const at::Tensor& features, const at::Tensor& labels, double weight_decay,
                          std::span<const double> parameters, std::span<double> gradient) {
  const at::NoGradGuard no_grad;
  const int64_t n = features.size(0), d = features.size(1);
  const int64_t classes = static_cast<int64_t>(parameters.size()) / (d + 1);
  const at::Tensor all = at::from_blob(const_cast<double*>(parameters.data()), {classes, d + 1},
                                       at::kDouble);  // only read
  const at::Tensor penalised = all.narrow(1, 0, d);
  const at::Tensor weight = penalised.to(features.scalar_type());
  const at::Tensor bias = all.select(1, d).to(features.scalar_type());
  at::Tensor slope = at::from_blob(gradient.data(), {classes, d + 1}, at::kDouble);
  at::Tensor weight_slope = slope.narrow(1, 0, d), bias_slope = slope.select(1, d);
  slope.zero_();
  double loss = 0;
  const int64_t step = rows_at_a_time(classes);
  for (int64_t begin = 0; begin < n; begin += step) {
    const int64_t rows = std::min(step, n - begin);
    const at::Tensor x = features.narrow(0, begin, rows);
    const at::Tensor y = labels.narrow(0, begin, rows).unsqueeze(1);
    at::Tensor log_p = at::log_softmax(at::addmm(bias, x, weight.t()), 1);
    loss -= log_p.gather(1, y).sum(at::kDouble).item<double>();
    // d loss / d scores = softmax - one-hot.
    at::Tensor residual = log_p.exp_();
    residual.scatter_add_(1, y, at::full({rows, 1}, -1.0, residual.options()));
    weight_slope.add_(at::mm(residual.t(), x));
    bias_slope.add_(residual.sum(0, false, at::kDouble));
  }
  const double count = static_cast<double>(n);
  slope.div_(count);
  weight_slope.add_(penalised, weight_decay);
  return loss / count + weight_decay / 2 * penalised.square().sum().item<double>();
}

LogisticModel fit_logistic(const at::Tensor& features, const at::Tensor& labels, int64_t classes,
                           const LogisticOptions& options, const LogisticModel* start) {
  search::as_features(features, "training features");
  const at::Tensor y = as_labels(labels, features.size(0), classes, "training labels");
  const at::ScalarType type = options.float64 ? at::kDouble : at::kFloat;
  at::Tensor x = features.detach().to(at::kCPU, type).contiguous();
  const Scaling scaling = scaling_of(x, options.standardise);
  if (options.standardise) x = scaled(x, scaling);
  const int64_t d = x.size(1);
  const LbfgsResult found = minimise_lbfgs(
      start ? parameters_of(*start, scaling)
            : std::vector<double>(static_cast<size_t>(classes * (d + 1))),
      [&](std::span<const double> parameters, std::span<double> gradient) {
        return logistic_objective(x, y, options.weight_decay, parameters, gradient);
      },
      {.max_iterations = options.max_iterations, .gradient_tolerance = options.gradient_tolerance});
  const at::Tensor all = at::tensor(found.x, at::kDouble).view({classes, d + 1});
  LogisticModel model = unscaled(all.narrow(1, 0, d), all.select(1, d), scaling);
  model.objective = found.value;
  model.iterations = found.iterations;
  model.converged = found.converged;
  return model;
}

std::vector<LogisticModel> fit_logistic_sgd(const at::Tensor& features, const at::Tensor& labels,
                                            int64_t classes, std::span<const SgdHead> heads,
                                            const LogisticSgdOptions& options) {
  const at::NoGradGuard no_grad;
  search::as_features(features, "training features");
  const at::Tensor y = as_labels(labels, features.size(0), classes, "training labels");
  at::Tensor x = features.detach().to(at::kCPU, at::kFloat).contiguous();
  const Scaling scaling = scaling_of(x, options.standardise);
  if (options.standardise) x = scaled(x, scaling);
  const int64_t n = x.size(0), d = x.size(1), count = static_cast<int64_t>(heads.size());
  // Row k * classes + c of `all` is class c of head k, its bias in the last column.
  at::Tensor all = at::zeros({count * classes, d + 1}), velocity = at::zeros_like(all);
  at::Tensor weight = all.narrow(1, 0, d), bias = all.select(1, d);
  at::Tensor decay = at::empty({count, classes, 1}), base = at::empty_like(decay);
  for (int64_t k = 0; k < count; ++k) {
    decay[k].fill_(heads[static_cast<size_t>(k)].weight_decay);
    base[k].fill_(heads[static_cast<size_t>(k)].learning_rate);
  }
  decay = decay.view({-1, 1});
  base = base.view({-1, 1});
  const int64_t per_epoch = (n + options.batch - 1) / options.batch;
  const int64_t steps = options.epochs * per_epoch;
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const at::Tensor order =
        at::tensor(Draws({options.seed, static_cast<uint64_t>(epoch)}).permutation(n), at::kLong);
    for (int64_t begin = 0; begin < n; begin += options.batch, ++step) {
      const int64_t rows = std::min(options.batch, n - begin);
      const at::Tensor which = order.narrow(0, begin, rows);
      const at::Tensor batch = x.index_select(0, which);
      const at::Tensor target = y.index_select(0, which).view({rows, 1, 1});
      at::Tensor residual =
          at::softmax(at::addmm(bias, batch, weight.t()).view({rows, count, classes}), 2);
      residual.scatter_add_(2, target.expand({rows, count, 1}), at::full({rows, count, 1}, -1.0));
      residual = residual.view({rows, -1}).div_(static_cast<double>(rows));
      velocity.mul_(options.momentum);
      velocity.narrow(1, 0, d).addmm_(residual.t(), batch).addcmul_(weight, decay);
      velocity.select(1, d).add_(residual.sum(0));
      const double progress = static_cast<double>(step) / static_cast<double>(steps);
      all.sub_(velocity * (base * (0.5 * (1 + std::cos(std::numbers::pi * progress)))));
    }
  }
  std::vector<LogisticModel> models;
  for (int64_t k = 0; k < count; ++k) {
    models.push_back(unscaled(weight.narrow(0, k * classes, classes),
                              bias.narrow(0, k * classes, classes), scaling));
    models.back().iterations = steps;
  }
  return models;
}

}  // namespace vistas::measure
