// vistas info of interactions and of runs on them.
#include <fmt/format.h>

#include <filesystem>

#include "vistas/app/interactions.h"
#include "vistas/look/table.h"
#include "vistas/recommend/sources/read_interactions.h"
#include "vistas/recommend/sources/split_file.h"
#include "vistas/recommend/sources/summary.h"
#include "vistas/recommend/tasks/recommender.h"

namespace vistas::app {
namespace {

nlohmann::json add_part(look::Table& table, const std::string& name,
                        const recommend::Interactions& data) {
  const recommend::Summary s = recommend::summarise(data);
  table.add({name, fmt::format("{} interactions, density {:.5f}, content {:016x}", s.interactions,
                               s.density, s.hash)});
  return {{"interactions", s.interactions},
          {"density", s.density},
          {"empty_users", s.empty_users},
          {"empty_items", s.empty_items},
          {"hash", fmt::format("{:016x}", s.hash)}};
}

nlohmann::json add_split(look::Table& table, const recommend::Split& split) {
  table.add({"users", fmt::to_string(split.train.users())});
  table.add({"items", fmt::to_string(split.train.items())});
  table.add({"split", split.how});
  nlohmann::json json = {
      {"users", split.train.users()}, {"items", split.train.items()}, {"split", split.how}};
  json["train"] = add_part(table, "train", split.train);
  if (split.valid.size() > 0) json["valid"] = add_part(table, "valid", split.valid);
  if (split.test.size() > 0) json["test"] = add_part(table, "test", split.test);
  return json;
}

}  // namespace

nlohmann::json describe_recommender(const std::string& run, look::Table& table) {
  const auto recommender = recommend::load_recommender(run);
  table.add({"encoder", fmt::format("{}, {} features", describe(recommender.options),
                                    recommender.encoder->dim())});
  nlohmann::json json = add_split(table, recommender.split);
  json["dim"] = recommender.encoder->dim();
  return json;
}

int info_interactions(const Context& context, const std::string& path) {
  look::Table table({"interactions", path});
  recommend::ReadReport report;
  nlohmann::json json;
  if (std::filesystem::is_directory(path)) {
    json = add_split(table, recommend::open_split(path, {}, &report));
  } else {
    const auto data = recommend::read_interactions(path, {}, &report);
    table.add({"users", fmt::to_string(data.users())});
    table.add({"items", fmt::to_string(data.items())});
    json = {{"users", data.users()}, {"items", data.items()}};
    json["all"] = add_part(table, "all", data);
  }
  json["kind"] = "interactions";
  json["layouts"] = report.layouts;
  json["duplicates"] = report.duplicates;
  json["bad"] = report.bad.count;
  json["first_bad"] = report.bad.first;
  context.print(table.str(context.color, context.width) + "\n" + report.summary() + "\n");
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
