// A trained text encoder together with its tokenizer: all that crosses from training to use.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/text/encoders/encoders.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::text {

using NamedFiles = std::vector<std::pair<std::string, std::string>>;  // names and contents

struct TextBundle {
  TextEncoderOptions options;
  std::shared_ptr<TextEncoder> encoder;  // in evaluation mode
  std::shared_ptr<const Tokenizer> tokenizer;
  NamedFiles tokenizer_files;
  int64_t max_length = 0;            // ids a text, marks among them; at most what the encoder takes
  std::string prompt{};              // stands before every text
  std::vector<std::string> notes{};  // what a user must know of the files it came from
};

// From a run folder (its best checkpoint where there is one, else its last), a checkpoint, a
// bundle, or a folder of Hugging Face or sentence-transformers. Anything else is a data error that
// says what was looked for.
TextBundle load_text_bundle(const std::filesystem::path& path);

// encoder.json and the tokenizer: beside encoder.safetensors they are a bundle.
NamedFiles bundle_files(const TextBundle& bundle);

// The files of a tokenizer in a folder, or one of them (see load_tokenizer()).
NamedFiles read_tokenizer_files(const std::filesystem::path& path);

// A bundle of a tokenizer alone, from its files.
TextBundle tokenizer_bundle(const NamedFiles& files);

// The same architecture with random weights, a function of the seed.
TextBundle untrained(const TextBundle& bundle, uint64_t seed);

}  // namespace vistas::text
