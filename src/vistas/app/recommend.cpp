// vistas recommend, and vistas eval of runs on interactions.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/app/interactions.h"
#include "vistas/app/item_lists.h"
#include "vistas/app/ranking_table.h"
#include "vistas/base/error.h"
#include "vistas/look/text.h"
#include "vistas/recipe/run_files.h"
#include "vistas/recommend/sources/summary.h"
#include "vistas/recommend/tasks/recommender.h"
#include "vistas/search/top_k.h"

namespace vistas::app {
namespace {

struct RecommendArguments {
  std::string run, out, allow, exclude;
  std::vector<std::string> users, items;
  int64_t k = 20;
};

// One list a query: who asks, and what it must not be given.
struct Queries {
  at::Tensor rows;  // [Q, d]
  std::vector<std::string> names{};
  OwnIdLists known{};
};

// What they had in training, in validation and in the test is not given again.
Queries users_of(const recommend::Recommender& recommender, const recommend::NodeEmbeddings& nodes,
                 const std::vector<std::string>& names) {
  const recommend::Split& split = recommender.split;
  const auto users = numbers_or_all(*split.train.user_ids, names, "user");
  Queries out{.rows = nodes.users.index_select(0, at::tensor(users, at::kLong))};
  for (const int64_t user : users) {
    std::vector<int32_t> items;
    for (const auto* part : {&split.train, &split.valid, &split.test}) {
      const auto had = part->items_of(user);
      items.insert(items.end(), had.begin(), had.end());
    }
    out.names.emplace_back((*split.train.user_ids)[user]);
    out.known.add(items);
  }
  return out;
}

// A user never seen, known by items.
Queries user_of_items(const recommend::Recommender& recommender,
                      const recommend::NodeEmbeddings& nodes,
                      const std::vector<std::string>& names) {
  const auto items = numbers_of(*recommender.split.train.item_ids, names, "item");
  Queries out{.rows = recommender.encoder->new_user(at::tensor(items, at::kLong), nodes.items)};
  out.names = {"new user"};
  out.known.add(std::vector<int32_t>(items.begin(), items.end()));
  return out;
}

int recommend_items(const Context& context, const RecommendArguments& a) {
  if (a.users.empty() == a.items.empty()) {
    throw Error(ErrorKind::usage, {.what = "for whom",
                                   .expected = "--users ID,ID ... or --users all, or --for-items "
                                               "ID,ID ... of a user never seen"});
  }
  const auto recommender = recommend::load_recommender(a.run);
  const recommend::IdTable& ids = *recommender.split.train.item_ids;
  const auto allowed = allowed_items(ids, a.allow, a.exclude);
  const auto nodes = recommend::embed_all(recommender);
  const Queries queries = a.items.empty() ? users_of(recommender, nodes, a.users)
                                          : user_of_items(recommender, nodes, a.items);
  print_lists(context,
              {.asker = "user",
               .listed = "item",
               .score = "score",
               .heading = "for ",
               .key = "items",
               .names = queries.names,
               .found = search::top_k(queries.rows, nodes.items, a.k, search::Metric::dot,
                                      {.without = {queries.known.view()}, .allowed = allowed}),
               .ids = &ids},
              a.out);
  return 0;
}

const char* about(const std::string& group) {
  if (group == "head") return "the 20 % of the items that occur most in training";
  if (group == "tail") return "all but the 20 % of the items that occur most in training";
  return group == "warm" ? "items with training interactions" : "items without any";
}

// "head: the 20 % ...: 30 items, 41.2 % of the training interactions, in the test of 128 users"
std::string describe(const std::string& name, const measure::RankingGroup& group,
                     const std::vector<int64_t>& popularity, int64_t users) {
  int64_t items = 0, occurrences = 0, all = 0;
  for (size_t i = 0; i < popularity.size(); ++i) {
    all += popularity[i];
    if (!group.items[i]) continue;
    ++items;
    occurrences += popularity[i];
  }
  return fmt::format("{}: {}: {}, {:.1f} % of the training interactions, in the test of {}", name,
                     about(name), look::counted(items, "item"),
                     100 * static_cast<double>(occurrences) / static_cast<double>(all),
                     look::counted(users, "user"));
}

}  // namespace

int eval_ranking(const Context& context, const std::string& run, const std::vector<int64_t>& at,
                 const std::vector<std::string>& groups) {
  const auto recommender = recommend::load_recommender(run);
  const recommend::Split& split = recommender.split;
  const auto ranking = ranking_of_test(split, run);
  const auto nodes = recommender.encoder->embed(recommend::merged({&split.train, &split.valid}));
  const at::Tensor lists = ranking.lists(nodes, std::ranges::max(at)).indices;
  const auto all = ranking.scores(lists, at);
  std::string how = ranking_protocol(split, all.front().users);
  RankingTable table("group");
  table.add("all", all);
  for (const std::string& name : groups) {
    const auto group = measure::item_group(name, ranking.popularity());
    const auto scores = ranking.scores(lists, at, group);
    table.add(name, scores);
    how += "\n" + describe(name, group, ranking.popularity(), scores.front().users);
  }
  if (!groups.empty()) {
    how += "\na group: its test items alone and the users who have any, in the same lists";
  }
  const auto data = recommend::summarise(split.train);
  const auto config = recipe::began_with(RunFolder::open(run));
  const Value seed = config->setting("train.seed");
  if (std::get<std::string>(config->setting("data.select_on").data) == "test" &&
      config->train.score_every > 0) {
    how +=
        "\nthe checkpoint was chosen by this very test (data.select_on): it repeats a protocol, "
        "and is no result";
  }
  table.finish(context, run, "ranking", how,
               {{"run", run},
                {"seed", std::get<int64_t>(seed.data)},
                {"split", split.how},
                {"train",
                 {{"users", data.users},
                  {"items", data.items},
                  {"interactions", split.train.size()},
                  {"density", data.density},
                  {"content", fmt::format("{:016x}", data.hash)}}}});
  return 0;
}

Command recommend_command() {
  return {"recommend",
          "Lists the items that suit users best, without those they have had.",
          {"vistas recommend runs/r --users all -k 20 -o lists.tsv",
           "vistas recommend runs/r --users 7,12 -k 5 --exclude 3,14",
           "vistas recommend runs/r --for-items 12,57,9 -k 10 --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<RecommendArguments>();
            app.add_option("run", a->run, "a run on interactions")->required()->type_name("RUN");
            app.add_option("--users,--user", a->users, "ids as they stand in the data, or all")
                ->delimiter(',')
                ->allow_extra_args(false)
                ->group("For whom");
            app.add_option("--for-items", a->items,
                           "a user never seen, known by these items: the mean of their embeddings")
                ->delimiter(',')
                ->allow_extra_args(false)
                ->group("For whom");
            app.add_option("--allow", a->allow,
                           "lists hold only these items: a file with an id a line, or ids between "
                           "commas [all]")
                ->type_name("FILE|IDS")
                ->group("Search");
            app.add_option("--exclude", a->exclude, "lists hold none of these items")
                ->type_name("FILE|IDS")
                ->group("Search");
            app.add_option("-k", a->k, "items a list")
                ->capture_default_str()
                ->check(CLI::Range(1, 1000000))
                ->group("Search");
            add_lists_option(app, a->out, "user, item, score");
            return [a](const Context& context) { return recommend_items(context, *a); };
          }};
}

}  // namespace vistas::app
