#include "vistas/measure/sparse.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/measure/labels.h"

namespace vistas::measure {
namespace {

// What the rows of one number share, walking along both.
double product(const SparseRows& a, size_t i, const SparseRows& b, size_t j) {
  double sum = 0;
  auto p = static_cast<size_t>(a.offsets[i]), q = static_cast<size_t>(b.offsets[j]);
  const auto p_end = static_cast<size_t>(a.offsets[i + 1]);
  const auto q_end = static_cast<size_t>(b.offsets[j + 1]);
  while (p < p_end && q < q_end) {
    if (a.indices[p] == b.indices[q]) {
      sum += double{a.values[p++]} * double{b.values[q++]};
    } else {
      ++(a.indices[p] < b.indices[q] ? p : q);
    }
  }
  return sum;
}

void check_width(const SparseRows& a, const SparseRows& b) {
  if (a.columns == b.columns) return;
  throw Error(ErrorKind::data, {.what = "columns of sparse features",
                                .got = fmt::format("{} and {}", a.columns, b.columns),
                                .expected = "the same"});
}

// The rows of each column with their values.
SparseRows transposed(const SparseRows& x) {
  SparseRows out{.columns = x.rows()};
  out.offsets.assign(static_cast<size_t>(x.columns) + 1, 0);
  for (const int32_t column : x.indices) ++out.offsets[static_cast<size_t>(column) + 1];
  for (size_t c = 1; c < out.offsets.size(); ++c) out.offsets[c] += out.offsets[c - 1];
  out.indices.resize(x.indices.size());
  out.values.resize(x.values.size());
  std::vector<int64_t> next = out.offsets;
  for (int64_t row = 0; row < x.rows(); ++row) {
    for (auto j = static_cast<size_t>(x.offsets[static_cast<size_t>(row)]);
         j < static_cast<size_t>(x.offsets[static_cast<size_t>(row) + 1]); ++j) {
      const auto place = static_cast<size_t>(next[static_cast<size_t>(x.indices[j])]++);
      out.indices[place] = static_cast<int32_t>(row);
      out.values[place] = x.values[j];
    }
  }
  return out;
}

// Adds to row i of `out` [N, classes] what the features give: weight is [columns, classes].
void add_scores(const SparseRows& x, const double* weight, size_t classes, double* out) {
  for (size_t row = 0; row + 1 < x.offsets.size(); ++row) {
    for (auto j = static_cast<size_t>(x.offsets[row]); j < static_cast<size_t>(x.offsets[row + 1]);
         ++j) {
      const double* w = weight + static_cast<size_t>(x.indices[j]) * classes;
      for (size_t c = 0; c < classes; ++c) out[row * classes + c] += double{x.values[j]} * w[c];
    }
  }
}

// Turns the scores of one row into softmax less one-hot, and returns its cross-entropy.
double to_residual(double* scores, size_t classes, size_t label) {
  const double most = *std::max_element(scores, scores + classes);
  double sum = 0;
  for (size_t c = 0; c < classes; ++c) sum += std::exp(scores[c] - most);
  const double log_sum = most + std::log(sum), loss = log_sum - scores[label];
  for (size_t c = 0; c < classes; ++c) scores[c] = std::exp(scores[c] - log_sum);
  scores[label] -= 1;
  return loss;
}

// The objective of logistic.h; parameters are the weights [columns, classes], then the biases.
double objective(const SparseRows& x, const int64_t* labels, size_t classes, double weight_decay,
                 std::span<const double> parameters, std::span<double> gradient) {
  const auto n = static_cast<size_t>(x.rows());
  const size_t weights = parameters.size() - classes;
  const double* bias = parameters.data() + weights;
  std::vector<double> residual(n * classes);
  for (size_t row = 0; row < n; ++row) std::copy_n(bias, classes, &residual[row * classes]);
  add_scores(x, parameters.data(), classes, residual.data());
  std::ranges::fill(gradient, 0.0);
  double loss = 0;
  for (size_t row = 0; row < n; ++row) {
    double* r = &residual[row * classes];
    loss += to_residual(r, classes, static_cast<size_t>(labels[row]));
    for (size_t c = 0; c < classes; ++c) gradient[weights + c] += r[c];
    for (auto j = static_cast<size_t>(x.offsets[row]); j < static_cast<size_t>(x.offsets[row + 1]);
         ++j) {
      double* g = &gradient[static_cast<size_t>(x.indices[j]) * classes];
      for (size_t c = 0; c < classes; ++c) g[c] += double{x.values[j]} * r[c];
    }
  }
  const auto count = static_cast<double>(n);
  for (double& g : gradient) g /= count;
  double squares = 0;
  for (size_t i = 0; i < weights; ++i) {
    squares += parameters[i] * parameters[i];
    gradient[i] += weight_decay * parameters[i];
  }
  return loss / count + weight_decay / 2 * squares;
}

}  // namespace

SparseRows SparseRows::select(std::span<const int64_t> chosen) const {
  SparseRows out{.columns = columns};
  for (const int64_t row : chosen) {
    const int64_t begin = offsets[static_cast<size_t>(row)];
    const int64_t end = offsets[static_cast<size_t>(row) + 1];
    out.indices.insert(out.indices.end(), indices.begin() + begin, indices.begin() + end);
    out.values.insert(out.values.end(), values.begin() + begin, values.begin() + end);
    out.offsets.push_back(static_cast<int64_t>(out.indices.size()));
  }
  return out;
}

std::vector<double> paired_products(const SparseRows& a, const SparseRows& b) {
  check_width(a, b);
  if (a.rows() != b.rows()) {
    throw Error(ErrorKind::data, {.what = "paired rows",
                                  .got = fmt::format("{} and {}", a.rows(), b.rows()),
                                  .expected = "as many of one as of the other"});
  }
  std::vector<double> out;
  for (size_t i = 0; i + 1 < a.offsets.size(); ++i) out.push_back(product(a, i, b, i));
  return out;
}

search::TopK top_products(const SparseRows& queries, const SparseRows& bank, int64_t k) {
  check_width(queries, bank);
  const SparseRows by_column = transposed(bank);
  std::vector<at::Tensor> indices, scores;
  at::Tensor row = at::empty({1, bank.rows()}, at::kFloat);
  auto* out = row.mutable_data_ptr<float>();
  for (size_t q = 0; q + 1 < queries.offsets.size(); ++q) {
    std::fill_n(out, bank.rows(), 0.0f);
    for (auto j = static_cast<size_t>(queries.offsets[q]);
         j < static_cast<size_t>(queries.offsets[q + 1]); ++j) {
      const auto column = static_cast<size_t>(queries.indices[j]);
      for (auto i = static_cast<size_t>(by_column.offsets[column]);
           i < static_cast<size_t>(by_column.offsets[column + 1]); ++i) {
        out[by_column.indices[i]] += queries.values[j] * by_column.values[i];
      }
    }
    search::TopK best = search::top_k_of_rows(row, k);
    indices.push_back(best.indices);
    scores.push_back(best.scores);
  }
  return {at::cat(indices), at::cat(scores)};
}

LogisticModel fit_logistic(const SparseRows& features, const at::Tensor& labels, int64_t classes,
                           const LogisticOptions& options) {
  if (options.standardise) {
    throw Error(ErrorKind::usage, {.what = "standardise", .got = "sparse features"});
  }
  const at::Tensor y = as_labels(labels, features.rows(), classes, "training labels");
  const auto width = static_cast<size_t>(classes);
  const auto weights = static_cast<size_t>(features.columns) * width;
  LbfgsResult found = minimise_lbfgs(
      std::vector<double>(weights + width),
      [&](std::span<const double> parameters, std::span<double> gradient) {
        return objective(features, y.const_data_ptr<int64_t>(), width, options.weight_decay,
                         parameters, gradient);
      },
      {.max_iterations = options.max_iterations, .gradient_tolerance = options.gradient_tolerance});
  const at::Tensor all = at::tensor(found.x, at::kDouble);
  LogisticModel model;
  model.weight = all.narrow(0, 0, features.columns * classes)
                     .view({features.columns, classes})
                     .t()
                     .contiguous();
  model.bias = all.narrow(0, features.columns * classes, classes);
  model.objective = found.value;
  model.iterations = found.iterations;
  model.converged = found.converged;
  return model;
}

at::Tensor logistic_scores(const LogisticModel& model, const SparseRows& features) {
  const at::Tensor weight = model.weight.t().contiguous();
  at::Tensor out = model.bias.expand({features.rows(), -1}).contiguous();
  add_scores(features, weight.const_data_ptr<double>(), static_cast<size_t>(out.size(1)),
             out.mutable_data_ptr<double>());
  return out;
}

}  // namespace vistas::measure
