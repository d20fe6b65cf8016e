// vistas compare: what models make of few labels.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>

#include "vistas/app/dense.h"
#include "vistas/app/shared.h"
#include "vistas/app/told_progress.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/label_curve.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/measure/splits.h"
#include "vistas/recipe/compare.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct CompareArguments {
  recipe::CompareOptions options;
  std::string out = "compare";
  std::vector<std::string> sets;
};

std::string score(const measure::Summary& s) {
  if (s.count == 1) return fmt::format("{:.1f}", 100 * s.mean);
  return fmt::format("{:.1f} ± {:.1f}", 100 * s.mean, 100 * s.std);
}

std::string curve_of(const CompareArguments& a, const std::vector<recipe::EvalRow>& rows) {
  look::LabelCurve curve;
  curve.score = rows.front().measure + " (%)";
  curve.title = fmt::format("{}: {}", a.options.task, a.options.data);
  curve.shares = measure::parse_label_share(a.options.labels.front()).per_class == 0;
  for (const recipe::EvalRow& row : rows) {
    const auto share = measure::parse_label_share(row.labels);
    const double labels = share.per_class > 0 ? static_cast<double>(row.labelled) : share.fraction;
    const double mean = 100 * row.summary.mean, std = 100 * row.summary.std;
    const look::LabelPoint point{labels, mean, mean - std, mean + std};
    auto line = std::ranges::find(curve.lines, row.encoder, &look::LabelLine::name);
    if (line == curve.lines.end()) {
      curve.lines.push_back({row.encoder, {}});
      line = curve.lines.end() - 1;
    }
    line->points.push_back(point);
  }
  return look::label_curve_svg(curve);
}

nlohmann::json to_json(const recipe::EvalRow& row) {
  return {{"model", row.encoder},     {"task", row.task},
          {"measure", row.measure},   {"labels", row.labels},
          {"labelled", row.labelled}, {"runs", row.values},
          {"mean", row.summary.mean}, {"std", finite_or_null(row.summary.std)}};
}

int compare(const Context& context, CompareArguments& a) {
  recipe::CompareOptions& o = a.options;
  for (const std::string& set : a.sets) merge_into(o.over, parse_assignment(set));
  if (o.task == "classify" && !a.sets.empty()) {
    throw Error(ErrorKind::usage, {.what = "--set with --task classify",
                                   .expected = "--task detect or segment: fine-tuning for "
                                               "classification has no settings here"});
  }
  if (o.task != "classify" && o.split.empty()) {
    o.split = measured_dense_split(
        o.task == "detect" ? learn::Modality::boxes : learn::Modality::masks, o.data);
  }
  o.kept = fs::path(a.out) / "trainings.jsonl";
  StatusLine status(context);
  const auto rows = recipe::compare(o, told_progress(status), stop_flag());
  status.clear();
  if (rows.empty()) return signal_exit_code();
  look::Table table({"model", "labels", "pictures", rows.front().measure + " (%)"});
  nlohmann::json json = {{"task", o.task},
                         {"data", o.data},
                         {"split", o.split},
                         {"seeds", o.seeds},
                         {"rows", nlohmann::json::array()}};
  for (const std::string& labels : o.labels) {
    if (labels != o.labels.front()) table.add_rule();
    for (const auto& row : rows) {
      if (row.labels != labels) continue;
      table.add({row.encoder, row.labels, fmt::format("{}", row.labelled), score(row.summary)});
      json["rows"].push_back(to_json(row));
    }
  }
  context.print(table.str(context.color, context.width));
  fs::create_directories(a.out);
  const fs::path curve = fs::path(a.out) / "labels.svg", file = fs::path(a.out) / "compare.json";
  write_file_atomic(curve, curve_of(a, rows));
  write_file_atomic(file, json.dump(2) + "\n");
  context.print(fmt::format(
      "mean and standard deviation over {}; a seed draws pictures, weights and views, the same "
      "pictures for every model; measured on {}\nkept in {} and {}\n",
      look::counted(o.seeds, "seed"),
      o.split.empty() ? "the split for tests" : "the split " + o.split, file.string(),
      curve.string()));
  context.write_json(json);
  return stop_flag() ? signal_exit_code() : 0;
}

}  // namespace

Command compare_command() {
  return {
      "compare",
      "Compares what encoders make of few labels: one table and one plot of score against "
      "labels.",
      {"vistas compare --task segment --data masked/ --labels 50%,100% --seeds 2 scratch "
       "untrained --set train.steps=4 --out runs/few-masks",
       "vistas compare --task detect --data boxed/ --labels 100% --seeds 1 scratch --set "
       "train.steps=4 --out runs/few-boxes",
       "vistas compare --data labelled/ --labels 100% --seeds 1 runs/a untrained --out runs/few "
       "--json -"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<CompareArguments>();
        recipe::CompareOptions& o = a->options;
        app.add_option("models", o.models,
                       "runs, fine-tuned; scratch: new weights, trained alike; untrained: new "
                       "weights, frozen")
            ->required()
            ->type_name("RUN|scratch|untrained");
        app.add_option("--task", o.task, "what is learned from the labels")
            ->capture_default_str()
            ->check(CLI::IsMember({"classify", "detect", "segment"}));
        app.add_option("--data", o.data, "labelled, boxed or masked pictures")
            ->required()
            ->type_name("DATA");
        app.add_option("--labels", o.labels,
                       "shares of the labels, as 10%, or pictures of every class, as 20, each "
                       "by itself")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str();
        app.add_option("--seeds", o.seeds, "draws of labels, weights and views")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000));
        app.add_option("--split", o.split, "detect, segment: what is measured [test, else val]");
        app.add_option("--out", a->out,
                       "a folder for the result; trainings that are finished there are not "
                       "repeated")
            ->capture_default_str()
            ->type_name("FOLDER");
        app.add_option("--set", a->sets, "detect, segment: a setting of training, KEY=VALUE")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        add_device_options(app, o.device, o.precision);
        return [a](const Context& context) { return compare(context, *a); };
      }};
}

}  // namespace vistas::app
