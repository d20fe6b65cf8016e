#include "vistas/recipe/text_eval.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/base/options.h"
#include "vistas/contrast/statistics.h"
#include "vistas/measure/bitext.h"
#include "vistas/measure/clustering.h"
#include "vistas/measure/correlation.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/logistic.h"
#include "vistas/measure/pair_classification.h"
#include "vistas/measure/retrieval.h"
#include "vistas/measure/splits.h"
#include "vistas/text/tasks/eval_sets.h"
#include "vistas/text/tasks/tf_idf.h"

namespace vistas::recipe {
namespace {

using Texts = std::vector<std::string>;

const std::vector<int64_t> kDepths = {1, 10, 100};  // of retrieval

at::Tensor unit_rows(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble);
  return wide / wide.norm(2, 1, /*keepdim=*/true).clamp_min(1e-12);
}

std::vector<double> cosines(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor values = (unit_rows(a) * unit_rows(b)).sum(1).contiguous();
  const auto* data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

at::Tensor rows_of(const at::Tensor& tensor, const std::vector<int64_t>& rows) {
  return tensor.index_select(0, at::tensor(rows, at::kLong));
}

Texts texts_at(const Texts& texts, const std::vector<int64_t>& rows) {
  Texts out;
  for (const int64_t row : rows) out.push_back(texts[static_cast<size_t>(row)]);
  return out;
}

std::vector<int64_t> numbers_at(const std::vector<int64_t>& all, const std::vector<int64_t>& rows) {
  std::vector<int64_t> out;
  for (const int64_t row : rows) out.push_back(all[static_cast<size_t>(row)]);
  return out;
}

// Every file's pairs, one file after another, and where each ends.
struct Joined {
  Texts first, second;
  std::vector<double> scores;
  std::vector<size_t> ends;
};

Joined join(const text::SimilarityTask& task) {
  Joined out;
  for (const text::ScoredPairs& part : task.parts) {
    out.first.insert(out.first.end(), part.first.begin(), part.first.end());
    out.second.insert(out.second.end(), part.second.begin(), part.second.end());
    out.scores.insert(out.scores.end(), part.scores.begin(), part.scores.end());
    out.ends.push_back(out.scores.size());
  }
  return out;
}

// Rows of a labelled set to fit on and to measure on.
measure::Split split_of(const text::LabelledTexts& set, const std::string& path) {
  const std::string test = measured_split(set.splits);
  measure::Split split;
  if (test.empty()) {
    split = measure::stratified_split(set.labels, 0.2, 0);
  } else {
    for (size_t i = 0; i < set.splits.size(); ++i) {
      if (set.splits[i] == "train") split.train.push_back(static_cast<int64_t>(i));
      if (set.splits[i] == test) split.test.push_back(static_cast<int64_t>(i));
    }
  }
  if (split.train.empty() || split.test.empty()) {
    throw Error(ErrorKind::data,
                {.what = path + ": texts to fit and to measure on",
                 .got = fmt::format("{} and {}", split.train.size(), split.test.size()),
                 .expected = "one of each or more"});
  }
  return split;
}

// Everything evaluate_texts() measures with, one task after another.
class TextEvaluation {
 public:
  TextEvaluation(const text::TextBundle& bundle, const TextEvalOptions& options,
                 const EvalProgress& progress)
      : bundle_(bundle), options_(options), progress_(progress) {
    if (!options.idf_texts.empty()) {
      text::Corpus corpus = text::read_corpus(options.idf_texts, {.file = options.read.file});
      note(corpus.notes);
      idf_texts_ = std::move(corpus.texts);
    }
  }

  // Reads the data of a task; what it returns measures.
  std::function<void()> read(const TextTask& task) {
    progress_("reading " + task.path, 0, 0);
    if (task.kind == "sts") return sts(task.path);
    if (task.kind == "pairs") return pairs(task.path);
    if (task.kind == "retrieval") return retrieval(task.path);
    if (task.kind == "bitext") return bitext(task.path);
    if (task.kind == "clustering") return clustering(task.path);
    return transfer(task.path);
  }

  TextEvalResult finish() { return {rows_.finish(), std::move(notes_), truncated_}; }

 private:
  // Embeddings of each list of texts.
  using Frozen = std::vector<at::Tensor>;
  using Measure = std::function<void(const std::string& encoder, const Frozen&, uint64_t seed)>;

  bool tf_idf() const { return is_among(options_.baselines, "tfidf"); }

  void note(const text::Notes& notes) { notes_.insert(notes_.end(), notes.begin(), notes.end()); }

  void add(const std::string& encoder, const std::string& measure, double value,
           bool share = true) {
    rows_.add({.encoder = encoder, .task = task_, .measure = measure, .share = share}, value);
  }

  Frozen embed(const text::TextBundle& bundle, const std::vector<const Texts*>& lists,
               const std::string& doing, int64_t* truncated) {
    Frozen out;
    for (const Texts* texts : lists) {
      const auto views = text::views_of(*texts);
      const auto found =
          text::embed_texts(bundle, views, options_.embed,
                            [&](int64_t done, int64_t all) { progress_(doing, done, all); });
      if (truncated) *truncated += found.truncated;
      out.push_back(found.values);
    }
    return out;
  }

  // Calls `measure` for the trained encoder, once, or for every seed where there is chance in the
  // measure, and for an untrained one of every seed where asked.
  void each(const std::vector<const Texts*>& lists, bool chance, const Measure& measure) {
    const Frozen trained = embed(bundle_, lists, "embedding " + task_, &truncated_);
    for (int64_t seed = 0; seed < options_.seeds; ++seed) {
      const auto s = static_cast<uint64_t>(seed);
      if (seed == 0 || chance) measure("trained", trained, s);
      if (!is_among(options_.baselines, "untrained")) continue;
      measure(
          "untrained",
          embed(text::untrained(bundle_, s), lists, "embedding " + task_ + ", untrained", nullptr),
          s);
    }
  }

  text::TfIdf tf_idf_of(const std::vector<const Texts*>& lists) const {
    std::vector<std::string_view> all = text::views_of(idf_texts_);
    if (all.empty()) {
      for (const Texts* texts : lists) all.insert(all.end(), texts->begin(), texts->end());
    }
    return text::TfIdf(all, {.sublinear = true});
  }

  // Cosines of pairs of texts by TF-IDF.
  std::vector<double> tf_idf_cosines(const Texts& first, const Texts& second) const {
    const text::TfIdf words = tf_idf_of({&first, &second});
    return measure::paired_products(words.rows(text::views_of(first)),
                                    words.rows(text::views_of(second)));
  }

  std::function<void()> sts(const std::string& path) {
    const text::SimilarityTask task = text::read_similarity(path, options_.read);
    note(task.notes);
    for (const auto& part : task.parts) note(part.notes);
    return [this, name = "sts " + task.name, all = join(task)] {
      task_ = name;
      each({&all.first, &all.second}, false,
           [&](const std::string& encoder, const Frozen& x, uint64_t) {
             correlations(encoder, all, cosines(x[0], x[1]));
             spread(encoder, all.scores, x);
           });
      if (tf_idf()) correlations("tfidf", all, tf_idf_cosines(all.first, all.second));
    };
  }

  void correlations(const std::string& encoder, const Joined& all,
                    const std::vector<double>& similarity) {
    for (const auto& [name, measure] :
         {std::pair{"Spearman", &measure::spearman}, std::pair{"Pearson", &measure::pearson}}) {
      add(encoder, fmt::format("{} (all)", name), measure(similarity, all.scores));
      if (all.ends.size() == 1) continue;
      double sum = 0;
      size_t begin = 0;
      for (const size_t end : all.ends) {
        sum += measure(std::span(similarity).subspan(begin, end - begin),
                       std::span(all.scores).subspan(begin, end - begin));
        begin = end;
      }
      add(encoder, fmt::format("{} (mean)", name), sum / static_cast<double>(all.ends.size()));
    }
  }

  void spread(const std::string& encoder, const std::vector<double>& scores, const Frozen& x) {
    const auto [low, high] = std::ranges::minmax(scores);
    std::vector<int64_t> alike;
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] >= low + 0.8 * (high - low)) alike.push_back(static_cast<int64_t>(i));
    }
    if (alike.size() >= 2) {
      add(encoder, "alignment", contrast::alignment(rows_of(x[0], alike), rows_of(x[1], alike)),
          false);
    }
    add(encoder, "uniformity", contrast::uniformity(at::cat({x[0], x[1]})), false);
  }

  std::function<void()> pairs(const std::string& path) {
    text::ScoredPairs set = text::read_scored_pairs(path, options_.read);
    note(set.notes);
    std::vector<int64_t> same;
    for (const double score : set.scores) {
      if (score != 0 && score != 1) {
        throw Error(ErrorKind::data, {.what = path + ": a label of a pair",
                                      .got = fmt::format("{}", score),
                                      .expected = "1 for pairs that belong together, else 0"});
      }
      same.push_back(static_cast<int64_t>(score));
    }
    return [this, set = std::move(set), same = std::move(same)] {
      task_ = "pairs " + set.name;
      const auto report = [&](const std::string& encoder, const std::vector<double>& similarity) {
        const auto got = measure::classify_pairs(similarity, same);
        add(encoder, "accuracy", got.accuracy);
        add(encoder, "F1", got.f1);
        add(encoder, "average precision", got.average_precision);
      };
      each({&set.first, &set.second}, false,
           [&](const std::string& encoder, const Frozen& x, uint64_t) {
             report(encoder, cosines(x[0], x[1]));
           });
      if (tf_idf()) report("tfidf", tf_idf_cosines(set.first, set.second));
    };
  }

  std::function<void()> retrieval(const std::string& path) {
    text::RetrievalSet set = text::read_retrieval(path, options_.read);
    note(set.notes);
    return [this, set = std::move(set)] { measure_retrieval(set); };
  }

  void measure_retrieval(const text::RetrievalSet& set) {
    task_ = "retrieval " + set.name;
    const auto report = [&](const std::string& encoder, const measure::RetrievalScores& got) {
      add(encoder, "nDCG@10", got.at[1].ndcg);
      add(encoder, "MRR@10", got.at[1].mrr);
      for (size_t i = 0; i < kDepths.size(); ++i) {
        add(encoder, fmt::format("recall@{}", kDepths[i]), got.at[i].recall);
      }
    };
    each({&set.queries, &set.passages}, false,
         [&](const std::string& encoder, const Frozen& x, uint64_t) {
           report(encoder, measure::retrieval_scores(x[0], x[1], set.relevant, kDepths));
         });
    if (!tf_idf()) return;
    const text::TfIdf words = tf_idf_of({&set.passages});
    const auto lists =
        measure::top_products(words.rows(text::views_of(set.queries)),
                              words.rows(text::views_of(set.passages)), kDepths.back());
    report("tfidf", measure::retrieval_scores(lists.indices, set.relevant, kDepths));
  }

  std::function<void()> bitext(const std::string& path) {
    text::Bitext set = text::read_bitext(path, options_.read);
    note(set.notes);
    return [this, set = std::move(set)] {
      task_ = "bitext " + set.name;
      each({&set.first, &set.second}, false,
           [&](const std::string& encoder, const Frozen& x, uint64_t) {
             const auto accuracy = measure::bitext_accuracy(x[0], x[1]);
             add(encoder, fmt::format("accuracy {} to {}", set.first_name, set.second_name),
                 accuracy.forward);
             add(encoder, fmt::format("accuracy {} to {}", set.second_name, set.first_name),
                 accuracy.backward);
             const auto mined = search::mine_bitext(x[0], x[1]);
             std::vector<int64_t> right;
             for (const auto& pair : mined) right.push_back(pair.a == pair.b ? 1 : 0);
             add(encoder, "mining F1", measure::mining_scores(mined, right, x[0].size(0)).f1);
           });
    };
  }

  std::function<void()> clustering(const std::string& path) {
    text::LabelledTexts set = text::read_labelled(path, options_.read);
    note(set.notes);
    return [this, set = std::move(set)] {
      task_ = "clustering " + set.name;
      each({&set.texts}, true, [&](const std::string& encoder, const Frozen& x, uint64_t seed) {
        progress_("clustering " + set.name, 0, 0);
        const auto clusters = static_cast<int64_t>(set.classes.size());
        const auto found =
            measure::kmeans(unit_rows(x[0]).to(at::kFloat), {.clusters = clusters, .seed = seed});
        const auto* data = found.assignment.const_data_ptr<int64_t>();
        const std::span<const int64_t> assignment{data, set.labels.size()};
        add(encoder, "v-measure", measure::clustering_scores(set.labels, assignment).v_measure);
      });
    };
  }

  std::function<void()> transfer(const std::string& path) {
    text::LabelledTexts set = text::read_labelled(path, options_.read);
    note(set.notes);
    measure::Split split = split_of(set, path);
    const std::vector<int64_t> labels = numbers_at(set.labels, split.train);
    // Shares that cannot be drawn are refused here.
    for (const std::string& share : options_.labels) {
      measure::draw_labels(labels, measure::parse_label_share(share), 0, set.classes);
    }
    return [this, set = std::move(set), split = std::move(split)] { measure_transfer(set, split); };
  }

  void measure_transfer(const text::LabelledTexts& set, const measure::Split& split) {
    task_ = "transfer " + set.name;
    const Texts train = texts_at(set.texts, split.train), test = texts_at(set.texts, split.test);
    const std::vector<int64_t> labels = numbers_at(set.labels, split.train);
    const at::Tensor wanted = at::tensor(numbers_at(set.labels, split.test), at::kLong);
    const auto classes = static_cast<int64_t>(set.classes.size());
    // `fit` gives the classes of the test texts from the training rows drawn.
    const auto report = [&](const std::string& encoder, uint64_t seed, const auto& fit) {
      for (const std::string& share : options_.labels) {
        const auto asked = measure::parse_label_share(share);
        // All labels are the same in every draw.
        const bool chance = asked.per_class > 0 || asked.fraction < 1 || encoder == "untrained";
        if (seed > 0 && !chance) continue;
        progress_(fmt::format("logistic regression, {} labels, {}", share, encoder), 0, 0);
        const auto drawn = measure::draw_labels(labels, asked, seed, set.classes);
        const at::Tensor known = at::tensor(numbers_at(labels, drawn), at::kLong);
        rows_.add({.encoder = encoder,
                   .task = task_,
                   .measure = "accuracy",
                   .labels = share,
                   .labelled = static_cast<int64_t>(drawn.size())},
                  measure::accuracy(fit(drawn, known).argmax(1), wanted));
      }
    };
    each({&train, &test}, true, [&](const std::string& encoder, const Frozen& x, uint64_t seed) {
      const at::Tensor a = unit_rows(x[0]), b = unit_rows(x[1]);
      const at::Tensor mean = a.mean(0), deviation = a.std(0, /*unbiased=*/false) + 1e-6;
      const at::Tensor fitted = (a - mean) / deviation, measured = (b - mean) / deviation;
      report(encoder, seed, [&](const std::vector<int64_t>& drawn, const at::Tensor& known) {
        const auto count = static_cast<int64_t>(drawn.size());
        return measure::fit_logistic(
                   rows_of(fitted, drawn), known, classes,
                   {.weight_decay = measure::weight_decay_of_c(0.01, count, classes)})
            .scores(measured);
      });
    });
    if (!tf_idf()) return;
    const text::TfIdf words(text::views_of(idf_texts_.empty() ? train : idf_texts_),
                            {.sublinear = true, .min_documents = 3});
    const auto a = words.rows(text::views_of(train)), b = words.rows(text::views_of(test));
    for (int64_t seed = 0; seed < options_.seeds; ++seed) {
      report("tfidf", static_cast<uint64_t>(seed),
             [&](const std::vector<int64_t>& drawn, const at::Tensor& known) {
               const auto count = static_cast<int64_t>(drawn.size());
               return measure::logistic_scores(
                   measure::fit_logistic(
                       a.select(drawn), known, classes,
                       {.weight_decay = measure::weight_decay_of_c(10, count, classes)}),
                   b);
             });
    }
  }

  const text::TextBundle& bundle_;
  const TextEvalOptions& options_;
  const EvalProgress& progress_;
  Texts idf_texts_;
  std::string task_;  // the one that is being measured
  EvalRows rows_;
  text::Notes notes_;
  int64_t truncated_ = 0;
};

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const EvalTask& task : text_eval_tasks()) names.push_back(task.name);
  return names;
}

}  // namespace

const std::vector<EvalTask>& text_eval_tasks() {
  static const std::vector<EvalTask> tasks = {
      {"sts", "correlation of cosines with scores of pairs: a file, or a folder of SentEval"},
      {"pairs", "pairs of label 1 or 0 told by cosine"},
      {"retrieval", "passages found by queries: a file of pairs, or a folder of BEIR"},
      {"bitext", "translations found both ways: a file of pairs, or the prefix of two files"},
      {"clustering", "k-means against labels"},
      {"transfer", "logistic regression on frozen embeddings of labelled texts"}};
  return tasks;
}

const std::vector<std::string>& text_eval_baselines() {
  static const std::vector<std::string> baselines = {"tfidf", "untrained"};
  return baselines;
}

bool is_text_task(const std::string& task) {
  return task.find(':') != std::string::npos;
}

TextTask parse_text_task(const std::string& task) {
  const size_t colon = task.find(':');
  if (colon == std::string::npos || colon + 1 == task.size()) {
    throw Error(ErrorKind::usage, {.what = "task '" + task + "'",
                                   .expected = "a kind, a colon and a path, as sts:stsb-test.csv"});
  }
  TextTask out{task.substr(0, colon), task.substr(colon + 1)};
  check_known("task", {out.kind}, kinds());
  return out;
}

TextEvalResult evaluate_texts(const text::TextBundle& bundle, const TextEvalOptions& options,
                              const EvalProgress& progress) {
  check_known("baseline", options.baselines, text_eval_baselines());
  for (const std::string& share : options.labels) measure::parse_label_share(share);
  TextEvaluation evaluation(bundle, options, progress);
  std::vector<std::function<void()>> measures;
  for (const TextTask& task : options.tasks) measures.push_back(evaluation.read(task));
  for (const auto& measure : measures) measure();
  return evaluation.finish();
}

}  // namespace vistas::recipe
