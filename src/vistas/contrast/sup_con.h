// SupCon: rows of the same class attract, all others repel.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

// Where the mean over the positives of an anchor is taken: outside or inside the logarithm.
enum class SupConVariant { out, in };

inline std::vector<std::pair<std::string, SupConVariant>> sup_con_variants() {
  return {{"out", SupConVariant::out}, {"in", SupConVariant::in}};
}

struct SupConOptions {
  double temperature = 0.1;
  Similarity similarity = Similarity::cosine;
  SupConVariant variant = SupConVariant::out;
  double base_temperature = 0;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("variant", variant, "mean over positives outside or inside the logarithm",
          sup_con_variants());
    f.add("base_temperature", base_temperature,
          "multiplies the loss by temperature / base_temperature; 0: not", {0, 1e4});
    f.add("bf16", bf16, kBf16Help);
  }
};

// Supervised contrastive loss with all rows of the same label as positives P(i) of anchor i:
//
//   p(i, j) = exp(s(i, j) / T) / sum_{k != i} exp(s(i, k) / T)
//   out:  loss = mean_i  -mean_{j in P(i)} log p(i, j)
//   in:   loss = mean_i  -log mean_{j in P(i)} p(i, j)
//
// times T / base_temperature if that is set (the reference code has 0.07). z [N, D], labels [N]
// int64. Anchors without a positive are left out of the mean; without any anchor the loss is 0.
// Types, precision and errors as nt_xent. The literature uses cosine and out.
// Khosla et al., "Supervised contrastive learning", 2020, eq. 2 and 3.
at::Tensor sup_con(const at::Tensor& z, const at::Tensor& labels,
                   const SupConOptions& options = {});

// The same over the 2N rows [z_a; z_b] with the labels [N] repeated: the other view of a sample is
// a positive too.
at::Tensor sup_con(const at::Tensor& z_a, const at::Tensor& z_b, const at::Tensor& labels,
                   const SupConOptions& options = {});

}  // namespace vistas::contrast
