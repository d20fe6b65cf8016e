// vistas train: from data to a run folder.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "vistas/app/estimate.h"
#include "vistas/app/shared.h"
#include "vistas/app/texts.h"
#include "vistas/app/train.h"
#include "vistas/app/train_display.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/memory.h"
#include "vistas/learn/group.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/config.h"
#include "vistas/recipe/run_files.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

// In a run: the run that chose for how long to train.
constexpr char kChoice[] = "choice";
constexpr int64_t kMost = 1'000'000'000;  // of epochs, and of samples in a batch

struct TrainArguments {
  std::string input, data, out, resume;
  std::string method, encoder, item_features, select_on, on_bad_image, epochs, batch, micro_batch,
      device, precision;
  text::ReadOptions read{.file = {.header = "", .on_bad_line = ""}};  // "": as the recipe says
  std::vector<std::string> sets;
  LimitArguments limits;
  bool list_settings = false, refit = true;
};

Value text_setting(const std::string& key, const std::string& text) {
  return parse_assignment(key + "=" + to_toml(Value{.data = text}));
}

Value overrides(const TrainArguments& a) {
  Value values{.data = ValueTable{}};
  for (const std::string& set : a.sets) merge_into(values, parse_assignment(set));
  const auto text = [&](const std::string& key, const std::string& value) {
    if (!value.empty()) merge_into(values, text_setting(key, value));
  };
  text("data.path", a.data);
  text("method.name", a.method);
  text("encoder.start", a.encoder);
  text("data.item_features", a.item_features);
  text("data.select_on", a.select_on);
  if (!a.read.layout.columns.empty()) {
    ValueList names;
    for (const std::string& name : a.read.layout.columns) names.push_back(Value{.data = name});
    merge_into(values, parse_assignment("data.columns=" + to_toml(Value{.data = names})));
  }
  text("data.header", a.read.file.header);
  text("data.on_bad_line", a.read.file.on_bad_line);
  text("data.on_bad_image", a.on_bad_image);
  const auto number = [&](const std::string& key, const std::string& value) {
    if (!value.empty()) merge_into(values, parse_assignment(key + "=" + value));
  };
  number("train.epochs", a.epochs);
  if (!a.epochs.empty()) number("train.steps", "0");  // which would override the epochs
  if (!a.refit) number("data.refit", "false");
  number("train.batch", a.batch);
  number("train.micro_batch", a.micro_batch);
  text("train.device", a.device);
  text("train.precision", a.precision);
  return values;
}

std::unique_ptr<recipe::Config> new_config(const TrainArguments& a) {
  if (a.input.empty() && a.data.empty()) {
    throw Error(ErrorKind::usage, {.what = "nothing to train on",
                                   .fix = "Give a folder of pictures, a file of texts or a recipe: "
                                          "`vistas train photos/`"});
  }
  if (a.input == "-" || a.data == "-") {
    throw Error(ErrorKind::usage,
                {.what = "training from standard input",
                 .expected = "data that can be read many times, and again when a run goes on",
                 .fix = "Write it to a file first"});
  }
  return config_for(a.input.empty() ? a.data : a.input, overrides(a));
}

std::string default_out(const TrainArguments& a) {
  const fs::path source = fs::path(a.input.empty() ? a.data : a.input);
  const fs::path name = source.has_stem() ? source.stem() : source.parent_path().filename();
  return (fs::path("runs") / name).string();
}

std::string text_of(const recipe::Config& config, const std::string& name) {
  return std::get<std::string>(config.setting(name).data);
}

void print_settings(const Context& context, const recipe::Config& config,
                    const learn::Trainer& trainer, const recipe::Training& training,
                    const fs::path& out) {
  look::Table table({"run", out.string()});
  for (const auto& [name, value] : training.summary()) table.add({name, value});
  table.add({"parameters", fmt::format("{} with heads", trainer.parameters())});
  table.add({"method", fmt::format("{}, {} negatives an anchor", config.method_name,
                                   recipe::negatives_text(trainer, training, config.train.batch))});
  table.add({"steps", fmt::format("{} of {} ({:.1f} epochs)", trainer.total_steps(),
                                  batch_text(config.train, training.unit()),
                                  static_cast<double>(trainer.total_steps()) /
                                      static_cast<double>(trainer.steps_per_epoch()))});
  const std::string scaling = text_of(config, "schedule.lr_scaling");
  table.add({"optimiser",
             fmt::format("{}, learning rate {:.4g} ({})", text_of(config, "optimizer.name"),
                         trainer.peak_learning_rate(),
                         scaling == "none" ? "not scaled with the batch"
                                           : fmt::format("{} scaling of {:.4g} with the batch",
                                                         scaling, config.schedule.lr))});
  table.add({"device", fmt::format("{} {}", trainer.device().str(), trainer.precision())});
  context.print(table.str(context.color, context.width) + "\n");
}

// A usage error unless all processes of the group have the same `hash` of `what`.
void check_same_in_group(const std::string& what, uint64_t hash) {
  const at::Tensor all =
      learn::Group::current().gather(at::full({1}, static_cast<int64_t>(hash), at::kLong));
  for (int64_t process = 1; process < all.size(0); ++process) {
    if (all[process].equal(all[0])) continue;
    throw Error(ErrorKind::usage,
                {.what = fmt::format("process {} of the group has another {} than the first",
                                     process, what),
                 .expected = "the same command and the same files on every machine"});
  }
}

// Opens the data, the same in all processes: what follows are calls that they make together.
std::unique_ptr<recipe::Training> open_in_group(recipe::Config& config) {
  check_same_in_group("recipe", std::hash<std::string>{}(config.to_toml()));
  auto training = config.open();
  check_same_in_group("data set", training->fingerprint());
  return training;
}

// Process 0 of a group alone has a run.
TrainOutcome run_training(const Context& context, const RunFolder* run, learn::Trainer& trainer,
                          const recipe::Training& training) {
  TrainOutcome outcome;
  outcome.first_step = trainer.step();
  outcome.unit = training.unit();
  outcome.samples = training.size();
  outcome.uses = training.uses();
  const auto name_left_out = [&] {
    outcome.left_out = training.left_out();
    const std::string& summary = outcome.left_out.summary;
    if (summary.empty() || run == nullptr) return;
    run->log(summary);
    context.print(summary + "\n");
  };
  try {
    TrainDisplay display(context, training.unit());
    learn::TrainObserver silent;
    static_cast<learn::TrainResult&>(outcome) =
        trainer.run(run, run != nullptr ? display : silent, stop_flag());
  } catch (const Error& error) {
    name_left_out();
    if (error.kind() != ErrorKind::numeric || run == nullptr) throw;
    throw Error(error.kind(),
                {.what = error.what(),
                 .fix = "The last checkpoint is usable: " + run->checkpoint("last").string()});
  }
  name_left_out();
  return outcome;
}

// One run in `out`.
TrainOutcome train_once(const Context& context, recipe::Config& config, const fs::path& out,
                        const Limits& limits) {
  const auto training = open_in_group(config);
  keep_to(limits, context, config, *training);
  learn::Trainer trainer(training->parts());
  config.train.steps = trainer.total_steps();
  if (!learn::Group::current().first()) return run_training(context, nullptr, trainer, *training);
  const bool is_new = !fs::exists(out);
  const RunFolder run = RunFolder::create(out);
  recipe::write_run_files(run, config, *training);
  print_settings(context, config, trainer, *training, out);
  try {
    return run_training(context, &run, trainer, *training);
  } catch (const Error& error) {
    // Nothing is left of what cannot be trained.
    if (is_new && trainer.step() == 0 && error.kind() != ErrorKind::numeric) fs::remove_all(out);
    throw;
  }
}

// The run that counts, after the one in out/choice has found out how long to train.
TrainOutcome train_again(const Context& context, const fs::path& out) {
  const RunFolder choice = RunFolder::open(out / kChoice);
  const auto config = recipe::began_with(choice)->after_choice(choice);
  context.print("\nthe run that counts, on training and validation:\n");
  return train_once(context, *config, out, {});
}

// Merges, but a method, encoder, ... of another name begins anew: it has other settings.
void merge_for_resume(Value& base, const Value& over) {
  auto& groups = std::get<ValueTable>(base.data);
  const auto name = [](const Value& group) {
    return group.is_table() && group.table().contains("name") ? to_toml(group.table().at("name"))
                                                              : "";
  };
  for (const auto& [key, given] : over.table()) {
    if (!name(given).empty() && groups.contains(key) && name(given) != name(groups.at(key)))
      groups.erase(key);
  }
  merge_into(base, over);
}

// Goes on with the run in `folder`, a usage error if `wanted_of(run)` is another training.
TrainOutcome resume_in(const Context& context, const fs::path& folder,
                       const std::function<Value(const RunFolder&)>& wanted_of) {
  const RunFolder run = RunFolder::open(folder);
  const auto config = recipe::began_with(run);
  const auto training = open_in_group(*config);
  const auto wanted_config = recipe::read_config(wanted_of(run));
  wanted_config->settle_as(*config);
  const auto changed = recipe::differences(*config, *wanted_config);
  if (!changed.empty()) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("{}: a run goes on with the configuration it began with; "
                                     "these differ:\n  {}\nLeave them out, or start a new run "
                                     "with another --out",
                                     folder.string(), fmt::join(changed, "\n  "))});
  }
  recipe::check_same_data(run, *training);
  learn::Trainer trainer(training->parts());
  if (!learn::Group::current().first()) return run_training(context, nullptr, trainer, *training);
  if (run.has_checkpoint()) {
    trainer.resume(run);
  } else {  // killed before the first one was whole
    run.cut_metrics(0);
  }
  run.log(fmt::format("resumed at step {}", trainer.step()));
  if (!trainer.done()) {
    context.print(fmt::format("{}: going on at step {} of {}\n", folder.string(), trainer.step(),
                              trainer.total_steps()));
  }
  return run_training(context, &run, trainer, *training);
}

// The settings of a training with what the limits chose when `run` began.
Value with_fitted(const RunFolder& run, Value given) {
  const auto began = recipe::began_with(run);
  for (const char* name : {"train.steps", "train.micro_batch", "train.recompute"}) {
    merge_into(given, parse_assignment(std::string(name) + "=" + to_toml(began->setting(name))));
  }
  return given;
}

// What `vistas train --resume` says of the run besides.
Value wanted_by(const TrainArguments& a, const RunFolder& run) {
  Value wanted = read_toml(run.config());
  if (a.input.ends_with(".toml")) {
    wanted = read_toml(a.input);
    const int64_t steps = recipe::began_with(run)->train.steps;
    merge_into(wanted, parse_assignment("train.steps=" + std::to_string(steps)));
  } else if (!a.input.empty()) {
    merge_into(wanted, text_setting("data.path", a.input));
  }
  merge_for_resume(wanted, overrides(a));
  return wanted;
}

int resume(const Context& context, const TrainArguments& a) {
  if (a.limits.any()) {
    throw Error(ErrorKind::usage,
                {.what = "--resume with --max-time, --fit-memory or --dry-run",
                 .expected = "--resume alone: length and memory of a run are fixed when it begins",
                 .fix = "To end earlier, stop it with Ctrl-C; it can go on later"});
  }
  const auto wanted = [&a](const RunFolder& run) { return wanted_by(a, run); };
  const fs::path choice = fs::path(a.resume) / kChoice;
  if (RunFolder::holds_run(a.resume) || !RunFolder::holds_run(choice)) {
    return report_training(context, a.resume, resume_in(context, a.resume, wanted));
  }
  const TrainOutcome chosen = resume_in(context, choice, wanted);
  return report_training(context, a.resume,
                         chosen.stopped ? chosen : train_again(context, a.resume));
}

// The settings of a recipe with this method, by group with default and range.
std::string settings_help(const TrainArguments& a) {
  const auto defaults = recipe::read_config(overrides(a));
  std::string text = "Settings (in a recipe, or --set KEY=VALUE):\n", group;
  const Fields fields = defaults->fields();
  for (const Field& field : fields.all()) {
    const std::string head = field.name.substr(0, field.name.find('.'));
    if (head != group) text += fmt::format(" {}\n", head);
    group = head;
    const std::string values = field.range.empty() ? field.type : field.range;
    text += fmt::format("  {:<32} {} ({}) [{}]\n", field.name, field.help, values,
                        vistas::to_toml(field.get()));
  }
  return text;
}

int train(const Context& context, const TrainArguments& a) {
  const fs::path out = a.out.empty() ? default_out(a) : a.out;
  if (a.list_settings) {
    context.print(settings_help(a));
    return 0;
  }
  if (!a.resume.empty()) return resume(context, a);
  const Limits limits = a.limits.limits();
  const auto config = new_config(a);
  if (a.limits.dry_run) return dry_run(context, *config, limits);
  return report_training(context, out, train_into(context, *config, out, limits));
}

}  // namespace

std::unique_ptr<recipe::Config> config_for(const std::string& input, const Value& over) {
  Value values{.data = ValueTable{}};
  if (input.ends_with(".toml")) {
    values = read_toml(input);
  } else {
    const Value path = text_setting("data.path", input);
    Value with_data = path;
    merge_into(with_data, over);
    values = recipe::suitable_settings(with_data);
    merge_into(values, path);
  }
  merge_into(values, over);
  return recipe::read_config(values);
}

TrainOutcome train_into(const Context& context, recipe::Config& config, const fs::path& out,
                        const Limits& limits) {
  const auto place = learn::place_from_environment();
  const bool restarted = place && place->restarts > 0;
  const auto begun = [&](const fs::path& folder) {
    return restarted && learn::Group::current().any(RunFolder::holds_run(folder));
  };
  const auto wanted = [&](const RunFolder& run) {
    return with_fitted(run, parse_toml(config.to_toml(), "the configuration"));
  };
  const bool twice = config.chooses_length();
  if (begun(out)) {
    // The second of two runs was made from the choice of the first.
    return resume_in(context, out, [&](const RunFolder& run) {
      return twice ? read_toml(run.config()) : wanted(run);
    });
  }
  if (learn::Group::current().first()) RunFolder::check_free(out);
  if (!twice) return train_once(context, config, out, limits);
  const TrainOutcome chosen =
      begun(out / kChoice)
          ? resume_in(context, out / kChoice, wanted)
          : train_once(context, config, out / kChoice, {limits.seconds / 2, limits.memory});
  return chosen.stopped ? chosen : train_again(context, out);
}

int report_training(const Context& context, const fs::path& run, const TrainOutcome& result) {
  const std::string path = run.string(), word = shell_word(path);
  const int64_t steps = result.step - result.first_step;
  std::string next = fmt::format("look at it with\n  vistas info {}\n", word);
  for (std::string use : result.uses) {
    next += "  vistas " + use.replace(use.find("RUN"), 3, word) + "\n";
  }
  if (result.stopped) {
    context.print(fmt::format("stopped at step {}; go on with\n  vistas train --resume {}\n",
                              result.step, word));
  } else if (steps == 0) {
    context.print(fmt::format("all {} steps are done already\n{}", result.step, next));
  } else {
    context.print(
        fmt::format("done: {} in {}, {:.0f} {}s/s, {:.1f} % waiting for data, peak memory {}\n{}",
                    look::counted(steps, "step"), look::format_duration(result.seconds),
                    result.samples_per_second, result.unit, 100 * result.waiting,
                    look::format_bytes(static_cast<double>(peak_memory_bytes())), next));
  }
  nlohmann::json json = {{"run", path},
                         {"step", result.step},
                         {"steps_done", steps},
                         {"stopped", result.stopped},
                         {"seconds", result.seconds},
                         {"samples", result.samples},
                         {"samples_per_s", result.samples_per_second},
                         {"waiting", result.waiting},
                         {"peak_memory_bytes", peak_memory_bytes()}};
  json["loss"] = steps > 0 ? nlohmann::json(result.loss) : nlohmann::json();
  json["best_online_score"] =
      result.best_score < 0 ? nlohmann::json() : nlohmann::json(result.best_score);
  json[result.left_out.name] = result.left_out.count;
  json["first_" + result.left_out.name] = result.left_out.first;
  context.write_json(json);
  return result.stopped ? signal_exit_code() : 0;
}

Command train_command() {
  return {
      "train",
      "Learns an encoder from pictures or texts without labels and leaves it in a run folder.",
      {"vistas train photos/ --out runs/a --max-time 10s", "vistas train --resume runs/a",
       "vistas train recipes/text/static-tatoeba-demo.toml --epochs 1 --out runs/t"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<TrainArguments>();
        app.add_option("input", a->input,
                       "a recipe (.toml), or the data: settings that suit its "
                       "size are chosen")
            ->type_name("DATA|RECIPE");
        app.add_option("--data", a->data, "the data, instead of the recipe's")->group("Data");
        app.add_option("--method", a->method, "short for --set method.name=NAME [simclr]")
            ->group("Settings");
        app.add_option("--encoder", a->encoder,
                       "texts: a run or a folder of Hugging Face or sentence-transformers to begin "
                       "with; short for --set encoder.start=...")
            ->type_name("FOLDER")
            ->group("Settings");
        add_reading_options(app, a->read);
        app.add_option("--item-features", a->item_features,
                       "interactions: attributes of items, or their embeddings by another run; "
                       "short for --set data.item_features=...")
            ->type_name("FILE")
            ->group("Data");
        app.add_option("--set", a->sets, "one setting, KEY=VALUE; may be given many times")
            ->type_name("KEY=VALUE")
            ->group("Settings")
            ->allow_extra_args(false);
        app.add_option("--out", a->out, "the run folder to make [runs/NAME]")->group("Output");
        app.add_option("--resume", a->resume, "go on with this run from its last checkpoint")
            ->type_name("RUN")
            ->group("Running");
        a->limits.add_options(app);
        app.add_flag("--settings", a->list_settings,
                     "list every setting with its values and default, and stop; with "
                     "--method those of another method")
            ->group("Settings");
        app.add_option("--on-bad-image", a->on_bad_image,
                       "short for --set data.on_bad_image=... [skip]")
            ->check(CLI::IsMember({"skip", "fail"}))
            ->group("Data");
        app.add_option("--epochs", a->epochs,
                       "passes over the data; short for --set train.epochs=... "
                       "[by the recipe or the size of the data]")
            ->type_name("N")
            ->check(CLI::Range(int64_t{1}, kMost))
            ->group("Running");
        app.add_option("--batch", a->batch,
                       "short for --set train.batch=... "
                       "[by the recipe or the size of the data]")
            ->type_name("SAMPLES")
            ->check(CLI::Range(int64_t{2}, kMost))
            ->group("Running");
        app.add_option("--micro-batch", a->micro_batch,
                       "samples in memory at once, for batches larger than memory; short for "
                       "--set train.micro_batch=... [0: the batch]")
            ->type_name("SAMPLES")
            ->check(CLI::Range(int64_t{0}, kMost))
            ->group("Running");
        app.add_option("--select-on", a->select_on,
                       "interactions: the part that chooses the best checkpoint; test repeats "
                       "published protocols; short for --set data.select_on=... [valid]")
            ->check(CLI::IsMember({"valid", "test"}))
            ->group("Running");
        app.add_flag("--refit,!--no-refit", a->refit,
                     "interactions: when validation has shown the best number of epochs, train "
                     "anew with it; short for --set data.refit=... [yes]")
            ->group("Running");
        app.add_option("--device", a->device, "short for --set train.device=... [auto]")
            ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
            ->group("Running");
        app.add_option("--precision", a->precision, "short for --set train.precision=... [auto]")
            ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
            ->group("Running");
        return [a](const Context& context) { return train(context, *a); };
      },
      /*shares=*/true};
}

}  // namespace vistas::app
