#include "vistas/recipe/recommend_run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "vistas/base/error.h"
#include "vistas/base/text_input.h"
#include "vistas/recommend/sources/split_file.h"
#include "vistas/recommend/sources/summary.h"
#include "vistas/recommend/tasks/recommender.h"
#include "vistas/recommend/tasks/sequence_batches.h"

namespace fs = std::filesystem;

namespace vistas::recipe {
namespace {

constexpr double kValidation = 0.1;
constexpr int64_t kDepth = 20;  // of the online score

recommend::Split open_data(const RecommendConfig& config, recommend::ReadReport& report,
                           recommend::CoreReport& core) {
  const InteractionDataOptions& data = config.data;
  if (!config.kept_split.empty()) {
    auto split = recommend::read_split(config.kept_split);
    return config.train_on_validation ? recommend::without_validation(split) : split;
  }
  if (data.path.empty()) {
    throw Error(ErrorKind::usage, {.what = "data.path is empty",
                                   .fix = "Say where the interactions are: --data ratings.csv"});
  }
  recommend::Split split;
  if (fs::is_directory(data.path)) {
    split = recommend::open_split(data.path, data.file, &report);
  } else {
    auto all = recommend::read_interactions(data.path, data.file, &report);
    if (data.user_core > 0 || data.item_core > 0) {
      all = recommend::k_core(std::move(all), data.user_core, data.item_core, &core);
    }
    split = recommend::make_split(all, data.split);
  }
  const bool scored = config.train.score_every > 0 && data.select_on == "valid";
  if (scored && split.valid.size() == 0) {
    split = recommend::with_validation(split, kValidation, config.train.seed);
  }
  return split;
}

recommend::TowerFeatures open_features(const RecommendConfig& config, const recommend::Split& split,
                                       std::vector<recommend::FeatureReport>& reports) {
  const auto& [items, users] = std::tie(config.data.item_features, config.data.user_features);
  if (items.empty() && users.empty()) return {};
  if (config.encoder.name != "towers") {
    throw Error(ErrorKind::usage,
                {.what = "data.item_features and data.user_features",
                 .got = fmt::format("encoder.name = \"{}\"", config.encoder.name),
                 .expected = "encoder.name = \"towers\", which alone reads features"});
  }
  if (!config.kept_split.empty()) return recommend::read_run_features(config.kept_split);
  const auto read = [&](const std::string& file, const recommend::IdTable& ids) {
    if (file.empty()) return recommend::Features{};
    return recommend::read_features(file, ids, &reports.emplace_back());
  };
  recommend::TowerFeatures out;
  out.users = read(users, *split.train.user_ids);
  out.items = read(items, *split.train.item_ids);
  return out;
}

std::shared_ptr<const learn::BatchMaker> batches_of(
    const RecommendConfig& config, std::shared_ptr<const recommend::Interactions> train) {
  const std::string& sequences = method_named(config.method_name, "method").sequences;
  if (sequences.empty() != (config.encoder.name != "sequence")) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("method.name = \"{}\"", config.method_name),
                 .got = fmt::format("encoder.name = \"{}\"", config.encoder.name),
                 .expected = sequences.empty() ? "a method of sequences: next_item, cl4srec, duorec"
                                               : "encoder.name = \"sequence\""});
  }
  if (sequences.empty()) return std::make_shared<recommend::InteractionBatches>(std::move(train));
  using Views = recommend::SequenceViews;
  const recommend::SequenceBatchOptions options{.max_length = config.encoder.sequence.max_length,
                                                .views = sequences == "altered" ? Views::altered
                                                         : sequences == "same_target"
                                                             ? Views::same_target
                                                             : Views::none,
                                                .altered = config.views,
                                                .seed = static_cast<uint64_t>(config.train.seed)};
  return std::make_shared<recommend::SequenceBatches>(std::move(train), options);
}

}  // namespace

RecommendTraining::RecommendTraining(RecommendConfig& config)
    : config_(config),
      split_(std::make_shared<const recommend::Split>(open_data(config, report_, core_))),
      features_(open_features(config, *split_, feature_reports_)) {
  const auto micro = [&](const char* name, int64_t value) {
    if (value == 0 || config.encoder.name == "sequence") return;
    throw Error(ErrorKind::usage,
                {.what = fmt::format("train.{} on interactions", name),
                 .expected = "0: a step spreads all embeddings, parts of it would save nothing"});
  };
  micro("micro_batch", config.train.micro_batch);
  micro("micro_tokens", config.train.micro_tokens);
  if (config.train.score_every > 0 && config.data.select_on == "valid" &&
      split_->valid.size() == 0) {
    throw Error(ErrorKind::usage,
                {.what = "no interactions for validation",
                 .got = fmt::format("{} users with {} training interactions", split_->train.users(),
                                    split_->train.size()),
                 .fix = "Train without online scores: --set train.score_every=0"});
  }
  if (config.train.score_every > 0 && config.data.select_on == "test" && split_->test.size() == 0) {
    throw Error(ErrorKind::usage,
                {.what = "data.select_on = \"test\"", .got = "data without a test part"});
  }
}

int64_t RecommendTraining::size() const {
  return batches_of(config_, {split_, &split_->train})->size();
}

uint64_t RecommendTraining::fingerprint() const {
  return recommend::content_hash(split_->train);
}

std::vector<std::pair<std::string, std::string>> RecommendTraining::summary() const {
  const recommend::Summary s = recommend::summarise(split_->train);
  std::vector<std::pair<std::string, std::string>> out = {
      {"data", config_.data.path},
      {"layout", report_.layouts.empty() ? "kept split" : report_.layouts.front()},
      {"users",
       fmt::format("{}, {} of them without training interactions", s.users, s.empty_users)},
      {"items",
       fmt::format("{}, {} of them without training interactions", s.items, s.empty_items)},
      {"split", fmt::format("{}: {} for training, {} for validation, {} for the test", split_->how,
                            split_->train.size(), split_->valid.size(), split_->test.size())},
      {"density", fmt::format("{:.5f}, content {:016x}", s.density, s.hash)},
      {"encoder", recommend::describe(config_.encoder)}};
  for (const auto& report : feature_reports_) out.emplace_back("features", report.summary());
  return out;
}

learn::TrainParts RecommendTraining::parts() {
  learn::TrainParts parts;
  parts.data = batches_of(config_, {split_, &split_->train});
  parts.method = config_.method->build(
      [&](uint64_t seed) {
        return recommend::make_node_encoder(config_.encoder, split_->train, features_, seed);
      },
      static_cast<uint64_t>(config_.train.seed));
  parts.train = config_.train;
  parts.optimizer = config_.optimizer;
  parts.schedule = config_.schedule;
  parts.encoder_files = {{"encoder.json", recommend::encoder_json(config_.encoder)}};
  // A step spreads all embeddings over the graph, whatever its batch: that is what is shared.
  parts.whole_batches = config_.encoder.name == "graph";
  if (config_.train.score_every > 0) {
    const bool test = config_.data.select_on == "test";
    parts.score = [split = split_, test](learn::Encoder& of) {
      const auto& encoder = dynamic_cast<const recommend::NodeEncoder&>(of);
      const auto rank = test ? recommend::rank_test : recommend::rank_valid;
      return rank(encoder, *split, {kDepth}).front().mean.recall;
    };
    parts.score_name =
        fmt::format("recall@{} of the {}", kDepth, test ? "test" : "validation part");
  }
  return parts;
}

LeftOut RecommendTraining::left_out() const {
  LeftOut out{.name = "bad_lines",
              .count = report_.bad.count,
              .first = report_.bad.first,
              .summary = report_.left_out()};
  const std::string core = core_.rounds > 0 ? core_.summary() : "";
  for (const std::string& line : {core, recommend::check_split(*split_).summary()}) {
    if (!line.empty()) out.summary += (out.summary.empty() ? "" : "\n") + line;
  }
  return out;
}

std::vector<std::string> RecommendTraining::uses() const {
  return {"eval RUN --tasks ranking", "recommend RUN --users all -k 20 -o lists.tsv"};
}

void RecommendTraining::write_files(const RunFolder& run) const {
  recommend::write_split(run.path(), *split_);
  recommend::write_run_features(run.path(), features_);
}

bool holds_interactions(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    if (recommend::holds_split_file(path)) return true;
    const fs::path train = recommend::training_file(path);
    return !train.empty() && holds_interactions(train.string());
  }
  if (!fs::is_regular_file(path, ignored)) return false;
  if (path.ends_with(".inter") || path.ends_with(".inter.gz")) return true;
  const std::string line = first_line(path);
  // Numbers alone are ids, texts hold letters.
  const bool numbers = line.find_first_not_of("0123456789.-: \t,|;") == std::string::npos;
  if (numbers && line.find_first_of(" \t,:|;") != std::string::npos) return true;
  const recommend::InteractionOptions options;
  try {
    const auto layout = recommend::detect_layout(line + "\n", path, options);
    return layout.kind == recommend::FileKind::table && layout.header;
  } catch (const Error&) {
    return false;
  }
}

namespace {

// The largest power of two that is no more than this part of the samples, 2 .. most.
int64_t suitable_batch(double samples, double part, double most) {
  return static_cast<int64_t>(
      std::clamp(std::exp2(std::floor(std::log2(std::max(samples / part, 2.0)))), 2.0, most));
}

std::string training_settings(double rate, int64_t batch, double epochs) {
  return fmt::format(R"([optimizer]
name = "adam"
weight_decay = 0
[schedule]
name = "constant"
lr = {}
lr_scaling = "none"
warmup_epochs = 0
[train]
batch = {}
epochs = {}
score_every = 1
patience = 10
)",
                     rate, batch, static_cast<int64_t>(epochs));
}

Value suitable_sequence_settings(const RecommendConfig& wanted,
                                 const recommend::Interactions& train) {
  const auto rows = static_cast<double>(train.size());
  return parse_toml(
      fmt::format(
          R"([data]
modality = "interactions"
[encoder]
name = "sequence"
[method]
name = "{}"
bf16 = true
{})",
          wanted.method_name,
          training_settings(1e-3, suitable_batch(static_cast<double>(train.users()), 16, 256),
                            std::clamp(6e6 / rows, 10.0, 200.0))),
      "the settings for this data");
}

}  // namespace

Value suitable_interaction_settings(const RecommendConfig& wanted) {
  recommend::ReadReport report;
  recommend::CoreReport core;
  RecommendConfig unscored = wanted;
  unscored.train.score_every = 0;
  const recommend::Interactions train = open_data(unscored, report, core).train;
  if (wanted.encoder.name == "sequence") return suitable_sequence_settings(wanted, train);
  const auto rows = static_cast<double>(train.size());
  const double epochs = std::clamp(40e6 / rows, 20.0, 200.0);
  // What validation chose for the demo's 20 thousand interactions, and what is published with
  // in-batch softmax for Gowalla and MovieLens (0.8 and 1.0 million) and for Yelp2018 (1.2
  // million): Wu et al., "BSL", 2024.
  const bool few = rows < 100'000;
  const bool many = rows > 1'100'000;
  const double temperature = few ? 0.5 : many ? 0.15 : 0.12;
  const bool has_temperature =
      std::holds_alternative<double>(wanted.setting("method.temperature").data);
  return parse_toml(
      fmt::format(R"([data]
modality = "interactions"
[encoder]
name = "{}"
graph.layers = {}
[method]
name = "{}"{}{}
{})",
                  wanted.encoder.name, many ? 3 : 1, wanted.method_name,
                  has_temperature ? fmt::format("\ntemperature = {}", temperature) : "",
                  wanted.method_name == "ranking" ? "\nmask_groups = true" : "",
                  training_settings(few ? 5e-3 : 1e-3, suitable_batch(rows, 8, 2048), epochs)),
      "the settings for this data");
}

}  // namespace vistas::recipe
