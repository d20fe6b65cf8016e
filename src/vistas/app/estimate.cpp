#include "vistas/app/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "vistas/learn/group.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/run_files.h"

namespace vistas::app {
namespace {

constexpr int64_t kTimedSteps = 3;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// What a step costs with fewer or more pictures in memory at once.
struct Choice {
  int64_t micro_batch;
  double memory;   // bytes
  double seconds;  // a step
};

// From a measured choice: memory beyond `empty` grows with the pictures at once; all micro-batches
// but one go forward twice.
std::vector<Choice> choices(const learn::TrainOptions& train, double empty, double memory,
                            double seconds) {
  constexpr double kForward = 0.42;  // of a plain step, views included; measured for ResNet-18
  constexpr int64_t kFewest = 32;    // batch norm wants no fewer
  constexpr size_t kRows = 6;
  const auto batch = static_cast<double>(train.batch);
  const auto passes = [&](double micro) { return 1 + kForward * (1 - micro / batch); };
  const auto now = static_cast<double>(train.micro_batch > 0 ? train.micro_batch : train.batch);
  std::vector<Choice> result;
  int64_t micro = train.batch;
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

}  // namespace

std::string negatives_text(const learn::Trainer& trainer, const recipe::Training& training,
                           int64_t batch) {
  return (trainer.spares_own_class() ? "at most " : "") +
         std::to_string(trainer.negatives_per_anchor() + training.hard_negatives(batch));
}

std::string batch_text(const learn::TrainOptions& train, const std::string& unit) {
  return fmt::format("{} {}s", train.batch, unit) +
         (train.micro_batch > 0 ? fmt::format(", {} in memory at once", train.micro_batch) : "") +
         (train.micro_tokens > 0 ? fmt::format(", {} tokens in memory at once", train.micro_tokens)
                                 : "");
}

int dry_run(const Context& context, recipe::Config& config) {
  const auto training = config.open();
  learn::Trainer trainer(training->parts());
  const auto empty = static_cast<double>(recipe::peak_memory_bytes());
  const double step = median(trainer.time_steps(kTimedSteps));
  const auto costs =
      choices(config.train, empty, static_cast<double>(recipe::peak_memory_bytes()), step);
  const auto per_epoch = trainer.steps_per_epoch();
  const auto total = trainer.total_steps();
  const int64_t state = trainer.parameter_bytes() + trainer.optimizer_bytes();
  const int64_t kept =
      2 + (config.train.keep_every > 0 ? total / per_epoch / config.train.keep_every : 0);
  nlohmann::json choices_json = nlohmann::json::array();
  for (const Choice& c : costs) {
    choices_json.push_back({{"micro_batch", c.micro_batch},
                            {"memory_bytes", std::llround(c.memory)},
                            {"seconds_per_step", c.seconds}});
  }
  const nlohmann::json result = {
      {"samples", training->size()},
      {"parameters", trainer.parameters()},
      {"batch", config.train.batch},
      {"micro_batch", config.train.micro_batch},
      {"peak_memory_bytes", recipe::peak_memory_bytes()},
      {"seconds_per_step", step},
      {"seconds_per_epoch", step * static_cast<double>(per_epoch)},
      {"seconds", step * static_cast<double>(total)},
      {"steps", total},
      {"disk_bytes", state * kept},
      {"negatives_per_anchor",
       trainer.negatives_per_anchor() + training->hard_negatives(config.train.batch)},
      {"choices", choices_json}};
  const double epoch_seconds = step * static_cast<double>(per_epoch);
  look::Table table({"dry run", ""});
  table.add({training->unit() + "s", fmt::format("{}", training->size())});
  table.add({"parameters", fmt::format("{}", trainer.parameters())});
  table.add({"batch", batch_text(config.train, training->unit())});
  table.add({"peak memory", look::format_bytes(static_cast<double>(recipe::peak_memory_bytes()))});
  table.add({"time", fmt::format("{} an epoch, {} in all ({} steps of {:.0f} ms)",
                                 look::format_duration(epoch_seconds),
                                 look::format_duration(step * static_cast<double>(total)), total,
                                 1000 * step)});
  table.add({"disk", fmt::format("{} for {} checkpoints",
                                 look::format_bytes(static_cast<double>(state * kept)), kept)});
  table.add({"negatives", negatives_text(trainer, *training, config.train.batch) + " an anchor"});
  context.print(table.str(context.color, context.width) + "\n");
  if (costs.size() > 1 && config.train.micro_tokens == 0)
    print_choices(context, costs, training->unit());
  context.print("Nothing was trained.\n");
  context.write_json(result);
  return 0;
}

void limit_time(recipe::Config& config, double seconds, recipe::Training& training) {
  learn::Trainer trainer(training.parts());
  const auto start = std::chrono::steady_clock::now();
  const double step = median(trainer.time_steps(kTimedSteps));
  const double spent =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  // Some of the time goes into reports, checkpoints and scores.
  constexpr double kShareOfSteps = 0.95;
  const auto fit = static_cast<int64_t>((seconds - spent) * kShareOfSteps / step);
  // The first process of a group decides for all.
  const double agreed = learn::Group::current().broadcast(static_cast<double>(fit));
  config.train.steps = std::clamp<int64_t>(static_cast<int64_t>(agreed), 1, trainer.total_steps());
}

}  // namespace vistas::app
