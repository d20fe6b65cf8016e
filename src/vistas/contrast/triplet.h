// Triplet losses: an anchor must be nearer to its positive than to its negative.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/pairs.h"

namespace vistas::contrast {

// Which triplets (anchor a, positive p, negative n) of a labelled batch count; d is the distance:
//   all        every one ("batch all")
//   hard       for each anchor its farthest positive and its nearest negative ("batch hard")
//   semi_hard  every one with d(a, p) < d(a, n) <= d(a, p) + margin
//   facenet    for each (a, p) the nearest n farther than p, or if none is, the farthest n
enum class TripletMining { all, hard, semi_hard, facenet };
std::vector<std::pair<std::string, TripletMining>> triplet_mining_names();

struct TripletOptions {
  double margin = 0.2;
  bool soft = false;
  TripletMining mining = TripletMining::all;  // read by triplet_by_labels only
  MeanOver mean_over = MeanOver::nonzero;
  Similarity similarity = Similarity::euclidean;
  bool normalize = true;

  void fields(Fields& f) {
    f.add("margin", margin, "how much nearer the positive must be", {0, 1e6});
    f.add("soft", soft, "softplus of the difference in place of the margin");
    f.add("mining", mining, "which triplets of a labelled batch count", triplet_mining_names());
    f.add("mean_over", mean_over, "all terms, or those above zero", mean_over_names());
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("normalize", normalize, "compare embeddings of length one");
  }
};

// The mean over triplets, or over those whose term is above zero, of
//
//   max(0, d(a, p) - d(a, n) + margin),   or soft:  log(1 + exp(d(a, p) - d(a, n)))
//
// with d = 1 - cosine, or the negative of any other similarity; a distance of 0 has gradient 0.
// anchor, positive, negative [N, D]. Returns a scalar: `margin` if all embeddings have collapsed to
// one point. float64 is kept, everything else is computed in float32. Throws a usage error for
// shapes that do not match.
// Published with the (squared) Euclidean distance of unit rows (Schroff et al., "FaceNet", 2015,
// eq. 1) and the Euclidean distance of raw rows (Hermans et al., "In defense of the triplet loss
// for person re-identification", 2017).
at::Tensor triplet(const at::Tensor& anchor, const at::Tensor& positive, const at::Tensor& negative,
                   const TripletOptions& options = {});

// The scalar; how many triplets were chosen and how many of their terms are above zero (integers).
struct TripletLoss {
  at::Tensor loss, terms, active;
};

// The same over the triplets that `mining` chooses among the rows of z [N, D] with labels [N]; loss
// 0 where there are none. Extra memory is a few [N, N] matrices, never N^3. Gradients are of first
// order only.
// all, hard, soft: Hermans et al., 2017, eq. 5-7; facenet: Schroff et al., 2015, section 3.2.
TripletLoss triplet_by_labels(const at::Tensor& z, const at::Tensor& labels,
                              const TripletOptions& options = {});

}  // namespace vistas::contrast
