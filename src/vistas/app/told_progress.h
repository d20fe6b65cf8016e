// Progress of passes that follow each other, each told by name.
#pragma once

#include "vistas/app/shared.h"
#include "vistas/recipe/eval_rows.h"

namespace vistas::app {

// On a status line: the name, and how far the pass is where that is counted.
recipe::EvalProgress told_progress(StatusLine& status);

}  // namespace vistas::app
