#include "vistas/tune/objective.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "vistas/base/error.h"

namespace vistas::tune {
namespace {

constexpr size_t kReports = 5;

// Lines of JSON; the last one may have been cut short.
std::vector<nlohmann::json> lines_of(const std::string& metrics) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(metrics);
  for (std::string line; std::getline(text, line);) {
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("step")) lines.push_back(std::move(json));
  }
  return lines;
}

// JSON has null for what is not finite.
double number(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number() ? found->get<double>() : std::nan("");
}

double unlabelled(const nlohmann::json& line, Objective objective) {
  if (objective == Objective::effective_rank) return number(line, "effective_rank");
  return -(number(line, "alignment") + number(line, "uniformity"));
}

std::vector<Score> online_scores(const std::vector<nlohmann::json>& lines, int64_t total) {
  std::vector<Score> scores;
  for (const auto& line : lines) {
    if (!line.contains("online_score")) continue;
    const int64_t step = line.at("step");
    const auto part = static_cast<double>(kRungs * step) / static_cast<double>(total);
    const int64_t rung = step >= total ? kRungs : std::min<int64_t>(kRungs - 1, std::llround(part));
    const double value = number(line, "online_score");
    if (rung > (scores.empty() ? 0 : scores.back().rung) && std::isfinite(value)) {
      scores.push_back({rung, value});
    }
  }
  return scores;
}

std::vector<Score> unlabelled_scores(const std::vector<nlohmann::json>& lines, Objective objective,
                                     int64_t total) {
  std::vector<Score> scores;
  std::vector<double> values;
  int64_t rung = 1;
  for (const auto& line : lines) {
    if (!line.contains("alignment")) continue;
    values.push_back(unlabelled(line, objective));
    while (rung <= kRungs && line.at("step").get<int64_t>() * kRungs >= rung * total) {
      const auto count = static_cast<std::ptrdiff_t>(std::min(kReports, values.size()));
      double sum = 0;
      for (auto v = values.end() - count; v != values.end(); ++v) sum += *v;
      const double mean = sum / static_cast<double>(count);
      if (std::isfinite(mean)) scores.push_back({rung, mean});
      ++rung;
    }
  }
  return scores;
}

}  // namespace

const std::vector<std::pair<std::string, Objective>>& objective_names() {
  static const std::vector<std::pair<std::string, Objective>> names = {
      {"online", Objective::online},
      {"eval", Objective::eval},
      {"alignment_uniformity", Objective::alignment_uniformity},
      {"effective_rank", Objective::effective_rank},
      {"fixed_views", Objective::fixed_views}};
  return names;
}

std::string name_of(Objective objective) {
  return std::ranges::find(objective_names(), objective, &std::pair<std::string, Objective>::second)
      ->first;
}

bool is_fair(Objective objective) {
  return objective != Objective::alignment_uniformity && objective != Objective::effective_rank;
}

std::vector<Score> scores_in(const std::string& metrics, Objective objective, int64_t total) {
  if (objective == Objective::fixed_views) return {};
  const auto lines = lines_of(metrics);
  const bool labelled = objective == Objective::online || objective == Objective::eval;
  if (labelled) {
    const auto scores = online_scores(lines, total);
    if (!scores.empty() || objective == Objective::online) return scores;
  }
  return unlabelled_scores(lines, objective, total);
}

double score_of_eval(const std::string& json) {
  const auto result = nlohmann::json::parse(json, nullptr, false);
  if (result.is_object() && result.contains("rows")) {
    for (const auto& row : result.at("rows")) {
      const double mean = number(row, "mean");
      if (row.value("encoder", "") == "trained" && std::isfinite(mean)) return mean;
    }
  }
  if (result.is_object() && result.contains("trained")) {  // one-shot runs
    const double mean = number(result.at("trained"), "mean");
    if (std::isfinite(mean)) return mean;
  }
  throw Error(ErrorKind::data, {.what = "the result of `vistas eval` has no score of the trained "
                                        "encoder"});
}

}  // namespace vistas::tune
