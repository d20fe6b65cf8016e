#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <tuple>

#include "support/errors.h"
#include "support/rows.h"
#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/bsl.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/sampled_softmax.h"
#include "vistas/recommend/graph/noise.h"
#include "vistas/recommend/methods/graph_contrast.h"
#include "vistas/recommend/methods/ncl.h"

namespace vistas::recommend {
namespace {

// Users 0 .. 3 have items 0 1, 1 2, 0 3, 4; items are nodes 4 .. 8.
std::shared_ptr<const BipartiteGraph> small_graph() {
  OwnIdLists lists;
  for (const auto& items : std::vector<std::vector<int32_t>>{{0, 1}, {1, 2}, {0, 3}, {4}}) {
    lists.add(items);
  }
  return std::make_shared<const BipartiteGraph>(lists.view(), 5);
}

std::shared_ptr<GraphEncoder> small_encoder(int64_t layers, bool with_table = true) {
  return std::make_shared<GraphEncoder>(
      small_graph(), 6, GraphEncoderOptions{.layers = layers, .with_table = with_table}, 3);
}

// Interactions (0, 1), (2, 3), (0, 0), (1, 1).
learn::Batch small_batch() {
  learn::Batch batch;
  const at::Tensor users = at::tensor({0, 2, 0, 1}, at::kLong);
  batch.group = at::tensor({1, 3, 0, 1}, at::kLong);
  batch.views = {{{{"node", users}}}, {{{"node", batch.group + 4}}}};
  batch.index = at::arange(4);
  batch.key = 11;
  return batch;
}

at::Tensor loss_of(learn::Method& method, const learn::Batch& batch) {
  return method.loss(method.embed(batch), batch);
}

struct Rows {
  at::Tensor users, items, table_users, table_items;
};

Rows rows_of(const GraphEncoder& encoder, const learn::Batch& batch) {
  const at::Tensor all = encoder.all(), table = encoder.spread().layers.front();
  const at::Tensor u = batch.views[0].at("node"), i = batch.views[1].at("node");
  return {all.index({u}), all.index({i}), table.index({u}), table.index({i})};
}

TEST(Collaborative, IsItsLossOnRowsOfTheSpreadTable) {
  const auto encoder = small_encoder(2);
  const learn::Batch batch = small_batch();
  const Rows r = rows_of(*encoder, batch);
  const auto expect = [&](const CollaborativeOptions& options, const at::Tensor& want) {
    Collaborative method(encoder, options, 1);
    EXPECT_NEAR(loss_of(method, batch).item<double>(), want.item<double>(), 1e-6) << options.loss;
  };
  const double t = 0.3;
  expect({.temperature = t}, contrast::info_nce(r.users, r.items, {.temperature = t}));
  expect({.temperature = t, .mask_groups = true},
         contrast::info_nce(r.users, r.items, {.temperature = t}, batch.group));
  expect({.loss = "bsl", .temperature = t, .exponent = 0.8},
         contrast::bsl(r.users, r.items, {.temperature = t, .exponent = 0.8}));
  expect({.loss = "direct_au", .gamma = 0.5},
         contrast::align_uniform(r.users, r.items, {.weight = 0.5}).loss);
  // Items 0 .. 4 have 2, 2, 1, 1, 1 of 7 interactions.
  const at::Tensor log_q = at::tensor({2.0 / 7, 1.0 / 7, 2.0 / 7, 2.0 / 7}).log();
  expect(
      {.temperature = t, .log_q = true},
      contrast::in_batch_softmax(
          r.users, r.items, {.temperature = t, .similarity = contrast::Similarity::cosine}, log_q));
  const at::Tensor lengths = (r.table_users.square().sum() + r.table_items.square().sum()) / 4;
  expect({.temperature = t, .l2 = 0.2},
         contrast::info_nce(r.users, r.items, {.temperature = t}) + 0.1 * lengths);
}

TEST(Collaborative, DrawsItemsThatTheUserDoesNotHave) {
  const auto encoder = small_encoder(0);
  Collaborative method(encoder, {.loss = "bpr"}, 1);
  std::set<int64_t> met;
  const at::Tensor all = encoder->all();
  for (uint64_t key = 0; key < 200; ++key) {
    learn::Batch batch = small_batch();
    batch.key = key;
    const auto live = method.embed(batch).live;
    ASSERT_EQ(live.size(), 3);
    EXPECT_TRUE(at::equal(method.embed(batch).live[2], live[2])) << "a function of the key";
    // User 2 has items 0 and 3: nodes 4 and 7.
    const at::Tensor same = (all == live[2][1]).all(1).nonzero();
    met.insert(same.item<int64_t>());
    EXPECT_NEAR(method.loss({live, {}}, batch).item<double>(),
                contrast::bpr(live[0], live[1], live[2]).item<double>(), 1e-7);
  }
  EXPECT_EQ(met, (std::set<int64_t>{5, 6, 8}));
}

TEST(Collaborative, SharedNegativesLeaveOutHits) {
  const auto encoder = small_encoder(1);
  Collaborative method(encoder, {.temperature = 0.3, .negatives = 64}, 1);
  EXPECT_EQ(method.negatives(4), 64);
  const learn::Batch batch = small_batch();
  const auto live = method.embed(batch).live;
  ASSERT_EQ(live[2].sizes(), (std::vector<int64_t>{64, 6}));
  const at::Tensor hit = (live[1].unsqueeze(1) == live[2].unsqueeze(0)).all(2);
  EXPECT_TRUE(hit.any().item<bool>());
  EXPECT_NEAR(method.loss({live, {}}, batch).item<double>(),
              contrast::sampled_softmax(
                  live[0], live[1], live[2],
                  {.temperature = 0.3, .similarity = contrast::Similarity::cosine}, {}, hit)
                  .item<double>(),
              1e-6);
}

TEST(GraphContrast, SglComparesNodesOfTwoGraphs) {
  const auto encoder = small_encoder(2);
  const learn::Batch batch = small_batch();
  const at::Tensor users = at::tensor({0, 1, 2}, at::kLong),
                   items = at::tensor({4, 5, 7}, at::kLong);
  for (const char* drop : {"edges", "nodes", "walk"}) {
    for (const char* among : {"batch", "all"}) {
      SglOptions o;
      o.base.temperature = 0.3;
      o.drop = drop;
      o.rate = 0.3;
      o.among = among;
      Sgl method(encoder, o, 1);
      const auto live = method.embed(batch).live;
      ASSERT_EQ(live.size(), o.among == "all" ? 8 : 6);
      const auto side = [&](size_t i) {
        return contrast::info_nce(live[i], live[i + 2], {.temperature = 0.2}, {},
                                  o.among == "all" ? live[i + 4] : at::Tensor());
      };
      const at::Tensor want =
          contrast::info_nce(live[0], live[1], {.temperature = 0.3}) + 0.1 * (side(2) + side(3));
      EXPECT_NEAR(method.loss({live, {}}, batch).item<double>(), want.item<double>(), 1e-6);
      EXPECT_EQ(live[2].size(0), 3);
      EXPECT_FALSE(at::equal(live[2], live[4])) << "two graphs";
      if (o.among == "all") {
        EXPECT_EQ(live[6].size(0), 1) << "user 3";
        EXPECT_EQ(live[7].size(0), 2) << "items 2 and 4";
      }
      Sgl again(encoder, o, 1);
      EXPECT_TRUE(at::equal(again.embed(batch).live[5], live[5])) << "drawn by the seed";
    }
  }
}

TEST(GraphContrast, SimGclHasNoiseInTheViewsAlone) {
  const auto encoder = small_encoder(2, /*with_table=*/false);
  SimGcl method(encoder, {.noise = 0.1}, 1);
  const learn::Batch batch = small_batch();
  const auto live = method.embed(batch).live;
  const Rows r = rows_of(*encoder, batch);
  EXPECT_TRUE(at::equal(live[0], r.users));
  const at::Tensor clean = encoder->all().index({at::tensor({0, 1, 2}, at::kLong)});
  EXPECT_FALSE(at::allclose(live[2], clean));
  EXPECT_FALSE(at::allclose(live[2], live[4]));
  EXPECT_LE((live[2] - clean).norm(2, {1}).max().item<double>(), 0.2);
}

TEST(GraphContrast, XSimGclMakesOnePass) {
  const auto encoder = small_encoder(2, /*with_table=*/false);
  XSimGcl method(encoder, {.noise = 0.1, .layer = 2}, 1);
  const learn::Batch batch = small_batch();
  const auto live = method.embed(batch).live;
  ASSERT_EQ(live.size(), 6);
  // Rows of users 0, 2, 0, 1 and each once: the same pass.
  EXPECT_TRUE(at::equal(live[0].index({at::tensor({0, 3, 1}, at::kLong)}), live[2]));
  EXPECT_FALSE(at::allclose(live[2], live[4])) << "a layer is not the mean";
  EXPECT_FALSE(at::allclose(live[0], rows_of(*encoder, batch).users)) << "noise";
  test::expect_error([&] { XSimGcl(encoder, {.layer = 3}, 1); }, "at most encoder.graph.layers, 2",
                     ErrorKind::usage);
}

// Two steps an epoch. Centres are made at the beginning of epoch 1 and kept to its end.
TEST(GraphContrast, NclFindsNodesInNeighboursAndClusters) {
  const auto encoder = small_encoder(2);
  Ncl method(encoder, {.prototypes = 2, .prototype_weight = 0.5, .prototypes_from = 1}, 1);
  const learn::Batch batch = small_batch();
  const auto at_step = [&](int64_t step) {
    method.begin_step({.step = step, .total = 8, .per_epoch = 2});
    return method.embed(batch).live;
  };
  const at::Tensor users = at::tensor({0, 1, 2}, at::kLong);
  auto live = at_step(1);
  const auto spread = encoder->spread();
  EXPECT_TRUE(at::equal(live[2], spread.layers[2].index({users})));
  EXPECT_TRUE(at::equal(live[4], spread.layers[0].index({users})));
  const auto plain = [&] {
    return (contrast::info_nce(live[0], live[1], {.temperature = 0.12}) +
            0.1 * (contrast::info_nce(live[2], live[4], {.temperature = 0.1}) +
                   contrast::info_nce(live[3], live[5], {.temperature = 0.1})))
        .item<double>();
  };
  EXPECT_NEAR(method.loss({live, {}}, batch).item<double>(), plain(), 1e-6) << "no clusters yet";
  live = at_step(2);
  const auto buffers = method.named_buffers();
  const at::Tensor made = buffers["user_centres"].clone(), cluster = buffers["cluster"];
  double want = plain();
  for (const auto& [centres, rows, nodes] :
       {std::tuple{buffers["user_centres"], live[4], users},
        std::tuple{buffers["item_centres"], live[5], at::tensor({4, 5, 7}, at::kLong)}}) {
    const at::Tensor unit = contrast::unit_rows(centres), e = contrast::unit_rows(rows);
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor p = at::mv(unit, e[i]).div(0.1).softmax(0);
      want -= 0.5 / 3 * std::log(p[cluster[nodes[i]].item<int64_t>()].item<double>());
    }
  }
  EXPECT_NEAR(method.loss({live, {}}, batch).item<double>(), want, 1e-5);
  {
    const at::NoGradGuard no_grad;
    encoder->parameters().front().mul_(-1);
  }
  at_step(3);
  EXPECT_TRUE(at::equal(method.named_buffers()["user_centres"], made)) << "within an epoch";
  at_step(4);
  EXPECT_FALSE(at::allclose(method.named_buffers()["user_centres"], made));
}

// In float64, without noise, whose signs are constants.
TEST(Methods, GradientsMatchCentralDifferences) {
  const learn::Batch batch = small_batch();
  const auto check = [&](auto&& make) {
    const auto encoder = small_encoder(2);
    const auto method = make(encoder);
    method->to(at::kDouble);
    at::Tensor table = encoder->parameters().front();
    loss_of(*method, batch).backward();
    expect_central_differences([&] { return loss_of(*method, batch); }, table, table.grad(), 1e-7);
  };
  for (const char* loss : {"softmax", "bsl", "bpr", "direct_au"}) {
    SCOPED_TRACE(loss);
    check([&](const auto& encoder) {
      return std::make_shared<Collaborative>(
          encoder, CollaborativeOptions{.loss = loss, .temperature = 0.5, .l2 = 0.1}, 1);
    });
  }
  for (const char* among : {"batch", "all"}) {
    SCOPED_TRACE(among);
    check([&](const auto& encoder) {
      SglOptions o;
      o.rate = 0.3;
      o.among = among;
      return std::make_shared<Sgl>(encoder, o, 1);
    });
  }
}

TEST(Methods, NeedAGraph) {
  struct Other : learn::Encoder {
    at::Tensor forward(const learn::Inputs& x) override { return x.at("node"); }
    int64_t dim() const override { return 1; }
  };
  test::expect_error([] { Collaborative(std::make_shared<Other>(), {}, 1); },
                     "encoder.name = \"graph\"", ErrorKind::usage);
}

TEST(AddNoise, MovesRowsByItsSizeWithinTheirOrthant) {
  at::manual_seed(1);
  for (const int64_t width : {1, 6, 64, 100}) {
    const at::Tensor before = at::randn({301, width});
    before[7].zero_();
    at::Tensor after = before.clone();
    const DrawKey key{.seed = 5, .epoch = 0, .sample = 0, .view = 2};
    add_noise(after, 0.25, key);
    const at::Tensor moved = after - before, lengths = moved.norm(2, {1});
    EXPECT_TRUE((moved * before >= 0).all().item<bool>());
    EXPECT_EQ(lengths[7].item<double>(), 0);
    lengths[7] = 0.25;
    EXPECT_TRUE(at::allclose(lengths, at::full({301}, 0.25), 0, 1e-5)) << width;
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    at::Tensor again = before.clone();
    add_noise(again, 0.25, key);
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(again, after));
    at::Tensor other = before.clone();
    add_noise(other, 0.25, {.seed = 6});
    EXPECT_TRUE(width == 1 || !at::allclose(other, after)) << "another seed";
  }
}

}  // namespace
}  // namespace vistas::recommend
