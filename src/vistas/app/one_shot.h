// One-shot recognition as `vistas eval --tasks one-shot` and `vistas demo` show it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/recipe/image_eval.h"

namespace vistas::app {

// The pictures of the runs: the split `test` where the data has splits.
std::shared_ptr<const vision::ImageSource> one_shot_data(const std::string& path);

std::string one_shot_table(const Context& context, const std::vector<recipe::EvalRow>& rows);

// {"pixels": {"mean", "std", "runs"}, "untrained": ..., "trained": ...}
nlohmann::json one_shot_json(const std::vector<recipe::EvalRow>& rows);

}  // namespace vistas::app
