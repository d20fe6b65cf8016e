// vistas eval: how good an encoder is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "vistas/app/command.h"
#include "vistas/app/eval_texts.h"
#include "vistas/app/interactions.h"
#include "vistas/app/one_shot.h"
#include "vistas/app/shared.h"
#include "vistas/app/texts.h"
#include "vistas/app/told_progress.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/learn/bundle.h"
#include "vistas/learn/group.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/image_eval.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct EvalArguments {
  std::string run, data, baselines, idf_texts;
  recipe::EvalOptions options;
  text::ReadOptions read;
  std::vector<int64_t> k{20, 200}, at{5, 10, 20};
  std::vector<std::string> groups;
  int64_t split_seed = 0;
};

nlohmann::json to_json(const recipe::EvalRow& row) {
  return {{"encoder", row.encoder},   {"task", row.task},
          {"labels", row.labels},     {"labelled", row.labelled},
          {"mean", row.summary.mean}, {"std", finite_or_null(row.summary.std)},
          {"values", row.values}};
}

std::string percent(const measure::Summary& s) {
  if (s.count < 2) return fmt::format("{:.2f}", 100 * s.mean);
  return fmt::format("{:.2f} +- {:.2f}", 100 * s.mean, 100 * s.std);
}

// Without --data the pictures of the run itself are used, where they have labels.
std::string data_of(const EvalArguments& a) {
  if (!a.data.empty()) return a.data;
  if (RunFolder::holds_run(a.run)) {
    const Value config = read_toml(RunFolder::open(a.run).config());
    return std::get<std::string>(config.table().at("data").table().at("path").data);
  }
  throw Error(ErrorKind::usage, {.what = "no data to measure on", .fix = "Give --data LABELLED"});
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

// Where fewer pictures have labels than neighbours were asked for.
std::string small_bank_notes(const std::vector<recipe::EvalRow>& rows) {
  std::string notes;
  for (const auto& row : rows) {
    if (row.encoder == "trained" && row.neighbours > row.labelled) {
      notes += fmt::format("{} with {} labels: all {} labelled pictures vote\n", row.task,
                           row.labels, row.labelled);
    }
  }
  return notes;
}

int one_shot(const Context& context, const EvalArguments& a, const vision::Bundle& bundle) {
  const auto rows = recipe::evaluate_one_shot(bundle, one_shot_data(data_of(a)), a.options);
  context.print(one_shot_table(context, rows));
  const nlohmann::json result = one_shot_json(rows);
  const std::string kept = keep_result(a.run, "one-shot", result.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(result);
  return 0;
}

// Whether the encoder is one of texts, and tasks that go with what it is.
bool measures_texts(const EvalArguments& a) {
  const auto& tasks = a.options.tasks;
  const bool texts = learn::modality_of(learn::find_bundle(a.run)) == learn::Modality::text;
  if (texts == std::ranges::all_of(tasks, recipe::is_text_task) &&
      texts == std::ranges::any_of(tasks, recipe::is_text_task)) {
    return texts;
  }
  std::vector<std::string> names;
  for (const auto& task : recipe::text_eval_tasks()) names.push_back(task.name);
  throw Error(ErrorKind::usage,
              {.what = "--tasks for an encoder of " + std::string(texts ? "texts" : "pictures"),
               .got = fmt::format("{}", fmt::join(tasks, ",")),
               .expected = texts ? fmt::format("a kind ({}), a colon and a path, as "
                                               "sts:stsb-test.csv",
                                               fmt::join(names, ", "))
                                 : "tasks without a path, as knn,linear"});
}

int eval_of_texts(const Context& context, const EvalArguments& a) {
  return eval_texts(context, a.run, a.options.tasks,
                    {.tasks = {},
                     .labels = a.options.labels,
                     .seeds = a.options.seeds,
                     .baselines = a.baselines == "all" ? recipe::text_eval_baselines()
                                                       : split_commas(a.baselines),
                     .read = a.read,
                     .idf_texts = a.idf_texts,
                     .embed = embed_options(a.options.finetune.features)});
}

// Interactions have one task; the default of --tasks stands for it too.
void check_ranking_alone(const std::vector<std::string>& tasks) {
  if (tasks == recipe::EvalOptions{}.tasks || tasks == std::vector<std::string>{"ranking"}) return;
  throw Error(ErrorKind::usage, {.what = "--tasks for a run on interactions",
                                 .got = fmt::format("{}", fmt::join(tasks, ",")),
                                 .expected = "ranking"});
}

// Encoders that are trained here would see the batches of all processes as one.
void check_frozen_in_group(const recipe::EvalOptions& o) {
  if (learn::Group::current().alone()) return;
  if (recipe::is_among(o.tasks, "finetune") || recipe::is_among(o.baselines, "scratch")) {
    throw Error(ErrorKind::usage,
                {.what = "vistas eval in several processes",
                 .got = "the task finetune or the baseline scratch, which train encoders",
                 .fix = "Measure these in one process"});
  }
}

int eval(const Context& context, EvalArguments& a) {
  if (learn::modality_of(learn::find_bundle(a.run)) == learn::Modality::interactions) {
    check_ranking_alone(a.options.tasks);
    return eval_ranking(context, a.run, a.at, a.groups);
  }
  if (!a.groups.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "--groups of " + a.run, .expected = "a run on interactions"});
  }
  if (measures_texts(a)) return eval_of_texts(context, a);
  const fs::path folder = vision::find_bundle(a.run);
  const vision::Bundle bundle = vision::load_bundle(folder);
  const auto& tasks = a.options.tasks;
  if (std::find(tasks.begin(), tasks.end(), "one-shot") != tasks.end()) {
    if (tasks.size() > 1) {
      throw Error(ErrorKind::usage, {.what = "--tasks",
                                     .got = fmt::format("{}", fmt::join(tasks, ",")),
                                     .expected = "one-shot alone",
                                     .fix = "Measure the others by a second `vistas eval`"});
    }
    return one_shot(context, a, bundle);
  }
  a.options.knn.k = a.k;
  a.options.baselines = a.baselines == "all" ? recipe::eval_baselines() : split_commas(a.baselines);
  check_frozen_in_group(a.options);
  const auto data = recipe::open_labelled(data_of(a), vision::options_for(bundle),
                                          static_cast<uint64_t>(a.split_seed));
  StatusLine status(context);
  const auto result = recipe::evaluate(bundle, data, a.options, told_progress(status));
  status.clear();
  look::Table table({"encoder", "task", "labels", "pictures", "top-1 (%)"});
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& row : result.rows) {
    table.add(
        {row.encoder, row.task, row.labels, fmt::format("{}", row.labelled), percent(row.summary)},
        row.encoder == "trained");
    rows.push_back(to_json(row));
  }
  context.print(table.str(context.color, context.width));
  const auto& view = bundle.preprocess.views.front();
  const std::string how =
      fmt::format("encoder {}, {} a {} x {} view without chance; {}; {} {}", folder.string(),
                  std::find(tasks.begin(), tasks.end(), "finetune") == tasks.end()
                      ? "frozen features of"
                      : "frozen features (fine-tuned and scratch: all weights) of",
                  view.height, view.width, data.description, a.options.seeds,
                  a.options.seeds == 1 ? "seed" : "seeds (mean +- standard deviation)");
  context.print(how + "\n" + small_bank_notes(result.rows));
  print_bad_images(context, result.bad);
  nlohmann::json json = {
      {"encoder", folder.string()}, {"data", data_of(a)}, {"how", how}, {"rows", rows}};
  add_bad_images(json, result.bad);
  const std::string kept =
      keep_result(a.run, fmt::format("{}", fmt::join(tasks, "-")), json.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(json);
  return 0;
}

}  // namespace

Command eval_command() {
  return {
      "eval",
      "Measures an encoder: of pictures by their labels, of texts by pairs, search and labels.",
      {"vistas eval runs/a --data labelled/",
       "vistas eval runs/a --data labelled/ --labels 50%,100% --seeds 3 --baselines=pixels",
       "vistas eval runs/text --tasks sts:scored.csv,bitext:pairs.tsv --baselines=tfidf"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<EvalArguments>();
        auto& o = a->options;
        app.add_option("run", a->run,
                       "a run folder (its best or last checkpoint), a "
                       "checkpoint, a bundle, or for texts a folder of Hugging Face")
            ->required()
            ->type_name("RUN");
        app.add_option("--data", a->data,
                       "labelled pictures; with splits train and test (or "
                       "val) they are kept apart, without a stratified 80/20 split is drawn "
                       "[the data of the run]")
            ->group("Data");
        app.add_option("--split-seed", a->split_seed, "seed of that split")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber)
            ->group("Data");
        app.add_option("--tasks", o.tasks,
                       "of knn; linear, a linear probe fitted to its minimum, and "
                       "linear-sgd, one in 100 epochs of SGD as published, both with a sweep of "
                       "their settings on a fifth of the training set; finetune; or one-shot "
                       "alone. For texts a kind and a path: sts:FILE, pairs:FILE, retrieval:FILE, "
                       "bitext:FILE or PREFIX, clustering:FILE, transfer:FILE. For interactions: "
                       "ranking")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str()
            ->group("Measures");
        app.add_option("--labels", o.labels,
                       "shares of the training labels, each by itself: "
                       "1% of every class, or 5 of every class")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str()
            ->group("Measures");
        app.add_option("--seeds", o.seeds,
                       "draws of the labels; mean and standard deviation "
                       "are reported")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000))
            ->group("Measures");
        app.add_flag("--baselines{all}", a->baselines,
                     "also raw pixels, the untrained encoder, and supervised training from "
                     "scratch on the same labels; --baselines=pixels,untrained leaves out the "
                     "last, which takes longest. For texts TF-IDF and the untrained encoder")
            ->group("Measures");
        app.add_option("--tfidf-texts", a->idf_texts,
                       "a file of texts that gives the words of the baseline tfidf their weights "
                       "[the texts of the task]")
            ->type_name("FILE")
            ->group("Measures");
        app.add_option("--at", a->at, "interactions: lengths of the lists that are measured")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str()
            ->check(CLI::Range(1, 1000000))
            ->group("Measures");
        app.add_option("--groups", a->groups,
                       "interactions: also of test items by how often they occur in training: "
                       "head (the 20 % that occur most), tail, warm (at all), cold")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->check(CLI::IsMember({"head", "tail", "warm", "cold"}))
            ->type_name("NAMES")
            ->group("Measures");
        app.add_option("--k", a->k, "neighbours of knn, each by itself")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str()
            ->check(CLI::Range(1, 1 << 30))
            ->group("Measures");
        app.add_option("--knn-temperature", o.knn.temperature,
                       "a neighbour votes with "
                       "exp(cosine / temperature)")
            ->capture_default_str()
            ->check(CLI::Range(1e-4, 100.0))
            ->group("Measures");
        app.add_option("--finetune-epochs", o.finetune.epochs,
                       "passes over the labels, at "
                       "least 500 steps")
            ->capture_default_str()
            ->check(CLI::Range(1, 100000))
            ->group("Measures");
        app.add_option("--finetune-lr", o.finetune.lr, "learning rate of fine-tuning")
            ->capture_default_str()
            ->check(CLI::Range(1e-6, 10.0))
            ->group("Measures");
        add_reading_options(app, a->read);
        app.add_option("--score-column", a->read.layout.score,
                       "texts: the column that says how alike two texts are, beside --columns")
            ->group("Data");
        app.add_option("--label-column", a->read.layout.label,
                       "texts: the column of labels, beside --columns")
            ->group("Data");
        add_feature_options(app, o.finetune.features);
        return [a](const Context& context) { return eval(context, *a); };
      },
      /*shares=*/true};
}

}  // namespace vistas::app
