#include "vistas/app/tune_display.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vistas/look/table.h"
#include "vistas/look/text.h"

namespace vistas::app {
namespace {

// The last parts of names of settings, as many as tell them apart: "lr", "affine.p", "hflip.p".
std::vector<std::string> short_names(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    size_t dot = name.rfind('.');
    const auto same_end = [&](const std::string& other) {
      return other.ends_with(name.substr(dot));
    };
    while (dot != std::string::npos && std::ranges::count_if(names, same_end) > 1) {
      dot = dot == 0 ? std::string::npos : name.rfind('.', dot - 1);
    }
    shown.push_back(name.substr(dot == std::string::npos ? 0 : dot + 1));
  }
  return shown;
}

std::string score_text(tune::Objective objective, double value) {
  if (!std::isfinite(value)) return "-";
  const bool share = objective == tune::Objective::online || objective == tune::Objective::eval;
  return share ? fmt::format("{:.2f}", 100 * value) : fmt::format("{:.4f}", value);
}

const tune::Confirmed* confirmed(const tune::StudyResult& result, int64_t trial) {
  const auto found = std::ranges::find(result.confirmed, trial, &tune::Confirmed::trial);
  return found == result.confirmed.end() ? nullptr : &*found;
}

// Mean and standard deviation over fresh seeds; "" of a trial without.
std::string fresh_text(tune::Objective objective, const tune::Confirmed* c) {
  if (c == nullptr) return "";
  const measure::Summary s = c->summary();
  const std::string mean = score_text(objective, s.mean);
  return std::isfinite(s.std) ? mean + " ± " + score_text(objective, s.std) : mean;
}

// TOML of a value with four digits, which is enough to look at.
std::string short_value(const std::string& toml) {
  const Value value = parse_assignment("v=" + toml).table().at("v");
  const auto* number = std::get_if<double>(&value.data);
  return number == nullptr ? toml : fmt::format("{:.4g}", *number);
}

nlohmann::json to_json(const tune::TrialRow& row) {
  nlohmann::json settings = nlohmann::json::object();
  for (const auto& [name, value] : row.settings) settings[name] = value;
  return {{"trial", row.trial},
          {"state", row.state},
          {"value", finite_or_null(row.value)},
          {"settings", settings},
          {"steps", row.steps},
          {"seconds", row.seconds},
          {"peak_memory_bytes", row.peak_memory},
          {"why", row.why}};
}

nlohmann::json to_json(const tune::Confirmed& c) {
  nlohmann::json values = nlohmann::json::array();
  for (const double value : c.values) values.push_back(finite_or_null(value));
  const measure::Summary s = c.summary();
  return {{"trial", c.trial},
          {"seeds", c.seeds},
          {"values", values},
          {"mean", finite_or_null(s.mean)},
          {"std", finite_or_null(s.std)}};
}

std::string again(const tune::StudyOptions& o) {
  std::string command;
  for (const std::string& variable : o.environment) command += variable + " ";
  return fmt::format("{}vistas train {} --out RUN", command,
                     shell_word((o.folder / "best.toml").string()));
}

}  // namespace

void TuneDisplay::on_trial(const tune::TrialRow& row, bool best) {
  status_.clear();
  std::vector<std::string> names, settings;
  for (const auto& [name, value] : row.settings) names.push_back(name);
  names = short_names(names);
  for (size_t i = 0; i < names.size(); ++i) {
    settings.push_back(names[i] + " " + short_value(row.settings[i].second));
  }
  fmt::print(stderr, "trial {}: {}{}, {}, {}: {}{}\n", row.trial, row.state,
             best ? " (best so far)" : "", score_text(objective_, row.value),
             look::format_duration(row.seconds), fmt::join(settings, ", "),
             row.why.empty() ? "" : "; " + row.why);
  std::fflush(stderr);
}

void TuneDisplay::on_standing(const tune::Standing& s) {
  std::string text = fmt::format("{} of {} trials, {} running", s.done, s.trials, s.running);
  if (s.best >= 0) {
    text += fmt::format(", best {} (trial {})", score_text(objective_, s.best_value), s.best);
  }
  text += ", " + look::format_duration(s.seconds);
  if (s.seconds_left >= 0) {
    text += fmt::format(", {} left at most", look::format_duration(s.seconds_left));
  }
  status_.show(text);
}

void TuneDisplay::on_confirming(int64_t done, int64_t all) {
  status_.show(fmt::format("{} of {} trainings with fresh seeds", done, all));
}

void TuneDisplay::on_confirmed(int64_t trial, int64_t seed, double value) {
  status_.clear();
  fmt::print(stderr, "trial {} with seed {}: {}\n", trial, seed, score_text(objective_, value));
  std::fflush(stderr);
}

void TuneDisplay::on_message(const std::string& message) {
  status_.clear();
  fmt::print(stderr, "{}\n", message);
}

std::string unit_of(tune::Objective objective) {
  switch (objective) {
    case tune::Objective::online:
      return "online score (%)";
    case tune::Objective::eval:
      return "score (%)";
    case tune::Objective::alignment_uniformity:
      return "alignment + uniformity";
    case tune::Objective::effective_rank:
      return "effective rank";
    case tune::Objective::fixed_views:
      return "-(align + uniform)";
  }
  return "";
}

bool is_sweep(const tune::Space& space) {
  return space.size() == 1 && !space[0].choices.empty();
}

void print_space(const Context& context, const tune::Space& space) {
  look::Table table({"searched", "recipe", "values"});
  for (const tune::Dimension& d : space) {
    table.add({d.name, short_value(to_toml(d.now)), d.text()});
  }
  context.print(table.str(context.color, context.width));
}

void print_trials(const Context& context, const tune::Space& space, const tune::StudyOptions& o,
                  const tune::StudyResult& result) {
  std::vector<std::string> header{"trial", unit_of(o.objective), "end", "steps", "time", "memory"};
  if (!result.confirmed.empty()) header.insert(header.begin() + 2, "fresh seeds");
  std::vector<std::string> names;
  for (const auto& d : space) names.push_back(d.name);
  for (const std::string& name : short_names(names)) header.push_back(name);
  look::Table table(header);
  auto rows = result.trials;
  if (!is_sweep(space)) {
    const auto rank = [&](const tune::TrialRow& row) {
      const tune::Confirmed* c = confirmed(result, row.trial);
      const double mean = c == nullptr ? std::nan("") : c->summary().mean;
      return std::isfinite(mean)     ? std::pair(2, mean)
             : std::isnan(row.value) ? std::pair(0, -std::numeric_limits<double>::infinity())
                                     : std::pair(row.state == "complete" ? 1 : 0, row.value);
    };
    std::ranges::stable_sort(rows, std::greater(), rank);
  }
  for (const tune::TrialRow& row : rows) {
    std::vector<std::string> cells{fmt::format("{}", row.trial),
                                   score_text(o.objective, row.value),
                                   row.state,
                                   fmt::format("{}", row.steps),
                                   row.seconds > 0 ? look::format_duration(row.seconds) : "-",
                                   look::format_bytes(static_cast<double>(row.peak_memory))};
    if (!result.confirmed.empty()) {
      cells.insert(cells.begin() + 2, fresh_text(o.objective, confirmed(result, row.trial)));
    }
    for (const auto& d : space) {
      const auto setting =
          std::ranges::find(row.settings, d.name, &std::pair<std::string, std::string>::first);
      cells.push_back(setting == row.settings.end() ? "" : short_value(setting->second));
    }
    table.add(cells, row.trial == result.best);
  }
  context.print("\n" + table.str(context.color));
}

void print_best(const Context& context, const tune::Space& space, const tune::StudyOptions& o,
                const tune::StudyResult& result) {
  if (result.best < 0) return context.print("no trial was complete\n");
  const auto row = std::ranges::find(result.trials, result.best, &tune::TrialRow::trial);
  const auto score = [&](const tune::TrialRow& of) {
    const tune::Confirmed* c = confirmed(result, of.trial);
    const std::string searched = score_text(o.objective, of.value);
    if (c == nullptr) return searched;
    return fmt::format("{} with fresh seeds ({} in the search)", fresh_text(o.objective, c),
                       searched);
  };
  std::string text =
      fmt::format("the best is trial {}, {} {}", row->trial, unit_of(o.objective), score(*row));
  const auto recipe = std::ranges::find(result.trials, tune::trial_of_recipe(result.trials, space),
                                        &tune::TrialRow::trial);
  if (recipe != result.trials.end() && recipe->state == "complete" && recipe != row) {
    text += fmt::format("; the recipe, trial {}: {}", recipe->trial, score(*recipe));
  }
  std::vector<std::string> shares;
  for (const auto& [name, share] : result.importance) {
    shares.push_back(fmt::format("{} {:.0f} %", name, 100 * share));
  }
  if (!shares.empty() && !is_sweep(space)) {
    text += fmt::format("\nimportance (PED-ANOVA): {}", fmt::join(shares, ", "));
  }
  context.print(
      fmt::format("{}\ntrain it again with\n  {}\nlook at the study with\n  "
                  "optuna-dashboard sqlite:///{}\n",
                  text, again(o), (o.folder / "study.db").string()));
}

nlohmann::json result_json(const tune::Space& space, const tune::StudyOptions& o,
                           const tune::StudyResult& result) {
  nlohmann::json json = {{"study", o.folder.string()},
                         {"objective", tune::name_of(o.objective)},
                         {"trial_seconds", o.budget.seconds},
                         {"trial_steps", o.budget.steps},
                         {"space", nlohmann::json::array()},
                         {"trials", nlohmann::json::array()},
                         {"confirmed", nlohmann::json::array()},
                         {"importance", nlohmann::json::object()},
                         {"stopped", result.stopped}};
  for (const auto& d : space) {
    json["space"].push_back({{"name", d.name}, {"recipe", to_toml(d.now)}, {"values", d.text()}});
  }
  for (const auto& row : result.trials) json["trials"].push_back(to_json(row));
  for (const auto& c : result.confirmed) json["confirmed"].push_back(to_json(c));
  for (const auto& [name, share] : result.importance) json["importance"][name] = share;
  json["best"] = result.best < 0 ? nlohmann::json() : nlohmann::json(result.best);
  json["best_recipe"] = result.best < 0 ? "" : (o.folder / "best.toml").string();
  return json;
}

}  // namespace vistas::app
