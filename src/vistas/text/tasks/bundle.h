// A trained text encoder together with its tokenizer: all that crosses from training to use.
#pragma once

#include <filesystem>
#include <memory>

#include "vistas/text/encoders/text_encoder.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::text {

struct TextBundle {
  std::shared_ptr<TextEncoder> encoder;  // in evaluation mode
  std::shared_ptr<const Tokenizer> tokenizer;
  int64_t max_length = 0;  // ids a text, marks among them; at most what the encoder takes
};

// From a run folder (its best checkpoint where there is one, else its last), a checkpoint, a bundle,
// or a folder of Hugging Face or sentence-transformers. Anything else is a data error that says what
// was looked for.
TextBundle load_text_bundle(const std::filesystem::path& path);

}  // namespace vistas::text
