// The whole configuration of a run on interactions.
#pragma once

#include <memory>
#include <string>

#include "vistas/recipe/config.h"
#include "vistas/recommend/encoders/encoders.h"
#include "vistas/recommend/sources/layout.h"
#include "vistas/recommend/sources/split.h"
#include "vistas/recommend/views/sequence_views.h"

namespace vistas::recipe {

struct InteractionDataOptions {
  std::string modality = "interactions";
  std::string path;
  recommend::InteractionOptions file;
  int64_t user_core = 0, item_core = 0;
  recommend::SplitOptions split;
  std::string item_features, user_features;
  std::string select_on = "valid";
  bool refit = true;

  void fields(Fields& f);
};

class RecommendConfig : public Config {
 public:
  // Where `values` name no method it is `collaborative`; `next_item` for the encoder `sequence`,
  // which methods of sequences have by default, with the last interactions of users left out;
  // `ranking` for `towers`, which data with features has by default.
  explicit RecommendConfig(const Value& values);

  const std::string& data_path() const override { return data.path; }
  std::unique_ptr<Training> open() override;
  void settle_as(const Config&) override {}
  void continue_from(const RunFolder& run) override;
  bool chooses_length() const override;
  std::unique_ptr<Config> after_choice(const RunFolder& choice) const override;

  InteractionDataOptions data;
  recommend::NodeEncoderOptions encoder;
  recommend::SequenceViewOptions views;
  std::string kept_split;  // the folder with the split of a run that goes on; "" without
  bool train_on_validation = false;

 private:
  void own_fields(Fields& f) override;
};

}  // namespace vistas::recipe
