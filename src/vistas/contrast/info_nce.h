// InfoNCE: every query must find its key among the keys of the batch, extra negatives or a queue.
#pragma once

#include <ATen/core/Tensor.h>

#include "vistas/base/options.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {

struct InfoNceOptions {
  double temperature = 0.07;
  Similarity similarity = Similarity::cosine;
  bool symmetric = false;
  double margin = 0;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("symmetric", symmetric, "keys must find their queries too; the mean of both directions");
    f.add("margin", margin, "by which the positive's similarity counts less", {0, 1e4});
    f.add("bf16", bf16, kBf16Help);
  }
};

// Cross entropy of query i finding key i among all keys and extra negatives C = [k; negatives]:
//
//   loss = mean_i  -log( exp(s(q_i, k_i) / T) / sum_j exp(s(q_i, c_j) / T) )
//
// q, k [N, D]; `negatives` [M, D], shared by all queries, and `group` [N] int64 may be undefined:
// keys of equal group are the same thing and no negatives of each other's queries. If symmetric,
// the mean of that and of keys finding their queries among all q. The margin m is taken off the
// similarity of the positives, s(q_i, k_i) - m, in the numerator and in its place in the sum.
// Types, precision and errors as nt_xent. The literature uses cosine with T 0.05 .. 0.2 (MoCo v3,
// sentence embeddings) and dot with T = 1 (CPC, dense retrieval). van den Oord et al.,
// "Representation learning with contrastive predictive coding", 2018, eq. 4; several negatives:
// Henderson et al., "Efficient natural language response suggestion", 2017; margin: Yang et al.,
// "Improving multilingual sentence embedding using bi-directional dual encoder with additive margin
// softmax", 2019, eq. 5.
at::Tensor info_nce(const at::Tensor& q, const at::Tensor& k, const InfoNceOptions& options = {},
                    const at::Tensor& group = {}, const at::Tensor& negatives = {});

struct LearnedInfoNceOptions {
  Similarity similarity = Similarity::cosine;
  bool symmetric = false;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("symmetric", symmetric, "keys must find their queries too; the mean of both directions");
    f.add("bf16", bf16, kBf16Help);
  }
};

// info_nce with 1 / T = exp(log_scale), one number that gets a gradient. LearnedTemperature holds
// and clamps it; here it is taken as it is.
at::Tensor info_nce_learned(const at::Tensor& q, const at::Tensor& k, const at::Tensor& log_scale,
                            const LearnedInfoNceOptions& options = {}, const at::Tensor& group = {},
                            const at::Tensor& negatives = {});

struct QueueInfoNceOptions {
  double temperature = 0.07;
  Similarity similarity = Similarity::cosine;
  bool bf16 = false;

  void fields(Fields& f) {
    f.add("temperature", temperature, "divides the similarities; small is sharp", {1e-4, 1e4});
    f.add("similarity", similarity, "how two embeddings are compared", similarity_names());
    f.add("bf16", bf16, kBf16Help);
  }
};

// InfoNCE of MoCo: query i must find key i among the rows of a queue; other keys of the batch are
// not compared.
//
//   loss = mean_i  -log( exp(s(q_i, k_i) / T) / (exp(s(q_i, k_i) / T) + sum_j exp(s(q_i, u_j) /
//   T)))
//
// q, k [N, D], queue u [K, D]; neither k nor queue gets a gradient. The literature uses cosine.
// He et al., "Momentum contrast for unsupervised visual representation learning", 2020, eq. 1.
at::Tensor info_nce_queue(const at::Tensor& q, const at::Tensor& k, const at::Tensor& queue,
                          const QueueInfoNceOptions& options = {});

}  // namespace vistas::contrast
