#include "vistas/vision/tasks/bundle.h"

#include <map>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/bundle.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/encoders/vit.h"

namespace fs = std::filesystem;

namespace vistas::vision {

std::string bundle_json(const EncoderOptions& options, const ViewRecipe& preprocess) {
  EncoderOptions copy = options;
  Value json = parse_toml(to_toml(preprocess), "preprocess");  // {view: [...]}
  auto& table = std::get<ValueTable>(json.data);
  table["preprocess"] = table.at("view");
  table.erase("view");
  table["encoder"] = fields_of(copy).to_value();
  table["modality"] = Value{.data = std::string("image")};
  table["format"] = Value{.data = int64_t{1}};
  return to_json(json);
}

namespace {

// A vision transformer's file may have timm's names.
void use_names_of(const TensorFile& file, learn::NamedTensors& targets) {
  if (file.find("cls_token") == nullptr) return;
  std::map<std::string, std::string> theirs;
  for (const TensorView& view : file.tensors()) theirs[vit_name_from_timm(view.name)] = view.name;
  for (auto& [name, target] : targets) {
    if (const auto found = theirs.find(name); found != theirs.end()) name = found->second;
  }
}

}  // namespace

fs::path find_bundle(const fs::path& path) {
  fs::path folder = learn::find_bundle(path);
  const learn::Modality modality = learn::modality_of(folder);
  if (modality == learn::Modality::image) return folder;
  throw Error(ErrorKind::data, {.what = path.string() + ": its encoder",
                                .got = "one of " + learn::name_of(modality),
                                .expected = "an encoder of pictures"});
}

Bundle load_bundle(const fs::path& folder) {
  const fs::path file = folder / "encoder.json";
  const Value json = parse_json(read_file(file), file.string());
  const auto& table = json.table();
  if (!table.contains("encoder") || !table.contains("preprocess")) {
    throw Error(ErrorKind::data, {.what = file.string() + ": lacks 'encoder' or 'preprocess'"});
  }
  Bundle bundle;
  fields_of(bundle.options).set_all(table.at("encoder"));
  bundle.preprocess = parse_recipe(table.at("preprocess"));
  bundle.encoder = make_encoder(bundle.options, 0);
  learn::NamedTensors targets = learn::named_tensors(*bundle.encoder);
  const TensorFile weights(folder / "encoder.safetensors");
  use_names_of(weights, targets);
  learn::load_into(weights, "", targets);
  bundle.encoder->eval();
  return bundle;
}

SourceOptions options_for(const Bundle& bundle, SourceOptions options) {
  const int64_t channels = bundle.options.channels;
  options.channels = channels == 1 ? "grey" : channels == 3 ? "rgb" : "keep";
  return options;
}

Bundle untrained(const Bundle& bundle, uint64_t seed) {
  Bundle out{bundle.options, make_encoder(bundle.options, seed), bundle.preprocess};
  out.encoder->eval();
  return out;
}

}  // namespace vistas::vision
