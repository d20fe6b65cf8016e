#include "vistas/recipe/recommend_config.h"

#include <cmath>

#include "vistas/base/files.h"
#include "vistas/recipe/recommend_run.h"
#include "vistas/recommend/sources/split_file.h"

namespace vistas::recipe {

void InteractionDataOptions::fields(Fields& f) {
  f.add("modality", modality, "what the samples are", kModalities);
  f.add(
      "path", path,
      "a file of interactions (user and item, perhaps time and weight), or a folder with train and "
      "test files");
  file.fields(f);
  f.add("user_core", user_core, "leave out users with fewer interactions, again and again",
        {0, 1e9});
  f.add("item_core", item_core, "the same for items", {0, 1e9});
  f.group("split", split);
  f.add("item_features", item_features,
        "towers: what is known of items: attributes (JSON, TSV, RecBole's .item), or embeddings of "
        "another run (.safetensors of `vistas embed`)");
  f.add("user_features", user_features, "the same of users");
  f.add(
      "select_on", select_on,
      "what the online score is of: a validation part, a tenth of the training interactions where "
      "the split has none; or the test, as many papers did: such a score is no result",
      {"valid", "test"});
  f.add("refit", refit,
        "with a validation part: find the best number of epochs, then train anew for so long on "
        "training and validation together");
}

RecommendConfig::RecommendConfig(const Value& values) : Config(values) {
  encoder.name = text_at(values, "encoder", "name", "");
  const bool featured = !text_at(values, "data", "item_features", "").empty() ||
                        !text_at(values, "data", "user_features", "").empty();
  if (encoder.name.empty() && featured) encoder.name = "towers";
  if (method_name.empty()) {
    method_name = encoder.name == "sequence" ? "next_item"
                  : encoder.name == "towers" ? "ranking"
                                             : "collaborative";
  }
  const MethodEntry& entry = method_named(method_name, "method");
  if (encoder.name.empty()) encoder.name = entry.sequences.empty() ? "graph" : "sequence";
  if (encoder.name == "sequence") data.split.kind = "leave_one_out";
  method = entry.choose();
  fields().set_all(values);
}

void RecommendConfig::own_fields(Fields& f) {
  f.group("data", data);
  f.group("encoder", encoder);
  f.group("views", views);
}

void RecommendConfig::continue_from(const RunFolder& run) {
  kept_split = run.path().string();
}

bool RecommendConfig::chooses_length() const {
  return data.refit && data.select_on == "valid" && train.score_every > 0;
}

std::unique_ptr<Config> RecommendConfig::after_choice(const RunFolder& choice) const {
  const std::filesystem::path progress = choice.checkpoint("best") / "progress.json";
  const auto best =
      std::get<int64_t>(parse_json(read_file(progress), progress.string()).table().at("step").data);
  const recommend::Split split = recommend::read_split(choice.path());
  const auto epoch = [&](int64_t rows) { return static_cast<double>(rows / train.batch); };
  const double epochs = static_cast<double>(best) / epoch(split.train.size());
  Value values = read_toml(choice.config());
  for (const char* setting : {"data.refit=false", "train.score_every=0", "train.patience=0"}) {
    merge_into(values, parse_assignment(setting));
  }
  auto again = std::make_unique<RecommendConfig>(values);
  again->kept_split = choice.path().string();
  again->train_on_validation = true;
  // A sample of sequences is a user, of whom there are no more.
  again->train.steps = encoder.name == "sequence"
                           ? best
                           : std::llround(epochs * epoch(split.train.size() + split.valid.size()));
  return again;
}

std::unique_ptr<Training> RecommendConfig::open() {
  return std::make_unique<RecommendTraining>(*this);
}

}  // namespace vistas::recipe
