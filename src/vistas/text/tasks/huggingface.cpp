#include "vistas/text/tasks/huggingface.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/torch_file.h"
#include "vistas/learn/tensors.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

Error bad(const std::string& what, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = what, .got = got, .expected = expected});
}

// Tensors and the file in whose memory they lie.
struct WeightFile {
  std::shared_ptr<const void> file;
  std::vector<TensorView> tensors;
};

template <class File>
WeightFile opened(const fs::path& path) {
  const auto file = std::make_shared<const File>(path);
  return {file, file->tensors()};
}

WeightFile open_file(const fs::path& path) {
  return path.extension() == ".bin" ? opened<TorchFile>(path) : opened<TensorFile>(path);
}

// The files that an index names, all beside it: nothing outside the folder is read.
std::set<std::string> files_of(const fs::path& index) {
  const auto json = nlohmann::json::parse(read_file(index), nullptr, false);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    throw bad(index.string(), "no weight_map", "one");
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const fs::path name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.filename() != name) {
      throw bad(index.string() + ": file of " + tensor, file.dump(),
                "the name of a file beside it");
    }
    names.insert(name.string());
  }
  return names;
}

// The weights of a folder, in one file or in several.
std::vector<WeightFile> open_weights(const fs::path& folder) {
  std::vector<WeightFile> files;
  for (const std::string name : {"model.safetensors", "pytorch_model.bin"}) {
    const fs::path index = folder / (name + ".index.json");
    if (fs::exists(folder / name)) {
      files.push_back(open_file(folder / name));
    } else if (fs::exists(index)) {
      for (const std::string& part : files_of(index)) files.push_back(open_file(folder / part));
    }
    if (!files.empty()) return files;
  }
  throw bad(folder.string(), "no weights",
            "model.safetensors or pytorch_model.bin in it, or the .index.json of either");
}

std::string shape_of(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Copies `view` into `target`, whatever kind of floating point number it holds.
void copy(const TensorView& view, const at::Tensor& target, const fs::path& folder) {
  const bool floats = view.dtype == DType::f32 || view.dtype == DType::f16 ||
                      view.dtype == DType::bf16 || view.dtype == DType::f64;
  if (!floats || view.shape != target.sizes().vec()) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{}: tensor '{}'", folder.string(), view.name),
                 .got = fmt::format("{} {}", name_of(view.dtype), shape_of(view.shape)),
                 .expected = fmt::format("F32, F16 or BF16 {}", shape_of(target.sizes())),
                 .fix = "The weights belong to another config.json"});
  }
  target.copy_(learn::to_tensor(view));
}

// Fills `targets` with the tensors of the folder, whose names `ours` translates ("": not wanted).
// Returns the names of the targets that the folder does not have; `unknown` gets those of the
// tensors that are no target.
std::vector<std::string> fill(const fs::path& folder, const learn::NamedTensors& targets,
                              const std::function<std::string(const std::string&)>& ours,
                              std::vector<std::string>& unknown) {
  const at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> known(targets.begin(), targets.end());
  std::set<std::string> filled;
  for (const WeightFile& file : open_weights(folder)) {
    for (const TensorView& view : file.tensors) {
      const std::string name = ours(view.name);
      if (name.empty()) continue;
      const auto found = known.find(name);
      if (found == known.end()) {
        unknown.push_back(view.name);
        continue;
      }
      if (!filled.insert(name).second) {
        throw bad(fmt::format("{}: tensor '{}'", folder.string(), view.name), "it twice",
                  "it once");
      }
      copy(view, found->second, folder);
    }
  }
  std::vector<std::string> missing;
  for (const auto& [name, tensor] : known) {
    if (!filled.contains(name)) missing.push_back(name);
  }
  return missing;
}

std::string first_of(const std::vector<std::string>& names) {
  return fmt::format("'{}'{}", names.front(),
                     names.size() == 1 ? "" : fmt::format(" and {} more", names.size() - 1));
}

void require_none(const std::vector<std::string>& missing, const std::vector<std::string>& unknown,
                  const fs::path& folder) {
  if (missing.empty()) return;
  throw bad(folder.string(),
            fmt::format("no tensor {}{}", first_of(missing),
                        unknown.empty() ? "" : "; tensors of other names: " + first_of(unknown)),
            "all tensors of the architecture that config.json describes");
}

void load_projection(const fs::path& folder, Transformer& encoder) {
  learn::NamedTensors targets;
  for (const auto& [name, tensor] : learn::named_tensors(encoder)) {
    if (name.starts_with("projection.")) targets.emplace_back(name, tensor);
  }
  std::vector<std::string> unknown;
  auto missing = fill(
      folder, targets,
      [](const std::string& name) {
        return name.starts_with("linear.") ? "projection." + name.substr(7) : name;
      },
      unknown);
  // A dense layer may be without a bias.
  if (missing == std::vector<std::string>{"projection.bias"}) {
    const at::NoGradGuard no_grad;
    for (auto& [name, tensor] : targets) {
      if (name == missing.front()) tensor.zero_();
    }
    missing.clear();
  }
  require_none(missing, unknown, folder);
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

using Names = std::span<const std::pair<std::string_view, std::string_view>>;

// Parts of names that a family has in another way than BERT, theirs first.
Names names_of(TransformerFamily family) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kDistilBert{
      {{"transformer.layer.", "encoder.layer."},
       {".attention.q_lin.", ".attention.self.query."},
       {".attention.k_lin.", ".attention.self.key."},
       {".attention.v_lin.", ".attention.self.value."},
       {".attention.out_lin.", ".attention.output.dense."},
       {".sa_layer_norm.", ".attention.output.LayerNorm."},
       {".ffn.lin1.", ".intermediate.dense."},
       {".ffn.lin2.", ".output.dense."},
       {".output_layer_norm.", ".output.LayerNorm."}}};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kMpNet{
      {{".attention.attn.q.", ".attention.self.query."},
       {".attention.attn.k.", ".attention.self.key."},
       {".attention.attn.v.", ".attention.self.value."},
       {".attention.attn.o.", ".attention.output.dense."},
       {".attention.LayerNorm.", ".attention.output.LayerNorm."}}};
  if (family == TransformerFamily::distilbert) return kDistilBert;
  if (family == TransformerFamily::mpnet) return kMpNet;
  return {};
}

void check_vocabulary(const Tokenizer& tokenizer, int64_t vectors, const fs::path& folder) {
  if (tokenizer.vocabulary_size() <= vectors) return;
  throw bad(folder.string() + ": vocabulary of the tokenizer",
            fmt::format("{} ids", tokenizer.vocabulary_size()),
            fmt::format("at most one for each of the {} vectors", vectors));
}

// Lower-casing before the tokenizer is left to those that do it themselves.
void check_case(const Tokenizer& tokenizer, const HuggingFaceFolder& folder) {
  bool keeps_case = false;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    const char capital = static_cast<char>(letter - 'a' + 'A');
    std::vector<int32_t> lower, upper;
    tokenizer.append({&letter, 1}, lower);
    tokenizer.append({&capital, 1}, upper);
    keeps_case = keeps_case || lower != upper;
  }
  if (folder.lowercase && keeps_case) {
    throw bad(folder.transformer.string() + ": do_lower_case",
              "true, with a tokenizer that tells capitals apart", "false");
  }
}

TextBundle load_static_bundle(const StaticFolder& folder) {
  TextBundle bundle;
  bundle.tokenizer_files = {{"tokenizer.json", read_file(folder.embedding / "tokenizer.json")}};
  bundle.tokenizer = load_tokenizer(folder.embedding / "tokenizer.json");
  const auto encoder = load_static(folder);
  bundle.options.name = "static";
  bundle.options.vocabulary = encoder->vocabulary();
  bundle.options.bag = encoder->options();
  bundle.max_length = folder.max_length > 0 ? folder.max_length : encoder->max_length();
  bundle.options.max_length = bundle.max_length;
  bundle.prompt = folder.prompt;
  bundle.encoder = encoder;
  check_vocabulary(*bundle.tokenizer, encoder->vocabulary(), folder.embedding);
  return bundle;
}

}  // namespace

std::string transformer_tensor_name(const std::string& name, TransformerFamily family) {
  std::string out = name;
  for (const std::string_view prefix :
       {"0.auto_model.", "auto_model.", "model.", "bert.", "roberta.", "distilbert.", "mpnet."}) {
    if (out.starts_with(prefix)) out.erase(0, prefix.size());
  }
  for (const auto& [theirs, ours] : names_of(family)) replace(out, theirs, ours);
  replace(out, "LayerNorm.gamma", "LayerNorm.weight");
  replace(out, "LayerNorm.beta", "LayerNorm.bias");
  const bool ours = out.starts_with("embeddings.") || out.starts_with("encoder.");
  return ours && !out.ends_with("position_ids") ? out : "";
}

std::string library_tensor_name(const std::string& name, TransformerFamily family) {
  std::string out = name;
  for (const auto& [theirs, ours] : names_of(family)) replace(out, ours, theirs);
  return out;
}

std::shared_ptr<Transformer> load_transformer(const HuggingFaceFolder& folder,
                                              std::vector<std::string>* notes) {
  const auto encoder = std::make_shared<Transformer>(folder.options, std::nullopt);
  learn::NamedTensors targets;
  for (const auto& [name, tensor] : learn::named_tensors(*encoder)) {
    if (!name.starts_with("projection.")) targets.emplace_back(name, tensor);
  }
  std::vector<std::string> unknown;
  const auto missing = fill(
      folder.transformer, targets,
      [&](const std::string& name) { return transformer_tensor_name(name, folder.options.family); },
      unknown);
  require_none(missing, unknown, folder.transformer);
  if (notes != nullptr && !unknown.empty()) {
    notes->push_back(fmt::format("{}: not used, as config.json knows nothing of it: tensor {}",
                                 folder.transformer.string(), first_of(unknown)));
  }
  if (!folder.projection.empty()) load_projection(folder.projection, *encoder);
  encoder->eval();
  return encoder;
}

std::shared_ptr<StaticEncoder> load_static(const StaticFolder& folder) {
  const auto files = open_weights(folder.embedding);
  const auto& tensors = files.front().tensors;
  // The second name is that of model2vec.
  const bool known = tensors.size() == 1 && (tensors.front().name == "embedding.weight" ||
                                             tensors.front().name == "embeddings");
  if (files.size() != 1 || !known || tensors.front().shape.size() != 2) {
    std::vector<std::string> names;
    for (const TensorView& view : tensors) {
      names.push_back(fmt::format("{} {}", view.name, shape_of(view.shape)));
    }
    throw bad(folder.embedding.string() + ": tensors", fmt::format("{}", fmt::join(names, ", ")),
              "embedding.weight [tokens, dimensions] alone");
  }
  const TensorView& table = tensors.front();
  const auto encoder = std::make_shared<StaticEncoder>(
      table.shape[0], StaticOptions{.dim = table.shape[1], .normalize = folder.normalize}, 0);
  const at::NoGradGuard no_grad;
  copy(table, learn::named_tensors(*encoder).front().second, folder.embedding);
  encoder->eval();
  return encoder;
}

TextBundle load_hugging_face(const fs::path& path) {
  if (const auto folder = read_static(path)) return load_static_bundle(*folder);
  const HuggingFaceFolder folder = read_hugging_face(path);
  TextBundle bundle;
  bundle.tokenizer = load_tokenizer(folder.transformer);
  check_vocabulary(*bundle.tokenizer, folder.options.vocabulary, folder.transformer);
  check_case(*bundle.tokenizer, folder);
  bundle.encoder = load_transformer(folder, &bundle.notes);
  bundle.max_length = folder.max_length;
  bundle.prompt = folder.prompt;
  bundle.tokenizer_files = read_tokenizer_files(folder.transformer);
  bundle.options.name = "transformer";
  bundle.options.transformer = folder.options;
  bundle.options.vocabulary = folder.options.vocabulary;
  bundle.options.max_length = bundle.max_length;
  return bundle;
}

}  // namespace vistas::text
