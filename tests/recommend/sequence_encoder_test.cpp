// The transformer of sequences: what a position sees, padding, users, options.
#include "vistas/recommend/encoders/sequence_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "vistas/learn/layers.h"
#include "vistas/recommend/encoders/encoders.h"

namespace vistas::recommend {
namespace {

using Sequences = std::vector<std::vector<int32_t>>;

constexpr int64_t kItems = 20;

SequenceEncoder small(const SequenceEncoderOptions& options = {.inner = 12, .max_length = 8}) {
  SequenceEncoder encoder(kItems, 6, options, 1);
  const at::NoGradGuard no_grad;
  at::Generator generator = learn::initial_values(2);
  for (at::Tensor& p : encoder.parameters()) p.normal_(0, 0.5, generator);  // far from the start
  encoder.eval();
  return encoder;
}

learn::Inputs inputs_of(const Sequences& sequences) {
  return sequence_inputs({sequences.begin(), sequences.end()});
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(SequenceEncoder, IsTheFormula) {
  SequenceEncoder encoder = small({.layers = 1, .heads = 2, .inner = 12, .max_length = 8});
  const auto p = encoder.named_parameters();
  const at::Tensor item = at::tensor({4, 7, 4}, at::kLong);
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    return at::layer_norm(x, {6}, p[name + ".weight"], p[name + ".bias"], 1e-12);
  };
  const auto linear = [&](const at::Tensor& x, const std::string& name) {
    return at::addmm(p[name + ".bias"], x, p[name + ".weight"].t());
  };
  const at::Tensor x = norm(p["table"].index_select(0, item) + p["places"].slice(0, 0, 3), "norm");
  const at::Tensor parts = linear(x, "block0.query_key_value");
  std::vector<at::Tensor> heads;
  for (int64_t head = 0; head < 2; ++head) {
    const auto part = [&](int64_t which) { return parts.narrow(1, 6 * which + 3 * head, 3); };
    const at::Tensor later = at::ones({3, 3}, at::kBool).triu(1);
    const at::Tensor scores = part(0).mm(part(1).t()) / std::sqrt(3.0);
    heads.push_back(scores.masked_fill(later, -1e30).softmax(1).mm(part(2)));
  }
  const at::Tensor y = norm(x + linear(at::cat(heads, 1), "block0.mix"), "block0.attention_norm");
  const at::Tensor inner = at::gelu(linear(y, "block0.up"));
  const at::Tensor want = norm(y + linear(inner, "block0.down"), "block0.output_norm");
  EXPECT_LE(distance(encoder.positions(inputs_of({{4, 7, 4}})), want), 1e-5);
}

TEST(SequenceEncoder, LaterItemsChangeNothingEarlier) {
  SequenceEncoder encoder = small();
  const at::Tensor base = encoder.positions(inputs_of({{1, 2, 3, 4, 5}}));
  for (int32_t at = 0; at < 5; ++at) {
    std::vector<int32_t> changed{1, 2, 3, 4, 5};
    changed[static_cast<size_t>(at)] = 9;
    const at::Tensor other = encoder.positions(inputs_of({changed}));
    EXPECT_TRUE(at::equal(other.slice(0, 0, at), base.slice(0, 0, at))) << at;
    for (int64_t row = at; row < 5; ++row) EXPECT_GT(distance(other[row], base[row]), 1e-3);
  }
}

// Sequences of different lengths together are what each is by itself, in the order of the batch.
TEST(SequenceEncoder, OthersOfABatchChangeNothing) {
  SequenceEncoder encoder = small();
  const Sequences sequences{{1, 2, 3, 4, 5, 6, 7}, {8}, {9, 10}, {3, 3, 3, 3, 3, 3}, {11, 12, 13}};
  std::vector<at::Tensor> rows, last;
  for (const auto& sequence : sequences) {
    rows.push_back(encoder.positions(inputs_of({sequence})));
    last.push_back(encoder.forward(inputs_of({sequence})));
    EXPECT_TRUE(at::equal(last.back()[0], rows.back()[rows.back().size(0) - 1]));
  }
  EXPECT_LE(distance(encoder.positions(inputs_of(sequences)), at::cat(rows)), 1e-5);
  EXPECT_LE(distance(encoder.forward(inputs_of(sequences)), at::cat(last)), 1e-5);
}

TEST(SequenceEncoder, DropsInTrainingAlone) {
  SequenceEncoder encoder = small();
  const learn::Inputs inputs = inputs_of({{1, 2, 3}, {4, 5, 6}});
  EXPECT_TRUE(at::equal(encoder.forward(inputs), encoder.forward(inputs)));
  encoder.train();
  const auto drawn = [&](uint64_t key) {
    at::manual_seed(key);
    return encoder.forward(inputs);
  };
  EXPECT_TRUE(at::equal(drawn(1), drawn(1)));
  EXPECT_GT(distance(drawn(1), drawn(2)), 1e-2);
}

TEST(SequenceEncoder, UsersAreTheirLastItemsAndItemsAreRows) {
  SequenceEncoder encoder = small();
  Interactions data;
  IdTable users, items;
  for (const char* id : {"a", "b", "c"}) users.add(id);
  for (int64_t i = 0; i < kItems; ++i) items.add(std::to_string(i));
  data.user_ids = std::make_shared<IdTable>(std::move(users));
  data.item_ids = std::make_shared<IdTable>(std::move(items));
  data.starts = {0, 2, 2, 12};
  data.item = {5, 3, 9, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  const NodeEmbeddings nodes = encoder.embed(data);
  EXPECT_TRUE(at::equal(nodes.items, encoder.parameters()[0].slice(0, 0, kItems)));
  EXPECT_FALSE(nodes.items.requires_grad() || nodes.users.requires_grad());
  const at::Tensor want = encoder.forward(inputs_of({{5, 3}, {1, 2, 3, 4, 5, 6, 7, 8}}));
  EXPECT_LE(distance(nodes.users[0], want[0]), 1e-6);
  EXPECT_TRUE(at::equal(nodes.users[1], at::zeros({6})));
  EXPECT_LE(distance(nodes.users[2], want[1]), 1e-6);
  const at::Tensor had = at::tensor({9, 8, 1, 2, 3, 4, 5, 6, 7, 8}, at::kLong);
  EXPECT_LE(distance(encoder.new_user(had, nodes.items), want.slice(0, 1, 2)), 1e-6);
}

TEST(SequenceEncoder, RefusesWhatDoesNotFit) {
  const auto usage = ErrorKind::usage;
  test::expect_error([] { SequenceEncoder(kItems, 6, {.heads = 4}, 1); },
                     "encoder.sequence.heads: got 4, expected a divisor of encoder.dim, 6", usage);
  SequenceEncoder encoder = small();
  test::expect_error(
      [&] {
        encoder.forward(inputs_of({{1, 2, 3, 4, 5, 6, 7, 8, 9}}));
      },
      "got 9, expected 1 .. 8", usage);
  test::expect_error(
      [&] {
        encoder.forward(inputs_of({{1}, {}}));
      },
      "got 0, expected 1 .. 1", usage);
}

TEST(SequenceEncoder, IsMadeByName) {
  NodeEncoderOptions options{.name = "sequence", .dim = 8};
  EXPECT_EQ(describe(options), "SASRec, 2 layers, 2 heads, the last 50 items");
  Interactions data;
  const auto encoder = make_node_encoder(options, data, {}, 1);
  EXPECT_NE(std::dynamic_pointer_cast<SequenceEncoder>(encoder), nullptr);
  EXPECT_EQ(encoder->dim(), 8);
}

}  // namespace
}  // namespace vistas::recommend
