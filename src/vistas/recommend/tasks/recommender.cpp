#include "vistas/recommend/tasks/recommender.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/base/value.h"
#include "vistas/learn/bundle.h"
#include "vistas/learn/tensors.h"
#include "vistas/recommend/sources/split_file.h"

namespace fs = std::filesystem;

namespace vistas::recommend {

std::vector<measure::ListScores> full_ranking(const NodeEmbeddings& nodes,
                                              const Interactions& measured,
                                              const std::vector<const Interactions*>& seen,
                                              const std::vector<int64_t>& ks) {
  const FullRanking ranking(measured, seen);
  const NodeEmbeddings here{nodes.users.cpu(), nodes.items.cpu()};
  return ranking.scores(ranking.lists(here, std::ranges::max(ks)).indices, ks);
}

std::vector<measure::ListScores> rank_test(const NodeEncoder& encoder, const Split& split,
                                           const std::vector<int64_t>& ks) {
  const NodeEmbeddings nodes = encoder.embed(merged({&split.train, &split.valid}));
  return full_ranking(nodes, split.test, {&split.train, &split.valid}, ks);
}

std::vector<measure::ListScores> rank_valid(const NodeEncoder& encoder, const Split& split,
                                            const std::vector<int64_t>& ks) {
  return full_ranking(encoder.embed(split.train), split.valid, {&split.train}, ks);
}

NodeEmbeddings embed_all(const Recommender& recommender) {
  const Split& split = recommender.split;
  return recommender.encoder->embed(merged({&split.train, &split.valid, &split.test}));
}

namespace {

constexpr char kUserFeatures[] = "user_features.safetensors";
constexpr char kItemFeatures[] = "item_features.safetensors";

}  // namespace

TowerFeatures read_run_features(const fs::path& run) {
  const auto read = [&](const char* name) {
    return fs::exists(run / name) ? read_written_features(run / name) : Features{};
  };
  return {read(kUserFeatures), read(kItemFeatures)};
}

void write_run_features(const fs::path& run, const TowerFeatures& features) {
  if (features.users.rows() > 0) write_features(run / kUserFeatures, features.users);
  if (features.items.rows() > 0) write_features(run / kItemFeatures, features.items);
}

std::string encoder_json(const NodeEncoderOptions& options) {
  NodeEncoderOptions copy = options;
  Value json{.data = ValueTable{}};
  auto& table = std::get<ValueTable>(json.data);
  table["encoder"] = fields_of(copy).to_value();
  table["modality"] = Value{.data = std::string("interactions")};
  table["format"] = Value{.data = int64_t{1}};
  return to_json(json);
}

Recommender load_recommender(const fs::path& run) {
  if (!RunFolder::holds_run(run)) {
    throw Error(ErrorKind::data, {.what = run.string() + ": no run",
                                  .expected = "a run folder of `vistas train` on interactions"});
  }
  const fs::path checkpoint = learn::find_bundle(run), file = checkpoint / "encoder.json";
  const learn::Modality modality = learn::modality_of(checkpoint);
  if (modality != learn::Modality::interactions) {
    throw Error(ErrorKind::data, {.what = run.string() + ": its encoder",
                                  .got = "one of " + learn::name_of(modality),
                                  .expected = "an encoder of interactions"});
  }
  Recommender out{.split = read_split(run)};
  const Value json = parse_json(read_file(file), file.string());
  fields_of(out.options).set_all(json.table().at("encoder"));
  out.encoder = make_node_encoder(out.options, out.split.train, read_run_features(run), 0);
  learn::load_into(TensorFile(checkpoint / "encoder.safetensors"), "",
                   learn::named_tensors(*out.encoder));
  out.encoder->eval();
  return out;
}

}  // namespace vistas::recommend
