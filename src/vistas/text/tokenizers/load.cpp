#include "vistas/text/tokenizers/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/text/tokenizers/sentence_piece.h"
#include "vistas/text/tokenizers/word_piece.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::array kFiles = {"tokenizer.json", "vocab.txt", "tokenizer.model", "spiece.model",
                               "sentencepiece.bpe.model"};
constexpr int64_t kMostIds = 10'000'000;  // a larger id is a damaged file

Error bad(const std::string& name, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = name, .got = got, .expected = expected});
}

Json parsed(std::string_view text, const std::string& name) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw bad(name, fmt::format("no JSON ({})", e.what()), "a JSON file as Hugging Face writes it");
  }
}

// A member, null where it is absent or null.
const Json& member(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text_of(const Json& value, const std::string& fallback) {
  return value.is_string() ? value.get<std::string>() : fallback;
}

bool flag_of(const Json& value, bool fallback) {
  return value.is_boolean() ? value.get<bool>() : fallback;
}

void require_type(const Json& part, const std::string& what, const std::set<std::string>& known,
                  const std::string& name) {
  const std::string type = text_of(member(part, "type"), part.is_null() ? "none" : "no type");
  if (known.contains(type)) return;
  std::string all;
  for (const std::string& k : known) all += (all.empty() ? "" : ", ") + k;
  throw bad(fmt::format("{}: {}", name, what), type, all);
}

void put(std::vector<std::string>& tokens, const Json& id, const std::string& token,
         const std::string& name) {
  if (!id.is_number_integer() || id < 0 || id >= kMostIds) {
    throw bad(fmt::format("{}: id of \"{}\"", name, token), id.dump(), "a whole number from 0");
  }
  const auto at = id.get<size_t>();
  if (at >= tokens.size()) tokens.resize(at + 1);
  if (!tokens[at].empty() && tokens[at] != token) {
    throw bad(fmt::format("{}: id {}", name, at),
              fmt::format("\"{}\" and \"{}\"", tokens[at], token), "one token");
  }
  tokens[at] = token;
}

std::vector<AddedToken> added_tokens(const Json& list, std::vector<std::string>& tokens,
                                     const std::string& name) {
  std::vector<AddedToken> added;
  if (list.is_null()) return added;
  if (!list.is_array()) throw bad(name + ": added_tokens", list.type_name(), "a list");
  for (const Json& item : list) {
    const std::string text = text_of(member(item, "content"), "");
    put(tokens, member(item, "id"), text, name);
    for (const char* option : {"single_word", "normalized"}) {
      if (flag_of(member(item, option), false)) {
        throw bad(fmt::format("{}: added token \"{}\"", name, text),
                  std::string(option) + " = true", "false: others are not supported");
      }
    }
    added.push_back({text, member(item, "id").get<int32_t>()});
  }
  return added;
}

// The ids that a network was trained with differ from those of the model by the class of its
// tokenizer, and some classes change texts before.
std::unique_ptr<Tokenizer> read_model(const std::string& model, const std::string& config,
                                      const fs::path& file) {
  const bool fairseq = file.filename() == "sentencepiece.bpe.model";
  const Json settings = config.empty() ? Json::object() : parsed(config, file.string());
  std::string type = text_of(member(settings, "tokenizer_class"), "none");
  if (type.ends_with("Fast")) type.resize(type.size() - 4);
  const std::string known = fairseq ? "XLMRobertaTokenizer" : "T5Tokenizer";
  if (type != "none" && type != known) {
    throw bad(file.string() + ": tokenizer_class", type, known);
  }
  return std::make_unique<SentencePiece>(model, file.string(),
                                         fairseq ? PieceIds::fairseq : PieceIds::model);
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer_json(std::string_view json, const std::string& name) {
  const Json root = parsed(json, name);
  if (const std::string version = text_of(member(root, "version"), "none"); version != "1.0") {
    throw bad(name + ": version", version, "1.0");
  }
  const Json& model = member(root, "model");
  const Json& normalizer = member(root, "normalizer");
  const Json& pre = member(root, "pre_tokenizer");
  const Json& post = member(root, "post_processor");
  require_type(model, "model", {"WordPiece"}, name);
  require_type(normalizer, "normalizer", {"BertNormalizer"}, name);
  require_type(pre, "pre_tokenizer", {"BertPreTokenizer"}, name);
  if (!post.is_null()) {
    require_type(post, "post_processor", {"TemplateProcessing", "BertProcessing"}, name);
  }
  WordPieceOptions options;
  options.clean_text = flag_of(member(normalizer, "clean_text"), true);
  options.handle_chinese_chars = flag_of(member(normalizer, "handle_chinese_chars"), true);
  options.lowercase = flag_of(member(normalizer, "lowercase"), true);
  options.strip_accents = flag_of(member(normalizer, "strip_accents"), options.lowercase);
  options.unknown = text_of(member(model, "unk_token"), options.unknown);
  options.continuing_prefix =
      text_of(member(model, "continuing_subword_prefix"), options.continuing_prefix);
  if (const Json& most = member(model, "max_input_chars_per_word"); most.is_number_integer()) {
    options.max_word = most.get<int64_t>();
  }
  const Json& vocabulary = member(model, "vocab");
  if (!vocabulary.is_object()) {
    throw bad(name + ": model.vocab", vocabulary.type_name(), "an object of tokens and ids");
  }
  std::vector<std::string> tokens;
  for (const auto& [token, id] : vocabulary.items()) put(tokens, id, token, name);
  auto added = added_tokens(member(root, "added_tokens"), tokens, name);
  return std::make_unique<WordPiece>(std::move(tokens), std::move(added), options);
}

std::unique_ptr<Tokenizer> read_vocabulary(std::string_view text, std::string_view config,
                                           const std::string& name) {
  std::vector<std::string> tokens;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    line = line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
    tokens.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  const Json settings = config.empty() ? Json::object() : parsed(config, name);
  WordPieceOptions options;
  options.lowercase = flag_of(member(settings, "do_lower_case"), true);
  options.strip_accents = flag_of(member(settings, "strip_accents"), options.lowercase);
  options.handle_chinese_chars = flag_of(member(settings, "tokenize_chinese_chars"), true);
  options.unknown = text_of(member(settings, "unk_token"), options.unknown);
  std::vector<AddedToken> added;
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    for (size_t id = 0; id < tokens.size(); ++id) {
      if (tokens[id] == special) added.push_back({special, static_cast<int32_t>(id)});
    }
  }
  return std::make_unique<WordPiece>(std::move(tokens), std::move(added), options);
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
