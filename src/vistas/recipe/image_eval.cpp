#include "vistas/recipe/image_eval.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "vistas/base/error.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/linear.h"
#include "vistas/measure/one_shot.h"
#include "vistas/measure/splits.h"
#include "vistas/vision/tasks/features.h"

namespace vistas::recipe {
namespace {

using Source = std::shared_ptr<const vision::ImageSource>;

constexpr double kScratchLr = 0.1;  // random weights want larger steps than pre-trained ones

std::vector<int64_t> label_vector(const vision::ImageSource& source, const std::string& task) {
  vision::require_labels(source, task);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < source.size(); ++i) labels.push_back(source.label(i));
  return labels;
}

void check_names(const EvalOptions& options) {
  std::vector<std::string> tasks;
  for (const EvalTask& task : eval_tasks()) tasks.push_back(task.name);
  check_known("task", options.tasks, tasks);
  check_known("baseline", options.baselines, eval_baselines());
}

at::Tensor rows_of(const at::Tensor& tensor, const std::vector<int64_t>& rows) {
  return tensor.index_select(0, at::tensor(rows));
}

struct Frozen {
  std::string encoder;
  at::Tensor train, test;
};

// The same pictures without those that cannot be read, found while their features are made.
Source readable(const Source& source, const vision::Features& features) {
  if (static_cast<int64_t>(features.samples.size()) == source->size()) return source;
  return vision::subset(source, features.samples);
}

// Everything evaluate() measures with, and the tasks one after another.
class Evaluation {
 public:
  Evaluation(const vision::Bundle& bundle, const LabelledData& data, const EvalOptions& options,
             const EvalProgress& progress)
      : bundle_(bundle), options_(options), progress_(progress) {
    const auto& how = options.finetune.features;
    const auto counted = counting("features of the trained encoder");
    const auto train = vision::extract_features(bundle, data.train, how, counted);
    const auto test = vision::extract_features(bundle, data.test, how, counted);
    bad_ = train.bad;
    bad_.add(test.bad);
    train_ = readable(data.train, train);
    test_ = readable(data.test, test);
    train_labels_ = label_vector(*train_, "measuring");
    test_labels_ = at::tensor(label_vector(*test_, "measuring"));
    classes_ = static_cast<int64_t>(train_->class_names().size());
    fixed_.push_back({"trained", train.values, test.values});
    if (is_among(options.baselines, "pixels")) {
      fixed_.push_back({"pixels", vision::pixel_features(bundle.preprocess, train_, how).values,
                        vision::pixel_features(bundle.preprocess, test_, how).values});
    }
  }

  void run(uint64_t seed) {
    std::vector<Frozen> all = fixed_;
    if (is_among(options_.baselines, "untrained")) {
      const vision::Bundle random = vision::untrained(bundle_, seed);
      const auto& how = options_.finetune.features;
      const auto counted = counting("features of an untrained encoder");
      all.push_back({"untrained", vision::extract_features(random, train_, how, counted).values,
                     vision::extract_features(random, test_, how, counted).values});
    }
    for (const std::string& text : options_.labels) {
      const auto drawn = measure::draw_labels(train_labels_, measure::parse_label_share(text), seed,
                                              train_->class_names());
      for (const Frozen& f : all) measure_frozen(f, text, drawn, seed);
      measure_trained(text, drawn, seed);
    }
  }

  std::vector<EvalRow> finish() { return rows_.finish(); }
  const vision::BadImages& bad() const { return bad_; }

 private:
  vision::FeatureProgress counting(const std::string& doing) const {
    progress_(doing, 0, 0);
    return [this, doing](int64_t done, int64_t all) { progress_(doing, done, all); };
  }

  void measure_frozen(const Frozen& f, const std::string& text, const std::vector<int64_t>& drawn,
                      uint64_t seed) {
    const auto labelled = static_cast<int64_t>(drawn.size());
    const at::Tensor bank = rows_of(f.train, drawn);
    const at::Tensor labels = rows_of(at::tensor(train_labels_), drawn);
    if (is_among(options_.tasks, "knn")) {
      progress_(fmt::format("kNN on the {} features, {} labels", f.encoder, text), 0, 0);
      for (const auto& p : measure::knn_classify(bank, labels, f.test, classes_, options_.knn)) {
        rows_.add({.encoder = f.encoder,
                   .task = fmt::format("knn k={}", p.k),
                   .labels = text,
                   .labelled = labelled,
                   .neighbours = p.k},
                  measure::accuracy(p.predicted, test_labels_));
      }
    }
    if (is_among(options_.tasks, "linear")) {
      progress_(fmt::format("linear probe on the {} features, {} labels", f.encoder, text), 0, 0);
      measure::LinearProbeOptions probe;
      probe.seed = static_cast<int64_t>(seed);
      rows_.add(
          {.encoder = f.encoder, .task = "linear", .labels = text, .labelled = labelled},
          measure::linear_probe(bank, labels, f.test, test_labels_, classes_, probe).test.top1);
    }
    if (is_among(options_.tasks, "linear-sgd")) {
      progress_(fmt::format("linear probe by SGD on the {} features, {} labels", f.encoder, text),
                0, 0);
      measure::SgdProbeOptions probe;
      probe.sgd.seed = seed;
      rows_.add(
          {.encoder = f.encoder, .task = "linear-sgd", .labels = text, .labelled = labelled},
          measure::sgd_linear_probe(bank, labels, f.test, test_labels_, classes_, probe).test.top1);
    }
  }

  // With all weights: from the trained ones, and as a baseline from random ones.
  void measure_trained(const std::string& text, const std::vector<int64_t>& drawn, uint64_t seed) {
    const Source subset = vision::subset(train_, drawn);
    const auto labelled = static_cast<int64_t>(drawn.size());
    const auto top1 = [&](const vision::Bundle& start, const vision::FinetuneOptions& how,
                          const std::string& doing) {
      const auto logits = vision::finetune(start, subset, test_, how, seed,
                                           counting(fmt::format("{} on {} labels", doing, text)));
      return measure::classification_scores(logits, test_labels_).top1;
    };
    if (is_among(options_.tasks, "finetune")) {
      rows_.add({.encoder = "trained", .task = "finetune", .labels = text, .labelled = labelled},
                top1(bundle_, options_.finetune, "fine-tuning"));
    }
    if (is_among(options_.baselines, "scratch")) {
      vision::FinetuneOptions scratch = options_.finetune;
      scratch.lr = kScratchLr;
      rows_.add({.encoder = "scratch", .task = "supervised", .labels = text, .labelled = labelled},
                top1(vision::untrained(bundle_, seed), scratch, "training from scratch"));
    }
  }

  const vision::Bundle& bundle_;
  const EvalOptions& options_;
  const EvalProgress& progress_;
  Source train_, test_;
  std::vector<int64_t> train_labels_;
  at::Tensor test_labels_;
  int64_t classes_ = 0;
  std::vector<Frozen> fixed_;
  vision::BadImages bad_;
  EvalRows rows_;
};

}  // namespace

const std::vector<EvalTask>& eval_tasks() {
  static const std::vector<EvalTask> tasks = {
      {"knn", "nearest neighbours on frozen features"},
      {"linear",
       "logistic regression on frozen features: weight decay chosen on held-out pictures"},
      {"linear-sgd", "the same by SGD in 100 epochs, learning rate and weight decay chosen there"},
      {"finetune", "all weights trained on the labels"},
      {"one-shot", "Omniglot's runs: the nearest of one example a class"}};
  return tasks;
}

const std::vector<std::string>& eval_baselines() {
  static const std::vector<std::string> baselines = {"pixels", "untrained", "scratch"};
  return baselines;
}

LabelledData open_labelled(const std::string& path, const vision::SourceOptions& options,
                           uint64_t seed) {
  const auto splits = vision::splits_of(path);
  const std::string test = measured_split(splits);
  LabelledData data;
  if (!test.empty()) {
    vision::SourceOptions part = options;
    part.split = "train";
    data.train = vision::open_source(path, part);
    part.split = test;
    data.test = vision::open_source(path, part);
    data.description = fmt::format("fitted on the split train ({} pictures), measured on {} ({})",
                                   data.train->size(), test, data.test->size());
    if (data.train->class_names() != data.test->class_names()) {
      throw Error(ErrorKind::data,
                  {.what = path + ": the splits train and " + test + " have different classes",
                   .got = fmt::format("{} and {} classes", data.train->class_names().size(),
                                      data.test->class_names().size())});
    }
    return data;
  }
  const Source all = vision::open_source(path, options);
  const auto labels = label_vector(*all, "measuring");
  const auto split = measure::stratified_split(labels, 0.2, seed);
  if (split.test.empty()) {
    throw Error(ErrorKind::data, {.what = path + ": nothing is left to measure on",
                                  .got = "classes of a single picture",
                                  .expected = "two pictures of a class or more, or folders train "
                                              "and test"});
  }
  data.train = vision::subset(all, split.train);
  data.test = vision::subset(all, split.test);
  data.description = fmt::format(
      "the data has no splits: a stratified 80/20 split by seed {}, fitted on {} pictures, "
      "measured "
      "on {}",
      seed, data.train->size(), data.test->size());
  return data;
}

EvalResult evaluate(const vision::Bundle& bundle, const LabelledData& data,
                    const EvalOptions& options, const EvalProgress& progress) {
  check_names(options);
  Evaluation evaluation(bundle, data, options, progress);
  for (int64_t seed = 0; seed < options.seeds; ++seed) {
    evaluation.run(static_cast<uint64_t>(seed));
  }
  return {evaluation.finish(), evaluation.bad()};
}

std::vector<EvalRow> evaluate_one_shot(const vision::Bundle& bundle, Source source,
                                       const EvalOptions& options) {
  const at::Tensor labels = at::tensor(label_vector(*source, "one-shot recognition"));
  std::map<std::string, std::pair<std::vector<int64_t>, std::vector<int64_t>>> runs;
  for (int64_t i = 0; i < source->size(); ++i) {
    const std::string name = source->name(i);
    for (const std::string part : {"/training/", "/test/"}) {
      const size_t at = name.rfind(part);
      if (at == std::string::npos) continue;
      auto& [support, queries] = runs[name.substr(0, at)];
      (part == "/training/" ? support : queries).push_back(i);
      break;
    }
  }
  if (runs.empty()) {
    throw Error(ErrorKind::data,
                {.what = "the data has no one-shot runs",
                 .expected = "pictures named <run>/training/... and <run>/test/..."});
  }
  const auto& how = options.finetune.features;
  const vision::Bundle random = vision::untrained(bundle, 0);
  const std::vector<Frozen> all = {
      {"pixels", vision::pixel_features(bundle.preprocess, source, how).values, {}},
      {"untrained", vision::extract_features(random, source, how).values, {}},
      {"trained", vision::extract_features(bundle, source, how).values, {}}};
  EvalRows rows;
  for (const Frozen& f : all) {
    for (const auto& [name, run] : runs) {
      const auto& [support, queries] = run;
      rows.add(
          {.encoder = f.encoder,
           .task = "one-shot",
           .labels = "1",
           .labelled = static_cast<int64_t>(support.size())},
          measure::nearest_example_accuracy(rows_of(f.train, support), rows_of(labels, support),
                                            rows_of(f.train, queries), rows_of(labels, queries)));
    }
  }
  return rows.finish();
}

}  // namespace vistas::recipe
