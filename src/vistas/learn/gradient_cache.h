// Gradient caching: the loss compares a whole batch of which the network sees a micro-batch at a
// time, so that memory is that of a micro-batch. One micro-batch is the plain step.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "vistas/learn/method.h"

namespace vistas::learn {

// The micro-batches of a step, one or more. Pass one asks for all of them in order, pass two for
// the same ones but the last; it must embed them with the same randomness.
struct MicroBatches {
  int64_t count = 0;
  std::function<Batch()> next;
  std::function<Embeddings(const Batch&)> embed;
};

struct EmbeddedBatch {
  Batch batch;                 // without views; the key is that of the first micro-batch
  Embeddings embeddings;       // of all rows; the live ones are leaves that require gradients
  Embeddings last;             // of the last micro-batch, with their graph unless `again` is set
  std::optional<Batch> again;  // the last micro-batch where its graph was not kept
};

// Pass one: the embeddings of all micro-batches, rows below each other. After backward() of their
// loss grad() of each live one is d loss / d embedding. Of few micro-batches the last, which comes
// first in pass two, keeps its graph, which saves embedding it again; of many none does, as the
// memory of the loss would come on top of the graph. Batch norm normalises each micro-batch by
// itself; all together move its running statistics as far as one batch.
EmbeddedBatch embed_micro_batches(const MicroBatches& micro_batches);

// Pass two, after that backward(): embeds every micro-batch without a graph again, now with one,
// and adds to the gradient of each parameter p its
//
//   sum over live embeddings e and micro-batches of (d loss / d e) (d e / d p).
//
// Meanwhile Method::replaying() is true and running statistics rest. `before_last` hears the
// outputs of the network from which the last backward pass begins. Gao et al., "Scaling deep
// contrastive learning batch size under memory limited setup", RepL4NLP 2021.
void replay_micro_batches(
    Method& method, const MicroBatches& micro_batches, EmbeddedBatch& whole,
    const std::function<void(const std::vector<at::Tensor>&)>& before_last = {});

}  // namespace vistas::learn
