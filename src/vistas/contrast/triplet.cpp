#include "vistas/contrast/triplet.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

#include "vistas/base/error.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor penalty(const at::Tensor& difference, const TripletOptions& options) {
  return options.soft ? soft_plus(difference) : at::relu(difference + options.margin);
}

at::Tensor penalty_slope(const at::Tensor& difference, const TripletOptions& options) {
  if (options.soft) return at::sigmoid(difference);
  return (difference + options.margin > 0).to(difference.scalar_type());
}

// Indices [M] of the pairs (anchor, positive) whose negatives are looked at.
struct Pairs {
  at::Tensor anchors, positives;
};

Pairs chosen_pairs(const at::Tensor& d, const at::Tensor& positive, TripletMining mining) {
  if (mining == TripletMining::hard) {
    const at::Tensor anchors = positive.any(1).nonzero().squeeze(1);
    const at::Tensor farthest = d.masked_fill(positive.logical_not(), -kInfinity).argmax(1);
    return {anchors, farthest.index_select(0, anchors)};
  }
  const at::Tensor pairs = positive.nonzero();
  return {pairs.select(1, 0), pairs.select(1, 1)};
}

// Which of the negatives [C, N] of C pairs are taken: d_ap [C, 1], d_an [C, N].
at::Tensor chosen_negatives(const at::Tensor& d_ap, const at::Tensor& d_an,
                            const at::Tensor& negative, const TripletOptions& options) {
  if (options.mining == TripletMining::all) return negative;
  if (options.mining == TripletMining::semi_hard) {
    return negative & (d_an > d_ap) & (d_an <= d_ap + options.margin);
  }
  const bool hard = options.mining == TripletMining::hard;
  const at::Tensor candidates = hard ? negative : negative & (d_an > d_ap);
  at::Tensor one = d_an.masked_fill(candidates.logical_not(), kInfinity).argmin(1, true);
  if (!hard) {
    const at::Tensor farthest =
        d_an.masked_fill(negative.logical_not(), -kInfinity).argmax(1, true);
    one = at::where(candidates.any(1, true), one, farthest);
  }
  return at::zeros_like(negative).scatter_(1, one, true) & negative;
}

// The loss of the distances d [N, N] and its gradient, in blocks of pairs: never N^3 numbers.
struct TripletSum : torch::autograd::Function<TripletSum> {
  static variable_list forward(AutogradContext* context, const at::Tensor& d,
                               const at::Tensor& labels, const TripletOptions& options) {
    constexpr int64_t kBlock = 1 << 18;  // numbers in a block
    const auto [positive, negative] = label_pairs(labels);
    const auto [anchors, positives] = chosen_pairs(d, positive, options.mining);
    const int64_t step = std::max<int64_t>(1, kBlock / d.size(0));
    at::Tensor gradient = at::zeros_like(d);
    at::Tensor sum = d.sum() * 0;  // shows what is not finite in distances that are not chosen
    at::Tensor terms = at::zeros({}, labels.options().dtype(at::kLong)), active = terms.clone();
    for (int64_t begin = 0; begin < anchors.size(0); begin += step) {
      const at::Tensor a = anchors.slice(0, begin, begin + step);
      const at::Tensor p = positives.slice(0, begin, begin + step);
      const at::Tensor d_an = d.index_select(0, a), d_ap = d_an.gather(1, p.unsqueeze(1));
      const at::Tensor chosen = chosen_negatives(d_ap, d_an, negative.index_select(0, a), options);
      const at::Tensor difference = d_ap - d_an;
      const at::Tensor term = penalty(difference, options).mul_(chosen);
      sum += term.sum();
      terms += chosen.sum();
      active += (term > 0).sum();
      const at::Tensor slope = penalty_slope(difference, options).mul_(chosen);
      gradient.index_add_(0, a, slope, -1);
      gradient.index_put_({a, p}, slope.sum(1));  // each pair occurs once and is no negative
    }
    const at::Tensor count = (options.mean_over == MeanOver::nonzero ? active : terms).clamp_min(1);
    context->save_for_backward({gradient.div_(count)});
    context->mark_non_differentiable({terms, active});
    return {sum / count, terms, active};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "triplet_by_labels has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    return {context->get_saved_variables()[0] * grads[0], {}, {}};
  }
};

}  // namespace

std::vector<std::pair<std::string, TripletMining>> triplet_mining_names() {
  return {{"all", TripletMining::all},
          {"hard", TripletMining::hard},
          {"semi_hard", TripletMining::semi_hard},
          {"facenet", TripletMining::facenet}};
}

at::Tensor triplet(const at::Tensor& anchor, const at::Tensor& positive, const at::Tensor& negative,
                   const TripletOptions& options) {
  check_alike("triplet", {anchor, positive, negative});
  const FullPrecision scope;
  const at::Tensor difference =
      row_distances(anchor, positive, options.similarity, options.normalize) -
      row_distances(anchor, negative, options.similarity, options.normalize);
  return mean_of(penalty(difference, options), options.mean_over);
}

TripletLoss triplet_by_labels(const at::Tensor& z, const at::Tensor& labels,
                              const TripletOptions& options) {
  check_alike("triplet_by_labels", {z});
  check_labels("triplet_by_labels", labels, z);
  const FullPrecision scope;
  const at::Tensor d = distances(z, z, options.similarity, options.normalize);
  const variable_list result = TripletSum::apply(d, labels, options);
  return {result[0], result[1], result[2]};
}

}  // namespace vistas::contrast
