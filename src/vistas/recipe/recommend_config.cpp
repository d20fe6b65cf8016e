#include "vistas/recipe/recommend_config.h"

#include "vistas/recipe/recommend_run.h"

namespace vistas::recipe {

void InteractionDataOptions::fields(Fields& f) {
  f.add("modality", modality, "what the samples are", {"image", "text", "interactions"});
  f.add(
      "path", path,
      "a file of interactions (user and item, perhaps time and weight), or a folder with train and "
      "test files");
  file.fields(f);
  f.add("user_core", user_core, "leave out users with fewer interactions, again and again",
        {0, 1e9});
  f.add("item_core", item_core, "the same for items", {0, 1e9});
  f.group("split", split);
  f.add(
      "select_on", select_on,
      "what the online score is of: a validation part, a tenth of the training interactions where "
      "the split has none; or the test, as many papers did: such a score is no result",
      {"valid", "test"});
}

RecommendConfig::RecommendConfig(const Value& values) : Config(values) {
  if (method_name.empty()) method_name = "ranking";
  method = method_named(method_name, "method").choose();
  fields().set_all(values);
}

void RecommendConfig::own_fields(Fields& f) {
  f.group("data", data);
  f.group("encoder", encoder);
}

void RecommendConfig::continue_from(const RunFolder& run) {
  kept_split = run.path().string();
}

std::unique_ptr<Training> RecommendConfig::open() {
  return std::make_unique<RecommendTraining>(*this);
}

}  // namespace vistas::recipe
