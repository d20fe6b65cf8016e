#include "vistas/app/one_shot.h"

#include <fmt/format.h>

#include "vistas/look/table.h"

namespace vistas::app {

std::shared_ptr<const vision::ImageSource> one_shot_data(const std::string& path) {
  vision::SourceOptions options;
  if (!vision::splits_of(path).empty()) options.split = "test";
  return vision::open_source(path, options);
}

std::string one_shot_table(const Context& context, const std::vector<recipe::EvalRow>& rows) {
  look::Table table({"one-shot accuracy", "mean (%)", "std over runs", "runs"});
  for (const auto& row : rows) {
    table.add({row.encoder, fmt::format("{:.1f}", 100 * row.summary.mean),
               fmt::format("{:.1f}", 100 * row.summary.std), fmt::format("{}", row.values.size())},
              row.encoder == "trained");
  }
  return table.str(context.color, context.width);
}

nlohmann::json one_shot_json(const std::vector<recipe::EvalRow>& rows) {
  nlohmann::json json;
  for (const auto& row : rows) {
    json[row.encoder] = {
        {"mean", row.summary.mean}, {"std", row.summary.std}, {"runs", row.values}};
  }
  return json;
}

}  // namespace vistas::app
