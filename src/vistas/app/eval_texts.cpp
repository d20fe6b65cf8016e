#include "vistas/app/eval_texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <utility>

#include "vistas/app/texts.h"
#include "vistas/app/told_progress.h"
#include "vistas/base/error.h"
#include "vistas/look/table.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

std::string value_of(const recipe::EvalRow& row) {
  const measure::Summary& s = row.summary;
  const double factor = row.share ? 100 : 1;
  if (s.count < 2) return fmt::format("{:.2f}", factor * s.mean);
  return fmt::format("{:.2f} +- {:.2f}", factor * s.mean, factor * s.std);
}

// "sts-stsb-test" of "sts:data/stsb-test.csv".
std::string name_of(const recipe::TextTask& task) {
  fs::path path = fs::path(task.path).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return task.kind + "-" + path.stem().string();
}

}  // namespace

int eval_texts(const Context& context, const std::string& run,
               const std::vector<std::string>& tasks, recipe::TextEvalOptions options) {
  std::vector<std::string> names;
  for (const std::string& task : tasks) {
    options.tasks.push_back(recipe::parse_text_task(task));
    names.push_back(name_of(options.tasks.back()));
  }
  const text::TextBundle bundle = load_encoder(context, run);
  StatusLine status(context);
  const auto result = recipe::evaluate_texts(bundle, options, told_progress(status));
  status.clear();
  look::Table table({"encoder", "task", "measure", "labels", "value"});
  nlohmann::json rows = nlohmann::json::array();
  for (const recipe::EvalRow& row : result.rows) {
    const std::string labels =
        row.labels.empty() ? "" : fmt::format("{} ({})", row.labels, row.labelled);
    table.add({row.encoder, row.task, row.measure, labels, value_of(row)},
              row.encoder == "trained");
    rows.push_back({{"encoder", row.encoder},
                    {"task", row.task},
                    {"measure", row.measure},
                    {"labels", row.labels},
                    {"labelled", row.labelled},
                    {"mean", finite_or_null(row.summary.mean)},
                    {"std", finite_or_null(row.summary.std)},
                    {"values", row.values}});
  }
  context.print(table.str(context.color, context.width));
  const std::string how = fmt::format(
      "encoder {}, cosine similarities; values in percent but alignment and uniformity; {} {}", run,
      options.seeds, options.seeds == 1 ? "seed" : "seeds (mean +- standard deviation)");
  context.print(how + "\n");
  print_notes(context, result.notes, result.truncated);
  const nlohmann::json json = {
      {"encoder", run}, {"tasks", tasks},        {"how", how},
      {"rows", rows},   {"notes", result.notes}, {"truncated", result.truncated}};
  const std::string kept =
      keep_result(run, fmt::format("{}", fmt::join(names, "-")), json.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
