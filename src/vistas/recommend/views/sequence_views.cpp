#include "vistas/recommend/views/sequence_views.h"

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"

namespace vistas::recommend {
namespace {

enum class Operation { crop, mask, reorder };

size_t part_of(size_t n, double share) {
  return static_cast<size_t>(std::floor(share * static_cast<double>(n)));
}

// Where a run of `length` of `n` begins.
size_t place_of(size_t length, size_t n, Draws& draws) {
  return static_cast<size_t>(draws.below(static_cast<int64_t>(n - length) + 1));
}

std::vector<Operation> used(const SequenceViewOptions& options) {
  std::vector<Operation> out;
  if (options.crop > 0) out.push_back(Operation::crop);
  if (options.mask > 0) out.push_back(Operation::mask);
  if (options.reorder > 0) out.push_back(Operation::reorder);
  return out;
}

Sequence view_of(std::span<const int32_t> items, const SequenceViewOptions& options,
                 Operation operation, int32_t hidden, const DrawKey& key) {
  Draws draws(key);
  switch (operation) {
    case Operation::crop:
      return cropped(items, options.crop, draws);
    case Operation::mask:
      return masked(items, options.mask, hidden, draws);
    case Operation::reorder:
      break;
  }
  return reordered(items, options.reorder, draws);
}

}  // namespace

void SequenceViewOptions::fields(Fields& f) {
  f.add("crop", crop, "cl4srec: share of a sequence that a view by cropping keeps; 0: none such",
        {0, 1});
  f.add("mask", mask, "cl4srec: share of the items that a view by masking hides; 0: none such",
        {0, 1});
  f.add("reorder", reorder,
        "cl4srec: share of a sequence that a view by reordering shuffles; 0: none such", {0, 1});
}

void SequenceViewOptions::check() const {
  if (!used(*this).empty()) return;
  throw Error(ErrorKind::usage, {.what = "views.crop, views.mask and views.reorder",
                                 .got = "0 each, so that there are no views",
                                 .expected = "one of them above 0"});
}

Sequence cropped(std::span<const int32_t> items, double share, Draws& draws) {
  const size_t length = std::max<size_t>(1, part_of(items.size(), share));
  const auto part = items.subspan(place_of(length, items.size(), draws), length);
  return {part.begin(), part.end()};
}

Sequence masked(std::span<const int32_t> items, double share, int32_t hidden, Draws& draws) {
  Sequence out(items.begin(), items.end());
  const std::vector<int64_t> order = draws.permutation(static_cast<int64_t>(items.size()));
  for (size_t k = 0; k < part_of(items.size(), share); ++k) {
    out[static_cast<size_t>(order[k])] = hidden;
  }
  return out;
}

Sequence reordered(std::span<const int32_t> items, double share, Draws& draws) {
  Sequence out(items.begin(), items.end());
  const size_t length = part_of(items.size(), share);
  const size_t begin = place_of(length, items.size(), draws);
  const std::vector<int64_t> order = draws.permutation(static_cast<int64_t>(length));
  for (size_t k = 0; k < length; ++k) out[begin + k] = items[begin + static_cast<size_t>(order[k])];
  return out;
}

SequencePair two_views(std::span<const int32_t> items, const SequenceViewOptions& options,
                       int32_t hidden, const DrawKey& first) {
  const std::vector<Operation> operations = used(options);
  Draws draws(first);
  const std::vector<int64_t> order = draws.permutation(static_cast<int64_t>(operations.size()));
  const auto view = [&](size_t which) {
    DrawKey key = first;
    key.view += static_cast<uint32_t>(which) + 1;
    const auto operation =
        operations[static_cast<size_t>(order[std::min(which, order.size() - 1)])];
    return view_of(items, options, operation, hidden, key);
  };
  return {view(0), view(1)};
}

}  // namespace vistas::recommend
