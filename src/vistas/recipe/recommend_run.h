// From a configuration to what trains on interactions.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/recipe/recommend_config.h"
#include "vistas/recommend/encoders/tower_encoder.h"
#include "vistas/recommend/sources/read_interactions.h"
#include "vistas/recommend/tasks/interaction_batches.h"

namespace vistas::recipe {

// The split is made once and kept in the run folder.
class RecommendTraining : public Training {
 public:
  explicit RecommendTraining(RecommendConfig& config);

  int64_t size() const override;
  std::string unit() const override {
    return config_.encoder.name == "sequence" ? "sequence" : "interaction";
  }
  uint64_t fingerprint() const override;
  std::vector<std::pair<std::string, std::string>> summary() const override;
  learn::TrainParts parts() override;
  LeftOut left_out() const override;
  std::vector<std::string> uses() const override;
  void write_files(const RunFolder& run) const override;
  const recommend::Split& split() const { return *split_; }

 private:
  const RecommendConfig& config_;
  recommend::ReadReport report_;
  recommend::CoreReport core_;
  std::shared_ptr<const recommend::Split> split_;
  std::vector<recommend::FeatureReport> feature_reports_;
  recommend::TowerFeatures features_;
};

// Whether a path names interactions: a RecBole file (.inter), a split, or a table whose header
// names users and items.
bool holds_interactions(const std::string& path);

// Layers, temperature and batch by the size of the data; see suitable_settings().
Value suitable_interaction_settings(const RecommendConfig& wanted);

}  // namespace vistas::recipe
