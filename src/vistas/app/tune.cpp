// vistas tune: a search over the settings of a recipe.
#include "vistas/app/tune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "vistas/app/shared.h"
#include "vistas/app/train.h"
#include "vistas/app/tune_display.h"
#include "vistas/base/error.h"
#include "vistas/base/threads.h"
#include "vistas/look/text.h"
#include "vistas/recipe/image_config.h"
#include "vistas/recipe/image_eval.h"
#include "vistas/recipe/text_eval.h"
#include "vistas/recipe/text_run.h"
#include "vistas/tune/study.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr int64_t kMostTrials = 1'000'000;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Value overrides(const std::vector<std::string>& sets) {
  Value values{.data = ValueTable{}};
  for (const std::string& set : sets) merge_into(values, parse_assignment(set));
  return values;
}

std::unique_ptr<recipe::Config> recipe_of(const TuneArguments& a) {
  Value over = overrides(a.sets);
  auto config = config_for(a.input, over);
  if (!config->chooses_length()) return config;
  merge_into(over, parse_assignment("data.refit=false"));  // trials compare by validation
  return config_for(a.input, over);
}

// Whether the settings of views that the user names are searched.
bool searches_views(const TuneArguments& a) {
  const auto is_of_views = [](const std::string& name) { return name.starts_with("views."); };
  return a.wishes.views || std::ranges::any_of(a.wishes.only, is_of_views) ||
         std::ranges::any_of(a.wishes.ranges, is_of_views);
}

tune::Objective objective_of(const TuneArguments& a, bool labels) {
  const bool eval = !a.eval_data.empty() || !a.eval_task.empty();
  if (a.objective.empty()) {
    return eval                ? tune::Objective::eval
           : labels            ? tune::Objective::online
           : searches_views(a) ? tune::Objective::fixed_views
                               : tune::Objective::alignment_uniformity;
  }
  const auto objective = std::ranges::find(tune::objective_names(), a.objective,
                                           &std::pair<std::string, tune::Objective>::first)
                             ->second;
  if (objective == tune::Objective::online && !labels) {
    throw Error(ErrorKind::usage,
                {.what = "--objective online",
                 .got = "data without an online score: no labels, or no data.score_task for texts",
                 .expected = "labelled data, --eval-data LABELLED, or a score without labels: "
                             "--objective alignment_uniformity"});
  }
  if (a.wishes.views && !tune::is_fair(objective)) {
    throw Error(ErrorKind::usage,
                {.what = "--views --objective " + a.objective,
                 .got = "a score that each trial takes under its own views",
                 .expected = "labels, or the same views for all: --objective fixed_views"});
  }
  if ((objective == tune::Objective::eval) != eval) {
    throw Error(ErrorKind::usage, {.what = "--objective " + a.objective,
                                   .got = eval ? "--eval-data or --eval-task"
                                               : "neither --eval-data "
                                                 "nor --eval-task",
                                   .expected = "these with --objective eval only"});
  }
  return objective;
}

// How long a trial is, from what the user says: --trial-time or --trial-steps, otherwise an even
// share of --time (also for the trainings with fresh seeds), otherwise as long as the recipe.
tune::Budget budget_of(const TuneArguments& a, int64_t steps) {
  if (!a.trial_time.empty()) return {.seconds = parse_duration("--trial-time", a.trial_time)};
  if (a.trial_steps > 0) return {.steps = a.trial_steps};
  if (a.study.seconds > 0) {
    return {.seconds =
                a.study.seconds * a.study.workers /
                static_cast<double>(a.study.sampler.trials + tune::trainings_to_confirm(a.study))};
  }
  return {.steps = steps};
}

std::string budget_text(const tune::Budget& budget, const tune::Subject& subject) {
  if (budget.seconds > 0) return look::format_duration(budget.seconds) + " each";
  return fmt::format("{} steps of {} samples each", budget.steps, subject.batch);
}

std::string confirm_text(const tune::StudyOptions& o) {
  if (tune::trainings_to_confirm(o) == 0) return "";
  return fmt::format("; then the recipe and the {} best again with {}",
                     std::min(o.confirm, o.sampler.trials), look::counted(o.seeds, "fresh seed"));
}

std::string default_out(const std::string& input) {
  const fs::path source(input);
  const fs::path name = source.has_stem() ? source.stem() : source.parent_path().filename();
  return (fs::path("runs") / ("tune-" + name.string())).string();
}

// Several trainings share the cores, unless the user has said otherwise.
void share_cores(tune::StudyOptions& study) {
  if (study.workers == 1 || !variable("OMP_NUM_THREADS").empty()) return;
  const int threads = std::max(1, available_cores() / study.workers);
  study.environment.push_back(fmt::format("OMP_NUM_THREADS={}", threads));
}

void check_views(const recipe::Training& training) {
  const auto* texts = dynamic_cast<const recipe::TextTraining*>(&training);
  if (texts == nullptr || texts->views_of_row()) return;
  throw Error(ErrorKind::usage, {.what = "--views",
                                 .got = "texts that are compared with other texts",
                                 .expected = "texts that are compared with views of themselves",
                                 .fix = "Name one column, --set data.columns=[\"NAME\"], or --set "
                                        "data.positives=row"});
}

std::shared_ptr<const tune::FixedViews> fixed_views(const recipe::Config& config,
                                                    const learn::BatchMaker& data) {
  const bool has_views = dynamic_cast<const recipe::ImageConfig*>(&config) != nullptr ||
                         dynamic_cast<const recipe::TextConfig*>(&config) != nullptr;
  if (!has_views) {
    throw Error(ErrorKind::usage, {.what = "--objective fixed_views",
                                   .expected = "pictures or texts",
                                   .fix = "--objective online"});
  }
  return std::make_shared<tune::FixedViews>(data);
}

// The subject and the space of the study; the length of the recipe in `steps`.
// A usage error for a task that `vistas eval` does not have for runs of this configuration.
void check_eval_task(const std::string& task, const recipe::Config& config) {
  if (task.empty()) return;
  const auto modality = std::get<std::string>(config.setting("data.modality").data);
  if (modality == "text") {
    recipe::parse_text_task(task);
    return;
  }
  std::vector<std::string> known{"ranking"};
  if (modality == "image") {
    known = {"one-shot"};
    for (const recipe::EvalTask& of_pictures : recipe::eval_tasks()) {
      known.emplace_back(of_pictures.name);
    }
  }
  recipe::check_known("--eval-task", {task}, known);
}

TuneStudy examine(TuneArguments& a, int64_t& steps) {
  const auto config = recipe_of(a);
  check_eval_task(a.eval_task, *config);
  TuneStudy s{.subject = {.recipe = config->to_toml(),
                          .batch = config->train.batch,
                          .seed = config->train.seed}};
  for (const std::string& set : a.sets) a.wishes.fixed.push_back(set.substr(0, set.find('=')));
  s.subject.fixed = a.wishes.fixed;
  const auto training = config->open();
  config->train.score_every = 1;
  const learn::TrainParts parts = training->parts();
  steps = learn::Trainer(parts).total_steps();
  s.subject.scores = parts.score != nullptr;
  s.subject.samples = training->size();
  s.subject.data_fingerprint = fmt::format("{:016x}", training->fingerprint());
  if (a.wishes.views) check_views(*training);
  a.study.objective = objective_of(a, s.subject.scores);
  if (a.study.objective == tune::Objective::fixed_views) {
    s.subject.fixed_views = fixed_views(*config, *parts.data);
  }
  // On the way there is no score, or one that each trial takes under its own views.
  const bool fair = tune::is_fair(a.study.objective) && s.subject.scores;
  if (a.study.objective == tune::Objective::fixed_views || (searches_views(a) && !fair)) {
    a.study.sampler.pruner = "none";
  }
  s.space =
      tune::search_space(*config, a.wishes, tune::is_fair(a.study.objective), s.subject.samples);
  return s;
}

int tune_recipe(const Context& context, TuneArguments& a) {
  const TuneStudy study = prepare_study(a);
  print_space(context, study.space);
  if (a.dry_run) return 0;
  open_study(a, study);
  const tune::StudyResult result = run_study(context, a, study);
  context.write_json(result_json(study.space, a.study, result));
  return result.stopped ? signal_exit_code() : 0;
}

void add_space_options(CLI::App& app, TuneArguments& a) {
  app.add_option("--set", a.sets, "a setting of all trials, which is not searched, KEY=VALUE")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group("Search");
  app.add_option("--space", a.wishes.ranges,
                 "search a setting so: NAME=LOW..HIGH, NAME=LOW..HIGH,log or NAME=A,B,C; may be "
                 "given many times")
      ->type_name("NAME=RANGE")
      ->allow_extra_args(false)
      ->group("Search");
  app.add_option("--only", a.wishes.only,
                 "search nothing else; a lone setting with choices, such as batch, is tried at "
                 "each of them")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Search");
  app.add_flag("--views", a.wishes.views,
               "search probabilities and strengths of the operations of views, and what --space "
               "and --only name")
      ->group("Search");
  std::vector<std::string> names;
  for (const auto& [name, objective] : tune::objective_names()) names.push_back(name);
  app.add_option("--objective", a.objective,
                 "what is made large [online where the data has labels, else "
                 "alignment_uniformity, for views fixed_views]")
      ->check(CLI::IsMember(names))
      ->group("Search");
  app.add_option("--eval-data", a.eval_data,
                 "score trials by `vistas eval` on these labelled data after training")
      ->type_name("DATA")
      ->group("Search");
  app.add_option("--eval-task", a.eval_task, "by this one of its tasks [knn]")
      ->type_name("TASK")
      ->group("Search");
  app.add_option("--sampler", a.study.sampler.sampler, "Optuna's sampler")
      ->check(CLI::IsMember({"tpe", "random"}))
      ->capture_default_str()
      ->group("Search");
  app.add_option("--pruner", a.study.sampler.pruner,
                 "what gives trials up early: successive halving, below the median, or nothing")
      ->check(CLI::IsMember({"halving", "median", "none"}))
      ->capture_default_str()
      ->group("Search");
  app.add_option("--seed", a.study.sampler.seed, "of the sampler's draws")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{0}, kMostTrials))
      ->group("Search");
}

}  // namespace

std::string find_python(const std::string& named) {
  std::vector<std::string> candidates{named};
  if (named.empty()) {
    candidates = {variable("VISTAS_TUNE_PYTHON")};
    for (const char* home : {"VIRTUAL_ENV", "VISTAS_TORCH"}) {
      if (!variable(home).empty()) candidates.push_back(variable(home) + "/bin/python");
    }
    candidates.insert(candidates.end(), {".venv/bin/python", "python3"});
    std::erase(candidates, "");
  }
  for (const std::string& python : candidates) {
    // It is started in the folder of the study.
    const bool is_path = python.find('/') != std::string::npos;
    if (tune::has_optuna(python)) return is_path ? fs::absolute(python).string() : python;
  }
  throw Error(ErrorKind::resource,
              {.what = "the search is Optuna's, a Python package",
               .got = fmt::format("none in {}", fmt::join(candidates, ", ")),
               .expected = "a Python that has it",
               .fix = "Install it with `./dev setup --tune` or `python3 -m pip install optuna`, or "
                      "name a Python that has it: --python PYTHON"});
}

TuneStudy prepare_study(TuneArguments& a) {
  tune::StudyOptions& o = a.study;
  if (!a.time.empty()) o.seconds = parse_duration("--time", a.time);
  if (!a.trial_time.empty() && a.trial_steps > 0) {
    throw Error(ErrorKind::usage, {.what = "--trial-time and --trial-steps", .expected = "one"});
  }
  int64_t steps = 0;
  TuneStudy study = examine(a, steps);
  if (o.objective == tune::Objective::eval) {
    o.eval = {"--tasks", a.eval_task.empty() ? "knn" : a.eval_task};
    if (!a.eval_data.empty()) o.eval.insert(o.eval.end(), {"--data", a.eval_data});
  }
  if (is_sweep(study.space)) {
    o.sampler.trials = static_cast<int64_t>(study.space[0].choices.size());
    o.sampler.pruner = "none";
  }
  o.budget = budget_of(a, steps);
  o.folder = o.sampler.folder = a.out.empty() ? default_out(a.input) : a.out;
  return study;
}

void open_study(TuneArguments& a, const TuneStudy& study) {
  tune::StudyOptions& o = a.study;
  o.sampler.python = find_python(a.python);
  o.program = fs::read_symlink("/proc/self/exe").string();
  share_cores(o);
  tune::open_study(o, study.subject, study.space, !a.trial_time.empty() || a.trial_steps > 0);
}

tune::StudyResult run_study(const Context& context, const TuneArguments& a,
                            const TuneStudy& study) {
  const tune::StudyOptions& o = a.study;
  const tune::Space& space = study.space;
  context.print(fmt::format("{} trials at most, {}{}; {} in {}\n", o.sampler.trials,
                            budget_text(o.budget, study.subject), confirm_text(o),
                            unit_of(o.objective), o.folder.string()));
  TuneDisplay display(context, o.objective);
  const tune::StudyResult result = tune::search(o, study.subject, space, display, stop_flag());
  display.clear();
  print_trials(context, space, o, result);
  print_best(context, space, o, result);
  if (result.stopped) context.print("stopped; the same command goes on\n");
  return result;
}

Command tune_command() {
  return {"tune",
          "Searches the settings with which a recipe learns best.",
          {"vistas tune labelled/ --trials 3 --trial-steps 4 --out runs/tuned",
           "vistas tune labelled/ --only batch --trial-steps 4 --out runs/batches",
           "vistas tune photos/ --set train.batch=8 --space schedule.lr=0.01..1,log --dry-run"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<TuneArguments>();
            app.add_option("input", a->input,
                           "a recipe (.toml), or the data: settings that suit its size are the "
                           "recipe")
                ->required()
                ->type_name("DATA|RECIPE");
            add_space_options(app, *a);
            app.add_option("--time", a->time, "for all trainings, for example 30m or 2h")
                ->group("Running");
            app.add_option("--trials", a->study.sampler.trials, "trials at most")
                ->capture_default_str()
                ->check(CLI::Range(int64_t{1}, kMostTrials))
                ->group("Running");
            app.add_option("--trial-time", a->trial_time,
                           "for one trial [its share of --time, or the length of the recipe]")
                ->group("Running");
            app.add_option("--trial-steps", a->trial_steps,
                           "instead: steps of the recipe's batch; with other batches as many "
                           "samples")
                ->type_name("N")
                ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
                ->group("Running");
            app.add_option("--confirm", a->study.confirm,
                           "train so many of the best trials, and the recipe, again with fresh "
                           "seeds; the best mean is the best recipe; 0: none")
                ->type_name("N")
                ->capture_default_str()
                ->check(CLI::Range(int64_t{0}, kMostTrials))
                ->group("Running");
            app.add_option("--seeds", a->study.seeds, "fresh seeds of each of them")
                ->type_name("N")
                ->capture_default_str()
                ->check(CLI::Range(1, 1000))
                ->group("Running");
            app.add_option("--workers", a->study.workers, "trials at a time, which share the cores")
                ->capture_default_str()
                ->check(CLI::Range(1, 1024))
                ->group("Running");
            app.add_option("--python", a->python, "a Python that has Optuna")
                ->type_name("PYTHON")
                ->group("Running");
            app.add_flag("--dry-run", a->dry_run, "print what would be searched, and stop")
                ->group("Running");
            app.add_option("--out", a->out,
                           "the folder of the study [runs/tune-NAME]; one that was stopped or "
                           "killed goes on with the same command")
                ->type_name("FOLDER")
                ->group("Output");
            return [a](const Context& context) { return tune_recipe(context, *a); };
          }};
}

}  // namespace vistas::app
