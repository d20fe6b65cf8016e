#include "vistas/contrast/item_softmax.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <memory>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/contrast/checks.h"
#include "vistas/contrast/logits.h"
#include "vistas/contrast/pair_tiles.h"
#include "vistas/contrast/precision.h"

namespace vistas::contrast {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Forward hands its tiles to backward, which need not pack the rows again.
struct KeptTiles : torch::CustomClassHolder {
  explicit KeptTiles(std::unique_ptr<PairTiles> kept) : tiles(std::move(kept)) {}
  std::unique_ptr<PairTiles> tiles;
};

// log sum_j exp(scale <q_i, x_j>), float64 [N]; pairs of equal numbers are left out if given.
struct LogSums : torch::autograd::Function<LogSums> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& x,
                            double scale, bool bf16, const std::optional<at::Tensor>& q_number,
                            const std::optional<at::Tensor>& x_number) {
    PairSet pairs{.x = q, .y = x, .scale = scale, .bf16 = bf16};
    if (q_number) {
      pairs.x_group = *q_number;
      pairs.y_group = *x_number;
    }
    auto tiles = pair_tiles(std::move(pairs));
    const at::Tensor sums = tiles->log_sums(false).rows;
    context->save_for_backward({sums});
    context->saved_data["scale"] = scale;
    context->saved_data["type"] = q.scalar_type();
    context->saved_data["tiles"] =
        c10::IValue::make_capsule(c10::make_intrusive<KeptTiles>(std::move(tiles)));
    return sums;
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "item_softmax has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const FullPrecision scope;
    const auto capsule = context->saved_data["tiles"].toCapsule();
    PairTiles& tiles = *c10::static_intrusive_pointer_cast<KeptTiles>(capsule)->tiles;
    const auto pulls = tiles.softmax_pulls({context->get_saved_variables()[0], grads[0]}, {},
                                           context->needs_input_grad(1));
    const double scale = context->saved_data["scale"].toDouble();
    const auto type = context->saved_data["type"].toScalarType();
    const auto gradient = [&](const at::Tensor& pull) {
      return pull.defined() ? (pull * scale).to(type) : pull;
    };
    return {gradient(pulls.x), gradient(pulls.y), {}, {}, {}, {}};
  }
};

void check_items(const char* name, const at::Tensor& numbers, const at::Tensor& items) {
  if (numbers.dim() != 1 || numbers.scalar_type() != at::kLong || numbers.numel() == 0 ||
      numbers.device() != items.device()) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("item_softmax: {}", name),
                 .got = fmt::format("{} of {} dimensions, {} numbers, on {}",
                                    c10::toString(numbers.scalar_type()), numbers.dim(),
                                    numbers.numel(), numbers.device().str()),
                 .expected = "int64 numbers of items in one dimension, on the items' device"});
  }
  const auto [least, most] = at::aminmax(numbers);
  if (least.item<int64_t>() >= 0 && most.item<int64_t>() < items.size(0)) return;
  throw Error(ErrorKind::usage,
              {.what = fmt::format("item_softmax: {}", name),
               .got = fmt::format("items {} .. {}", least.item<int64_t>(), most.item<int64_t>()),
               .expected = fmt::format("0 .. {}", items.size(0) - 1)});
}

}  // namespace

at::Tensor item_softmax(const at::Tensor& q, const at::Tensor& items, const at::Tensor& target,
                        const ItemSoftmaxOptions& options, const at::Tensor& drawn) {
  check_comparable("item_softmax", q, items);
  check_ids("item_softmax", "target", target, q);
  check_items("target", target, items);
  check_positive("item_softmax", "temperature", options.temperature);
  const FullPrecision scope;
  const double scale = 1 / options.temperature;
  const at::Tensor rows = widen(q).contiguous(), all = widen(items).contiguous();
  const at::Tensor found = (rows * all.index_select(0, target)).sum(1).to(at::kDouble) * scale;
  if (!drawn.defined()) {
    const at::Tensor sums =
        LogSums::apply(rows, all, scale, options.bf16, std::nullopt, std::nullopt);
    return (sums - found).mean().to(rows.scalar_type());
  }
  check_items("drawn", drawn, items);
  const double each = static_cast<double>(items.size(0)) / static_cast<double>(drawn.size(0));
  const at::Tensor sums = LogSums::apply(rows, all.index_select(0, drawn), scale, options.bf16,
                                         std::optional(target), std::optional(drawn));
  return log1p_exp(sums + std::log(each) - found).mean().to(rows.scalar_type());
}

}  // namespace vistas::contrast
