// Folders of Hugging Face and sentence-transformers: an encoder with its tokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/text/encoders/static_encoder.h"
#include "vistas/text/encoders/transformer.h"
#include "vistas/text/tasks/bundle.h"

namespace vistas::text {

// What the files of a folder say. With modules.json it is one of sentence-transformers: a
// transformer, pooling, then perhaps a dense layer and a normalisation, each in a folder of its
// own. With config.json alone the pooling is the mean, as sentence-transformers would have it.
struct HuggingFaceFolder {
  TransformerOptions options;
  std::filesystem::path transformer;  // config.json, weights, tokenizer
  std::filesystem::path projection;   // config.json and weights of the dense layer; "" without one
  int64_t max_length = 0;             // ids a text, marks among them
  bool lowercase = false;             // texts are lower-cased before they are tokenized
  std::string prompt;                 // stands before every text
};

// A folder of sentence-transformers with StaticEmbedding, then perhaps a normalisation.
struct StaticFolder {
  std::filesystem::path embedding;  // weights and tokenizer.json
  bool normalize = false;
  int64_t max_length = 0;  // where tokenizer.json cuts texts; 0: nowhere
  std::string prompt;      // stands before every text
};

bool is_hugging_face(const std::filesystem::path& folder);

// A data error for another architecture, another module or a value that is not supported.
HuggingFaceFolder read_hugging_face(const std::filesystem::path& folder);

// Nothing for a folder of another kind.
std::optional<StaticFolder> read_static(const std::filesystem::path& folder);

// With the weights of model.safetensors, otherwise of pytorch_model.bin; of either also the files
// that its .index.json names. Tensors may be float32, float16 or bfloat16 and have the prefixes and
// older names that such files have; heads for other tasks are left aside. A data error that names a
// tensor that is missing, has another shape or is there twice; `notes` names those that are not
// part of the architecture.
std::shared_ptr<Transformer> load_transformer(const HuggingFaceFolder& folder,
                                              std::vector<std::string>* notes = nullptr);

// With the one tensor of model.safetensors, whatever kind of floating point number it holds.
std::shared_ptr<StaticEncoder> load_static(const StaticFolder& folder);

TextBundle load_hugging_face(const std::filesystem::path& folder);

// The name in our encoder, that of Hugging Face's BERT, of a tensor that a file of this family
// calls `name`; "" for one that belongs to no encoder.
std::string transformer_tensor_name(const std::string& name, TransformerFamily family);

// The other way: the name that transformers gives to a tensor of our encoder.
std::string library_tensor_name(const std::string& name, TransformerFamily family);

}  // namespace vistas::text
