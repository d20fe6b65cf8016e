#include "vistas/measure/linear.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "vistas/base/error.h"
#include "vistas/measure/splits.h"
#include "vistas/search/features.h"

namespace vistas::measure {
namespace {

// What a probe is fitted and tested on, checked.
struct Rows {
  at::Tensor x, y, test_x, test_y;
  Split split;  // of the training rows

  LinearProbeResult result(const LogisticModel& model) const {
    LinearProbeResult out;
    out.train_top1 = classification_scores(model.scores(x), y).top1;
    out.test = classification_scores(model.scores(test_x), test_y);
    out.held_out_rows = static_cast<int64_t>(split.test.size());
    out.converged = model.converged;
    return out;
  }
};

Rows checked(const at::Tensor& train, const at::Tensor& train_labels, const at::Tensor& test,
             const at::Tensor& test_labels, int64_t classes, double held_out, uint64_t seed) {
  Rows rows;
  rows.x = search::as_features(train, "training features");
  rows.test_x = search::as_features(test, "test features");
  rows.y = as_labels(train_labels, rows.x.size(0), classes, "training labels");
  rows.test_y = as_labels(test_labels, rows.test_x.size(0), classes, "test labels");
  if (rows.x.size(1) != rows.test_x.size(1)) {
    throw Error(ErrorKind::data, {.what = "width of the test features",
                                  .got = fmt::to_string(rows.test_x.size(1)),
                                  .expected = fmt::format("{}, as in training", rows.x.size(1)),
                                  .fix = "Embed both with the same encoder"});
  }
  const std::span known(rows.y.const_data_ptr<int64_t>(), static_cast<size_t>(rows.y.numel()));
  rows.split = stratified_split(known, held_out, seed);
  return rows;
}

void require_some(const std::vector<double>& list, const std::string& name) {
  if (list.empty()) {
    throw Error(ErrorKind::usage,
                {.what = name, .got = "an empty list", .expected = "one number or more"});
  }
}

at::Tensor chosen(const at::Tensor& t, const std::vector<int64_t>& which) {
  return t.index_select(0, at::tensor(which, at::kLong));
}

// Accuracy on the held-out rows of each weight decay, in the order given. Fits run from strong to
// weak decay, each from the last: the minimum moves little from one to the next.
std::vector<double> sweep(const Rows& rows, int64_t classes, const LinearProbeOptions& options) {
  const at::Tensor x = chosen(rows.x, rows.split.train), y = chosen(rows.y, rows.split.train);
  const at::Tensor held_x = chosen(rows.x, rows.split.test);
  const at::Tensor held_y = chosen(rows.y, rows.split.test);
  std::vector<size_t> order(options.weight_decays.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return options.weight_decays[a] > options.weight_decays[b];
  });
  std::vector<double> top1(order.size());
  LogisticModel model;
  for (const size_t i : order) {
    const LogisticOptions fit = {.weight_decay = options.weight_decays[i],
                                 .standardise = options.standardise,
                                 .max_iterations = options.max_iterations,
                                 .gradient_tolerance = 1e-4};
    model = fit_logistic(x, y, classes, fit, model.weight.defined() ? &model : nullptr);
    top1[i] = classification_scores(model.scores(held_x), held_y).top1;
  }
  return top1;
}

// A head that diverged counts as wrong everywhere.
double top1_of(const LogisticModel& model, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor scores = model.scores(x);
  return scores.isfinite().all().item<bool>() ? classification_scores(scores, y).top1 : 0;
}

// The settings to take: accurate, then of a small learning rate, then of a large decay.
SgdHead best_of(const std::vector<SgdHead>& heads, const std::vector<double>& top1) {
  const auto rank = [&](size_t i) {
    return std::tuple(top1[i], -heads[i].learning_rate, heads[i].weight_decay);
  };
  size_t best = 0;
  for (size_t i = 1; i < top1.size(); ++i) {
    if (rank(i) > rank(best)) best = i;
  }
  return heads[best];
}

}  // namespace

LinearProbeResult linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                               const at::Tensor& test, const at::Tensor& test_labels,
                               int64_t classes, const LinearProbeOptions& options) {
  require_some(options.weight_decays, "weight_decays of the linear probe");
  const Rows rows = checked(train, train_labels, test, test_labels, classes, options.held_out,
                            static_cast<uint64_t>(options.seed));
  double weight_decay = options.weight_decays[options.weight_decays.size() / 2];
  std::vector<double> held_out_top1;
  if (!rows.split.test.empty()) {
    held_out_top1 = sweep(rows, classes, options);
    std::vector<SgdHead> settings;
    for (const double decay : options.weight_decays) settings.push_back({0, decay});
    weight_decay = best_of(settings, held_out_top1).weight_decay;
  }
  LinearProbeResult out = rows.result(fit_logistic(rows.x, rows.y, classes,
                                                   {.weight_decay = weight_decay,
                                                    .standardise = options.standardise,
                                                    .max_iterations = options.max_iterations,
                                                    .gradient_tolerance = 1e-4}));
  out.weight_decay = weight_decay;
  out.held_out_top1 = std::move(held_out_top1);
  return out;
}

LinearProbeResult sgd_linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                                   const at::Tensor& test, const at::Tensor& test_labels,
                                   int64_t classes, const SgdProbeOptions& options) {
  require_some(options.learning_rates, "learning_rates of the linear probe");
  require_some(options.weight_decays, "weight_decays of the linear probe");
  const Rows rows =
      checked(train, train_labels, test, test_labels, classes, options.held_out, options.sgd.seed);
  SgdHead head = {options.learning_rates[options.learning_rates.size() / 2],
                  options.weight_decays[options.weight_decays.size() / 2]};
  std::vector<double> held_out_top1;
  if (!rows.split.test.empty()) {
    std::vector<SgdHead> heads;
    for (const double rate : options.learning_rates) {
      for (const double decay : options.weight_decays) heads.push_back({rate, decay});
    }
    const auto models =
        fit_logistic_sgd(chosen(rows.x, rows.split.train), chosen(rows.y, rows.split.train),
                         classes, heads, options.sgd);
    const at::Tensor held_x = chosen(rows.x, rows.split.test);
    const at::Tensor held_y = chosen(rows.y, rows.split.test);
    for (const LogisticModel& m : models) held_out_top1.push_back(top1_of(m, held_x, held_y));
    head = best_of(heads, held_out_top1);
  }
  LinearProbeResult out = rows.result(
      fit_logistic_sgd(rows.x, rows.y, classes, std::span(&head, 1), options.sgd).front());
  out.learning_rate = head.learning_rate;
  out.weight_decay = head.weight_decay;
  out.held_out_top1 = std::move(held_out_top1);
  return out;
}

}  // namespace vistas::measure
