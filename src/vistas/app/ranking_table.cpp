#include "vistas/app/ranking_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/look/text.h"
#include "vistas/recommend/sources/summary.h"

namespace vistas::app {
namespace {

struct Column {
  const char* title;
  const char* key;
  int digits;
  double (*value)(const measure::ListScores&);
};

constexpr Column kColumns[] = {
    {"recall", "recall", 4, [](const measure::ListScores& s) { return s.mean.recall; }},
    {"NDCG", "ndcg", 4, [](const measure::ListScores& s) { return s.mean.ndcg; }},
    {"precision", "precision", 4, [](const measure::ListScores& s) { return s.mean.precision; }},
    {"MAP", "map", 4, [](const measure::ListScores& s) { return s.mean.map; }},
    {"MRR", "mrr", 4, [](const measure::ListScores& s) { return s.mean.mrr; }},
    {"hit rate", "hit_rate", 4, [](const measure::ListScores& s) { return s.mean.hit_rate; }},
    {"coverage", "coverage", 4, [](const measure::ListScores& s) { return s.coverage; }},
    {"popularity", "popularity", 1, [](const measure::ListScores& s) { return s.popularity; }},
    {"Gini", "gini", 4, [](const measure::ListScores& s) { return s.gini; }},
};

std::vector<std::string> header(const std::string& what) {
  std::vector<std::string> out = {what, "at"};
  for (const Column& column : kColumns) out.emplace_back(column.title);
  return out;
}

}  // namespace

RankingTable::RankingTable(std::string what) : what_(std::move(what)), table_(header(what_)) {}

void RankingTable::add(const std::string& name, const std::vector<measure::ListScores>& scores,
                       bool strong) {
  if (!rows_.empty() && scores.size() > 1) table_.add_rule();
  for (const measure::ListScores& s : scores) {
    std::vector<std::string> cells = {name, fmt::to_string(s.k)};
    nlohmann::json row = {{what_, name}, {"at", s.k}, {"users", s.users}};
    for (const Column& column : kColumns) {
      const double value = column.value(s);
      cells.push_back(s.users > 0 ? fmt::format("{:.{}f}", value, column.digits) : "-");
      row[column.key] = s.users > 0 ? nlohmann::json(value) : nlohmann::json();
    }
    table_.add(cells, strong);
    rows_.push_back(row);
  }
}

std::string RankingTable::str(const Context& context) const {
  return table_.str(context.color, context.width);
}

void RankingTable::finish(const Context& context, const std::string& run, const std::string& name,
                          const std::string& how, nlohmann::json json) const {
  context.print(str(context) + how + "\n");
  json["how"] = how;
  json["rows"] = rows_;
  const std::string kept = keep_result(run, name, json.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(json);
}

recommend::FullRanking ranking_of_test(const recommend::Split& split, const std::string& data) {
  if (split.test.size() == 0) {
    throw Error(ErrorKind::data, {.what = data,
                                  .got = "a split without a test part",
                                  .fix = "Set data.split.test above 0, or add a test file"});
  }
  return recommend::FullRanking(split);
}

std::string ranking_protocol(const recommend::Split& split, int64_t users) {
  const auto among = recommend::new_items(split.train, split.test);
  const std::string items = among.empty() ? look::counted(split.train.items(), "item")
                                          : look::counted(std::ranges::count(among, true), "item") +
                                                ", which training does not have, among themselves";
  return fmt::format(
      "full ranking of {} for {}; items of training{} masked, ties by number; split {}; "
      "training content {:016x}",
      items, look::counted(users, "user"), split.valid.size() > 0 ? " and validation" : "",
      split.how, recommend::content_hash(split.train));
}

}  // namespace vistas::app
