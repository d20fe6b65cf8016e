// GISTEmbed: InfoNCE without the negatives that a guide finds as alike as the positive.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"

namespace vistas::contrast {

// absolute: a candidate is left out above g - margin, where g is the guide's similarity of the
// positive; relative: above g - margin |g|.
enum class GuideMargin { absolute, relative };

struct GistOptions {
  double temperature = 0.01;
  double margin = 0;
  GuideMargin margin_kind = GuideMargin::absolute;
  bool contrast_anchors = true;
  bool contrast_positives = true;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("margin", margin, "how much less alike than the positive the guide must find a negative",
          {-2, 2});
    f.add("margin_kind", margin_kind, "the margin itself, or as a share of the positive's",
          {{"absolute", GuideMargin::absolute}, {"relative", GuideMargin::relative}});
    f.add("contrast_anchors", contrast_anchors, "other anchors are negatives of an anchor");
    f.add("contrast_positives", contrast_positives,
          "other positives are negatives of a positive, in the anchor's sum");
  }
};

// Embeddings of the columns of a batch, by the model or by its guide.
struct GistColumns {
  at::Tensor anchor, positive;  // [N, D]
  at::Tensor negative{};        // [M, D] or undefined
};

// With cosines s of the model and g of the guide, a anchors, p positives, n negatives:
//
//   loss = mean_i  -log( exp(s(a_i, p_i) / T) / sum over C_i of exp(s / T) )
//   C_i: s(a_i, p_j); s(a_i, a_j) and s(p_i, p_j) of j != i if they are contrasted; s(a_i, n_j)
//
// where pairs but (a_i, p_i) are left out of C_i if their g is above g(a_i, p_i) less the margin.
// The guide's columns may have another width and type and get no gradient. Memory grows with N (3 N
// + M). Returns a scalar in float32, in float64 if the model's are. Throws a usage error for shapes
// that do not match.
// Solatorio, "GISTEmbed: guided in-sample selection of training negatives for text embedding
// fine-tuning", 2024, eq. 2; margins as in sentence-transformers 5.
at::Tensor gist(const GistColumns& model, const GistColumns& guide,
                const GistOptions& options = {});

}  // namespace vistas::contrast
