// From rows in file order to rows by user and time.
#pragma once

#include "vistas/recommend/sources/interactions.h"
#include "vistas/recommend/sources/read_interactions.h"
#include "vistas/recommend/sources/rows.h"

namespace vistas::recommend {

// Sorts, then leaves out what `duplicates` and `min_weight` say and counts it in the report.
Interactions arrange(Rows rows, std::shared_ptr<const IdTable> users,
                     std::shared_ptr<const IdTable> items, const InteractionOptions& options,
                     ReadReport& report, int threads);

}  // namespace vistas::recommend
