#include "vistas/measure/linear.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/measure/logistic.h"
#include "vistas/measure/splits.h"
#include "vistas/search/features.h"

namespace vistas::measure {
namespace {

// Accuracy on the held-out rows of each weight decay, in the order given. Fits run from strong to
// weak decay, each from the last: the minimum moves little from one to the next.
std::vector<double> sweep(const at::Tensor& features, const at::Tensor& labels, const Split& split,
                          int64_t classes, const LinearProbeOptions& options) {
  const auto rows = [](const at::Tensor& t, const std::vector<int64_t>& which) {
    return t.index_select(0, at::tensor(which, at::kLong));
  };
  const at::Tensor x = rows(features, split.train), y = rows(labels, split.train);
  const at::Tensor held_x = rows(features, split.test), held_y = rows(labels, split.test);
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

double best_of(const std::vector<double>& weight_decays, const std::vector<double>& top1) {
  size_t best = 0;
  for (size_t i = 1; i < top1.size(); ++i) {
    if (top1[i] > top1[best] || (top1[i] == top1[best] && weight_decays[i] > weight_decays[best])) {
      best = i;
    }
  }
  return weight_decays[best];
}

}  // namespace

LinearProbeResult linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                               const at::Tensor& test, const at::Tensor& test_labels,
                               int64_t classes, const LinearProbeOptions& options) {
  if (options.weight_decays.empty()) {
    throw Error(
        ErrorKind::usage,
        {.what = "linear.weight_decays", .got = "an empty list", .expected = "one number or more"});
  }
  const at::Tensor x = search::as_features(train, "training features");
  const at::Tensor test_x = search::as_features(test, "test features");
  const at::Tensor y = as_labels(train_labels, x.size(0), classes, "training labels");
  const at::Tensor test_y = as_labels(test_labels, test_x.size(0), classes, "test labels");
  if (x.size(1) != test_x.size(1)) {
    throw Error(ErrorKind::data, {.what = "width of the test features",
                                  .got = fmt::to_string(test_x.size(1)),
                                  .expected = fmt::format("{}, as in training", x.size(1)),
                                  .fix = "Embed both with the same encoder"});
  }
  const std::span known(y.const_data_ptr<int64_t>(), static_cast<size_t>(y.numel()));
  const Split split =
      stratified_split(known, options.held_out, static_cast<uint64_t>(options.seed));
  LinearProbeResult out;
  out.held_out_rows = static_cast<int64_t>(split.test.size());
  if (split.test.empty()) {
    out.weight_decay = options.weight_decays[options.weight_decays.size() / 2];
  } else {
    out.held_out_top1 = sweep(x, y, split, classes, options);
    out.weight_decay = best_of(options.weight_decays, out.held_out_top1);
  }
  const LogisticModel model = fit_logistic(x, y, classes,
                                           {.weight_decay = out.weight_decay,
                                            .standardise = options.standardise,
                                            .max_iterations = options.max_iterations,
                                            .gradient_tolerance = 1e-4});
  out.converged = model.converged;
  out.train_top1 = classification_scores(model.scores(x), y).top1;
  out.test = classification_scores(model.scores(test_x), test_y);
  return out;
}

}  // namespace vistas::measure
