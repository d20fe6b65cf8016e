#include "vistas/tune/study.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace fs = std::filesystem;

namespace vistas::tune {
namespace {

// What makes a study this one, as text: names for people, in the order in which they are compared.
ValueTable identity(const StudyOptions& o, const Subject& subject, const Space& space) {
  const auto text = [](const std::string& s) { return Value{.data = s}; };
  std::vector<std::string> dimensions;
  for (const Dimension& d : space) dimensions.push_back(d.name + ": " + d.text());
  return {{"recipe", text(subject.recipe)},
          {"data", text(subject.data_fingerprint)},
          {"space", text(fmt::format("{}", fmt::join(dimensions, "\n")))},
          {"objective", text(name_of(o.objective))},
          {"eval", text(fmt::format("{}", fmt::join(o.eval, " ")))}};
}

std::string text_of(const Value& table, const std::string& key, const std::string& file) {
  const auto found = table.table().find(key);
  const auto* text =
      found == table.table().end() ? nullptr : std::get_if<std::string>(&found->second.data);
  if (text == nullptr) {
    throw Error(ErrorKind::data, {.what = file + ": no study of vistas, '" + key + "' is missing",
                                  .fix = "Choose another folder with --out"});
  }
  return *text;
}

// Lines of `after` that `before` has not, and the other way round.
std::string line_changes(const std::string& before, const std::string& after) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> result{""};
    for (const char c : text) {
      if (c == '\n') {
        result.emplace_back();
      } else {
        result.back() += c;
      }
    }
    return result;
  };
  const auto a = lines(before), b = lines(after);
  std::string text;
  for (const auto& line : a) {
    if (std::ranges::find(b, line) == b.end()) text += "\n  - " + line;
  }
  for (const auto& line : b) {
    if (std::ranges::find(a, line) == a.end()) text += "\n  + " + line;
  }
  return text;
}

std::string changes(const std::string& key, const std::string& before, const std::string& after) {
  if (before == after) return "";
  if (key == "data") return "\n  the samples have changed";
  if (key != "recipe") return fmt::format("\n  the {}:{}", key, line_changes(before, after));
  const auto old_config = recipe::read_config(parse_toml(before, "study.json: recipe"));
  const auto new_config = recipe::read_config(parse_toml(after, "the recipe"));
  return fmt::format("\n  {}", fmt::join(recipe::differences(*old_config, *new_config), "\n  "));
}

Budget budget_in(const Value& table) {
  Budget budget;
  Fields fields;
  fields.add("trial_seconds", budget.seconds, "");
  fields.add("trial_steps", budget.steps, "");
  for (const Field& field : fields.all()) {
    if (table.table().contains(field.name)) field.set(table.table().at(field.name));
  }
  return budget;
}

std::string budget_text(const Budget& b) {
  return b.seconds > 0 ? fmt::format("{:.0f} s", b.seconds) : fmt::format("{} steps", b.steps);
}

}  // namespace

fs::path trial_folder(const fs::path& study, int64_t trial) {
  return study / "trials" / fmt::format("{:04}", trial);
}

fs::path confirm_folder(const fs::path& study, int64_t trial, int64_t seed) {
  return study / "confirm" / fmt::format("{:04}-seed-{}", trial, seed);
}

std::vector<int64_t> fresh_seeds(const StudyOptions& options, const Subject& subject) {
  std::vector<int64_t> seeds;
  for (int64_t i = 1; i <= options.seeds; ++i) seeds.push_back(subject.seed + i);
  return seeds;
}

int64_t trainings_to_confirm(const StudyOptions& o) {
  if (o.confirm == 0 || o.sampler.trials < 2) return 0;
  return o.seeds * std::min(o.confirm + 1, o.sampler.trials);
}

int64_t best_of(const std::vector<TrialRow>& trials) {
  const TrialRow* best = nullptr;
  for (const TrialRow& row : trials) {
    if (row.state == "complete" && (best == nullptr || row.value > best->value)) best = &row;
  }
  return best == nullptr ? -1 : best->trial;
}

int64_t trial_of_recipe(const std::vector<TrialRow>& trials, const Space& space) {
  Settings recipe;
  for (const Dimension& d : space) recipe.emplace_back(d.name, to_toml(d.now));
  std::ranges::sort(recipe);
  for (const TrialRow& row : trials) {
    Settings settings = row.settings;
    std::ranges::sort(settings);
    if (settings == recipe) return row.trial;
  }
  return -1;
}

std::vector<int64_t> trials_to_confirm(const std::vector<TrialRow>& trials, const Space& space,
                                       int64_t confirm) {
  if (confirm == 0) return {};
  std::vector<const TrialRow*> complete;
  for (const TrialRow& row : trials) {
    if (row.state == "complete") complete.push_back(&row);
  }
  std::ranges::stable_sort(complete, std::greater(),
                           [](const TrialRow* row) { return row->value; });
  const int64_t recipe = trial_of_recipe(trials, space);
  std::vector<int64_t> chosen;
  for (const TrialRow* row : complete) {
    if (std::ssize(chosen) < confirm || row->trial == recipe) chosen.push_back(row->trial);
  }
  return chosen.size() > 1 ? chosen : std::vector<int64_t>{};
}

void open_study(StudyOptions& o, const Subject& subject, const Space& space, bool given) {
  const fs::path file = o.folder / "study.json";
  ValueTable wanted = identity(o, subject, space);
  if (!fs::exists(file)) {
    check_empty(o.folder);
    fs::create_directories(o.folder / "trials");
    wanted["trial_seconds"] = Value{.data = o.budget.seconds};
    wanted["trial_steps"] = Value{.data = o.budget.steps};
    write_file_atomic(o.folder / "recipe.toml", subject.recipe);
    write_file_atomic(file, to_json(Value{.data = wanted}));  // last: from now on this is a study
    return;
  }
  const Value stored = parse_json(read_file(file), file.string());
  std::string differing;
  for (const char* key : {"recipe", "data", "space", "objective", "eval"}) {
    differing += changes(key, text_of(stored, key, file.string()),
                         std::get<std::string>(wanted.at(key).data));
  }
  const Budget budget = budget_in(stored);
  if (given && (budget.seconds != o.budget.seconds || budget.steps != o.budget.steps)) {
    differing += fmt::format("\n  the length of a trial: {} -> {}", budget_text(budget),
                             budget_text(o.budget));
  }
  if (!differing.empty()) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("{} holds a study of something else; these differ:{}\n"
                                     "Choose another folder with --out, or repeat the command with "
                                     "which the study began",
                                     o.folder.string(), differing)});
  }
  o.budget = budget;
}

}  // namespace vistas::tune
