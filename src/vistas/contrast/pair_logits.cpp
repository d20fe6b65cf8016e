#include "vistas/contrast/pair_logits.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_rows.h"
#include "vistas/contrast/pair_tiles.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
using Share = PairTiles::Share;

void check_first_order() {
  if (!at::GradMode::is_enabled()) return;
  throw Error(ErrorKind::usage, {.what = "losses over pairs have no second derivative",
                                 .fix = "Call backward without create_graph"});
}

// What a Function takes where a tensor may be missing.
std::optional<at::Tensor> given(const at::Tensor& x) {
  return x.defined() ? std::optional(x) : std::nullopt;
}

at::Tensor doubles(const at::Tensor& like, int64_t n) {
  return at::empty({n}, like.options().dtype(at::kDouble));
}

// <x_i, y_i> of the first rows of x and of y.
at::Tensor row_products(const PairRows& x, const PairRows& y, int64_t n) {
  at::Tensor products = doubles(x.raw(), n);
  for_spans(x.raw(), n, [&](int64_t begin, int64_t end) {
    products.slice(0, begin, end).copy_((x.wide(begin, end) * y.wide(begin, end)).sum(1));
  });
  return products;
}

// sum_i <x_i, g_i>
at::Tensor dot(const PairRows& x, const at::Tensor& g) {
  at::Tensor sum = at::zeros({}, g.options());
  for_spans(x.raw(), x.size(), [&](int64_t begin, int64_t end) {
    sum += (x.wide(begin, end) * g.slice(0, begin, end)).sum();
  });
  return sum;
}

// g_i += w_i y_i
void add_rows(at::Tensor g, const at::Tensor& w, const PairRows& y) {
  for_spans(y.raw(), w.size(0), [&](int64_t begin, int64_t end) {
    g.slice(0, begin, end).addcmul_(w.slice(0, begin, end).unsqueeze(1), y.wide(begin, end));
  });
}

at::Tensor as_scalar(const at::Tensor& value, const at::Tensor& like) {
  return value.to(like.options()).view(like.sizes());
}

// Forward hands its tiles to backward, which need not pack the rows again.
struct KeptTiles : torch::CustomClassHolder {
  explicit KeptTiles(std::unique_ptr<PairTiles> kept) : tiles(std::move(kept)) {}
  std::unique_ptr<PairTiles> tiles;
};

void keep(AutogradContext* context, std::unique_ptr<PairTiles> tiles) {
  context->saved_data["tiles"] =
      c10::IValue::make_capsule(c10::make_intrusive<KeptTiles>(std::move(tiles)));
}

PairTiles& kept(AutogradContext* context) {
  const auto capsule = context->saved_data["tiles"].toCapsule();
  return *c10::static_intrusive_pointer_cast<KeptTiles>(capsule)->tiles;
}

// Negatives of [a; b] among themselves.
PairSet view_pairs(const PairRows& a, const PairRows& b, double scale, const at::Tensor& group,
                   bool bf16) {
  const int64_t n = a.size();
  const at::Tensor rows = at::empty({2 * n, a.raw().size(1)}, a.raw().options());
  a.round_into(rows.slice(0, 0, n));
  b.round_into(rows.slice(0, n));
  PairSet pairs{.x = rows, .scale = scale, .without = {0, n}, .bf16 = bf16};
  if (group.defined()) pairs.x_group = at::cat({group, group});
  return pairs;
}

struct ViewLogits : Function<ViewLogits> {
  static variable_list forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b,
                               const at::Tensor& scale, const std::optional<at::Tensor>& group,
                               PairOptions options) {
    const double factor = scale.item<double>();
    const PairRows first(a, options.cosine), second(b, options.cosine);
    auto tiles =
        pair_tiles(view_pairs(first, second, factor, group.value_or(at::Tensor()), options.bf16));
    const at::Tensor sums = tiles->log_sums(false).rows;
    context->save_for_backward({a, b, scale, sums});
    context->saved_data["cosine"] = options.cosine;
    keep(context, std::move(tiles));
    return {row_products(first, second, a.size(0)).mul_(factor), sums};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_order();
    const FullPrecision scope;
    const auto saved = context->get_saved_variables();
    const at::Tensor& scale = saved[2];
    const bool cosine = context->saved_data["cosine"].toBool();
    const double factor = scale.item<double>();
    const PairRows first(saved[0], cosine), second(saved[1], cosine);
    const int64_t n = first.size();

    const at::Tensor g = kept(context).softmax_pulls({saved[3], grads[1]}, {}, false).x;
    const at::Tensor of_first = g.slice(0, 0, n), of_second = g.slice(0, n, 2 * n);
    at::Tensor of_scale;
    if (context->needs_input_grad(2)) {
      // Every pair is in g twice, once for each of its rows.
      const at::Tensor negatives = (dot(first, of_first) + dot(second, of_second)) / 2;
      of_scale = as_scalar(negatives + row_products(first, second, n).dot(grads[0]), scale);
    }
    add_rows(of_first, grads[0], second);
    add_rows(of_second, grads[0], first);
    return {first.gradient(of_first, factor), second.gradient(of_second, factor), of_scale, {}, {}};
  }
};

// Negatives of queries among all keys; the first keys are the partners if `own`.
PairSet tower_pairs(const PairRows& q, const PairRows& keys, double scale, const at::Tensor& group,
                    bool own, bool bf16) {
  PairSet pairs{.x = q.rounded(), .y = keys.rounded(), .scale = scale, .bf16 = bf16};
  if (own) pairs.without = {0};
  if (group.defined()) {
    // Further keys are of no query's group.
    const at::Tensor other = (group.min() - 1).expand({keys.size() - q.size()});
    pairs.x_group = group;
    pairs.y_group = at::cat({group, other});
  }
  return pairs;
}

// What is computed besides target and rows: columns, or the mean of keys without a gradient.
struct TowerWork {
  bool columns = false, mean = false;
};

// The partners of queries are the first keys, or `partners` without a gradient if there are any.
struct TowerLogits : Function<TowerLogits> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q,
                               const at::Tensor& keys, const at::Tensor& scale,
                               const std::optional<at::Tensor>& group,
                               const std::optional<at::Tensor>& partners, TowerWork work,
                               PairOptions options) {
    const double factor = scale.item<double>();
    const bool own = !partners.has_value();
    const PairRows queries(q, options.cosine), all(keys, options.cosine);
    const PairRows partner = own ? all : PairRows(*partners, options.cosine);
    PairTiles::LogSums sums;
    at::Tensor mean;
    auto tiles = pair_tiles(
        tower_pairs(queries, all, factor, group.value_or(at::Tensor()), own, options.bf16));
    if (work.mean) {
      std::tie(sums.rows, mean) = tiles->attend();
    } else {
      sums = tiles->log_sums(work.columns);
      keep(context, std::move(tiles));
    }
    context->save_for_backward(
        {q, keys, scale, partners.value_or(at::Tensor()), sums.rows, sums.columns, mean});
    context->saved_data["cosine"] = options.cosine;
    variable_list result{row_products(queries, partner, q.size(0)).mul_(factor), sums.rows};
    if (work.columns) result.push_back(sums.columns.slice(0, 0, q.size(0)));
    return result;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_order();
    const FullPrecision scope;
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &keys = saved[1], &scale = saved[2], &mean = saved[6];
    const bool cosine = context->saved_data["cosine"].toBool();
    const double factor = scale.item<double>();
    const int64_t n = q.size(0);
    const PairRows queries(q, cosine), all(keys, cosine);
    const PairRows partner = saved[3].defined() ? PairRows(saved[3], cosine) : all;

    PairTiles::Pulls g;
    if (mean.defined()) {
      g.x = mean * grads[1].unsqueeze(1);
    } else {
      Share columns;
      if (grads.size() > 2) {
        columns = {saved[5], at::constant_pad_nd(grads[2], {0, keys.size(0) - n})};
      }
      g = kept(context).softmax_pulls({saved[4], grads[1]}, columns, context->needs_input_grad(1));
    }
    at::Tensor of_scale, of_keys;
    if (context->needs_input_grad(2)) {
      of_scale =
          as_scalar(dot(queries, g.x) + row_products(queries, partner, n).dot(grads[0]), scale);
    }
    add_rows(g.x, grads[0], partner);
    if (g.y.defined()) {
      add_rows(g.y, grads[0], queries);
      of_keys = all.gradient(g.y, factor);
    }
    return {queries.gradient(g.x, factor), of_keys, of_scale, {}, {}, {}, {}};
  }
};

// Classes as numbers from 0, and how many other rows of its class a row has.
struct Classes {
  at::Tensor of_row, others;  // int64 [N], float64 [N]
  int64_t count;

  explicit Classes(const at::Tensor& labels) {
    at::Tensor unique, sizes;
    std::tie(unique, of_row, sizes) = at::_unique2(labels, true, true, true);
    others = (sizes.index_select(0, of_row) - 1).to(at::kDouble);
    count = unique.size(0);
  }

  // sum of w_i x_i over the rows of each class; w undefined: 1.
  at::Tensor sums(const PairRows& x, const at::Tensor& w) const {
    at::Tensor sums = at::zeros({count, x.raw().size(1)}, others.options());
    for_spans(x.raw(), x.size(), [&](int64_t begin, int64_t end) {
      at::Tensor rows = x.wide(begin, end);
      if (w.defined()) rows = rows * w.slice(0, begin, end).unsqueeze(1);
      sums.index_add_(0, of_row.slice(0, begin, end), rows);
    });
    return sums;
  }
};

// Every row against all others but an only positive.
PairSet label_pairs(const PairRows& rows, const Classes& classes, double scale, bool bf16) {
  PairSet pairs{.x = rows.rounded(), .scale = scale, .without = {0}, .bf16 = bf16};
  const at::Tensor of_two = classes.others == 1;
  if (of_two.any().item<bool>()) {
    const at::Tensor alone = -1 - at::arange(rows.size(), classes.of_row.options());
    pairs.x_group = at::where(of_two, classes.of_row, alone);
  }
  return pairs;
}

struct LabelLogits : Function<LabelLogits> {
  static variable_list forward(AutogradContext* context, const at::Tensor& z,
                               const at::Tensor& labels, double scale, PairOptions options) {
    const PairRows rows(z, options.cosine);
    const Classes classes(labels);
    auto tiles = pair_tiles(label_pairs(rows, classes, scale, options.bf16));
    const at::Tensor sums = tiles->log_sums(false).rows;
    const at::Tensor totals = classes.sums(rows, {});
    at::Tensor target = doubles(z, rows.size());
    for_spans(z, rows.size(), [&](int64_t begin, int64_t end) {
      const at::Tensor x = rows.wide(begin, end);
      const at::Tensor others = totals.index_select(0, classes.of_row.slice(0, begin, end)) - x;
      target.slice(0, begin, end).copy_((x * others).sum(1));
    });
    target.mul_(scale / classes.others.clamp_min(1)).masked_fill_(classes.others == 0, 0);
    context->save_for_backward({z, labels, sums});
    context->saved_data["scale"] = scale;
    context->saved_data["cosine"] = options.cosine;
    keep(context, std::move(tiles));
    return {target, sums};
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_order();
    const FullPrecision scope;
    const auto saved = context->get_saved_variables();
    const double scale = context->saved_data["scale"].toDouble();
    const PairRows rows(saved[0], context->saved_data["cosine"].toBool());
    const Classes classes(saved[1]);
    const at::Tensor g = kept(context).softmax_pulls({saved[2], grads[1]}, {}, false).x;
    // Row i is pulled by its positives, and by those that have it as a positive.
    const at::Tensor w = grads[0] / classes.others.clamp_min(1);
    const at::Tensor totals = classes.sums(rows, {}), weighted = classes.sums(rows, w);
    for_spans(saved[0], rows.size(), [&](int64_t begin, int64_t end) {
      const at::Tensor own = classes.of_row.slice(0, begin, end);
      const at::Tensor wi = w.slice(0, begin, end).unsqueeze(1);
      const at::Tensor pull = totals.index_select(0, own).mul_(wi) + weighted.index_select(0, own) -
                              2 * wi * rows.wide(begin, end);
      g.slice(0, begin, end).add_(pull);
    });
    return {rows.gradient(g, scale), {}, {}, {}};
  }
};

// Forward computes the gradients too: one pass over all pairs.
struct PairSigmoids : Function<PairSigmoids> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& scale, const at::Tensor& bias,
                            const std::optional<at::Tensor>& group, bool want_gradient,
                            PairOptions options) {
    const double factor = scale.item<double>(), shift = bias.item<double>();
    const int64_t n = q.size(0);
    const PairRows queries(q, options.cosine), keys(k, options.cosine);
    auto negatives = pair_tiles(tower_pairs(queries, keys, factor, group.value_or(at::Tensor()),
                                            true, options.bf16))
                         ->sigmoids(shift, want_gradient);
    const at::Tensor products = row_products(queries, keys, n);
    const at::Tensor positives = (products * factor).add_(shift);
    const at::Tensor loss = negatives.losses.sum() - at::log_sigmoid(positives).sum();
    if (!want_gradient) return loss;

    const at::Tensor w = at::sigmoid(-positives).neg_();
    auto& [x, y] = negatives.pulls;
    const at::Tensor of_scale = dot(queries, x) + products.dot(w);
    add_rows(x, w, keys);
    add_rows(y, w, queries);
    context->save_for_backward({queries.gradient(x, factor), keys.gradient(y, factor),
                                as_scalar(of_scale, scale),
                                as_scalar(negatives.weights.sum() + w.sum(), bias)});
    return loss;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    check_first_order();
    variable_list result;
    for (const at::Tensor& saved : context->get_saved_variables()) {
      result.push_back(saved * grads[0].to(saved.scalar_type()));
    }
    result.resize(7);
    return result;
  }
};

}  // namespace

PairOptions pair_options(Similarity kind, bool bf16) {
  return {.cosine = kind == Similarity::cosine, .bf16 = bf16};
}

at::Tensor pair_scale(double temperature) {
  return at::scalar_tensor(1 / temperature, at::kDouble);
}

bool has_pair_logits(Similarity kind) {
  return kind == Similarity::cosine || kind == Similarity::dot;
}

at::Tensor diagonal_cross_entropy(const PairLogits& s) {
  const at::Tensor loss = log1p_exp(s.rows - s.target).mean();
  return s.columns.defined() ? (loss + log1p_exp(s.columns - s.target).mean()) / 2 : loss;
}

PairLogits view_logits(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale,
                       const at::Tensor& group, const PairOptions& options) {
  const auto logits = ViewLogits::apply(a, b, scale, given(group), options);
  return {logits[0], logits[1], {}};
}

PairLogits tower_logits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& more,
                        const at::Tensor& scale, const at::Tensor& group, bool columns,
                        const PairOptions& options) {
  const at::Tensor keys = more.defined() ? at::cat({k, more}) : k;
  const bool mean =
      !columns && !keys.requires_grad() && at::GradMode::is_enabled() && q.requires_grad();
  const auto logits = TowerLogits::apply(q, keys, scale, given(group), given({}),
                                         TowerWork{.columns = columns, .mean = mean}, options);
  return {logits[0], logits[1], columns ? logits[2] : at::Tensor()};
}

PairLogits queue_logits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& queue,
                        const at::Tensor& scale, const PairOptions& options) {
  const bool mean = at::GradMode::is_enabled() && q.requires_grad();
  const auto logits = TowerLogits::apply(q, queue.detach(), scale, given({}), given(k.detach()),
                                         TowerWork{.mean = mean}, options);
  return {logits[0], logits[1], {}};
}

at::Tensor others_of_label(const at::Tensor& labels) {
  return Classes(labels).others;
}

PairLogits label_logits(const at::Tensor& z, const at::Tensor& labels, double scale,
                        const PairOptions& options) {
  const auto logits = LabelLogits::apply(z, labels, scale, options);
  return {logits[0], logits[1], {}};
}

at::Tensor pair_sigmoids(const at::Tensor& q, const at::Tensor& k, const at::Tensor& scale,
                         const at::Tensor& bias, const at::Tensor& group,
                         const PairOptions& options) {
  const bool want = at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() ||
                                                   scale.requires_grad() || bias.requires_grad());
  return PairSigmoids::apply(q, k, scale, bias, given(group), want, options);
}

}  // namespace vistas::contrast
