#include "vistas/recipe/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/trainer.h"
#include "vistas/measure/splits.h"
#include "vistas/recipe/config.h"
#include "vistas/recipe/dense_run.h"
#include "vistas/recipe/image_eval.h"
#include "vistas/recipe/short_trainings.h"

namespace vistas::recipe {
namespace {

bool is_run(const std::string& model) {
  return model != "scratch" && model != "untrained";
}

// Of a run's encoder, which may have been trained anew at the same place; 0 without a run.
uint64_t weights_hash(const std::string& model) {
  if (!is_run(model)) return 0;
  const auto file = vision::find_bundle(model) / "encoder.safetensors";
  return std::hash<std::string>{}(read_file(file));
}

// Detectors or segmenters.
class DenseComparison {
 public:
  DenseComparison(const CompareOptions& options, const EvalProgress& progress,
                  const std::atomic<bool>& stop)
      : options_(options),
        progress_(progress),
        stop_(stop),
        modality_(options.task == "detect" ? learn::Modality::boxes : learn::Modality::masks),
        kept_(options.kept) {
    const auto run = std::ranges::find_if(options.models, is_run);
    if (run != options.models.end()) {
      architecture_ = vision::load_bundle(vision::find_bundle(*run)).options;
    }
    vision::AnnotationOptions annotations;
    annotations.split = options.split;
    vision::SourceOptions source;
    source.channels = architecture_ && architecture_->channels == 1 ? "grey" : "rgb";
    test_ = open_dense_data(modality_, options.data, annotations, source);
  }

  std::vector<EvalRow> run() {
    for (int64_t seed = 0; seed < options_.seeds; ++seed) {
      for (const std::string& labels : options_.labels) {
        for (const std::string& model : options_.models) {
          if (stop_) return rows_.finish();
          measure(model, labels, seed);
        }
      }
    }
    return rows_.finish();
  }

 private:
  std::unique_ptr<DenseConfig> config_for(const std::string& model, const std::string& labels,
                                          int64_t seed) const {
    Value values = options_.over;
    const auto set = [&](const std::string& key, const Value& value) {
      merge_into(values, parse_assignment(key + "=" + to_toml(value)));
    };
    const bool boxes = modality_ == learn::Modality::boxes;
    set("data.modality", Value{.data = std::string(boxes ? "boxes" : "masks")});
    set("data.path", Value{.data = options_.data});
    set("data.labels", Value{.data = labels});
    set("data.labels_seed", Value{.data = seed});
    set("train.seed", Value{.data = seed});
    set("train.device", Value{.data = options_.device});
    set("train.precision", Value{.data = options_.precision});
    if (is_run(model)) set("encoder.start", Value{.data = model});
    if (model == "untrained") set("encoder.frozen", Value{.data = true});
    Value all = suitable_settings(values);
    merge_into(all, values);
    merge_into(all, parse_assignment("train.score_every=0"));
    auto config = std::make_unique<DenseConfig>(all);
    if (architecture_) config->encoder.network = *architecture_;
    return config;
  }

  void measure(const std::string& model, const std::string& labels, int64_t seed) {
    const auto config = config_for(model, labels, seed);
    DenseTraining training(*config);
    const std::string key =
        fmt::format("{}\n{}\n{:016x} {:016x}", options_.split, config->to_toml(),
                    training.fingerprint(), weights_hash(model));
    const std::string doing = fmt::format(
        "{} of {}: {} on {} of the labels, seed {}", ++count_,
        options_.models.size() * options_.labels.size() * static_cast<size_t>(options_.seeds),
        model, labels, seed);
    const auto kept = kept_.get(key, [&]() -> std::optional<KeptResult> {
      KeptResult result{.numbers = train_and_score(*config, training, doing)};
      if (stop_) return std::nullopt;
      result.about = {{"model", Value{.data = model}},
                      {"labels", Value{.data = labels}},
                      {"seed", Value{.data = seed}}};
      return result;
    });
    if (!kept) return;
    rows_.add({.encoder = model,
               .task = options_.task,
               .measure = modality_ == learn::Modality::boxes ? "AP50" : "mIoU",
               .labels = labels,
               .labelled = std::llround(kept->at("labelled"))},
              kept->at("value"));
  }

  Numbers train_and_score(const DenseConfig& config, DenseTraining& training,
                          const std::string& doing) const {
    const learn::TrainParts parts = training.parts();
    const auto labelled = static_cast<double>(training.size());
    StepProgress observer(progress_, "training " + doing);
    learn::Trainer(parts).run(nullptr, observer, stop_);
    parts.method->eval();
    const vision::DenseBundle bundle = training.bundle(parts.method->encoder());
    vision::FeatureOptions features;
    features.batch = config.train.batch;
    features.device = config.train.device;
    features.precision = config.train.precision;
    const auto count = [&](int64_t done, int64_t all) {
      progress_("measuring " + doing, done, all);
    };
    if (modality_ == learn::Modality::masks) {
      return {{"value", score_masks(bundle, test_, features, count).scores.miou},
              {"labelled", labelled}};
    }
    const auto found = vision::detect(bundle, test_.source, {}, features, count);
    return {{"value", score_boxes(test_, found).ap50}, {"labelled", labelled}};
  }

  const CompareOptions& options_;
  const EvalProgress& progress_;
  const std::atomic<bool>& stop_;
  learn::Modality modality_;
  KeptResults kept_;
  std::optional<vision::EncoderOptions> architecture_;
  DenseData test_;
  size_t count_ = 0;  // trainings so far
  EvalRows rows_;
};

// What evaluate() calls each kind of model.
struct Wanted {
  std::string encoder, task;
};

std::vector<EvalRow> compare_classifiers(const CompareOptions& options,
                                         const EvalProgress& progress,
                                         const std::atomic<bool>& stop) {
  const auto first = std::ranges::find_if(options.models, is_run);
  if (first == options.models.end()) {
    throw Error(ErrorKind::usage, {.what = "models to compare",
                                   .got = "no run",
                                   .expected = "one at least, whose architecture the others get"});
  }
  EvalRows rows;
  for (const std::string& model : options.models) {
    if (stop) break;
    const vision::Bundle bundle =
        vision::load_bundle(vision::find_bundle(is_run(model) ? model : *first));
    EvalOptions how;
    how.labels = options.labels;
    how.seeds = options.seeds;
    how.finetune.features.device = options.device;
    how.finetune.features.precision = options.precision;
    Wanted wanted{"trained", "finetune"};
    how.tasks = {"finetune"};
    if (model == "scratch") {
      wanted = {"scratch", "supervised"};
      how.tasks = {};
      how.baselines = {"scratch"};
    } else if (model == "untrained") {
      wanted = {"untrained", "linear"};
      how.tasks = {"linear"};
      how.baselines = {"untrained"};
    }
    const auto data = open_labelled(options.data, vision::options_for(bundle), 0);
    const auto named = [&](const std::string& doing, int64_t done, int64_t all) {
      progress(model + ": " + doing, done, all);
    };
    for (EvalRow row : evaluate(bundle, data, how, named).rows) {
      if (row.encoder != wanted.encoder || row.task != wanted.task) continue;
      row.encoder = model;
      for (const double value : std::vector<double>(row.values)) rows.add(row, value);
    }
  }
  return rows.finish();
}

}  // namespace

std::vector<EvalRow> compare(const CompareOptions& options, const EvalProgress& progress,
                             const std::atomic<bool>& stop) {
  for (const std::string& labels : options.labels) measure::parse_label_share(labels);
  if (options.task == "classify") return compare_classifiers(options, progress, stop);
  return DenseComparison(options, progress, stop).run();
}

}  // namespace vistas::recipe
