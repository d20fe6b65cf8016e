#include "vistas/contrast/shared_rows.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "vistas/base/error.h"
#include "vistas/search/partners.h"

namespace vistas::contrast {
namespace {

using search::Chunk;
using search::Partners;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What backward() needs besides tensors.
struct Kept : torch::CustomClassHolder {
  const Partners* partners = nullptr;
  Chunk own;
  bool sum = false, with_graph = false;
  variable_list leaves;
  at::Tensor result;  // of the own rows, with its graph
};

struct OfRows : torch::autograd::Function<OfRows> {
  static at::Tensor forward(AutogradContext* context, at::TensorList inputs,
                            const c10::intrusive_ptr<Kept>& kept, int64_t rows,
                            const PartOfRows& part) {
    for (const at::Tensor& input : inputs) {
      kept->leaves.push_back(input.detach().requires_grad_(input.requires_grad()));
    }
    {
      const at::AutoGradMode with_graph(kept->with_graph);
      kept->result = part(kept->own.begin, kept->own.begin + kept->own.rows, kept->leaves);
    }
    context->saved_data["kept"] = at::IValue::make_capsule(kept);
    if (!kept->sum) return search::gather_chunks(*kept->partners, kept->result.detach(), rows);
    at::Tensor sum = kept->result.detach().clone();
    kept->partners->sum_(sum);
    return sum;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "a loss that processes share has no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const auto capsule = context->saved_data["kept"].toCapsule();
    auto& kept = static_cast<Kept&>(*capsule);
    if (!kept.result.defined()) {
      throw Error(ErrorKind::usage, {.what = "a loss that processes share goes backward once",
                                     .got = "a second backward pass"});
    }
    variable_list wanted;
    for (const at::Tensor& leaf : kept.leaves) {
      if (leaf.requires_grad()) wanted.push_back(leaf);
    }
    const at::Tensor own =
        kept.sum ? gradients[0] : gradients[0].narrow(0, kept.own.begin, kept.own.rows);
    variable_list found = torch::autograd::grad({std::exchange(kept.result, {})}, wanted, {own},
                                                /*retain_graph=*/false,
                                                /*create_graph=*/false, /*allow_unused=*/true);
    variable_list all;
    auto next = found.begin();
    for (const at::Tensor& leaf : kept.leaves) {
      all.emplace_back();
      if (!leaf.requires_grad()) continue;
      const at::Tensor& mine = *next++;
      all.back() = mine.defined() ? mine.clone(at::MemoryFormat::Contiguous) : at::zeros_like(leaf);
      kept.partners->sum_(all.back());
    }
    all.resize(kept.leaves.size() + 3);  // nothing for the other arguments
    return all;
  }
};

at::Tensor of_rows(int64_t rows, int64_t products, const std::vector<at::Tensor>& inputs,
                   const PartOfRows& part, bool sum) {
  const Partners* partners = search::PartnersScope::current(products);
  if (partners == nullptr || rows < partners->parts()) return part(0, rows, inputs);
  auto kept = c10::make_intrusive<Kept>();
  kept->partners = partners;
  kept->own = search::chunk_of(rows, partners->part(), partners->parts());
  kept->sum = sum;
  kept->with_graph = at::GradMode::is_enabled();
  return OfRows::apply(at::TensorList(inputs), kept, rows, part);
}

}  // namespace

at::Tensor sum_of_rows(int64_t rows, int64_t products, const std::vector<at::Tensor>& inputs,
                       const PartOfRows& part) {
  return of_rows(rows, products, inputs, part, true);
}

at::Tensor each_of_rows(int64_t rows, int64_t products, const std::vector<at::Tensor>& inputs,
                        const PartOfRows& part) {
  return of_rows(rows, products, inputs, part, false);
}

}  // namespace vistas::contrast
