#include "vistas/tune/view_ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/recipe/image_config.h"
#include "vistas/recipe/image_eval.h"
#include "vistas/recipe/recommend_config.h"
#include "vistas/recipe/text_run.h"
#include "vistas/tune/fixed_views.h"
#include "vistas/tune/view_space.h"
#include "vistas/vision/views/edit.h"

namespace vistas::tune {
namespace {

using recipe::Numbers;

// So seldom that only the end of a training is scored.
constexpr double kNever = 1e6;

bool is_one_shot(const vision::ImageSource& source) {
  bool examples = false, queries = false;
  for (int64_t i = 0; i < source.size(); ++i) {
    examples = examples || source.name(i).find("/training/") != std::string::npos;
    queries = queries || source.name(i).find("/test/") != std::string::npos;
  }
  return examples && queries;
}

// The test split where there is one.
vision::SourceOptions measured_part(const std::string& data) {
  vision::SourceOptions source;
  const auto splits = vision::splits_of(data);
  if (recipe::is_among(splits, "test")) source.split = "test";
  return source;
}

class ViewAblation {
 public:
  ViewAblation(const AblationOptions& options, const recipe::EvalProgress& progress,
               const std::atomic<bool>& stop)
      : options_(options),
        progress_(progress),
        stop_(stop),
        kept_(options.kept),
        base_(config_for({}, -1)),
        base_data_(base_->open()) {
    check_views();
    base_parts_ = base_data_->parts();
    if (!options.labelled.empty()) open_labelled();
  }

  Ablation run() {
    Ablation out;
    for (ViewVariant& v : view_variants(*base_, options_.added)) out.results.push_back({v, {}});
    out.score = labelled_           ? (one_shot_ ? "one-shot" : "kNN")
                : base_parts_.score ? base_parts_.score_name
                                    : "";
    out.rank_by = rank_by(!out.score.empty());
    if (!is_sequences()) fixed_views_.emplace(*base_parts_.data);
    all_ = std::ssize(out.results) * options_.seeds;
    for (int64_t seed = 0; seed < options_.seeds; ++seed) {
      std::vector<Numbers> measured;
      for (const VariantResult& result : out.results) {
        const auto numbers = measure(result.variant, seed);
        if (!numbers) return out;
        out.left_out = left_out_;
        measured.push_back(*numbers);
      }
      for (size_t v = 0; v < measured.size(); ++v) out.results[v].seeds.push_back(measured[v]);
    }
    return out;
  }

 private:
  // seed < 0: that of the settings.
  std::unique_ptr<recipe::Config> config_for(const ViewVariant& variant, int64_t seed) const {
    Value values = options_.settings;
    merge_into(values, variant.settings);
    auto config = recipe::read_config(values);
    if (seed >= 0) config->train.seed = seed;
    const auto* texts = dynamic_cast<const recipe::TextConfig*>(config.get());
    const bool unscored = texts != nullptr && texts->data.score_task.empty();
    config->train.score_every = options_.labelled.empty() && !unscored ? kNever : 0;
    config->train.patience = 0;
    return config;
  }

  bool is_sequences() const {
    return dynamic_cast<const recipe::RecommendConfig*>(base_.get()) != nullptr;
  }

  RankBy rank_by(bool scored) const {
    const RankBy by =
        options_.rank_by.value_or(scored ? RankBy::score : RankBy::alignment_and_uniformity);
    if (by == RankBy::score && !scored) {
      throw Error(
          ErrorKind::usage,
          {.what = "ranking by a score",
           .got = "data without labels",
           .fix = "Name labelled data: --labelled DATA; or --rank-by alignment-uniformity"});
    }
    if (by != RankBy::score && is_sequences()) {
      throw Error(ErrorKind::usage, {.what = "ranking views of sequences by features",
                                     .expected = "--rank-by score, which needs no other labels"});
    }
    return by;
  }

  void check_views() const {
    if (base_data_->size() < 2) {
      throw Error(ErrorKind::data, {.what = base_->data_path() + ": choosing views",
                                    .got = "1 " + base_data_->unit(),
                                    .expected = "samples to compare with each other"});
    }
    const auto* texts = dynamic_cast<const recipe::TextTraining*>(base_data_.get());
    if (texts != nullptr && !texts->views_of_row()) {
      throw Error(ErrorKind::usage,
                  {.what = base_->data_path() + ": choosing views",
                   .got = "texts that are compared with other texts",
                   .expected = "texts that are compared with views of themselves",
                   .fix = "Name one column, --set data.columns=[\"NAME\"], or --set "
                          "data.positives=row"});
    }
  }

  void open_labelled() {
    const auto* images = dynamic_cast<const recipe::ImageConfig*>(base_.get());
    if (images == nullptr) {
      throw Error(ErrorKind::usage,
                  {.what = "labelled data to measure on", .expected = "a recipe for pictures"});
    }
    vision::SourceOptions source = measured_part(options_.labelled);
    source.channels = images->encoder.channels == 1 ? "grey" : "rgb";
    labelled_ = vision::open_source(options_.labelled, source);
    one_shot_ = is_one_shot(*labelled_);
    if (!one_shot_) {
      source.split = "";
      fitted_ = recipe::open_labelled(options_.labelled, source, 0);
    }
  }

  std::optional<Numbers> measure(const ViewVariant& variant, int64_t seed) {
    const auto config = config_for(variant, seed);
    const auto training = config->open();
    const std::string doing =
        fmt::format("{} of {}: {}, seed {}", ++count_, all_, variant.name(), seed);
    const std::string key =
        fmt::format("{}\n{:016x}\n{} {:016x}", config->to_toml(), training->fingerprint(),
                    options_.labelled, labelled_ ? vision::fingerprint(*labelled_) : 0);
    return kept_.get(key, [&]() -> std::optional<recipe::KeptResult> {
      if (stop_) return std::nullopt;
      recipe::StepProgress observer(progress_, "training " + doing);
      const learn::TrainParts parts = training->parts();
      const auto result = learn::Trainer(parts).run(nullptr, observer, stop_);
      left_out_ = training->left_out().summary;
      if (result.stopped) return std::nullopt;
      parts.method->eval();
      progress_("measuring " + doing, 0, 0);
      recipe::KeptResult kept;
      if (labelled_) {
        kept.numbers["score"] = score(*config, *parts.method);
      } else if (parts.score) {
        kept.numbers["score"] = result.best_score;
      }
      look_at_features(*parts.method->encoder(), kept.numbers);
      kept.numbers["seconds"] = result.seconds;
      kept.about = {{"views", Value{.data = variant.name()}}, {"seed", Value{.data = seed}}};
      return kept;
    });
  }

  double score(const recipe::Config& config, learn::Method& method) const {
    const auto& images = dynamic_cast<const recipe::ImageConfig&>(config);
    const vision::Bundle bundle{images.encoder,
                                std::dynamic_pointer_cast<vision::ImageEncoder>(method.encoder()),
                                images.preprocess()};
    recipe::EvalOptions how;
    how.tasks = {"knn"};
    how.knn.k = {20};
    how.finetune.features.device = config.train.device;
    how.finetune.features.precision = config.train.precision;
    const auto rows = one_shot_ ? recipe::evaluate_one_shot(bundle, labelled_, how)
                                : recipe::evaluate(bundle, fitted_, how, progress_).rows;
    const auto trained = std::ranges::find(rows, "trained", &recipe::EvalRow::encoder);
    return trained->summary.mean;
  }

  void look_at_features(learn::Encoder& encoder, Numbers& numbers) const {
    if (!fixed_views_) return;
    const learn::Health health = fixed_views_->look(encoder);
    numbers["effective_rank"] = health.effective_rank;
    numbers["alignment"] = health.alignment;
    numbers["uniformity"] = health.uniformity;
  }

  const AblationOptions& options_;
  const recipe::EvalProgress& progress_;
  const std::atomic<bool>& stop_;
  recipe::KeptResults kept_;
  std::unique_ptr<recipe::Config> base_;
  std::unique_ptr<recipe::Training> base_data_;
  learn::TrainParts base_parts_;
  std::shared_ptr<const vision::ImageSource> labelled_;
  bool one_shot_ = false;
  recipe::LabelledData fitted_;
  std::optional<FixedViews> fixed_views_;  // by the recipe as it is; none of sequences
  std::string left_out_;
  int64_t count_ = 0, all_ = 0;
};

std::string verdict(Change change, const measure::Summary& difference) {
  if (change == Change::none) return "";
  if (difference.count < 2) return "one seed";
  if (std::abs(difference.mean) <= difference.ci95) return "unclear";
  if (change == Change::without) return difference.mean < 0 ? "matters" : "does harm";
  return difference.mean > 0 ? "helps" : "hurts";
}

}  // namespace

std::string labelled_task(const std::string& data) {
  return is_one_shot(*vision::open_source(data, measured_part(data))) ? "one-shot" : "knn";
}

Ablation ablate_views(const AblationOptions& options, const recipe::EvalProgress& progress,
                      const std::atomic<bool>& stop) {
  return ViewAblation(options, progress, stop).run();
}

double value_of(const Numbers& numbers, RankBy by) {
  switch (by) {
    case RankBy::score:
      return numbers.at("score");
    case RankBy::effective_rank:
      return numbers.at("effective_rank");
    case RankBy::alignment_and_uniformity:
      return -numbers.at("alignment") - numbers.at("uniformity");
  }
  return 0;
}

std::vector<RankedVariant> rank(const Ablation& ablation) {
  const VariantResult& base = ablation.results.front();
  std::vector<RankedVariant> ranked;
  for (const VariantResult& result : ablation.results) {
    std::vector<double> values, differences;
    for (size_t seed = 0; seed < result.seeds.size(); ++seed) {
      values.push_back(value_of(result.seeds[seed], ablation.rank_by));
      differences.push_back(values.back() - value_of(base.seeds[seed], ablation.rank_by));
    }
    RankedVariant& row = ranked.emplace_back();
    row.result = &result;
    row.value = measure::summarise(values);
    row.difference = measure::summarise(differences);
    row.verdict = verdict(result.variant.change, row.difference);
  }
  std::ranges::stable_sort(ranked, std::greater(),
                           [](const RankedVariant& row) { return row.value.mean; });
  return ranked;
}

std::vector<std::string> what_helps(const Value& settings,
                                    const std::vector<RankedVariant>& ranked) {
  std::vector<std::string> names;
  const auto config = recipe::read_config(settings);
  if (dynamic_cast<const recipe::ImageConfig*>(config.get()) == nullptr) return names;
  for (const RankedVariant& row : ranked) {
    const std::string& name = row.result->variant.operation;
    if (row.verdict == "helps" && !vision::is_framing({.name = name})) names.push_back(name);
  }
  return names;
}

Value with_operations(const Value& settings, const std::vector<std::string>& operations) {
  Value out = settings;
  for (const std::string& name : operations) {
    for (const ViewVariant& v : view_variants(*recipe::read_config(out), {name})) {
      if (v.operation == name && v.change == Change::with) merge_into(out, v.settings);
    }
  }
  return out;
}

std::vector<std::pair<std::string, Value>> second_trial(const std::vector<RankedVariant>& ranked,
                                                        const std::vector<std::string>& added,
                                                        Space& space) {
  const Value zero{.data = 0.0};
  std::vector<std::pair<std::string, Value>> settings;
  const auto for_p_of = [&space](const std::string& operation, const auto& use) {
    for (Dimension& d : space) {
      if (operation_setting(d.name) == operation + ".p" && d.holds(Value{.data = 0.0})) use(d);
    }
  };
  for (const RankedVariant& row : ranked) {
    if (row.verdict != "does harm") continue;
    for_p_of(row.result->variant.operation,
             [&](const Dimension& d) { settings.emplace_back(d.name, zero); });
  }
  for (const std::string& name : added) {
    for_p_of(name,
             [&](Dimension& d) { settings.emplace_back(d.name, std::exchange(d.now, zero)); });
  }
  return settings;
}

}  // namespace vistas::tune
