// vistas bench: how fast this machine is, and what limits a training on it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "vistas/app/shared.h"
#include "vistas/app/train.h"
#include "vistas/base/threads.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/rates.h"

namespace vistas::app {
namespace {

struct BenchArguments {
  std::string input, data;
  std::vector<std::string> sets;
  double seconds = 1;
};

std::string rate_text(const recipe::Rate& rate) {
  return look::format_count(std::llround(rate.value)) + " " + rate.unit + "/s";
}

nlohmann::json measure_machine(const Context& context, double seconds) {
  StatusLine status(context);
  const auto rates = recipe::machine_rates(
      seconds, [&](const std::string& what) { status.show("measuring: " + what); });
  status.clear();
  look::Table table({fmt::format("this machine, {} threads", available_cores()), "rate"});
  nlohmann::json json = nlohmann::json::object();
  for (const recipe::Rate& rate : rates) {
    table.add({rate.what, rate_text(rate)});
    json[rate.name] = rate.value;
  }
  context.print(table.str(context.color, context.width));
  return json;
}

// What a step is made of, and which part to make faster first.
struct Limit {
  std::string name, advice;
};

Limit limit_of(const learn::StepTimes& t, double step) {
  constexpr double kWaits = 0.1;  // of a step
  if (t.waiting > kWaits * step) {
    if (t.reading > t.making / 2) {
      return {"reading", "Pack the pictures (`vistas pack`), or keep them on a faster disk"};
    }
    return {"views", "Make fewer or cheaper views (`vistas views --explain`), or smaller ones"};
  }
  const double network = t.forward + t.backward;
  if (t.loss > network && t.loss > t.optimizer) {
    return {"loss", "Use a smaller batch or fewer dimensions of embeddings"};
  }
  if (t.optimizer > network) {
    return {"optimiser", "Use a larger batch: fewer steps for as many samples"};
  }
  return {"compute", "Use a smaller encoder or smaller views, bf16, or more cores"};
}

nlohmann::json measure_recipe(const Context& context, const BenchArguments& a) {
  Value over{.data = ValueTable{}};
  for (const std::string& set : a.sets) merge_into(over, parse_assignment(set));
  if (!a.data.empty()) {
    merge_into(over, parse_assignment("data.path=" + to_toml(Value{.data = a.data})));
  }
  const auto config = config_for(a.input, over);
  const auto training = config->open();
  StatusLine status(context);
  status.show("measuring steps of " + a.input);
  learn::Trainer trainer(training->parts());
  const std::vector<double> each = trainer.time_steps(1000, std::max(3.0, 3 * a.seconds));
  status.clear();
  const auto steps = static_cast<double>(each.size());
  const learn::StepTimes& t = trainer.step_times();
  const double step = (t.waiting + t.forward + t.loss + t.backward + t.optimizer) / steps;
  const double cores = step * available_cores();
  const auto batch = static_cast<double>(config->train.batch);
  look::Table table({fmt::format("a step of {}", a.input), "time", "share"});
  nlohmann::json json = {
      {"recipe", a.input}, {"seconds_per_step", step}, {"samples_per_s", batch / step}};
  const auto add = [&](const std::string& name, const std::string& what, double seconds,
                       double of) {
    table.add({what, fmt::format("{:.1f} ms", 1000 * seconds),
               fmt::format("{:.0f} %", 100 * seconds / of)});
    json["shares"][name] = seconds / of;
  };
  add("waiting", "waiting for the loader", t.waiting / steps, step);
  add("forward", "forward", t.forward / steps, step);
  add("loss", "loss", t.loss / steps, step);
  add("backward", "backward", t.backward / steps, step);
  add("optimizer", "optimiser", t.optimizer / steps, step);
  table.add({"all", fmt::format("{:.1f} ms", 1000 * step),
             fmt::format("{:.0f} {}s/s", batch / step, training->unit())},
            true);
  table.add_rule();
  const bool apart = t.reading > 0;
  if (apart) add("reading", "beside it, of all cores: reading, decoding", t.reading / steps, cores);
  add("views", apart ? "beside it, of all cores: views" : "beside it, of all cores: reading, views",
      (t.making - t.reading) / steps, cores);
  const Limit limit = limit_of(t, steps * step);
  json["limit"] = limit.name;
  context.print(table.str(context.color, context.width) +
                fmt::format("What limits it: {}. {}.\n", limit.name, limit.advice));
  return json;
}

int bench(const Context& context, const BenchArguments& a) {
  nlohmann::json json = {{"threads", available_cores()}};
  if (a.input.empty()) {
    json["machine"] = measure_machine(context, a.seconds);
  } else {
    json["training"] = measure_recipe(context, a);
  }
  context.write_json(json);
  return 0;
}

}  // namespace

Command bench_command() {
  return {
      "bench",
      "Measures this machine, or what limits a training on it.",
      {"vistas bench --seconds 0.1", "vistas bench photos/ --json -",
       "vistas bench recipes/text/static-tatoeba-demo.toml --set train.batch=256 --seconds 0.1"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<BenchArguments>();
        app.add_option("input", a->input,
                       "a recipe (.toml) or data: what its training steps are made of, instead "
                       "of the rates of the machine")
            ->type_name("DATA|RECIPE");
        app.add_option("--data", a->data, "the data, instead of the recipe's")
            ->needs(app.get_option("input"));
        app.add_option("--set", a->sets, "one setting, KEY=VALUE; may be given many times")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        app.add_option("--seconds", a->seconds, "for each rate; three times that for steps")
            ->capture_default_str()
            ->check(CLI::Range(0.01, 3600.0));
        return [a](const Context& context) { return bench(context, *a); };
      }};
}

}  // namespace vistas::app
