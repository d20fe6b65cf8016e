// A trained encoder of users and items with the interactions it learned from, ready to rank.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/id_lists.h"
#include "vistas/measure/ranking.h"
#include "vistas/recommend/encoders/graph_encoder.h"
#include "vistas/recommend/sources/split.h"

namespace vistas::recommend {

// The items of each user, ascending, each once.
OwnIdLists item_lists(const Interactions& data);
std::shared_ptr<const BipartiteGraph> graph_of(const Interactions& data);

// Embeddings of all; the score of an item for a user is their dot product.
struct NodeEmbeddings {
  at::Tensor users;  // [U, d]
  at::Tensor items;  // [I, d]
};
NodeEmbeddings embed_nodes(const GraphEncoder& encoder);

// The k best items of every user of `measured` among those that none of `seen` has, by score, equal
// ones by number; measured at every k of `ks`. Users without an item in `measured` are left out.
std::vector<measure::ListScores> full_ranking(const NodeEmbeddings& nodes,
                                              const Interactions& measured,
                                              const std::vector<const Interactions*>& seen,
                                              const std::vector<int64_t>& ks);

// The test part of a split, with what its users had in training and validation masked.
std::vector<measure::ListScores> rank_test(const NodeEmbeddings& nodes, const Split& split,
                                           const std::vector<int64_t>& ks);

struct Recommender {
  Split split;
  std::shared_ptr<GraphEncoder> encoder{};
};

// encoder.json of a checkpoint.
std::string encoder_json(const GraphEncoderOptions& options);

// From a run folder: its split and its best checkpoint, else its last.
Recommender load_recommender(const std::filesystem::path& run);

}  // namespace vistas::recommend
