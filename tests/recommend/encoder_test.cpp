// LightGCN's embeddings against a dense matrix; batches of interactions; full ranking by hand.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vistas/recommend/encoders/graph_encoder.h"
#include "vistas/recommend/tasks/interaction_batches.h"
#include "vistas/recommend/tasks/recommender.h"

namespace vistas::recommend {
namespace {

// Users 0, 1, 2 and items a, b, c, d: 0 has b and a, 1 has a, 2 has c and a; nobody has d.
std::shared_ptr<Interactions> few() {
  const auto data = std::make_shared<Interactions>();
  IdTable users, items;
  for (const char* id : {"u0", "u1", "u2"}) users.add(id);
  for (const char* id : {"a", "b", "c", "d"}) items.add(id);
  data->user_ids = std::make_shared<IdTable>(std::move(users));
  data->item_ids = std::make_shared<IdTable>(std::move(items));
  data->starts = {0, 2, 3, 5};
  data->item = {1, 0, 0, 2, 0};
  return data;
}

at::Tensor dense_adjacency() {
  at::Tensor a = at::zeros({7, 7});
  const auto edges = {std::pair{0, 4}, {0, 3}, {1, 3}, {2, 5}, {2, 3}};
  for (const auto& [user, node] : edges) a[user][node] = a[node][user] = 1;
  const at::Tensor scale = at::where(a.sum(1) > 0, a.sum(1).rsqrt(), at::zeros({7}));
  return scale.unsqueeze(1) * a * scale;
}

TEST(GraphEncoder, IsTheMeanOfItsLayers) {
  for (const int64_t layers : {0, 1, 3}) {
    const GraphEncoder encoder(graph_of(*few()), 5, {.layers = layers}, 1);
    const at::Tensor table = encoder.parameters().front();
    at::Tensor last = table, sum = table;
    for (int64_t layer = 0; layer < layers; ++layer) {
      last = dense_adjacency().mm(last);
      sum = sum + last;
    }
    const at::Tensor want = sum / static_cast<double>(layers + 1);
    EXPECT_LE((encoder.all() - want).abs().max().item<double>(), 1e-6) << layers;
  }
}

TEST(GraphEncoder, GathersNodesAndSpreadsTheirGradient) {
  GraphEncoder encoder(graph_of(*few()), 4, {.layers = 2}, 1);
  const at::Tensor nodes = at::tensor({6, 3, 0, 3}, at::kLong);
  const at::Tensor z = encoder.forward({{{"node", nodes}}});
  EXPECT_TRUE(at::equal(z, encoder.all().index_select(0, nodes)));
  const at::Tensor pull = at::randn({4, 4});
  z.backward(pull);
  const at::Tensor a = dense_adjacency(), spread = (at::eye(7) + a + a.mm(a)) / 3;
  const at::Tensor want = spread.mm(at::zeros({7, 4}).index_add(0, nodes, pull));
  EXPECT_LE((encoder.parameters().front().grad() - want).abs().max().item<double>(), 1e-6);
}

TEST(GraphEncoder, MakesNewUsersOfTheirItems) {
  const GraphEncoder encoder(graph_of(*few()), 4, {.layers = 1}, 1);
  const NodeEmbeddings nodes = encoder.embed(*few());
  EXPECT_TRUE(at::equal(at::cat({nodes.users, nodes.items}), encoder.all()));
  const at::Tensor user = encoder.new_user(at::tensor({3, 1}, at::kLong), nodes.items);
  EXPECT_TRUE(at::allclose(user, (nodes.items[1] + nodes.items[3]).unsqueeze(0) / 2));
}

TEST(InteractionBatches, AreUsersAndItemsAsNodes) {
  const InteractionBatches batches(few());
  EXPECT_EQ(batches.size(), 5);
  const learn::Batch batch = batches.make({4, 0, 2}, 0);
  EXPECT_TRUE(at::equal(batch.views.at(0).at("node"), at::tensor({2, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.views.at(1).at("node"), at::tensor({3, 4, 3}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.group, at::tensor({0, 1, 0}, at::kLong)));
}

// Scores of every user: a 4, b 3, c 2, d 1. The test: user 0 has d, user 2 has b and d.
TEST(FullRanking, MasksWhatIsKnown) {
  const NodeEmbeddings nodes{at::ones({3, 1}), at::tensor({4.0f, 3.0f, 2.0f, 1.0f}).view({4, 1})};
  Interactions test = *few();
  test.starts = {0, 1, 1, 3};
  test.item = {3, 3, 1};
  const auto train = few();
  const auto scores = full_ranking(nodes, test, {train.get()}, {1, 2});
  ASSERT_EQ(scores.size(), 2);
  // Lists: user 0 c, d; user 2 b, d.
  EXPECT_EQ(scores[0].users, 2);
  EXPECT_NEAR(scores[0].mean.recall, (0 + 0.5) / 2, 1e-12);
  EXPECT_NEAR(scores[1].mean.recall, 1, 1e-12);
  EXPECT_NEAR(scores[1].mean.mrr, (0.5 + 1) / 2, 1e-12);
}

// Item d is not in training: a test of d alone ranks it alone.
TEST(FullRanking, RanksNewItemsAmongThemselves) {
  const NodeEmbeddings nodes{at::ones({3, 1}), at::tensor({4.0f, 3.0f, 2.0f, 1.0f}).view({4, 1})};
  Interactions test = *few();
  test.starts = {0, 1, 1, 2};
  test.item = {3, 3};
  const auto train = few();
  EXPECT_EQ(new_items(*train, test), (std::vector<bool>{false, false, false, true}));
  EXPECT_EQ(full_ranking(nodes, test, {train.get()}, {1})[0].mean.recall, 1);
  test.item = {3, 1};
  EXPECT_TRUE(new_items(*train, test).empty());
  EXPECT_EQ(full_ranking(nodes, test, {train.get()}, {1})[0].mean.recall, 0.5);
}

}  // namespace
}  // namespace vistas::recommend
