#include "vistas/app/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/base/memory.h"
#include "vistas/base/strings.h"
#include "vistas/learn/group.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"

namespace vistas::app {
namespace {

// What a step costs with fewer or more pictures in memory at once.
struct Choice {
  int64_t micro_batch;
  double memory;   // bytes
  double seconds;  // a step
};

// From a measured choice: memory beyond `empty` grows with the pictures at once; all micro-batches
// but one go forward twice.
std::vector<Choice> other_choices(const learn::TrainOptions& train, double empty, double memory,
                                  double seconds) {
  constexpr double kForward = 0.42;  // of a plain step, views included; measured for ResNet-18
  constexpr int64_t kFewest = 32;    // batch norm wants no fewer
  constexpr size_t kRows = 6;
  const int64_t share = learn::share_of_rows(train.batch, 0, learn::Group::current().size()).end;
  const auto batch = static_cast<double>(share);
  const auto passes = [&](double micro) { return 1 + kForward * (1 - micro / batch); };
  const auto now = static_cast<double>(train.micro_batch > 0 ? train.micro_batch : share);
  std::vector<Choice> result;
  int64_t micro = share;
  for (; result.size() < kRows && micro >= kFewest; micro /= 2) {
    const auto m = static_cast<double>(micro);
    result.push_back(
        {micro, empty + (memory - empty) * m / now, seconds * passes(m) / passes(now)});
    if (micro % 2 != 0) break;
  }
  return result;
}

void print_choices(const Context& context, const std::vector<Choice>& choices,
                   const std::string& unit) {
  look::Table table({unit + "s at once", "memory", "a step"});
  for (const Choice& c : choices) {
    table.add({fmt::format("{}", c.micro_batch), "about " + look::format_bytes(c.memory),
               "about " + look::format_duration(c.seconds)});
  }
  context.print(
      table.str(context.color, context.width) +
      "The batch, its negatives and the learning rate stay the same: --micro-batch N\n\n");
}

std::string bytes_text(int64_t bytes) {
  return look::format_bytes(static_cast<double>(bytes));
}

// Of the time of a run, for reports and checkpoints.
constexpr double kShareOfSteps = 0.97;

// Steps that fit into `seconds`, scores among them, one of which is at the end; at least one.
int64_t fitting_steps(const recipe::Costs& costs, double seconds) {
  const double a_step =
      costs.seconds() / static_cast<double>(costs.steps);  // its share of scores included
  const double left = seconds * kShareOfSteps - costs.seconds_per_score;
  return std::clamp<int64_t>(static_cast<int64_t>(left / a_step), 1, costs.steps);
}

// "1.5h": 1.5 and "h"; NaN where no number is in front.
std::pair<double, std::string> number_and_unit(const std::string& text) {
  size_t used = 0;
  try {
    const double value = std::stod(text, &used);
    return {value, text.substr(used)};
  } catch (const std::exception&) {
    return {std::nan(""), ""};
  }
}

// "4G", "512M", "1.5 GB" (powers of 1000) or "4GiB"; anything else is a usage error.
int64_t parse_bytes(const std::string& text) {
  auto [value, unit] = number_and_unit(text);
  unit = ascii_lower(unit);
  std::erase(unit, ' ');
  const double base = unit.ends_with("ib") ? 1024 : 1000;
  if (unit.ends_with("ib")) unit.resize(unit.size() - 2);
  if (unit.ends_with('b')) unit.pop_back();
  constexpr std::array<const char*, 5> kUnits = {"", "k", "m", "g", "t"};
  const auto* found = std::ranges::find(kUnits, unit);
  for (auto power = found - kUnits.begin(); power > 0; --power) value *= base;
  if (found == kUnits.end() || !(value >= 1 && value < 1e18)) {
    throw Error(ErrorKind::usage,
                {.what = "--fit-memory", .got = text, .expected = "for example 512M, 4G or 4GiB"});
  }
  return static_cast<int64_t>(value);
}

void fit_memory(const Context& context, recipe::Config& config, recipe::Training& training,
                int64_t limit) {
  StatusLine status(context);
  const recipe::Fit fit = recipe::fit_memory(
      training, limit, [&](const std::string& doing) { status.show("--fit-memory: " + doing); });
  status.clear();
  config.train.micro_batch = fit.micro_batch;
  config.train.recompute = fit.recompute;
  const std::string at_once = fit.micro_batch == 0
                                  ? fmt::format("the batch of {} at once", config.train.batch)
                                  : fmt::format("{} of {} {}s at once", fit.micro_batch,
                                                config.train.batch, training.unit());
  context.print(fmt::format("--fit-memory {}: {}, activations {}: {}\n", bytes_text(limit), at_once,
                            fit.recompute ? "recomputed" : "kept", bytes_text(fit.memory)));
}

}  // namespace

void LimitArguments::add_options(CLI::App& app) {
  app.add_option("--max-time", max_time,
                 "end in time, for example 90s, 6m or 1.5h: fixes "
                 "the number of steps once, from the first timed steps")
      ->group("Running");
  app.add_option("--fit-memory", memory,
                 "stay below this, for example 4G or 800M: chooses train.micro_batch (gradient "
                 "caching) and train.recompute from measured steps, and says what it chose")
      ->group("Running")
      ->type_name("BYTES");
  app.add_flag("--dry-run", dry_run,
               "print parameters, memory, time, disk and negatives "
               "an anchor, and train nothing")
      ->group("Running");
}

Limits LimitArguments::limits() const {
  return {.seconds = max_time.empty() ? 0 : parse_duration("--max-time", max_time),
          .memory = memory.empty() ? 0 : parse_bytes(memory)};
}

double parse_duration(const std::string& option, const std::string& text) {
  const auto [value, unit] = number_and_unit(text);
  const double factor = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (factor == 0 || !(value > 0)) {
    throw Error(ErrorKind::usage, {.what = option,
                                   .got = text,
                                   .expected = "for example 90s, "
                                               "6m or 1.5h"});
  }
  return value * factor;
}

std::string batch_text(const learn::TrainOptions& train, const std::string& unit) {
  return fmt::format("{} {}s", train.batch, unit) +
         (train.micro_batch > 0 ? fmt::format(", {} in memory at once", train.micro_batch) : "") +
         (train.micro_tokens > 0 ? fmt::format(", {} tokens in memory at once", train.micro_tokens)
                                 : "");
}

int dry_run(const Context& context, recipe::Config& config, const Limits& limits) {
  const auto training = config.open();
  if (limits.memory > 0) fit_memory(context, config, *training, limits.memory);
  const recipe::Costs costs = recipe::measure_costs(*training);
  const recipe::MemoryParts& memory = costs.memory;
  const auto peak = static_cast<double>(memory.peak);
  const auto choices = other_choices(config.train, peak - static_cast<double>(memory.activations),
                                     peak, costs.seconds_per_step);
  nlohmann::json choices_json = nlohmann::json::array();
  for (const Choice& c : choices) {
    choices_json.push_back({{"micro_batch", c.micro_batch},
                            {"memory_bytes", std::llround(c.memory)},
                            {"seconds_per_step", c.seconds}});
  }
  nlohmann::json result = {{"samples", training->size()},
                           {"parameters", costs.parameters},
                           {"batch", config.train.batch},
                           {"micro_batch", config.train.micro_batch},
                           {"recompute", config.train.recompute},
                           {"peak_memory_bytes", memory.peak},
                           {"memory",
                            {{"program", memory.program},
                             {"parameters", memory.parameters},
                             {"gradients", memory.gradients},
                             {"optimizer", memory.optimizer},
                             {"remembered", memory.remembered},
                             {"activations", memory.activations}}},
                           {"seconds_per_step", costs.seconds_per_step},
                           {"seconds_per_score", costs.seconds_per_score},
                           {"seconds_per_epoch", costs.seconds_per_epoch()},
                           {"seconds", costs.seconds()},
                           {"steps", costs.steps},
                           {"disk_bytes", costs.disk},
                           {"negatives_per_anchor", costs.negatives_per_anchor},
                           {"choices", choices_json}};
  look::Table table({"dry run", ""});
  table.add({training->unit() + "s", fmt::format("{}", training->size())});
  table.add({"parameters", fmt::format("{}", costs.parameters)});
  table.add({"batch", batch_text(config.train, training->unit())});
  table.add({"negatives", costs.negatives + " an anchor"});
  table.add({"peak memory", bytes_text(memory.peak)});
  table.add({"  program and data", bytes_text(memory.program)});
  table.add({"  parameters", bytes_text(memory.parameters)});
  table.add({"  gradients", bytes_text(memory.gradients)});
  table.add({"  optimiser", bytes_text(memory.optimizer)});
  if (memory.remembered > 0) table.add({"  queue", bytes_text(memory.remembered)});
  table.add({"  activations, views",
             bytes_text(memory.activations) + (config.train.recompute ? ", recomputed" : "")});
  table.add({"time", fmt::format("{} an epoch, {} in all ({} steps of {:.0f} ms)",
                                 look::format_duration(costs.seconds_per_epoch()),
                                 look::format_duration(costs.seconds()), costs.steps,
                                 1000 * costs.seconds_per_step)});
  if (costs.scores > 0) {
    table.add({"  of it scores", fmt::format("{} of {}", costs.scores,
                                             look::format_duration(costs.seconds_per_score))});
  }
  if (limits.seconds > 0) {
    const int64_t steps = fitting_steps(costs, limits.seconds - costs.spent);
    result["fitting_steps"] = steps;
    table.add({"--max-time", fmt::format("{} of {} steps fit, {:.2f} epochs", steps, costs.steps,
                                         static_cast<double>(steps) /
                                             static_cast<double>(costs.steps_per_epoch))});
  }
  table.add(
      {"disk", fmt::format("{} for {} checkpoints", bytes_text(costs.disk), costs.checkpoints)});
  context.print(table.str(context.color, context.width) + "\n");
  if (choices.size() > 1 && config.train.micro_tokens == 0)
    print_choices(context, choices, training->unit());
  context.print("Nothing was trained.\n");
  context.write_json(result);
  return 0;
}

void keep_to(const Limits& limits, const Context& context, recipe::Config& config,
             recipe::Training& training) {
  if (limits.memory > 0) fit_memory(context, config, training, limits.memory);
  if (limits.seconds > 0) {
    const recipe::Costs costs = recipe::measure_costs(training, 3);
    const int64_t fit = fitting_steps(costs, limits.seconds - costs.spent);
    // The first process of a group decides for all.
    config.train.steps =
        static_cast<int64_t>(learn::Group::current().broadcast(static_cast<double>(fit)));
  }
  reset_peak_memory();
}

}  // namespace vistas::app
