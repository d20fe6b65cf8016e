// What commands do with runs on interactions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/look/table.h"

namespace vistas::app {

// vistas eval: full ranking of the items for every user of the run's test part, also of groups of
// items by themselves: measure::item_group().
int eval_ranking(const Context& context, const std::string& run, const std::vector<int64_t>& at,
                 const std::vector<std::string>& groups);

// vistas info: rows of a table for a run, and a file or folder of interactions.
nlohmann::json describe_recommender(const std::string& run, look::Table& table);
int info_interactions(const Context& context, const std::string& path);

}  // namespace vistas::app
