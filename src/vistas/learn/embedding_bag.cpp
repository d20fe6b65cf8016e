#include "vistas/learn/embedding_bag.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/base/vectorize.h"

namespace vistas::learn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

bool has_kernel(const at::Tensor& table) {
  return table.is_cpu() &&
         (table.scalar_type() == at::kFloat || table.scalar_type() == at::kDouble);
}

// out_b = sum over k in [offsets_b, offsets_b+1) of table[rows_k], for bags [begin, end).
template <class T>
void sum_span(const T* __restrict table, int64_t dim, const int64_t* rows, const int64_t* offsets,
              T* __restrict out, int64_t begin, int64_t end) {
  constexpr int64_t kAhead = 8;  // rows that are fetched before they are needed
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t last = offsets[end] - 1;
  vectorize([=] {
    for (int64_t b = begin; b < end; ++b) {
      T* __restrict sum = out + b * dim;
      for (int64_t d = 0; d < dim; ++d) sum[d] = 0;
      for (int64_t k = offsets[b]; k < offsets[b + 1]; ++k) {
        const T* next = table + rows[k + kAhead < last ? k + kAhead : last] * dim;
        for (int64_t d = 0; d < dim; d += kLine) __builtin_prefetch(next + d);
        const T* __restrict row = table + rows[k] * dim;
        for (int64_t d = 0; d < dim; ++d) sum[d] += row[d];
      }
    }
  });
}

// Bags in pieces of about as many rows, so that frequent rows do not keep one thread busy alone. A
// bag is summed by one thread, so results do not depend on the number of threads.
std::vector<int64_t> pieces_of(const int64_t* offsets, int64_t bags) {
  constexpr int64_t kPiece = 1024;
  std::vector<int64_t> ends{0};
  for (int64_t b = 0, full = kPiece; b < bags; ++b) {
    if (offsets[b + 1] + b < full && b + 1 < bags) continue;
    ends.push_back(b + 1);
    full = offsets[b + 1] + b + kPiece;
  }
  return ends;
}

// The sums of bags of rows of a contiguous CPU table [V, D].
at::Tensor sums_of(const at::Tensor& table, const Bags& bags) {
  const int64_t count = bags.offsets.numel() - 1, dim = table.size(1);
  at::Tensor out = at::empty({count, dim}, table.options());
  const int64_t* rows = bags.rows.const_data_ptr<int64_t>();
  const int64_t* offsets = bags.offsets.const_data_ptr<int64_t>();
  const std::vector<int64_t> ends = pieces_of(offsets, count);
  const auto pieces = static_cast<int64_t>(ends.size()) - 1;
  at::parallel_for(0, pieces, 2, [&](int64_t begin, int64_t end) {
    const int64_t from = ends[static_cast<size_t>(begin)], to = ends[static_cast<size_t>(end)];
    if (table.scalar_type() == at::kFloat) {
      sum_span(table.const_data_ptr<float>(), dim, rows, offsets, out.data_ptr<float>(), from, to);
    } else {
      sum_span(table.const_data_ptr<double>(), dim, rows, offsets, out.data_ptr<double>(), from,
               to);
    }
  });
  return out;
}

at::Tensor inverse_counts(const at::Tensor& offsets, const at::Tensor& like) {
  return offsets.diff().clamp_min(1).to(like.scalar_type()).reciprocal().unsqueeze(1);
}

// Which bag entry k is in: [N] int64.
at::Tensor bag_of_each(const Bags& bags) {
  at::Tensor of = at::empty_like(bags.rows);
  auto* to = of.data_ptr<int64_t>();
  const int64_t* offsets = bags.offsets.const_data_ptr<int64_t>();
  for (int64_t b = 0; b + 1 < bags.offsets.numel(); ++b) {
    std::fill(to + offsets[b], to + offsets[b + 1], b);
  }
  return of;
}

// Positions of equal numbers together: ids ascending, and bags of the `value`s that go with each,
// in the order in which they stand. Radix sort, which needs no memory by the size of the numbers.
struct Grouped {
  at::Tensor ids;  // [U]
  Bags bags;
};

Grouped group(const at::Tensor& numbers, const at::Tensor& values) {
  constexpr int kDigit = 11;
  const int64_t n = numbers.numel();
  const int64_t *id = numbers.const_data_ptr<int64_t>(), *value = values.const_data_ptr<int64_t>();
  using Pair = std::pair<int64_t, int64_t>;
  std::vector<Pair> pairs(static_cast<size_t>(n)), other(static_cast<size_t>(n));
  int64_t highest = 0;
  for (int64_t i = 0; i < n; ++i) {
    pairs[static_cast<size_t>(i)] = {id[i], value[i]};
    highest = std::max(highest, id[i]);
  }
  const int bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(highest)));
  for (int shift = 0; shift < bits; shift += kDigit) {
    const auto digit = [&](const Pair& p) {
      return static_cast<size_t>(p.first >> shift) & ((size_t{1} << kDigit) - 1);
    };
    std::array<size_t, (size_t{1} << kDigit) + 1> begin{};
    for (const Pair& p : pairs) ++begin[digit(p) + 1];
    for (size_t d = 1; d < begin.size(); ++d) begin[d] += begin[d - 1];
    for (const Pair& p : pairs) other[begin[digit(p)]++] = p;
    pairs.swap(other);
  }
  Grouped out{at::empty({n}, at::kLong),
              {at::empty({n}, at::kLong), at::empty({n + 1}, at::kLong)}};
  auto *ids = out.ids.data_ptr<int64_t>(), *rows = out.bags.rows.data_ptr<int64_t>();
  auto* offsets = out.bags.offsets.data_ptr<int64_t>();
  int64_t unique = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Pair& p = pairs[static_cast<size_t>(i)];
    rows[i] = p.second;
    if (unique > 0 && ids[unique - 1] == p.first) continue;
    ids[unique] = p.first;
    offsets[unique++] = i;
  }
  offsets[unique] = n;
  // Memory of their own: views would keep the longer tensors alive.
  out.ids = out.ids.slice(0, 0, unique).clone();
  out.bags.offsets = out.bags.offsets.slice(0, 0, unique + 1);
  return out;
}

at::Tensor sparse_of(const at::Tensor& ids, const at::Tensor& values, at::IntArrayRef sizes) {
  return at::_sparse_coo_tensor_unsafe(ids.unsqueeze(0), values, sizes,
                                       values.options().layout(at::kSparse), /*is_coalesced=*/true);
}

struct BagMeans : Function<BagMeans> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& table,
                            const at::Tensor& rows, const at::Tensor& offsets) {
    const Bags bags{rows, offsets};
    context->save_for_backward({rows, offsets});
    context->saved_data["sizes"] = table.sizes();
    if (has_kernel(table)) {
      return sums_of(table.contiguous(), bags).mul_(inverse_counts(offsets, table));
    }
    const at::Tensor of = bag_of_each(bags).to(table.device());
    const at::Tensor sums = at::zeros({offsets.numel() - 1, table.size(1)}, table.options());
    sums.index_add_(0, of, table.index_select(0, rows.to(table.device())));
    return sums.mul_(inverse_counts(offsets, table).to(table.device()));
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    if (at::GradMode::is_enabled()) {
      throw Error(ErrorKind::usage, {.what = "embedding bags have no second derivative",
                                     .fix = "Call backward without create_graph"});
    }
    const auto saved = context->get_saved_variables();
    const Bags bags{saved[0], saved[1]};
    const auto sizes = context->saved_data["sizes"].toIntVector();
    const at::Tensor& of_means = grads[0];
    const at::Tensor g = of_means * inverse_counts(bags.offsets, of_means).to(of_means.device());
    if (has_kernel(g)) {
      const Grouped rows = group(bags.rows, bag_of_each(bags));
      return {sparse_of(rows.ids, sums_of(g.contiguous(), rows.bags), sizes), {}, {}};
    }
    const at::Tensor ids = bags.rows.to(g.device()).unsqueeze(0);
    const at::Tensor values = g.index_select(0, bag_of_each(bags).to(g.device()));
    return {at::sparse_coo_tensor(ids, values, sizes, values.options()).coalesce(), {}, {}};
  }
};

void check_rows(const at::Tensor& table, const at::Tensor& rows) {
  if (rows.numel() == 0) return;
  const auto [low, high] = at::aminmax(rows);
  if (low.item<int64_t>() >= 0 && high.item<int64_t>() < table.size(0)) return;
  throw Error(ErrorKind::data,
              {.what = "an id is not in the embedding",
               .got = fmt::format("ids from {} to {}", low.item<int64_t>(), high.item<int64_t>()),
               .expected = fmt::format("0 .. {}", table.size(0) - 1),
               .fix = "The vocabulary and the encoder do not belong together"});
}

bool ascending(const at::Tensor& ids) {
  const int64_t* id = ids.const_data_ptr<int64_t>();
  return std::adjacent_find(id, id + ids.numel(), std::greater_equal<>()) == id + ids.numel();
}

}  // namespace

at::Tensor bag_means(const at::Tensor& table, const Bags& bags) {
  check_rows(table, bags.rows);
  return BagMeans::apply(table, bags.rows, bags.offsets);
}

SparseRows sparse_rows(const at::Tensor& gradient) {
  if (!has_kernel(gradient)) {
    const at::Tensor whole = gradient.coalesce();
    return {whole.indices().select(0, 0), whole.values().contiguous()};
  }
  // Autograd drops the mark that a gradient is coalesced, but not the order.
  const at::Tensor ids = gradient._indices().select(0, 0).contiguous();
  const at::Tensor values = gradient._values().contiguous();
  if (ascending(ids)) return {ids, values};
  const Grouped rows = group(ids, at::arange(ids.numel()));
  return {rows.ids, sums_of(values, rows.bags)};
}

}  // namespace vistas::learn
