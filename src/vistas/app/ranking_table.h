// Measures of lists of items, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/look/table.h"
#include "vistas/recommend/tasks/full_ranking.h"

namespace vistas::app {

class RankingTable {
 public:
  explicit RankingTable(std::string what);  // is measured in a row: "baseline", "group"

  // A row for each length of lists. Without users there is nothing to measure.
  void add(const std::string& name, const std::vector<measure::ListScores>& scores,
           bool strong = false);

  // The table and the lines `how`; as JSON {"what": ..., "how": ..., "rows": [...]}, kept in `run`
  // as eval/`name`.json where that is a run folder.
  void finish(const Context& context, const std::string& run, const std::string& name,
              const std::string& how, nlohmann::json json = {}) const;
  std::string str(const Context& context) const;
  const nlohmann::json& rows() const { return rows_; }

 private:
  std::string what_;
  look::Table table_;
  nlohmann::json rows_ = nlohmann::json::array();
};

// Of the test part of a split; a data error that names `data` where it is empty.
recommend::FullRanking ranking_of_test(const recommend::Split& split, const std::string& data);

// "full ranking of 40,981 items for 29,858 users; ..."
std::string ranking_protocol(const recommend::Split& split, int64_t users);

}  // namespace vistas::app
