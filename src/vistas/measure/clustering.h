// Clusters of features without labels, and how well they agree with labels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace vistas::measure {

struct KmeansOptions {
  int64_t clusters = 2;
  int64_t restarts = 10;  // seeds drawn anew; the result of least inertia is kept
  int64_t max_iterations = 300;
  uint64_t seed = 0;
};

struct KmeansResult {
  at::Tensor assignment;  // int64 [N]
  at::Tensor centres;     // float64 [clusters, D]
  double inertia = 0;     // sum of squared distances of rows to their centres
  int64_t iterations = 0;
  bool converged = false;  // the last pass changed no assignment
};

// Lloyd's algorithm from the given centres [clusters, D]: every row goes to its nearest centre
// (ties by lower number), every centre to the mean of its rows, until nothing changes. A centre
// left without rows takes the row farthest from its own. x [N, D], N >= clusters; in float64.
KmeansResult kmeans_from(const at::Tensor& x, const at::Tensor& centres, int64_t max_iterations);

// The same from seeds of k-means++: the first row at random, each further one with a probability in
// proportion to its squared distance from the nearest seed.
// Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
KmeansResult kmeans(const at::Tensor& x, const KmeansOptions& options);

struct ClusteringScores {
  double homogeneity = 0;   // 1 - H(label | cluster) / H(label); 1 if there is one label only
  double completeness = 0;  // 1 - H(cluster | label) / H(cluster); 1 if there is one cluster only
  double v_measure = 0;     // their harmonic mean, 0 if both are 0
};

// labels [N] and clusters [N], any whole numbers. v_measure is also the normalised mutual
// information with the arithmetic mean of the entropies.
// Rosenberg and Hirschberg, "V-measure", EMNLP-CoNLL 2007.
ClusteringScores clustering_scores(std::span<const int64_t> labels,
                                   std::span<const int64_t> clusters);

}  // namespace vistas::measure
