// vistas eval on texts.
#pragma once

#include <string>

#include "vistas/app/command.h"
#include "vistas/recipe/text_eval.h"

namespace vistas::app {

// `options` but for its tasks, which are `tasks` as the command line has them.
int eval_texts(const Context& context, const std::string& run,
               const std::vector<std::string>& tasks, recipe::TextEvalOptions options);

}  // namespace vistas::app
