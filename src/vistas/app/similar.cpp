// vistas similar: items near items and users near users.
#include <ATen/ATen.h>

#include "vistas/app/item_lists.h"
#include "vistas/base/error.h"
#include "vistas/recommend/tasks/recommender.h"

namespace vistas::app {
namespace {

struct SimilarArguments {
  std::string run, out;
  std::vector<std::string> items, users;
  int64_t k = 10;
};

int similar(const Context& context, const SimilarArguments& a) {
  if (a.items.empty() == a.users.empty()) {
    throw Error(ErrorKind::usage, {.what = "similar to what",
                                   .expected = "either --items ID,ID ... or --users ID,ID ...; "
                                               "\"all\" stands for all of them"});
  }
  const bool of_items = a.users.empty();
  const std::string what = of_items ? "item" : "user";
  const auto recommender = recommend::load_recommender(a.run);
  const recommend::Interactions& train = recommender.split.train;
  const recommend::IdTable& ids = of_items ? *train.item_ids : *train.user_ids;
  const auto numbers = numbers_or_all(ids, of_items ? a.items : a.users, what);
  const auto nodes = recommend::embed_all(recommender);
  const at::Tensor bank = of_items ? nodes.items : nodes.users;
  RankedLists lists{.asker = what,
                    .listed = what,
                    .score = "cosine",
                    .heading = "like ",
                    .key = "similar",
                    .ids = &ids};
  OwnIdLists own;
  for (const int64_t number : numbers) {
    lists.names.emplace_back(ids[number]);
    own.add(std::vector<int32_t>{static_cast<int32_t>(number)});
  }
  lists.found = search::top_k(bank.index_select(0, at::tensor(numbers, at::kLong)), bank, a.k,
                              search::Metric::cosine, {.without = {own.view()}});
  print_lists(context, lists, a.out);
  return 0;
}

}  // namespace

Command similar_command() {
  return {"similar",
          "Lists the items most like an item, or the users most like a user, of a run on "
          "interactions.",
          {"vistas similar runs/r --item 57 -k 5", "vistas similar runs/r --user 7,12 --json -",
           "vistas similar runs/r --items all -k 20 -o similar.tsv"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<SimilarArguments>();
            app.add_option("run", a->run, "a run on interactions")->required()->type_name("RUN");
            app.add_option("--items,--item", a->items, "ids as they stand in the data, or all")
                ->delimiter(',')
                ->allow_extra_args(false)
                ->group("Like what");
            app.add_option("--users,--user", a->users, "the same of users")
                ->delimiter(',')
                ->allow_extra_args(false)
                ->group("Like what");
            app.add_option("-k", a->k, "neighbours a list, by cosine of the embeddings")
                ->capture_default_str()
                ->check(CLI::Range(1, 1000000))
                ->group("Search");
            add_lists_option(app, a->out, "the id, one like it, cosine");
            return [a](const Context& context) { return similar(context, *a); };
          }};
}

}  // namespace vistas::app
