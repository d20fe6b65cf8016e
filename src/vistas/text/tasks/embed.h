// Texts to embeddings: one pass with a frozen encoder.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "vistas/text/tasks/bundle.h"

namespace vistas::text {

struct EmbedOptions {
  int64_t batch_tokens = 4096;  // ids that go through the encoder at once, padding included
  int threads = 0;              // that tokenize; 0: one a core
  std::string device = "auto";
  std::string precision = "auto";
};

struct TextEmbeddings {
  at::Tensor values;      // [N, D] float32 on the CPU, in the order of the texts
  int64_t truncated = 0;  // texts that were longer than bundle.max_length
};

using EmbedProgress = std::function<void(int64_t done, int64_t all)>;

// Texts are taken in order of length, so that those that go through the encoder together need
// little padding. The result does not depend on batch_tokens or threads but for rounding. Processes
// of a group share the texts; all get all embeddings. Progress is that of a process's own.
TextEmbeddings embed_texts(const TextBundle& bundle, std::span<const std::string_view> texts,
                           const EmbedOptions& options = {}, const EmbedProgress& progress = {});

}  // namespace vistas::text
