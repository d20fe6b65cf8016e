#include "vistas/share/sentence_transformers.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/tensors.h"
#include "vistas/share/library_transformer.h"
#include "vistas/share/model_page.h"
#include "vistas/text/tokenizers/to_json.h"

namespace vistas::share {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using text::Activation;

// transformers takes weights with this entry alone.
const std::map<std::string, std::string> kMetadata = {{"format", "pt"}};

class Writer {
 public:
  explicit Writer(const fs::path& folder) : folder_(folder) {}

  // The folder of the next module; "" is the folder itself.
  fs::path module(const std::string& kind, bool in_root = false) {
    const auto number = modules_.size();
    const std::string place = in_root ? "" : fmt::format("{}_{}", number, kind);
    modules_.push_back({{"idx", number},
                        {"name", fmt::to_string(number)},
                        {"path", place},
                        {"type", "sentence_transformers.models." + kind}});
    fs::create_directories(folder_ / place);
    return folder_ / place;
  }

  void finish(const std::string& prompt) const {
    write_json(folder_ / "modules.json", modules_);
    Json config = {{"model_type", "SentenceTransformer"}, {"similarity_fn_name", "cosine"}};
    if (!prompt.empty()) {
      config["prompts"] = {{"default", prompt}};
      config["default_prompt_name"] = "default";
    }
    write_json(folder_ / "config_sentence_transformers.json", config);
  }

  static void write_json(const fs::path& path, const Json& json) {
    write_file_atomic(path, json.dump(2) + "\n");
  }

 private:
  fs::path folder_;
  Json modules_ = Json::array();
};

text::TokenizerFile file_of(const text::TextBundle& bundle) {
  const auto find = [&](const std::string& name) {
    return std::find_if(bundle.tokenizer_files.begin(), bundle.tokenizer_files.end(),
                        [&](const auto& file) { return file.first == name; });
  };
  const auto end = bundle.tokenizer_files.end();
  const auto config = find("tokenizer_config.json");
  for (const char* name : {"tokenizer.json", "vocab.txt", "tokenizer.model", "spiece.model",
                           "sentencepiece.bpe.model"}) {
    const auto found = find(name);
    if (found != end) return {name, found->second, config == end ? "" : config->second};
  }
  throw Error(ErrorKind::data, {.what = "bundle", .got = "no file of a tokenizer"});
}

Json tokenizer_config(const text::WrittenJson& tokenizer, int64_t max_length) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"model_max_length", max_length},
                 {"model_input_names", {"input_ids", "attention_mask"}},
                 {"padding_side", "right"},
                 {"truncation_side", "right"},
                 {"clean_up_tokenization_spaces", false},
                 {"split_special_tokens", !tokenizer.finds_tokens}};
  const std::pair<const char*, std::string> tokens[] = {{"cls_token", tokenizer.begin},
                                                        {"sep_token", tokenizer.end},
                                                        {"pad_token", tokenizer.pad},
                                                        {"unk_token", tokenizer.unknown},
                                                        {"mask_token", tokenizer.mask}};
  for (const auto& [role, token] : tokens) {
    if (!token.empty()) config[role] = token;
  }
  return config;
}

std::string activation_class(Activation activation) {
  switch (activation) {
    case Activation::tanh:
      return "torch.nn.modules.activation.Tanh";
    case Activation::relu:
      return "torch.nn.modules.activation.ReLU";
    case Activation::gelu:
      return "torch.nn.modules.activation.GELU";
    case Activation::none:
      return "torch.nn.modules.linear.Identity";
    case Activation::gelu_tanh:
      break;
  }
  throw Error(ErrorKind::data,
              {.what = "encoder.transformer.projection_activation",
               .got = "gelu_tanh",
               .expected = "gelu, relu, tanh or none: sentence-transformers has no other"});
}

void write_dense(const text::Transformer& encoder, const fs::path& folder) {
  learn::NamedTensors tensors;
  int64_t width = 0;
  for (const auto& [name, tensor] : learn::named_tensors(encoder)) {
    if (!name.starts_with("projection.")) continue;
    if (tensor.dim() == 2) width = tensor.size(1);
    tensors.emplace_back("linear." + name.substr(std::string_view("projection.").size()), tensor);
  }
  learn::save_tensors(folder / "model.safetensors", tensors, kMetadata);
  const text::TransformerOptions& options = encoder.options();
  Writer::write_json(folder / "config.json",
                     {{"in_features", width},
                      {"out_features", options.projection},
                      {"bias", true},
                      {"activation_function", activation_class(options.projection_activation)}});
}

Json pooling_modes(std::vector<std::string> modes) {
  std::replace(modes.begin(), modes.end(), std::string("mean_sqrt_len"),
               std::string("mean_sqrt_len_tokens"));
  return modes.size() == 1 ? Json(modes.front()) : Json(modes);
}

void write_transformer(const text::TextBundle& bundle, const text::Transformer& encoder,
                       Writer& out) {
  const text::TransformerOptions& options = encoder.options();
  const LibraryTransformer library = library_transformer(encoder, bundle.tokenizer->special());
  const text::WrittenJson tokenizer =
      text::to_tokenizer_json(*bundle.tokenizer, file_of(bundle), 0);
  const fs::path root = out.module("Transformer", /*in_root=*/true);
  write_file_atomic(root / "config.json", library.config + "\n");
  learn::save_tensors(root / "model.safetensors", library.tensors, kMetadata);
  write_file_atomic(root / "tokenizer.json", tokenizer.content);
  Writer::write_json(root / "tokenizer_config.json",
                     tokenizer_config(tokenizer, bundle.max_length));
  Writer::write_json(root / "sentence_bert_config.json",
                     {{"max_seq_length", bundle.max_length}, {"do_lower_case", false}});
  Writer::write_json(out.module("Pooling") / "config.json",
                     {{"word_embedding_dimension", options.hidden},
                      {"pooling_mode", pooling_modes(options.pooling)},
                      {"include_prompt", true}});
  if (options.projection > 0) write_dense(encoder, out.module("Dense"));
  if (options.normalize) out.module("Normalize");
}

void write_static(const text::TextBundle& bundle, const text::StaticEncoder& encoder, Writer& out) {
  const text::StaticOptions& options = encoder.options();
  if (options.buckets > 0) {
    throw Error(
        ErrorKind::data,
        {.what = "static encoder for sentence-transformers",
         .got = fmt::format("{} rows for n-grams (encoder.static.buckets)", options.buckets),
         .expected = "rows for single tokens alone: StaticEmbedding has no others",
         .fix = "Train with encoder.static.buckets = 0"});
  }
  const fs::path folder = out.module("StaticEmbedding");
  learn::save_tensors(folder / "model.safetensors", learn::named_tensors(encoder), kMetadata);
  write_file_atomic(
      folder / "tokenizer.json",
      text::to_tokenizer_json(*bundle.tokenizer, file_of(bundle), bundle.max_length).content);
  if (options.normalize) out.module("Normalize");
}

}  // namespace

void write_sentence_transformers(const text::TextBundle& bundle, const ModelCard& card,
                                 const fs::path& folder) {
  Writer out(folder);
  if (const auto* encoder = dynamic_cast<const text::Transformer*>(bundle.encoder.get())) {
    write_transformer(bundle, *encoder, out);
  } else {
    write_static(bundle, dynamic_cast<const text::StaticEncoder&>(*bundle.encoder), out);
  }
  out.finish(bundle.prompt);
  write_file_atomic(folder / "README.md", model_page(bundle, card));
}

}  // namespace vistas::share
