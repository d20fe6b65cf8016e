#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/recommend/baselines/baselines.h"

namespace vistas::recommend {
namespace {

using Progress = std::function<void(int64_t done, int64_t all)>;

void check_memory(int64_t items) {
  const double needed = 4 * static_cast<double>(items) * static_cast<double>(items);
  const double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (needed < 0.9 * present) return;
  throw Error(
      ErrorKind::resource,
      {.what = fmt::format("EASE of {} items needs {:.1f} GB of memory", items, needed * 1e-9),
       .got = fmt::format("{:.1f} GB", present * 1e-9),
       .fix = "Leave out rare items, or take ItemKNN"});
}

// X^T X + l2 [items, items].
at::Tensor gram(const IdLists& train, int64_t items, double l2) {
  const OwnIdLists transposed_lists = transposed(train, items);
  const IdLists users_of_items = transposed_lists.view();
  const at::Tensor out = at::zeros({items, items}, at::kFloat);
  at::parallel_for(0, items, 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = out.mutable_data_ptr<float>() + i * items;
      for (const int32_t u : users_of_items[i]) {
        for (const int32_t j : train[u]) ++row[j];
      }
      row[i] += static_cast<float>(l2);
    }
  });
  return out;
}

// Turns a symmetric positive definite matrix into minus its inverse, in place: the sweep operator
// on one block of rows and columns after the other, of which the lower triangle is kept.
void sweep(const at::Tensor& a, double l2, const Progress& progress) {
  constexpr int64_t kBlock = 512;
  const int64_t n = a.size(0);
  const auto size_at = [&](int64_t begin) { return std::min(kBlock, n - begin); };
  for (int64_t k = 0; k < n; k += kBlock) {
    const int64_t size = size_at(k), behind = n - k - size;
    const at::Tensor left = a.narrow(0, k, size).narrow(1, 0, k);
    const at::Tensor own = a.narrow(0, k, size).narrow(1, k, size);
    const at::Tensor below = a.narrow(0, k + size, behind).narrow(1, k, size);
    const auto [inverse, failed] = at::linalg_inv_ex(own);
    if (failed.item<int>() != 0 || !at::isfinite(inverse).all().item<bool>()) {
      throw Error(ErrorKind::numeric,
                  {.what = "EASE: the matrix of items has no inverse in float32",
                   .got = fmt::format("l2 = {}", l2),
                   .fix = "Raise l2"});
    }
    const at::Tensor column = at::cat({left.t(), at::zeros_like(own), below});
    const at::Tensor scaled = column.mm(inverse);
    for (int64_t i = 0; i < n; i += kBlock) {
      const int64_t end = i + size_at(i);
      a.narrow(0, i, size_at(i))
          .narrow(1, 0, end)
          .addmm_(column.narrow(0, i, size_at(i)), scaled.narrow(0, 0, end).t(), 1, -1);
    }
    left.copy_(scaled.narrow(0, 0, k).t());
    own.copy_(inverse.neg());
    below.copy_(scaled.narrow(0, k + size, behind));
    if (progress) progress(k / kBlock + 1, (n + kBlock - 1) / kBlock);
  }
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t above = i, size = size_at(i);
    a.narrow(0, 0, above).narrow(1, i, size).copy_(a.narrow(0, i, size).narrow(1, 0, above).t());
  }
}

// B of EASE^R, in the memory of the Gram matrix.
at::Tensor item_weights(const IdLists& train, int64_t items, double l2, const Progress& progress) {
  const at::Tensor b = gram(train, items, l2);
  sweep(b, l2, progress);
  b.div_(b.diagonal().neg().unsqueeze(0));
  b.fill_diagonal_(0);
  return b;
}

}  // namespace

search::TopK ease_lists(const IdLists& train, int64_t items, int64_t k,
                        const search::RowFilter& filter, double l2, const Progress& progress) {
  if (!(l2 > 0)) {
    throw Error(ErrorKind::usage,
                {.what = "l2 of EASE", .got = fmt::to_string(l2), .expected = "above 0"});
  }
  check_ids(train, items, "training items");
  check_memory(items);
  const at::Tensor b = item_weights(train, items, l2, progress);
  return search::top_k_of(train.size(), items, k, filter, [&](int64_t u, std::span<float> out) {
    std::ranges::fill(out, 0.0f);
    for (const int32_t i : train[u]) {
      const float* row = b.const_data_ptr<float>() + i * items;
      for (size_t j = 0; j < out.size(); ++j) out[j] += row[j];
    }
  });
}

}  // namespace vistas::recommend
