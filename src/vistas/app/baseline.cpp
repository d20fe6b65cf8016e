// vistas baseline: what an encoder of users and items must beat.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "vistas/app/ranking_table.h"
#include "vistas/app/shared.h"
#include "vistas/app/train.h"
#include "vistas/base/error.h"
#include "vistas/base/run_folder.h"
#include "vistas/look/text.h"
#include "vistas/recipe/recommend_run.h"
#include "vistas/recommend/baselines/baselines.h"
#include "vistas/recommend/sources/split_file.h"

namespace vistas::app {
namespace {

const std::vector<std::string> kNames = {"popularity", "knn-cosine", "knn-tfidf", "knn-bm25",
                                         "ease"};
constexpr int64_t kEaseItems = 15'000;  // unasked: under a minute of one core, and 1 GB

struct BaselineArguments {
  std::string data;
  std::vector<std::string> sets, names;
  std::vector<int64_t> at{5, 10, 20};
  int64_t neighbours = 100;
  double l2 = 500;
};

// The split that `vistas train` would make with the same settings, or the one that a run has kept.
recommend::Split split_for(const Context& context, const BaselineArguments& a) {
  if (RunFolder::holds_run(a.data)) {
    if (a.sets.empty()) return recommend::read_split(a.data);
    throw Error(ErrorKind::usage, {.what = "--set for a run",
                                   .got = a.sets.front(),
                                   .expected = "none: a run has kept its split",
                                   .fix = "Give the interactions instead of the run"});
  }
  const bool recipe = a.data.ends_with(".toml");
  Value over =
      recipe ? Value{.data = ValueTable{}} : parse_assignment("data.modality=interactions");
  for (const std::string& set : a.sets) merge_into(over, parse_assignment(set));
  const auto config = config_for(a.data, over);
  auto* of_interactions = dynamic_cast<recipe::RecommendConfig*>(config.get());
  if (of_interactions == nullptr) {
    throw Error(ErrorKind::usage,
                {.what = a.data, .expected = "a recipe with data.modality = \"interactions\""});
  }
  const recipe::RecommendTraining training(*of_interactions);
  const std::string left_out = training.left_out().summary;
  if (!left_out.empty()) context.print(left_out + "\n");
  // The run that counts is trained on validation too.
  if (config->chooses_length()) return recommend::without_validation(training.split());
  return training.split();
}

// The baselines asked for, and why one of them is left out; "" if none is.
struct Chosen {
  std::vector<std::string> names{};
  std::string left_out{};
};

Chosen choose(const BaselineArguments& a, int64_t items) {
  Chosen out;
  for (const std::string& name : kNames) {
    const bool named = std::ranges::find(a.names, name) != a.names.end();
    if (!named && !a.names.empty()) continue;
    if (named || name != "ease" || items <= kEaseItems) {
      out.names.push_back(name);
      continue;
    }
    const auto n = static_cast<double>(items);
    out.left_out = fmt::format(
        "ease is left out: it inverts a matrix of {0} x {0} items, {1} of memory and about {2:.0f} "
        "minutes of one core; `--baselines ease` takes it all the same",
        look::format_count(items), look::format_bytes(4 * n * n), n * n * n / 7.5e10 / 60);
  }
  return out;
}

search::TopK lists_of(const std::string& name, const BaselineArguments& a,
                      const recommend::FullRanking& ranking,
                      const std::function<void(int64_t, int64_t)>& progress) {
  const auto items = static_cast<int64_t>(ranking.popularity().size());
  const int64_t k = std::ranges::max(a.at);
  const auto filter = ranking.filter();
  if (name == "popularity") return recommend::popularity_lists(ranking.train(), items, k, filter);
  if (name == "ease")
    return recommend::ease_lists(ranking.train(), items, k, filter, a.l2, progress);
  using recommend::ItemWeights;
  const ItemWeights weights = name == "knn-cosine"  ? ItemWeights::cosine
                              : name == "knn-tfidf" ? ItemWeights::tf_idf
                                                    : ItemWeights::bm25;
  return recommend::item_knn_lists(ranking.train(), items, k, filter,
                                   {.weights = weights, .neighbours = a.neighbours});
}

int baseline(const Context& context, const BaselineArguments& a) {
  const recommend::Split split = split_for(context, a);
  const auto ranking = ranking_of_test(split, a.data);
  const Chosen chosen = choose(a, split.train.items());
  RankingTable table("baseline");
  StatusLine status(context);
  int64_t users = 0;
  bool neighbours = false, ease = false;
  for (const std::string& name : chosen.names) {
    status.show(fmt::format("{} on {}", name, look::counted(split.train.size(), "interaction")));
    const auto lists = lists_of(name, a, ranking, counted_progress(status, name + ": block"));
    const auto scores = ranking.scores(lists.indices, a.at);
    users = scores.front().users;
    table.add(name, scores);
    neighbours = neighbours || name.starts_with("knn");
    ease = ease || name == "ease";
  }
  status.clear();
  std::string how = ranking_protocol(split, users);
  if (neighbours) how += fmt::format("\nknn: ItemKNN of {} neighbours", a.neighbours);
  if (ease) how += fmt::format("\nease: l2 = {}", a.l2);
  if (!chosen.left_out.empty()) how += "\n" + chosen.left_out;
  table.finish(context, a.data, "baselines", how, {{"data", a.data}});
  return 0;
}

}  // namespace

Command baseline_command() {
  return {
      "baseline",
      "Measures recommendation without an encoder: popularity, neighbours of items, EASE.",
      {"vistas baseline interactions.tsv",
       "vistas baseline runs/r --baselines popularity,knn-tfidf --at 20 --json -",
       "vistas baseline interactions.tsv --set data.split.kind=leave_one_out --neighbours 20"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<BaselineArguments>();
        app.add_option("data", a->data,
                       "interactions, a folder of a split or a recipe: the split is that of "
                       "`vistas train`; or a run: the split it has kept")
            ->required()
            ->type_name("DATA|RUN");
        app.add_option("--set", a->sets,
                       "one setting of training, as data.split.kind=time; may be given many times")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false)
            ->group("Data");
        app.add_option("--baselines", a->names,
                       fmt::format("of {}; ease unasked only up to {} items [all]",
                                   fmt::join(kNames, ", "), look::format_count(kEaseItems)))
            ->delimiter(',')
            ->allow_extra_args(false)
            ->check(CLI::IsMember(kNames))
            ->type_name("NAMES")
            ->group("Measures");
        app.add_option("--at", a->at, "lengths of the lists that are measured")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->capture_default_str()
            ->check(CLI::Range(1, 1000000))
            ->group("Measures");
        app.add_option("--neighbours", a->neighbours, "of an item in ItemKNN, itself among them")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000000))
            ->group("Measures");
        app.add_option("--l2", a->l2, "of EASE: how strongly weights are held small")
            ->capture_default_str()
            ->check(CLI::PositiveNumber)
            ->group("Measures");
        return [a](const Context& context) { return baseline(context, *a); };
      }};
}

}  // namespace vistas::app
