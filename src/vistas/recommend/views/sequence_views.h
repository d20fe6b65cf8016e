// Views of a sequence of items: a part of it, some items hidden, a part in another order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/random.h"

namespace vistas::recommend {

// Shares of the sequence; 0: the operation is not used. The values are those of CL4SRec's authors'
// follow-up code.
struct SequenceViewOptions {
  double crop = 0.6;
  double mask = 0.3;
  double reorder = 0.6;

  void fields(Fields& f);
  void check() const;  // a usage error if no operation is used
};

using Sequence = std::vector<int32_t>;

// A run of max(1, floor(share n)) of the n items, its place drawn. Xie et al., "Contrastive
// learning for sequential recommendation", 2022 (CL4SRec), equation 8.
Sequence cropped(std::span<const int32_t> items, double share, Draws& draws);

// floor(share n) items, drawn without replacement, become `hidden`. Equation 9.
Sequence masked(std::span<const int32_t> items, double share, int32_t hidden, Draws& draws);

// A run of floor(share n) items, its place drawn, in a drawn order. Equation 10.
Sequence reordered(std::span<const int32_t> items, double share, Draws& draws);

// Two views by two different operations of those that are used, which ones is drawn; by the same
// one where there is only one. Draws are keyed by seed, epoch and sample: `first.view` and the two
// numbers behind it are streams of their own.
struct SequencePair {
  Sequence a, b;
};
SequencePair two_views(std::span<const int32_t> items, const SequenceViewOptions& options,
                       int32_t hidden, const DrawKey& first);

}  // namespace vistas::recommend
