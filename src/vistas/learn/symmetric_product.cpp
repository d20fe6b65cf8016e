#include "vistas/learn/symmetric_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <tuple>

#include "vistas/base/error.h"
#include "vistas/learn/group.h"
#include "vistas/learn/symmetric_product_kernels.h"

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows in parts of about as many non-zeros.
std::vector<int64_t> parts_of(const std::vector<int64_t>& starts) {
  constexpr int64_t kParts = 64;
  std::vector<int64_t> ends{0};
  for (int64_t part = 1; part < kParts; ++part) {
    const auto end = std::ranges::lower_bound(starts, starts.back() * part / kParts);
    ends.push_back(std::max(ends.back(), end - starts.begin()));
  }
  ends.push_back(static_cast<int64_t>(starts.size()) - 1);
  return ends;
}

template <class T>
void multiply(const SymmetricMatrix& a, const at::Tensor& x, const at::Tensor& y) {
  const std::vector<int64_t> ends = parts_of(*a.starts);
  const auto parts = static_cast<int64_t>(ends.size()) - 1;
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    multiply_rows(ProductRows<T>{.starts = a.starts->data(),
                                 .columns = a.columns->data(),
                                 .values = a.values->data(),
                                 .x = x.const_data_ptr<T>(),
                                 .y = y.mutable_data_ptr<T>(),
                                 .width = x.size(1),
                                 .begin = ends[static_cast<size_t>(begin)],
                                 .end = ends[static_cast<size_t>(end)]});
  });
}

at::Tensor product_elsewhere(const SymmetricMatrix& a, const at::Tensor& x) {
  MatrixOnDevice& there = *a.elsewhere;
  if (!there.values.defined() || there.values.device() != x.device()) {
    const auto moved = [&x](const auto& values) { return at::tensor(values).to(x.device()); };
    there = {moved(*a.starts), moved(*a.columns).to(at::kLong), moved(*a.values)};
  }
  constexpr int64_t kSum = 0;
  return std::get<0>(at::_embedding_bag_forward_only(
      x.contiguous(), there.columns, there.starts, /*scale_grad_by_freq=*/false, kSum,
      /*sparse=*/false, there.values.to(x.scalar_type()), /*include_last_offset=*/true));
}

at::Tensor product_of(const SymmetricMatrix& a, const at::Tensor& table) {
  if (!table.is_cpu()) return product_elsewhere(a, table);
  constexpr int64_t kMultiple = 16;  // of the kernels' widths
  const int64_t width = table.size(1);
  const int64_t padded = (width + kMultiple - 1) / kMultiple * kMultiple;
  const at::Tensor x =
      padded == width ? table.contiguous() : at::constant_pad_nd(table, {0, padded - width});
  const at::Tensor y = at::empty_like(x);
  if (x.scalar_type() == at::kFloat) {
    multiply<float>(a, x, y);
  } else if (x.scalar_type() == at::kBFloat16) {
    multiply<at::BFloat16>(a, x, y);
  } else {
    multiply<double>(a, x, y);
  }
  return padded == width ? y : y.narrow(1, 0, width).contiguous();
}

at::Tensor product_of_group(const SymmetricMatrix& a, const at::Tensor& x) {
  // Products for each number that travels: below, the exchange takes longer than it saves.
  constexpr int64_t kManyProducts = 128;
  const Group& group = Group::current();
  const int64_t width = x.size(1);
  if (group.alone() || width < group.size() ||
      static_cast<int64_t>(a.columns->size()) < kManyProducts * a.size()) {
    return product_of(a, x);
  }
  const auto [begin, end] = share_of_rows(width, group.rank(), group.size());
  const int64_t most = share_of_rows(width, 0, group.size()).end;
  const at::Tensor own = product_of(a, x.narrow(1, begin, end - begin));
  const at::Tensor all = group.gather(at::constant_pad_nd(own, {0, most - (end - begin)}));
  std::vector<at::Tensor> columns;
  for (int64_t rank = 0; rank < group.size(); ++rank) {
    const RowRange range = share_of_rows(width, rank, group.size());
    columns.push_back(all[rank].narrow(1, 0, range.end - range.begin));
  }
  return at::cat(columns, 1);
}

struct Matrix : torch::CustomClassHolder {
  explicit Matrix(SymmetricMatrix m) : matrix(std::move(m)) {}
  SymmetricMatrix matrix;
  const Group* group = &Group::current();
};

struct Product : Function<Product> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const SymmetricMatrix& a) {
    context->saved_data["matrix"] = c10::IValue::make_capsule(c10::make_intrusive<Matrix>(a));
    return product_of_group(a, x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto holder = context->saved_data["matrix"].toCapsule();
    const auto& kept = static_cast<const Matrix&>(*holder);
    const GroupScope group(*kept.group);
    return {symmetric_product(kept.matrix, grads[0]), {}};
  }
};

}  // namespace

at::Tensor symmetric_product(const SymmetricMatrix& a, const at::Tensor& x) {
  const bool fits = x.dim() == 2 && x.size(0) == a.size() &&
                    (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16 ||
                     x.scalar_type() == at::kDouble);
  if (!fits) {
    throw Error(
        ErrorKind::data,
        {.what = "table to multiply",
         .got = fmt::format("{} of {}", c10::str(x.sizes()), c10::toString(x.scalar_type())),
         .expected = fmt::format("{} rows of float32, bfloat16 or float64", a.size())});
  }
  return Product::apply(x, a);
}

}  // namespace vistas::learn
