// A trained encoder of users and items with the interactions it learned from, ready to rank.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/recommend/encoders/encoders.h"
#include "vistas/recommend/sources/split.h"
#include "vistas/recommend/tasks/full_ranking.h"

namespace vistas::recommend {

// The k best items of every user of `measured` among those that none of `seen` has, by score, equal
// ones by number; measured at every k of `ks`. Users without an item in `measured` are left out.
std::vector<measure::ListScores> full_ranking(const NodeEmbeddings& nodes,
                                              const Interactions& measured,
                                              const std::vector<const Interactions*>& seen,
                                              const std::vector<int64_t>& ks);

// The test part of a split, with what its users had in training and validation masked.
std::vector<measure::ListScores> rank_test(const NodeEncoder& encoder, const Split& split,
                                           const std::vector<int64_t>& ks);
// The validation part, with training masked.
std::vector<measure::ListScores> rank_valid(const NodeEncoder& encoder, const Split& split,
                                            const std::vector<int64_t>& ks);

struct Recommender {
  Split split;
  NodeEncoderOptions options{};
  std::shared_ptr<NodeEncoder> encoder{};
};

// With all that is known of the users: training, validation and test.
NodeEmbeddings embed_all(const Recommender& recommender);

// What a run folder holds of the features of users and items; and puts it there.
TowerFeatures read_run_features(const std::filesystem::path& run);
void write_run_features(const std::filesystem::path& run, const TowerFeatures& features);

// encoder.json of a checkpoint.
std::string encoder_json(const NodeEncoderOptions& options);

// From a run folder: its split and its best checkpoint, else its last.
Recommender load_recommender(const std::filesystem::path& run);

}  // namespace vistas::recommend
