// Encoders of texts as folders that sentence-transformers loads.
#pragma once

#include <filesystem>
#include <string>

#include "vistas/text/tasks/bundle.h"

namespace vistas::share {

// What the page of a model says beside what its encoder is; "" for what is not known.
struct ModelCard {
  std::string name;
  std::string data;    // what it was trained on
  std::string method;  // and how
};

// Fills an empty folder: modules.json, a README.md, and
// - of a transformer config.json, model.safetensors with the tensor names of its family,
//   tokenizer.json, the longest text, pooling, and where it has them projection, normalisation and
//   prompt;
// - of a static encoder StaticEmbedding, in whose tokenizer.json texts are cut, and where it has
// them
//   normalisation and prompt.
// sentence-transformers and load_text_bundle() give the embeddings of `bundle` but for rounding.
// What those modules cannot express is a data error.
void write_sentence_transformers(const text::TextBundle& bundle, const ModelCard& card,
                                 const std::filesystem::path& folder);

}  // namespace vistas::share
