// What the JSON files of a folder say; the weights are in huggingface.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/text/tasks/huggingface.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Error bad(const std::string& what, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = what, .got = got, .expected = expected});
}

// A JSON file; members that are absent or null are as if they were not there.
class JsonFile {
 public:
  explicit JsonFile(const fs::path& path) : name_(path.string()) {
    json_ = Json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object() && !json_.is_array()) throw bad(name_, "no JSON object", "one");
  }

  const Json& json() const { return json_; }
  const std::string& name() const { return name_; }

  const Json* find(const std::string& key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  // The member as a T; `fallback` where there is none, and an error where there is no fallback.
  template <class T>
  T get(const std::string& key, std::optional<T> fallback = std::nullopt) const {
    const Json* value = find(key);
    if (value == nullptr) {
      if (fallback) return *fallback;
      throw bad(name_, "no " + key, "the configuration of a text encoder");
    }
    constexpr bool flag = std::is_same_v<T, bool>, text = std::is_same_v<T, std::string>;
    const bool fits = flag                    ? value->is_boolean()
                      : text                  ? value->is_string()
                      : std::is_integral_v<T> ? value->is_number_integer()
                                              : value->is_number();
    if (!fits) {
      throw bad(fmt::format("{}: {}", name_, key), value->dump(),
                flag                    ? "true or false"
                : text                  ? "text"
                : std::is_integral_v<T> ? "a whole number"
                                        : "a number");
    }
    return value->get<T>();
  }

 private:
  std::string name_;
  Json json_;
};

Activation activation_of(const JsonFile& file, const std::string& key) {
  static const std::map<std::string, Activation> known = {
      {"gelu", Activation::gelu},
      {"gelu_new", Activation::gelu_tanh},
      {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"gelu_fast", Activation::gelu_tanh},
      {"relu", Activation::relu},
      {"tanh", Activation::tanh},
      {"linear", Activation::none}};
  const auto name = file.get<std::string>(key, "gelu");
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  throw bad(fmt::format("{}: {}", file.name(), key), name,
            "gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, tanh, linear");
}

TransformerFamily family_of(const JsonFile& file) {
  static const std::map<std::string, TransformerFamily> known = {
      {"bert", TransformerFamily::bert},         {"distilbert", TransformerFamily::distilbert},
      {"roberta", TransformerFamily::roberta},   {"xlm-roberta", TransformerFamily::roberta},
      {"camembert", TransformerFamily::roberta}, {"mpnet", TransformerFamily::mpnet}};
  const auto type = file.get<std::string>("model_type");
  const auto found = known.find(type);
  if (found != known.end()) return found->second;
  throw bad(file.name() + ": model_type", type,
            "bert, distilbert, roberta, xlm-roberta, camembert or mpnet: other architectures are "
            "not supported");
}

void require(const JsonFile& file, const std::string& key, const Json& wanted) {
  const Json* value = file.find(key);
  if (value == nullptr || *value == wanted) return;
  throw bad(fmt::format("{}: {}", file.name(), key), value->dump(),
            wanted.dump() + ": others are not supported");
}

TransformerOptions read_config(const JsonFile& file) {
  TransformerOptions o;
  o.family = family_of(file);
  require(file, "position_embedding_type", "absolute");
  require(file, "is_decoder", false);
  require(file, "relative_attention_num_buckets", 32);
  const bool distil = o.family == TransformerFamily::distilbert;
  o.vocabulary = file.get<int64_t>("vocab_size");
  o.max_positions = file.get<int64_t>("max_position_embeddings", 512);
  o.layers = file.get<int64_t>(distil ? "n_layers" : "num_hidden_layers");
  o.hidden = file.get<int64_t>(distil ? "dim" : "hidden_size");
  o.heads = file.get<int64_t>(distil ? "n_heads" : "num_attention_heads");
  o.intermediate = file.get<int64_t>(distil ? "hidden_dim" : "intermediate_size");
  o.activation = activation_of(file, distil ? "activation" : "hidden_act");
  o.layer_norm_eps = file.get<double>("layer_norm_eps", 1e-12);
  o.dropout = file.get<double>(distil ? "dropout" : "hidden_dropout_prob", 0.1);
  o.attention_dropout =
      file.get<double>(distil ? "attention_dropout" : "attention_probs_dropout_prob", 0.1);
  const bool types = o.family == TransformerFamily::bert || o.family == TransformerFamily::roberta;
  o.token_types = types ? file.get<int64_t>("type_vocab_size", 2) : 0;
  // Positions of these families begin behind that of padding, which MPNet has fixed.
  if (o.family == TransformerFamily::roberta) {
    o.first_position = file.get<int64_t>("pad_token_id", 1) + 1;
  } else if (o.family == TransformerFamily::mpnet) {
    o.first_position = 2;
  }
  o.pooling = {"mean"};
  o.normalize = false;
  // Whatever a file says has to be a value that the options allow.
  const Value values = fields_of(o).to_value();
  try {
    fields_of(o).set_all(values);
    o.check();
  } catch (const Error& e) {
    throw Error(ErrorKind::data, {.what = file.name() + ": " + e.what()});
  }
  return o;
}

std::vector<std::string> read_pooling(const JsonFile& file) {
  static const std::vector<std::pair<std::string, std::string>> flags = {
      {"pooling_mode_cls_token", "cls"},
      {"pooling_mode_max_tokens", "max"},
      {"pooling_mode_mean_tokens", "mean"},
      {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len"},
      {"pooling_mode_weightedmean_tokens", "weightedmean"},
      {"pooling_mode_lasttoken", "lasttoken"}};
  static const std::vector<std::string> known{"cls",           "max",          "mean",
                                              "mean_sqrt_len", "weightedmean", "lasttoken"};
  std::vector<std::string> modes;
  if (const Json* named = file.find("pooling_mode")) {
    const Json list = named->is_array() ? *named : Json::array({*named});
    for (const Json& mode : list) modes.push_back(mode.is_string() ? mode.get<std::string>() : "");
    std::replace(modes.begin(), modes.end(), std::string("mean_sqrt_len_tokens"),
                 std::string("mean_sqrt_len"));
    for (const std::string& mode : modes) {
      if (std::find(known.begin(), known.end(), mode) == known.end()) {
        throw bad(file.name() + ": pooling_mode", named->dump(),
                  fmt::format("{}", fmt::join(known, ", ")));
      }
    }
  } else {
    for (const auto& [flag, mode] : flags) {
      if (file.get<bool>(flag, false)) modes.push_back(mode);
    }
  }
  return modes.empty() ? std::vector<std::string>{"mean"} : modes;
}

Activation projection_activation(const JsonFile& file) {
  const auto name =
      file.get<std::string>("activation_function", "torch.nn.modules.activation.Tanh");
  const std::string last = name.substr(name.rfind('.') + 1);
  if (last == "Tanh") return Activation::tanh;
  if (last == "Identity") return Activation::none;
  if (last == "ReLU") return Activation::relu;
  if (last == "GELU") return Activation::gelu;
  throw bad(file.name() + ": activation_function", name, "Tanh, Identity, ReLU or GELU");
}

// The modules of a folder: kind ("Pooling") and place of each, in their order.
std::vector<std::pair<std::string, fs::path>> modules_of(const fs::path& folder) {
  const JsonFile file(folder / "modules.json");
  std::vector<std::pair<std::string, fs::path>> modules;
  for (const Json& entry : file.json()) {
    if (!entry.is_object() || !entry.contains("type") || !entry["type"].is_string() ||
        !entry.contains("path") || !entry["path"].is_string()) {
      throw bad(file.name(), entry.dump(), "modules with a type and a path");
    }
    const auto type = entry["type"].get<std::string>();
    const fs::path place = folder / entry["path"].get<std::string>();
    modules.emplace_back(type.substr(type.rfind('.') + 1), place);
  }
  return modules;
}

std::vector<std::string> kinds_of(const std::vector<std::pair<std::string, fs::path>>& modules) {
  std::vector<std::string> kinds;
  for (const auto& [kind, place] : modules) kinds.push_back(kind);
  return kinds;
}

void read_modules(const fs::path& folder, HuggingFaceFolder& out) {
  const auto modules = modules_of(folder);
  const std::vector<std::string> kinds = kinds_of(modules);
  using List = std::vector<std::string>;
  const List order{"Transformer", "Pooling", "Dense", "Normalize"};
  const bool sorted = std::is_sorted(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) {
    return std::find(order.begin(), order.end(), a) < std::find(order.begin(), order.end(), b);
  });
  const bool known = std::all_of(kinds.begin(), kinds.end(), [&](const std::string& kind) {
    return std::count(order.begin(), order.end(), kind) ==
           std::count(kinds.begin(), kinds.end(), kind);
  });
  if (!sorted || !known || kinds.size() < 2 || kinds[0] != order[0] || kinds[1] != order[1]) {
    throw bad((folder / "modules.json").string(), fmt::format("{}", fmt::join(kinds, ", ")),
              "Transformer and Pooling, then perhaps Dense; or StaticEmbedding; then perhaps "
              "Normalize");
  }
  for (const auto& [kind, place] : modules) {
    if (kind == "Transformer") {
      out.transformer = place;
      out.options = read_config(JsonFile(place / "config.json"));
    } else if (kind == "Pooling") {
      const JsonFile file(place / "config.json");
      out.options.pooling = read_pooling(file);
      require(file, "include_prompt", true);
    } else if (kind == "Dense") {
      const JsonFile file(place / "config.json");
      out.projection = place;
      out.options.projection = file.get<int64_t>("out_features");
      out.options.projection_activation = projection_activation(file);
    } else {
      out.options.normalize = true;
    }
  }
}

// The limit that sentence-transformers has for this folder.
void read_limits(HuggingFaceFolder& out) {
  int64_t limit = out.options.max_positions;
  for (const char* kind :
       {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const fs::path path = out.transformer / fmt::format("sentence_{}_config.json", kind);
    if (!fs::exists(path)) continue;
    const JsonFile file(path);
    out.lowercase = file.get<bool>("do_lower_case", false);
    if (file.find("max_seq_length") == nullptr) break;
    limit = file.get<int64_t>("max_seq_length");
    out.max_length = limit;
    break;
  }
  const fs::path tokenizer = out.transformer / "tokenizer_config.json";
  if (out.max_length == 0 && fs::exists(tokenizer)) {
    // Where there is no limit the file has one of 1e30.
    const auto most = JsonFile(tokenizer).get<double>("model_max_length", 1e30);
    if (most < static_cast<double>(limit)) limit = static_cast<int64_t>(most);
  }
  out.max_length = std::min(limit, out.options.max_positions - out.options.first_position);
  if (out.max_length < 3) {
    throw bad(out.transformer.string() + ": longest text", fmt::format("{} ids", out.max_length),
              "3 or more");
  }
}

std::string default_prompt(const fs::path& folder) {
  const fs::path path = folder / "config_sentence_transformers.json";
  if (!fs::exists(path)) return "";
  const JsonFile file(path);
  const auto name = file.get<std::string>("default_prompt_name", "");
  if (name.empty()) return "";
  const Json* prompts = file.find("prompts");
  if (prompts == nullptr || !prompts->is_object() || !prompts->contains(name) ||
      !prompts->at(name).is_string()) {
    throw bad(path.string() + ": default_prompt_name", name, "the name of one of its prompts");
  }
  return prompts->at(name).get<std::string>();
}

// Where tokenizer.json cuts texts; 0: nowhere.
int64_t read_truncation(const fs::path& path) {
  const JsonFile file(path);
  const Json* truncation = file.find("truncation");
  if (truncation == nullptr) return 0;
  const Json longest = truncation->value("max_length", Json());
  if (!longest.is_number_integer() || longest < 3 || longest > 1 << 20) {
    throw bad(path.string() + ": truncation.max_length", longest.dump(),
              "a whole number from 3 to 1048576");
  }
  if (const Json side = truncation->value("direction", Json("Right")); side != "Right") {
    throw bad(path.string() + ": truncation.direction", side.dump(),
              "Right: texts are cut at their end");
  }
  return longest.get<int64_t>();
}

}  // namespace

bool is_hugging_face(const fs::path& folder) {
  return fs::exists(folder / "modules.json") || fs::exists(folder / "config.json");
}

std::optional<StaticFolder> read_static(const fs::path& folder) {
  if (!fs::exists(folder / "modules.json")) return std::nullopt;
  const auto modules = modules_of(folder);
  const std::vector<std::string> kinds = kinds_of(modules);
  using List = std::vector<std::string>;
  const bool normalize = kinds == List{"StaticEmbedding", "Normalize"};
  if (!normalize && kinds != List{"StaticEmbedding"}) return std::nullopt;
  const fs::path embedding = modules.front().second;
  return StaticFolder{.embedding = embedding,
                      .normalize = normalize,
                      .max_length = read_truncation(embedding / "tokenizer.json"),
                      .prompt = default_prompt(folder)};
}

HuggingFaceFolder read_hugging_face(const fs::path& folder) {
  HuggingFaceFolder out;
  if (fs::exists(folder / "modules.json")) {
    read_modules(folder, out);
  } else {
    out.transformer = folder;
    out.options = read_config(JsonFile(folder / "config.json"));
  }
  read_limits(out);
  out.prompt = default_prompt(folder);
  return out;
}

}  // namespace vistas::text
