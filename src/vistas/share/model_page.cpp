#include "vistas/share/model_page.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vistas::share {
namespace {

constexpr const char* kHead = R"(---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
tags:
- sentence-transformers
- feature-extraction
- sentence-similarity
- vistas
---

# {}

Embeddings of texts, {} numbers each.

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
embeddings = model.encode(["A first text.", "Another text."])
print(model.similarity(embeddings, embeddings))
```

| | |
|---|---|
)";

int64_t parameters_of(const text::TextEncoder& encoder) {
  int64_t count = 0;
  for (const auto& parameter : encoder.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

std::string model_page(const text::TextBundle& bundle, const ModelCard& card) {
  std::string page = fmt::format(kHead, card.name, bundle.encoder->dim());
  const auto row = [&](const std::string& what, const std::string& value) {
    if (!value.empty()) page += fmt::format("| {} | {} |\n", what, value);
  };
  if (const auto* encoder = dynamic_cast<const text::Transformer*>(bundle.encoder.get())) {
    const text::TransformerOptions& o = encoder->options();
    row("encoder", fmt::format("transformer of {} layers, width {}", o.layers, o.hidden));
    row("pooling", fmt::format("{}", fmt::join(o.pooling, ", ")));
    if (o.projection > 0) row("projection", fmt::format("to {}", o.projection));
    row("embeddings", o.normalize ? "unit vectors" : "of any length");
  } else {
    const auto& encoder_of_bag = dynamic_cast<const text::StaticEncoder&>(*bundle.encoder);
    row("encoder", "static: the mean of a vector for each token");
    row("embeddings", encoder_of_bag.options().normalize ? "unit vectors" : "of any length");
  }
  row("parameters", fmt::format("{}", parameters_of(*bundle.encoder)));
  row("tokens in the vocabulary", fmt::format("{}", bundle.tokenizer->vocabulary_size()));
  row("longest text", fmt::format("{} tokens", bundle.max_length));
  row("before every text", bundle.prompt.empty() ? "" : fmt::format("`{}`", bundle.prompt));
  row("trained on", card.data.empty() ? "" : fmt::format("`{}`", card.data));
  row("method", card.method);
  return page + "\nWritten by vistas " VISTAS_VERSION ".\n";
}

}  // namespace vistas::share
