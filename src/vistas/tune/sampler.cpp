#include "vistas/tune/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace vistas::tune {
namespace {

// Choices are texts of TOML to Optuna, so that its own tools show them as they are.
nlohmann::json to_json(const Dimension& d) {
  if (d.choices.empty()) {
    return {{"low", d.low}, {"high", d.high}, {"log", d.log}, {"whole", d.whole}};
  }
  nlohmann::json choices = nlohmann::json::array();
  for (const Value& choice : d.choices) choices.push_back(to_toml(choice));
  return {{"choices", choices}};
}

nlohmann::json to_json(const Dimension& d, const Value& value) {
  const std::string text = to_toml(value);
  return d.choices.empty() ? nlohmann::json::parse(text) : nlohmann::json(text);
}

Settings settings_of(const nlohmann::json& values) {
  Settings settings;
  for (const auto& [name, value] : values.items()) {
    settings.emplace_back(name, value.is_string() ? value.get<std::string>()
                                : value.is_number_integer()
                                    ? to_toml(Value{.data = value.get<int64_t>()})
                                    : to_toml(Value{.data = value.get<double>()}));
  }
  return settings;
}

Suggestion suggestion_of(const nlohmann::json& answer) {
  return {answer.at("trial"), settings_of(answer.at("values"))};
}

// The last line of a file; empty without one.
std::string last_line(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return "";
  std::string text = read_file(file);
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Sampler::Sampler(const SamplerOptions& o, const Space& space,
                 const std::vector<std::vector<Value>>& first)
    : folder_(o.folder) {
  python_ = std::make_unique<Process>(
      std::vector<std::string>{o.python, "-c", kDriver},
      ProcessOptions{.folder = o.folder, .log = o.folder / "optuna.log", .talks = true});
  nlohmann::json dimensions = nlohmann::json::object(), queue = nlohmann::json::array();
  for (const Dimension& d : space) dimensions[d.name] = to_json(d);
  for (const std::vector<Value>& values : first) {
    nlohmann::json one = nlohmann::json::object();
    for (size_t i = 0; i < space.size(); ++i) one[space[i].name] = to_json(space[i], values[i]);
    queue.push_back(one);
  }
  const auto answer = nlohmann::json::parse(ask(nlohmann::json{
      {"ask", "begin"},
      {"space", dimensions},
      {"first", queue},
      {"sampler", o.sampler},
      {"pruner", o.pruner},
      {"seed", o.seed},
      {"trials", o.trials}}.dump()));
  for (const auto& trial : answer.at("trials")) unfinished_.push_back(suggestion_of(trial));
}

std::string Sampler::ask(const std::string& question) {
  std::string answer;
  if (!python_->send(question) || !python_->receive(answer)) {
    const std::string why = last_line(folder_ / "optuna.log");
    throw Error(ErrorKind::resource,
                {.what = folder_.string() + ": the Python program with Optuna has ended",
                 .got = why.empty() ? "nothing in optuna.log" : why,
                 .fix = "The same command goes on with the study"});
  }
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (json.is_object() && !json.contains("error")) return answer;
  const std::string why = json.is_object() ? json.at("error").get<std::string>() : answer;
  throw Error(ErrorKind::resource,
              {.what = (folder_ / "study.db").string() + ": Optuna cannot use the study",
               .got = why,
               .fix = "See that the disk has space and the file is whole; the same command goes on "
                      "with the study"});
}

Suggestion Sampler::suggest() {
  return suggestion_of(nlohmann::json::parse(ask(R"({"ask": "suggest"})")));
}

bool Sampler::report(int64_t trial, int64_t rung, double value) {
  const nlohmann::json question = {
      {"ask", "report"}, {"trial", trial}, {"rung", rung}, {"value", value}};
  return nlohmann::json::parse(ask(question.dump())).at("prune");
}

void Sampler::tell(const TrialRow& row) {
  nlohmann::json question = {{"ask", "tell"},
                             {"trial", row.trial},
                             {"state", row.state},
                             {"notes",
                              {{"seconds", row.seconds},
                               {"peak_memory_bytes", row.peak_memory},
                               {"steps", row.steps},
                               {"why", row.why}}}};
  if (row.state == "complete") question["value"] = row.value;
  ask(question.dump());
}

std::vector<TrialRow> Sampler::table() {
  std::vector<TrialRow> rows;
  const auto answer = nlohmann::json::parse(ask(R"({"ask": "table"})"));
  for (const auto& trial : answer.at("trials")) {
    TrialRow row{.trial = trial.at("trial"),
                 .state = trial.at("state"),
                 .settings = settings_of(trial.at("values"))};
    if (trial.contains("value")) row.value = trial.at("value");
    const auto& notes = trial.at("notes");
    row.seconds = notes.value("seconds", 0.0);
    row.peak_memory = notes.value("peak_memory_bytes", int64_t{0});
    row.steps = notes.value("steps", int64_t{0});
    row.why = notes.value("why", "");
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::pair<std::string, double>> Sampler::importance() {
  std::vector<std::pair<std::string, double>> shares;
  const auto answer = nlohmann::json::parse(ask(R"({"ask": "importance"})"));
  for (const auto& [name, share] : answer.at("importance").items())
    shares.emplace_back(name, share);
  std::ranges::sort(shares, std::greater{}, &std::pair<std::string, double>::second);
  return shares;
}

bool has_optuna(const std::string& python) {
  try {
    Process process({python, "-c", "import optuna"});
    process.wait();
    return process.exit_code() == 0;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace vistas::tune
