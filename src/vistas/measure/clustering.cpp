#include "vistas/measure/clustering.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/search/features.h"

namespace vistas::measure {
namespace {

// Rows handled at a time, so that their distances take at most 32 MB.
int64_t rows_at_a_time(int64_t clusters) {
  return std::max<int64_t>(64, (int64_t{1} << 22) / clusters);
}

at::Tensor as_rows(const at::Tensor& x, int64_t clusters) {
  search::as_features(x, "rows to cluster");
  if (clusters < 1 || clusters > x.size(0)) {
    throw Error(ErrorKind::data,
                {.what = "clusters",
                 .got = fmt::to_string(clusters),
                 .expected = fmt::format("1 .. {}, the number of rows", x.size(0))});
  }
  return x.detach().to(at::kCPU, at::kDouble).contiguous();
}

struct Nearest {
  at::Tensor centre, distance;  // int64 and float64 [N]; squared distances
};

Nearest nearest_centres(const at::Tensor& x, const at::Tensor& centres) {
  const at::Tensor norms = centres.square().sum(1);
  Nearest out{at::empty({x.size(0)}, at::kLong), at::empty({x.size(0)}, at::kDouble)};
  const int64_t step = rows_at_a_time(centres.size(0));
  for (int64_t begin = 0; begin < x.size(0); begin += step) {
    const at::Tensor block = x.narrow(0, begin, std::min(step, x.size(0) - begin));
    // |x|^2 is the same for all centres and added to the nearest only.
    const auto [least, which] =
        at::addmm(norms, block, centres.t(), /*beta=*/1, /*alpha=*/-2).min(1);
    out.centre.narrow(0, begin, block.size(0)).copy_(which);
    out.distance.narrow(0, begin, block.size(0))
        .copy_((least + block.square().sum(1)).clamp_min(0));
  }
  return out;
}

// Gives centres without rows the rows farthest from their own.
void fill_empty(Nearest& nearest, int64_t clusters) {
  at::Tensor counts = at::bincount(nearest.centre, {}, clusters);
  if (counts.min().item<int64_t>() > 0) return;
  const at::Tensor order = nearest.distance.argsort(/*stable=*/true, 0, /*descending=*/true);
  auto* count = counts.mutable_data_ptr<int64_t>();
  auto* centre = nearest.centre.mutable_data_ptr<int64_t>();
  const auto* far = order.const_data_ptr<int64_t>();
  for (int64_t c = 0, next = 0; c < clusters; ++c) {
    if (count[c] > 0) continue;
    while (count[centre[far[next]]] == 1) ++next;  // the last row of a cluster stays
    --count[centre[far[next]]];
    centre[far[next++]] = c;
    count[c] = 1;
  }
}

at::Tensor means(const at::Tensor& x, const at::Tensor& assignment, int64_t clusters) {
  at::Tensor sums = at::zeros({clusters, x.size(1)}, at::kDouble);
  sums.index_add_(0, assignment, x);
  return sums.div_(at::bincount(assignment, {}, clusters).unsqueeze(1));
}

KmeansResult lloyd(const at::Tensor& x, at::Tensor centres, int64_t max_iterations) {
  const int64_t clusters = centres.size(0);
  KmeansResult out;
  while (out.iterations < max_iterations && !out.converged) {
    Nearest nearest = nearest_centres(x, centres);
    fill_empty(nearest, clusters);
    out.converged = out.assignment.defined() && at::equal(nearest.centre, out.assignment);
    out.assignment = nearest.centre;
    centres = means(x, out.assignment, clusters);
    ++out.iterations;
  }
  out.centres = centres;
  out.inertia = (x - centres.index_select(0, out.assignment)).square().sum().item<double>();
  return out;
}

at::Tensor plus_plus_seeds(const at::Tensor& x, int64_t clusters, Draws& draws) {
  std::vector<int64_t> rows{draws.below(x.size(0))};
  const auto distance_from = [&](int64_t row) { return (x - x[row]).square().sum(1); };
  at::Tensor distance = distance_from(rows[0]);
  while (static_cast<int64_t>(rows.size()) < clusters) {
    const at::Tensor sums = distance.cumsum(0);
    const double at = draws.uniform() * sums[-1].item<double>();
    // With all rows at a seed already any one will do; `right` passes over rows of no distance.
    const int64_t row = at::searchsorted(sums, at, false, /*right=*/true).item<int64_t>();
    rows.push_back(std::min(row, x.size(0) - 1));
    distance = at::minimum(distance, distance_from(rows.back()));
  }
  return x.index_select(0, at::tensor(rows));
}

using Counts = std::map<int64_t, double>;

double entropy(const Counts& counts, double n) {
  double sum = 0;
  for (const auto& [key, count] : counts) sum -= count / n * std::log(count / n);
  return sum;
}

}  // namespace

KmeansResult kmeans_from(const at::Tensor& x, const at::Tensor& centres, int64_t max_iterations) {
  const at::NoGradGuard no_grad;
  const at::Tensor rows = as_rows(x, centres.size(0));
  return lloyd(rows, centres.detach().to(at::kCPU, at::kDouble), max_iterations);
}

KmeansResult kmeans(const at::Tensor& x, const KmeansOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor rows = as_rows(x, options.clusters);
  KmeansResult best;
  for (int64_t i = 0; i < options.restarts; ++i) {
    Draws draws({options.seed, static_cast<uint64_t>(i)});
    const KmeansResult found =
        lloyd(rows, plus_plus_seeds(rows, options.clusters, draws), options.max_iterations);
    if (i == 0 || found.inertia < best.inertia) best = found;
  }
  return best;
}

ClusteringScores clustering_scores(std::span<const int64_t> labels,
                                   std::span<const int64_t> clusters) {
  if (labels.size() != clusters.size() || labels.empty()) {
    throw Error(ErrorKind::data, {.what = "labels and clusters",
                                  .got = fmt::format("{} and {}", labels.size(), clusters.size()),
                                  .expected = "one of each a row, at least one row"});
  }
  Counts by_label, by_cluster;
  std::map<std::pair<int64_t, int64_t>, double> both;
  for (size_t i = 0; i < labels.size(); ++i) {
    ++by_label[labels[i]];
    ++by_cluster[clusters[i]];
    ++both[{labels[i], clusters[i]}];
  }
  const auto n = static_cast<double>(labels.size());
  double shared = 0;  // mutual information
  for (const auto& [key, count] : both) {
    shared += count / n * std::log(count * n / (by_label[key.first] * by_cluster[key.second]));
  }
  const double h_label = entropy(by_label, n), h_cluster = entropy(by_cluster, n);
  ClusteringScores out;
  out.homogeneity = by_label.size() > 1 ? shared / h_label : 1;
  out.completeness = by_cluster.size() > 1 ? shared / h_cluster : 1;
  const double sum = out.homogeneity + out.completeness;
  out.v_measure = sum > 0 ? 2 * out.homogeneity * out.completeness / sum : 0;
  return out;
}

}  // namespace vistas::measure
