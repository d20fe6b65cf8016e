// vistas choose-views: which operations of views matter for some data, and how much of them.
#include <fmt/format.h>

#include <filesystem>

#include "vistas/app/shared.h"
#include "vistas/app/told_progress.h"
#include "vistas/app/tune.h"
#include "vistas/app/tune_display.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/ranking_plot.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/config.h"
#include "vistas/tune/view_ablation.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

using tune::RankBy;

struct ChooseArguments {
  tune::AblationOptions options;
  std::string recipe, data, rank_by = "auto", out = "choose-views";
  std::string device = "auto", precision = "auto", python, time;
  int64_t steps = 200, search = 0;
  int workers = 1;
  std::vector<std::string> sets;
};

Value text_setting(const std::string& key, const std::string& text) {
  return parse_assignment(key + "=" + to_toml(Value{.data = text}));
}

// Those of a recipe of training, or what suits the data with views of that name.
Value settings_of(const ChooseArguments& a) {
  Value over{.data = ValueTable{}};
  if (!a.data.empty()) merge_into(over, text_setting("data.path", a.data));
  for (const std::string& set : a.sets) merge_into(over, parse_assignment(set));
  merge_into(over, parse_assignment(fmt::format("train.steps={}", a.steps)));
  const auto unless_auto = [&](const std::string& key, const std::string& value) {
    if (value != "auto") merge_into(over, text_setting(key, value));
  };
  unless_auto("train.device", a.device);
  unless_auto("train.precision", a.precision);
  Value values;
  if (a.recipe.ends_with(".toml")) {
    values = read_toml(a.recipe);
  } else {
    if (a.data.empty()) {
      throw Error(ErrorKind::usage,
                  {.what = "views by name without data", .fix = "Add --data DATA"});
    }
    Value named = text_setting("views.recipe", a.recipe);
    merge_into(named, over);
    values = recipe::suitable_settings(named);
    merge_into(values, named);
  }
  merge_into(values, over);
  // Resolved: what changes operations of the recipe says nothing of views without them.
  return parse_toml(recipe::read_config(values)->to_toml(), "the recipe");
}

std::optional<RankBy> rank_by_named(const std::string& name) {
  if (name == "score") return RankBy::score;
  if (name == "effective-rank") return RankBy::effective_rank;
  if (name == "alignment-uniformity") return RankBy::alignment_and_uniformity;
  return std::nullopt;
}

// What the ranking is by, and how its values are shown.
struct Shown {
  std::string name;
  double scale = 1;
  int digits = 1;

  std::string value(const measure::Summary& s) const {
    const std::string mean = fmt::format("{:.{}f}", scale * s.mean, digits);
    if (s.count < 2) return mean;
    return mean + fmt::format(" ± {:.{}f}", scale * s.std, digits);
  }
  std::string difference(const measure::Summary& s) const {
    const std::string mean = fmt::format("{:+.{}f}", scale * s.mean, digits);
    if (s.count < 2) return mean;
    return mean + fmt::format(" ± {:.{}f}", scale * s.ci95, digits);
  }
};

Shown shown(RankBy by, const std::string& score) {
  switch (by) {
    case RankBy::score:
      return {score + " (%)", 100, 1};
    case RankBy::effective_rank:
      return {"effective rank", 1, 1};
    case RankBy::alignment_and_uniformity:
      return {"-(align + uniform)", 1, 3};
  }
  return {};
}

double mean_of(const tune::VariantResult& result, const std::string& measure) {
  double sum = 0;
  for (const recipe::Numbers& numbers : result.seeds) sum += numbers.at(measure);
  return sum / static_cast<double>(result.seeds.size());
}

std::string table_of(const Context& context, const std::vector<tune::RankedVariant>& ranked,
                     const Shown& how) {
  const bool features = ranked.front().result->seeds.front().contains("effective_rank");
  std::vector<std::string> header = {"views", how.name, "to all", ""};
  if (features) {
    for (const char* name : {"rank", "align", "uniform"}) header.emplace_back(name);
  }
  look::Table table(header);
  for (const tune::RankedVariant& row : ranked) {
    const bool base = row.result->variant.change == tune::Change::none;
    std::vector<std::string> cells = {row.result->variant.name(), how.value(row.value),
                                      base ? "" : how.difference(row.difference), row.verdict};
    if (features) {
      cells.push_back(fmt::format("{:.1f}", mean_of(*row.result, "effective_rank")));
      cells.push_back(fmt::format("{:.3f}", mean_of(*row.result, "alignment")));
      cells.push_back(fmt::format("{:.3f}", mean_of(*row.result, "uniformity")));
    }
    table.add(cells, base);
  }
  return table.str(context.color, context.width);
}

std::string plot_of(const ChooseArguments& a, const std::vector<tune::RankedVariant>& ranked,
                    const Shown& how) {
  look::RankingPlot plot;
  plot.title = fmt::format("{}: what the views are worth", a.recipe);
  plot.score = how.name;
  for (const tune::RankedVariant& row : ranked) {
    const double mean = how.scale * row.value.mean, std = how.scale * row.value.std;
    plot.lines.push_back({row.result->variant.name(), mean, mean - std, mean + std,
                          row.result->variant.change == tune::Change::none});
  }
  return look::ranking_svg(plot);
}

nlohmann::json to_json(const tune::RankedVariant& row) {
  nlohmann::json runs = nlohmann::json::array();
  for (const recipe::Numbers& numbers : row.result->seeds) runs.push_back(numbers);
  return {{"views", row.result->variant.name()},
          {"mean", row.value.mean},
          {"std", finite_or_null(row.value.std)},
          {"difference", row.difference.mean},
          {"difference_ci95", finite_or_null(row.difference.ci95)},
          {"verdict", row.verdict},
          {"runs", runs}};
}

// A search over probabilities and strengths of the views, with `added` operations, by the score of
// the ranking.
TuneArguments search_of(const ChooseArguments& a, const std::vector<std::string>& added) {
  const tune::AblationOptions& o = a.options;
  if (o.rank_by == RankBy::effective_rank) {
    throw Error(ErrorKind::usage, {.what = "--search by effective rank",
                                   .expected = "--rank-by score or alignment-uniformity"});
  }
  std::string name = "search";
  for (const std::string& operation : added) name += "-" + operation;
  const fs::path recipe = fs::path(a.out) / (name + ".toml");
  fs::create_directories(a.out);
  const Value settings = tune::with_operations(o.settings, added);
  write_file_atomic(recipe, recipe::read_config(settings)->to_toml());
  TuneArguments t{.input = recipe.string(), .out = (fs::path(a.out) / name).string()};
  t.python = a.python;
  t.time = a.time;
  t.study.workers = a.workers;
  t.trial_steps = a.steps;
  t.wishes.views = true;
  t.study.sampler.trials = a.search;
  t.study.seeds = o.seeds;
  if (o.rank_by == RankBy::alignment_and_uniformity) {
    t.objective = tune::name_of(tune::Objective::fixed_views);
  } else if (!o.labelled.empty()) {
    t.eval_data = o.labelled;
    t.eval_task = tune::labelled_task(o.labelled);
  }
  return t;
}

void search_strengths(const Context& context, const ChooseArguments& a,
                      const std::vector<tune::RankedVariant>& ranked, nlohmann::json& json) {
  const std::vector<std::string> added = tune::what_helps(a.options.settings, ranked);
  TuneArguments search = search_of(a, added);
  TuneStudy study = prepare_study(search);
  search.study.second = tune::second_trial(ranked, added, study.space);
  open_study(search, study);
  print_space(context, study.space);
  const tune::StudyResult result = run_study(context, search, study);
  json["search"] = result_json(study.space, search.study, result);
}

int choose_views(const Context& context, ChooseArguments& a) {
  a.options.settings = settings_of(a);
  a.options.rank_by = rank_by_named(a.rank_by);
  a.options.kept = fs::path(a.out) / "trainings.jsonl";
  if (a.search == 0 && (a.workers > 1 || !a.time.empty())) {
    throw Error(ErrorKind::usage, {.what = "--time and --workers without --search, whose they are",
                                   .fix = "Add --search N"});
  }
  if (a.search > 0) {  // what is wrong is said before the trainings
    TuneArguments search = search_of(a, {});
    prepare_study(search);
    find_python(a.python);
  }
  StatusLine status(context);
  const tune::Ablation ablation = tune::ablate_views(a.options, told_progress(status), stop_flag());
  status.clear();
  const auto seeds = std::ssize(ablation.results.front().seeds);
  if (seeds == 0) {
    context.print(fmt::format("stopped; the same command goes on with what is in {}\n",
                              a.options.kept.string()));
    return signal_exit_code();
  }
  const Shown how = shown(ablation.rank_by, ablation.score);
  const auto ranked = tune::rank(ablation);
  context.print(table_of(context, ranked, how));
  const fs::path plot = fs::path(a.out) / "views.svg", file = fs::path(a.out) / "views.json";
  nlohmann::json json = {{"recipe", a.recipe},  {"data", a.data},
                         {"steps", a.steps},    {"seeds", seeds},
                         {"rank_by", how.name}, {"rows", nlohmann::json::array()}};
  for (const auto& row : ranked) json["rows"].push_back(to_json(row));
  fs::create_directories(a.out);
  write_file_atomic(plot, plot_of(a, ranked, how));
  write_file_atomic(file, json.dump(2) + "\n");
  if (!ablation.left_out.empty()) context.print(ablation.left_out + "\n");
  context.print(
      fmt::format("{} of {} each; mean and standard deviation; \"to all\": difference to the views "
                  "as they are, "
                  "seed by seed, with its 95 % confidence interval\nkept in {} and {}\n",
                  look::counted(seeds, "training"), look::counted(a.steps, "step"), file.string(),
                  plot.string()));
  if (a.search > 0 && !stop_flag()) {
    context.print("\n");
    try {
      search_strengths(context, a, ranked, json);
    } catch (const Error&) {
      context.write_json(json);
      throw;
    }
  }
  context.write_json(json);
  return stop_flag() ? signal_exit_code() : 0;
}

}  // namespace

Command choose_views_command() {
  return {
      "choose-views",
      "Finds which operations of views matter, by short trainings, and searches their strengths.",
      {"vistas choose-views simclr --data photos/ --steps 2 --seeds 2 --add affine --set "
       "views.size=32 --out runs/views",
       "vistas choose-views recipes/vision/simclr-cifar10.toml --data photos/ --steps 2 --seeds 1 "
       "--add none --set encoder.width=8 --set train.batch=8 --out runs/few-views",
       "vistas choose-views simclr --data labelled/ --labelled labelled/ --steps 2 --seeds 2 --add "
       "none --set views.size=32 --out runs/labelled-views --json -"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<ChooseArguments>();
        tune::AblationOptions& o = a->options;
        app.add_option("recipe", a->recipe, "of training (.toml), or a name of views of pictures")
            ->required()
            ->type_name("RECIPE");
        app.add_option("--data", a->data, "to learn from [that of the recipe]")->type_name("DATA");
        app.add_option("--add", o.added,
                       "operations that the recipe has not, each tried by itself, or none; of "
                       "pictures with p = 0.5 [some common ones, see docs/choosing-views.md]")
            ->delimiter(',')
            ->allow_extra_args(false);
        app.add_option("--steps", a->steps, "of each training")
            ->capture_default_str()
            ->check(CLI::Range(1, 1 << 30));
        app.add_option("--seeds", o.seeds, "trainings of each kind: weights, order and views")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000));
        app.add_option("--labelled", o.labelled,
                       "pictures to measure on: kNN, or one-shot recognition where they are "
                       "Omniglot's runs [the online score of the training, where it has one]")
            ->type_name("DATA");
        app.add_option("--rank-by", a->rank_by,
                       "auto: score where there are labels, else alignment-uniformity")
            ->capture_default_str()
            ->check(CLI::IsMember({"auto", "score", "effective-rank", "alignment-uniformity"}));
        app.add_option("--search", a->search,
                       "then search probabilities and strengths of the operations, and of those "
                       "that help, in so many trials of as many steps, as `vistas tune --views` "
                       "does [0: no search]")
            ->type_name("N")
            ->check(CLI::Range(0, 1 << 20));
        app.add_option("--time", a->time, "for all trials of --search, for example 30m or 2h")
            ->type_name("TIME");
        app.add_option("--workers", a->workers,
                       "trials of --search at a time, which share the cores")
            ->capture_default_str()
            ->check(CLI::Range(1, 1024));
        app.add_option("--python", a->python, "a Python that has Optuna, for --search")
            ->type_name("PYTHON");
        app.add_option("--out", a->out,
                       "a folder for the result; trainings that are finished there are not "
                       "repeated")
            ->capture_default_str()
            ->type_name("FOLDER");
        app.add_option("--set", a->sets, "a setting of training, KEY=VALUE")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false);
        add_device_options(app, a->device, a->precision);
        return [a](const Context& context) { return choose_views(context, *a); };
      }};
}

}  // namespace vistas::app
