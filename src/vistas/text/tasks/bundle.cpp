#include "vistas/text/tasks/bundle.h"

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/bundle.h"
#include "vistas/learn/tensors.h"
#include "vistas/text/tasks/huggingface.h"
#include "vistas/text/tokenizers/load.h"

namespace fs = std::filesystem;

namespace vistas::text {
namespace {

const std::string* find_file(const NamedFiles& files, const std::string& name) {
  for (const auto& [known, content] : files) {
    if (known == name) return &content;
  }
  return nullptr;
}

std::shared_ptr<const Tokenizer> tokenizer_of(const NamedFiles& files) {
  if (const std::string* json = find_file(files, "tokenizer.json")) {
    return read_tokenizer_json(*json, "tokenizer.json");
  }
  if (const std::string* vocabulary = find_file(files, "vocab.txt")) {
    const std::string* config = find_file(files, "tokenizer_config.json");
    return read_vocabulary(*vocabulary, config != nullptr ? *config : "", "vocab.txt");
  }
  for (const auto& [name, content] : files) {
    if (!name.ends_with(".model")) continue;
    return std::make_shared<SentencePiece>(content, name, ids_of(name));
  }
  throw Error(ErrorKind::data, {.what = "no file of a tokenizer",
                                .expected = "tokenizer.json, vocab.txt or a SentencePiece model"});
}

// A folder that bundle_files() and a trainer have written.
TextBundle load_own(const fs::path& folder) {
  const fs::path file = folder / "encoder.json";
  const Value json = parse_json(read_file(file), file.string());
  const auto& table = json.table();
  for (const char* key : {"encoder", "modality"}) {
    if (table.contains(key)) continue;
    throw Error(ErrorKind::data, {.what = file.string() + ": no '" + key + "'"});
  }
  if (const auto* modality = std::get_if<std::string>(&table.at("modality").data);
      modality == nullptr || *modality != "text") {
    throw Error(ErrorKind::data, {.what = file.string() + ": no encoder of texts",
                                  .got = to_toml(table.at("modality")),
                                  .expected = "modality \"text\""});
  }
  TextBundle bundle = tokenizer_bundle(read_tokenizer_files(folder));
  fields_of(bundle.options).set_all(table.at("encoder"));
  bundle.max_length = bundle.options.max_length;
  if (const auto prompt = table.find("prompt"); prompt != table.end()) {
    bundle.prompt = std::get<std::string>(prompt->second.data);
  }
  bundle.encoder = make_text_encoder(bundle.options, 0);
  learn::load_into(TensorFile(folder / "encoder.safetensors"), "",
                   learn::named_tensors(*bundle.encoder));
  bundle.encoder->eval();
  return bundle;
}

}  // namespace

NamedFiles read_tokenizer_files(const fs::path& path) {
  NamedFiles files;
  if (!fs::is_directory(path)) {
    const std::string extension = path.extension().string();
    files.emplace_back(extension == ".json"    ? "tokenizer.json"
                       : extension == ".model" ? "tokenizer.model"
                                               : "vocab.txt",
                       read_file(path));
    return files;
  }
  for (const char* name : {"tokenizer.json", "vocab.txt", "tokenizer_config.json",
                           "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
    if (fs::exists(path / name)) files.emplace_back(name, read_file(path / name));
  }
  return files;
}

TextBundle tokenizer_bundle(const NamedFiles& files) {
  TextBundle bundle;
  bundle.tokenizer = tokenizer_of(files);
  bundle.tokenizer_files = files;
  return bundle;
}

NamedFiles bundle_files(const TextBundle& bundle) {
  TextEncoderOptions options = bundle.options;
  options.max_length = bundle.max_length;
  options.start.clear();
  Value json{.data = ValueTable{}};
  auto& table = std::get<ValueTable>(json.data);
  table["encoder"] = fields_of(options).to_value();
  table["modality"] = Value{.data = std::string("text")};
  if (!bundle.prompt.empty()) table["prompt"] = Value{.data = bundle.prompt};
  table["format"] = Value{.data = int64_t{1}};
  NamedFiles files = bundle.tokenizer_files;
  files.emplace_back("encoder.json", to_json(json));
  return files;
}

TextBundle load_text_bundle(const fs::path& path) {
  const fs::path folder = learn::find_bundle(path);
  return fs::exists(folder / "encoder.json") ? load_own(folder) : load_hugging_face(folder);
}

TextBundle untrained(const TextBundle& bundle, uint64_t seed) {
  TextBundle out = bundle;
  out.encoder = make_text_encoder(bundle.options, seed);
  out.encoder->eval();
  return out;
}

}  // namespace vistas::text
