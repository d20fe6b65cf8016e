#include "vistas/text/tokenizers/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/text/tokenizers/byte_bpe.h"
#include "vistas/text/tokenizers/piece_json.h"
#include "vistas/text/tokenizers/tokenizer_json.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

constexpr std::array kFiles = {"tokenizer.json", "vocab.txt", "tokenizer.model", "spiece.model",
                               "sentencepiece.bpe.model"};
Error bad(const std::string& name, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = name, .got = got, .expected = expected});
}

// What a tokenizer_config.json says; nothing where there is none.
TokenizerPart settings_in(std::string_view config, const std::string& name) {
  return config.empty() ? TokenizerPart{} : parse_members(config, name);
}

const TokenizerPart& only(const TokenizerJson& json, const std::vector<TokenizerPart>& parts,
                          const std::string& what, const std::string& type) {
  if (parts.size() == 1 && parts.front().type == type) return parts.front();
  refuse(json, what,
         parts.empty()       ? "none"
         : parts.size() == 1 ? parts.front().type
                             : "a Sequence",
         type);
}

std::unique_ptr<Tokenizer> word_piece_from(const TokenizerJson& json) {
  const TokenizerPart& normalizer = only(json, json.normalizers, "normalizer", "BertNormalizer");
  only(json, json.pre_tokenizers, "pre_tokenizer", "BertPreTokenizer");
  if (json.added_after_normalizer) {
    refuse(json, "added_tokens", "normalized = true", "false: true is not supported");
  }
  WordPieceOptions options;
  options.clean_text = normalizer.flag("clean_text", true);
  options.handle_chinese_chars = normalizer.flag("handle_chinese_chars", true);
  options.lowercase = normalizer.flag("lowercase", true);
  options.strip_accents = normalizer.flag("strip_accents", options.lowercase);
  options.unknown = json.model.text("unk_token", options.unknown);
  options.continuing_prefix =
      json.model.text("continuing_subword_prefix", options.continuing_prefix);
  options.max_word = json.model.number("max_input_chars_per_word", options.max_word);
  // MPNet has the tokens of RoBERTa beside those of BERT.
  if (!json.begin.empty()) options.begin = json.begin;
  if (!json.end.empty()) options.end = json.end;
  for (const AddedToken& token : json.added) {
    if (token.text == "<pad>") options.pad = token.text;
    if (token.text == "<mask>") options.mask = token.text;
  }
  return std::make_unique<WordPiece>(json.tokens, json.added, options);
}

// The ids that a network was trained with differ from those of the model by the class of its
// tokenizer, and some classes change texts before.
std::unique_ptr<Tokenizer> read_model(const std::string& model, const std::string& config,
                                      const fs::path& file) {
  const PieceIds ids = ids_of(file);
  std::string type = settings_in(config, file.string()).text("tokenizer_class", "none");
  if (type.ends_with("Fast")) type.resize(type.size() - 4);
  const std::string known = ids == PieceIds::fairseq ? "XLMRobertaTokenizer" : "T5Tokenizer";
  if (type != "none" && type != known) {
    throw bad(file.string() + ": tokenizer_class", type, known);
  }
  return std::make_unique<SentencePiece>(model, file.string(), ids);
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer_json(std::string_view json, const std::string& name) {
  const TokenizerJson parts = parse_tokenizer_json(json, name);
  if (parts.model.type == "WordPiece") return word_piece_from(parts);
  if (parts.model.type == "Unigram") return sentence_piece_from(parts);
  if (parts.model.type == "BPE") {
    const bool pieces =
        !parts.pre_tokenizers.empty() && parts.pre_tokenizers.back().type == "Metaspace";
    return pieces ? sentence_piece_from(parts) : byte_bpe_from(parts);
  }
  refuse(parts, "model", parts.model.type, "WordPiece, Unigram or BPE");
}

VocabularyFile parse_vocabulary(std::string_view text, std::string_view config,
                                const std::string& name) {
  VocabularyFile out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    line = line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
    out.tokens.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  const TokenizerPart settings = settings_in(config, name);
  WordPieceOptions& options = out.options;
  options.lowercase = settings.flag("do_lower_case", true);
  options.strip_accents = settings.flag("strip_accents", options.lowercase);
  options.handle_chinese_chars = settings.flag("tokenize_chinese_chars", true);
  options.unknown = settings.text("unk_token", options.unknown);
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    for (size_t id = 0; id < out.tokens.size(); ++id) {
      if (out.tokens[id] == special) out.added.push_back({special, static_cast<int32_t>(id)});
    }
  }
  return out;
}

std::unique_ptr<Tokenizer> read_vocabulary(std::string_view text, std::string_view config,
                                           const std::string& name) {
  VocabularyFile file = parse_vocabulary(text, config, name);
  return std::make_unique<WordPiece>(std::move(file.tokens), std::move(file.added), file.options);
}

PieceIds ids_of(const fs::path& file) {
  return file.filename() == "sentencepiece.bpe.model" ? PieceIds::fairseq : PieceIds::model;
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& path) {
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  fs::path file = path;
  if (fs::is_directory(path)) {
    const auto found = std::find_if(kFiles.begin(), kFiles.end(),
                                    [&](const char* name) { return fs::exists(folder / name); });
    if (found == kFiles.end()) {
      throw bad(path.string(), "no tokenizer", fmt::format("one of {}", fmt::join(kFiles, ", ")));
    }
    file = folder / *found;
  }
  if (!fs::exists(file)) throw bad(path.string(), "no such file", "a tokenizer's file or folder");
  const std::string content = read_file(file), name = file.string();
  const fs::path config_file = folder / "tokenizer_config.json";
  const std::string config = fs::exists(config_file) ? read_file(config_file) : "";
  if (file.extension() == ".json") return read_tokenizer_json(content, name);
  if (file.extension() == ".model") return read_model(content, config, file);
  return read_vocabulary(content, config, name);
}

}  // namespace vistas::text
