// Whether the embeddings are alive: measured every few steps on one batch, with a verdict and a
// cure.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "vistas/learn/method.h"

namespace vistas::learn {

// Of the live embeddings z (rows scaled to unit length) of one batch of B samples in d dimensions.
struct Health {
  double std = 0;                  // mean over dimensions of the standard deviation over rows
  double std_expected = 0;         // 1 / sqrt(d): what spread-out rows have
  double effective_rank = 0;       // exp of the entropy of the normalised singular values
  double alignment = 0;            // mean |z_a - z_b|^2 of the two views of a sample
  double uniformity = 0;           // log mean exp(-2 |z_i - z_j|^2) over pairs of samples
  double positive_similarity = 0;  // mean cosine of the two views of a sample
  double negative_similarity = 0;  // mean cosine of views of different samples
  double gradient_norm = 0;        // L2 norm over all parameters

  std::string verdict;  // empty if all is well; else what is wrong: "collapse", "divergence"
  std::string cure;     // one sentence
};

struct LossSoFar {
  double first = std::numeric_limits<double>::quiet_NaN();  // where it began
  double now = std::numeric_limits<double>::quiet_NaN();
  bool settled = false;  // late enough that a loss at a collapse's value is a bad sign
};

// Reads the first live embedding and as its partner the second one or, where that is none of the
// same shape, the first fixed one; alignment and similarities are 0 without a partner. A settled
// loss is held against `collapse.loss`; one that has grown a hundredfold diverges. Where no
// collapse is possible the embeddings are not looked at.
Health measure_health(const Embeddings& embeddings, double gradient_norm,
                      const Collapse& collapse = {}, const LossSoFar& loss = {});

}  // namespace vistas::learn
