#include "vistas/learn/health.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/contrast/statistics.h"

namespace vistas::learn {
namespace {

// Below this share of the spread of even embeddings the space counts as collapsed.
constexpr double kCollapsedShare = 0.1;
// A loss this near to that of a collapse is at it.
constexpr double kSameLoss = 0.005;
// A loss so many times that of the start (or 1) grows without end.
constexpr double kGrownLoss = 100;

// The embedding of another view that stands beside live[0]: live[1], or else fixed[0], where it is
// of the same shape.
at::Tensor partner_of(const Embeddings& embeddings) {
  const auto fits = [&](const std::vector<at::Tensor>& side, size_t i) {
    return side.size() > i && side[i].sizes() == embeddings.live[0].sizes();
  };
  if (fits(embeddings.live, 1)) return embeddings.live[1];
  if (fits(embeddings.fixed, 0)) return embeddings.fixed[0];
  return {};
}

void judge(Health& h, double rank_limit, const Collapse& collapse, const LossSoFar& loss) {
  const bool grown =
      std::isfinite(loss.first) && loss.now > kGrownLoss * std::max(1.0, std::abs(loss.first));
  if (!std::isfinite(h.gradient_norm) || grown) {
    h.verdict =
        grown ? fmt::format("divergence: the loss went from {:.4g} to {:.4g}", loss.first, loss.now)
              : "divergence: the gradient is not finite";
    h.cure =
        "Lower schedule.lr, lengthen schedule.warmup_epochs, or use train.precision = \"fp32\"";
  } else if (!collapse.possible) {
    return;
  } else if (h.std < kCollapsedShare * h.std_expected) {
    h.verdict = fmt::format("collapse: embeddings hardly differ (std {:.4f}, even spread {:.4f})",
                            h.std, h.std_expected);
    h.cure = collapse.cure;
  } else if (loss.settled && std::abs(loss.now - collapse.loss) <= kSameLoss * collapse.loss) {
    h.verdict = fmt::format("collapse: the loss stays at {:.3f} = {}", loss.now, collapse.meaning);
    h.cure = collapse.cure;
  } else if (h.effective_rank < rank_limit) {
    h.verdict = fmt::format("dimensional collapse: effective rank {:.1f}", h.effective_rank);
    h.cure = "Use stronger views (colour, crop), a larger batch, or a higher method.temperature";
  }
  if (h.verdict.starts_with("collapse") && h.cure.empty()) {
    h.cure = "Lower schedule.lr, raise method.temperature, or use stronger views";
  }
}

}  // namespace

Health measure_health(const Embeddings& embeddings, double gradient_norm, const Collapse& collapse,
                      const LossSoFar& loss) {
  const at::NoGradGuard no_grad;
  Health h;
  h.gradient_norm = gradient_norm;
  if (!collapse.possible) {
    judge(h, 0, collapse, loss);
    return h;
  }
  const at::Tensor x = embeddings.live.at(0).detach().to(at::kFloat).cpu();
  h.std_expected = 1.0 / std::sqrt(static_cast<double>(x.size(1)));
  if (x.size(0) < 2) return h;
  h.std = contrast::embedding_std(x);
  h.effective_rank = contrast::covariance_effective_rank(x);
  h.uniformity = contrast::uniformity(x);
  h.negative_similarity = contrast::mean_cosine(x);
  at::Tensor y = partner_of(embeddings);
  if (y.defined()) {
    y = y.detach().to(at::kFloat).cpu();
    h.alignment = contrast::alignment(x, y);
    h.positive_similarity = contrast::positive_cosine(x, y);
  }
  // A handful of directions for many dimensions; small batches bound the rank themselves.
  judge(h, std::min(2.0, 0.1 * static_cast<double>(std::min(x.size(0), x.size(1)))), collapse,
        loss);
  return h;
}

}  // namespace vistas::learn
