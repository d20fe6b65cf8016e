#include "vistas/vision/tasks/dense_bundle.h"

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/tasks/bundle.h"

namespace fs = std::filesystem;

namespace vistas::vision {

std::shared_ptr<DenseNetwork> make_dense_network(const DenseOptions& options, uint64_t seed) {
  const auto backbone = make_encoder(options.encoder, seed);
  const auto classes = static_cast<int64_t>(options.class_names.size());
  if (options.modality == learn::Modality::boxes) {
    return std::make_shared<Detector>(backbone, classes, options.head, mix(seed, 3));
  }
  return std::make_shared<Segmenter>(backbone, classes, options.head, mix(seed, 3));
}

std::string dense_bundle_json(const DenseOptions& options, const ViewRecipe& preprocess) {
  DenseOptions copy = options;
  Value json = parse_json(bundle_json(options.encoder, preprocess), "encoder.json");
  auto& table = std::get<ValueTable>(json.data);
  const bool boxes = options.modality == learn::Modality::boxes;
  table["modality"] = Value{.data = std::string(boxes ? "boxes" : "masks")};
  table["head"] = fields_of(copy.head).to_value();
  ValueList names;
  for (const std::string& name : options.class_names) names.push_back(Value{.data = name});
  table["classes"] = Value{.data = names};
  return to_json(json);
}

DenseBundle load_dense_bundle(const fs::path& path, learn::Modality wanted) {
  const fs::path folder = learn::find_bundle(path);
  const learn::Modality modality = learn::modality_of(folder);
  if (modality != wanted) {
    const bool boxes = wanted == learn::Modality::boxes;
    throw Error(ErrorKind::data, {.what = path.string() + ": its encoder",
                                  .got = "one of " + learn::name_of(modality),
                                  .expected = boxes ? "a detector" : "a segmenter",
                                  .fix = boxes ? "Make one of it: `vistas detect train`"
                                               : "Make one of it: `vistas segment train`"});
  }
  const fs::path file = folder / "encoder.json";
  const Value json = parse_json(read_file(file), file.string());
  const auto& table = json.table();
  for (const char* key : {"encoder", "preprocess", "head", "classes"}) {
    if (!table.contains(key)) {
      throw Error(ErrorKind::data, {.what = file.string() + ": lacks '" + key + "'"});
    }
  }
  DenseBundle bundle;
  bundle.options.modality = modality;
  fields_of(bundle.options.encoder).set_all(table.at("encoder"));
  fields_of(bundle.options.head).set_all(table.at("head"));
  Fields names;
  names.add("classes", bundle.options.class_names, "");
  names.all().front().set(table.at("classes"));
  bundle.preprocess = parse_recipe(table.at("preprocess"));
  bundle.network = make_dense_network(bundle.options, 0);
  learn::load_into(TensorFile(folder / "encoder.safetensors"), "",
                   learn::named_tensors(*bundle.network));
  bundle.network->eval();
  return bundle;
}

SourceOptions options_for(const DenseBundle& bundle, SourceOptions options) {
  const int64_t channels = bundle.options.encoder.channels;
  options.channels = channels == 1 ? "grey" : channels == 3 ? "rgb" : "keep";
  return options;
}

}  // namespace vistas::vision
