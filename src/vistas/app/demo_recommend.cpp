// vistas demo recommend: users whose tastes are known, found again from what they acted on.
#include "vistas/app/demo_recommend.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "vistas/app/train.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recommend/baselines/baselines.h"
#include "vistas/recommend/tasks/recommender.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr int64_t kDepth = 20, kShown = 5;
const std::vector<std::string> kKnownBy = {"chess-4", "chess-12", "wine-6"};

// The numbers that users and items of the data have in the world they come from.
struct WorldNumbers {
  std::vector<int64_t> users, items;
};

WorldNumbers numbers_in(const recommend::TasteWorld& world, const recommend::Interactions& data) {
  std::unordered_map<std::string, int64_t> users, items;
  for (int64_t u = 0; u < world.users(); ++u) users[world.user_name(u)] = u;
  for (int64_t i = 0; i < world.items(); ++i) items[world.item_name(i)] = i;
  WorldNumbers out;
  for (int64_t u = 0; u < data.users(); ++u) {
    out.users.push_back(users.at(std::string((*data.user_ids)[u])));
  }
  for (int64_t i = 0; i < data.items(); ++i) {
    out.items.push_back(items.at(std::string((*data.item_ids)[i])));
  }
  return out;
}

// No ranking finds more in the mean than that by the chances themselves.
search::TopK true_lists(const recommend::TasteWorld& world, const WorldNumbers& numbers,
                        const search::RowFilter& filter) {
  const auto users = static_cast<int64_t>(numbers.users.size());
  const auto items = static_cast<int64_t>(numbers.items.size());
  return search::top_k_of(users, items, kDepth, filter, [&](int64_t u, std::span<float> out) {
    std::vector<float> chances(static_cast<size_t>(world.items()));
    world.chances(numbers.users[static_cast<size_t>(u)], chances);
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = chances[static_cast<size_t>(numbers.items[i])];
    }
  });
}

nlohmann::json compare(const Context& context, const recommend::FullRanking& ranking,
                       const recommend::NodeEmbeddings& nodes, const search::TopK& best) {
  const auto train = ranking.train();
  const auto items = nodes.items.size(0);
  const auto filter = ranking.filter();
  look::Table table({"ranked by", "recall@20 (%)", "NDCG@20 (%)", "users with a hit (%)"});
  nlohmann::json json;
  const auto add = [&](const std::string& name, const std::string& key, const search::TopK& lists) {
    const auto mean = ranking.scores(lists.indices, std::vector<int64_t>{kDepth}).front().mean;
    table.add({name, fmt::format("{:.1f}", 100 * mean.recall),
               fmt::format("{:.1f}", 100 * mean.ndcg), fmt::format("{:.1f}", 100 * mean.hit_rate)},
              key == "trained");
    json[key] = {{"recall", mean.recall}, {"ndcg", mean.ndcg}, {"hit_rate", mean.hit_rate}};
  };
  add("popularity", "popularity", recommend::popularity_lists(train, items, kDepth, filter));
  add("ItemKNN, TF-IDF, 100 neighbours", "itemknn",
      recommend::item_knn_lists(train, items, kDepth, filter, {.neighbours = 100}));
  add("trained embeddings", "trained", ranking.lists(nodes, kDepth));
  add("the true chances: the best possible", "possible", best);
  context.print(table.str(context.color, context.width));
  return json;
}

// A list with the item of the history that is nearest to each of its items.
std::string explained(const Context& context, const recommend::IdTable& ids,
                      const at::Tensor& items, const search::TopK& found,
                      std::span<const int32_t> history, std::span<const int32_t> wanted,
                      const std::string& title) {
  const at::Tensor own =
      at::tensor(std::vector<int64_t>(history.begin(), history.end()), at::kLong);
  const at::Tensor list = found.indices[0];
  const auto reasons = search::top_k(items.index_select(0, list), items.index_select(0, own), 1,
                                     search::Metric::cosine);
  look::Table table({title, "because of", "cosine", ""});
  for (int64_t j = 0; j < list.size(0); ++j) {
    const auto item = list[j].item<int64_t>();
    const bool hit = std::ranges::find(wanted, item) != wanted.end();
    table.add(
        {std::string(ids[item]),
         std::string(ids[history[static_cast<size_t>(reasons.indices[j][0].item<int64_t>())]]),
         fmt::format("{:.2f}", reasons.scores[j][0].item<float>()), hit ? "in the test" : ""});
  }
  return table.str(context.color, context.width) + "\n";
}

void show_lists(const Context& context, const recommend::TasteWorld& world,
                const WorldNumbers& numbers, const recommend::Recommender& recommender,
                const recommend::Interactions& known, const recommend::NodeEmbeddings& nodes) {
  const recommend::IdTable& ids = *known.item_ids;
  const recommend::Interactions& test = recommender.split.test;
  for (const int64_t user : {int64_t{0}, known.users() / 3, 2 * known.users() / 3}) {
    const auto had = known.items_of(user);
    OwnIdLists mask;
    mask.add(had);
    const auto found = search::top_k(nodes.users.slice(0, user, user + 1), nodes.items, kShown,
                                     search::Metric::dot, {.without = {mask.view()}});
    context.print(explained(context, ids, nodes.items, found, had, test.items_of(user),
                            fmt::format("for {}: {}", (*known.user_ids)[user],
                                        world.describe(numbers.users[static_cast<size_t>(user)]))));
  }
  std::vector<int32_t> had;
  for (const std::string& name : kKnownBy) had.push_back(ids.find(name));
  OwnIdLists mask;
  mask.add(had);
  const at::Tensor row = recommender.encoder->new_user(
      at::tensor(std::vector<int64_t>(had.begin(), had.end()), at::kLong), nodes.items);
  const auto found =
      search::top_k(row, nodes.items, kShown, search::Metric::dot, {.without = {mask.view()}});
  context.print(explained(context, ids, nodes.items, found, had, {},
                          fmt::format("for a user never seen, who had {}, {} and {}", kKnownBy[0],
                                      kKnownBy[1], kKnownBy[2])));
}

}  // namespace

recommend::TasteWorld demo_tastes() {
  return {3000, 2000, 0};
}

void write_interactions(const recommend::TasteWorld& world, const fs::path& file) {
  std::string text = "user\titem\n";
  for (int64_t user = 0; user < world.users(); ++user) {
    for (const int32_t item : world.acted().view()[user]) {
      text += fmt::format("{}\t{}\n", world.user_name(user), world.item_name(item));
    }
  }
  if (file.has_parent_path()) fs::create_directories(file.parent_path());
  write_file_atomic(file, text);
}

int demo_recommend(const Context& context, const recommend::TasteWorld& world,
                   recipe::Config& config, const fs::path& out) {
  context.print(fmt::format(
      "{} users act on {} items of 20 tastes, {} times. They are made up: each has three tastes "
      "that are\nknown, and acts by chance on what suits them. An encoder sees who acted on what, "
      "and nothing else.\nThen it ranks all items for every user; what is held back should stand "
      "first.\n\n",
      look::format_count(world.users()), look::format_count(world.items()),
      look::format_count(static_cast<int64_t>(world.acted().ids.size()))));
  const TrainOutcome result = train_into(context, config, out, {});
  if (result.stopped) return signal_exit_code();
  const auto recommender = recommend::load_recommender(out);
  const recommend::Split& split = recommender.split;
  const auto known = recommend::merged({&split.train, &split.valid});
  const auto nodes = recommender.encoder->embed(known);
  const recommend::FullRanking ranking(split);
  const WorldNumbers numbers = numbers_in(world, known);
  nlohmann::json json =
      compare(context, ranking, nodes, true_lists(world, numbers, ranking.filter()));
  json["seconds"] = result.seconds;
  context.print(fmt::format("Trained in {} ({:.0f} interactions/s).\n\n",
                            look::format_duration(result.seconds), result.samples_per_second));
  show_lists(context, world, numbers, recommender, known, nodes);
  context.print(
      fmt::format("the run       {0}\n"
                  "the data      {1}\n"
                  "go on with    build/vistas recommend {0} --user user-7\n"
                  "              build/vistas similar {0} --item chess-7\n"
                  "              build/vistas train YOUR_INTERACTIONS.tsv --out runs/mine\n",
                  out.string(), config.data_path()));
  fs::create_directories(out / "eval");
  write_file_atomic(out / "eval" / "tastes.json", json.dump(2) + "\n");
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
