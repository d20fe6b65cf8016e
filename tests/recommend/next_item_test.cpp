// Batches of sequences, and the methods that learn from them.
#include "vistas/recommend/methods/next_item.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "support/errors.h"
#include "support/processes.h"
#include "support/rows.h"
#include "support/temp_folder.h"
#include "vistas/base/files.h"
#include "vistas/learn/layers.h"
#include "vistas/learn/tensors.h"
#include "vistas/learn/trainer.h"
#include "vistas/recommend/encoders/graph_encoder.h"
#include "vistas/recommend/tasks/sequence_batches.h"

namespace vistas::recommend {
namespace {

std::shared_ptr<Interactions> data_of(const std::vector<std::vector<int32_t>>& users,
                                      int64_t items) {
  const auto data = std::make_shared<Interactions>();
  IdTable user_ids, item_ids;
  for (size_t u = 0; u < users.size(); ++u) user_ids.add(fmt::format("u{}", u));
  for (int64_t i = 0; i < items; ++i) item_ids.add(fmt::format("i{}", i));
  data->user_ids = std::make_shared<IdTable>(std::move(user_ids));
  data->item_ids = std::make_shared<IdTable>(std::move(item_ids));
  for (const auto& had : users) {
    data->item.insert(data->item.end(), had.begin(), had.end());
    data->starts.push_back(data->size());
  }
  return data;
}

// User 1 has a single item and is no sample.
std::shared_ptr<Interactions> few() {
  return data_of({{0, 1, 2}, {3}, {4, 2, 5, 6, 7}, {6, 2}}, 8);
}

at::Tensor rows(std::initializer_list<int64_t> values, int64_t columns) {
  return ids_of(values).view({-1, columns});
}

TEST(SequenceBatches, LearnFromEveryBeginning) {
  const SequenceBatches batches(few(), {.max_length = 3});
  EXPECT_EQ(batches.size(), 3);
  const learn::Batch batch = batches.make({2, 0, 1}, 0);
  ASSERT_EQ(batch.views.size(), 1);
  EXPECT_TRUE(at::equal(batch.views[0].at("item"), rows({6, 0, 0, 0, 1, 0, 2, 5, 6}, 3)));
  EXPECT_TRUE(at::equal(batch.views[0].at("length"), ids_of({1, 2, 3})));
  EXPECT_TRUE(at::equal(batch.label, rows({2, -1, -1, 1, 2, -1, 5, 6, 7}, 3)));
  EXPECT_TRUE(at::equal(batch.index, ids_of({2, 0, 1})));
}

TEST(SequenceBatches, ViewsAreAltered) {
  const SequenceBatches batches(few(), {.views = SequenceViews::altered, .altered = {0, 0.5, 0}});
  const learn::Batch batch = batches.make({0, 1, 2}, 7);
  ASSERT_EQ(batch.views.size(), 3);
  for (size_t view : {1, 2}) {
    EXPECT_TRUE(at::equal(batch.views[view].at("length"), ids_of({3, 5, 2})));
    const at::Tensor hidden = batch.views[view].at("item").eq(hidden_item(8)).sum(1);
    EXPECT_TRUE(at::equal(hidden, ids_of({1, 2, 1})));
  }
  const learn::Batch again = batches.make({2}, 7);
  EXPECT_TRUE(at::equal(again.views[1].at("item")[0], batch.views[1].at("item")[2].slice(0, 0, 2)));
}

TEST(SequenceBatches, ViewsHaveTheSameNextItem) {
  const SequenceBatches batches(few(), {.max_length = 3, .views = SequenceViews::same_target});
  std::set<int64_t> targets;
  std::set<std::vector<int64_t>> others;  // of target 2 of user 0
  const auto had = [](const learn::Inputs& view) {
    const at::Tensor row = view.at("item")[0];
    return std::vector<int64_t>(row.const_data_ptr<int64_t>(),
                                row.const_data_ptr<int64_t>() + row.numel());
  };
  for (uint64_t epoch = 0; epoch < 100; ++epoch) {
    const learn::Batch batch = batches.make({0}, epoch);
    ASSERT_EQ(batch.views.size(), 3);
    const int64_t target = batch.group.item<int64_t>();
    targets.insert(target);
    if (target == 1) {  // nobody else has it next
      EXPECT_EQ(had(batch.views[1]), std::vector<int64_t>{0});
      EXPECT_EQ(had(batch.views[2]), std::vector<int64_t>{0});
    } else {
      EXPECT_EQ(had(batch.views[1]), (std::vector<int64_t>{0, 1}));
      others.insert(had(batch.views[2]));
    }
  }
  EXPECT_EQ(targets, (std::set<int64_t>{1, 2}));
  EXPECT_EQ(others, (std::set<std::vector<int64_t>>{{4}, {6}}));
}

TEST(SequenceBatches, WantUsersWhoComeBack) {
  test::expect_error(
      [] {
        SequenceBatches(data_of({{1}, {2, 3}, {4}}, 5), {});
      },
      "one user with two or more training interactions");
}

constexpr SequenceEncoderOptions kPlain{
    .layers = 1, .heads = 2, .inner = 8, .max_length = 5, .dropout = 0, .attention_dropout = 0};

// In float64 for differences.
std::shared_ptr<SequenceEncoder> exact_encoder() {
  auto encoder = std::make_shared<SequenceEncoder>(8, 4, kPlain, 1);
  at::Generator generator = learn::initial_values(2);
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : learn::named_tensors(*encoder)) {
    tensor.set_data(tensor.to(at::kDouble).normal_(0, 0.5, generator));
  }
  return encoder;
}

TEST(NextItem, IsCrossEntropyOverAllItems) {
  const auto encoder = exact_encoder();
  NextItem method(encoder, {}, 1);
  const learn::Batch batch = SequenceBatches(few(), {.max_length = 5}).make({0, 1, 2}, 0);
  const learn::Embeddings z = method.embed(batch);
  const at::Tensor scores = encoder->positions(batch.views[0]).mm(encoder->items().t());
  const at::Tensor want = at::cross_entropy_loss(scores, ids_of({1, 2, 2, 5, 6, 7, 2}));
  EXPECT_NEAR(method.loss(z, batch).item<double>(), want.item<double>(), 1e-12);
  EXPECT_EQ(method.negatives(3), 7);
}

TEST(NextItem, GradientsAreCentralDifferences) {
  const auto encoder = exact_encoder();
  const auto batch_of = [](SequenceViews views) {
    return SequenceBatches(few(), {.max_length = 5, .views = views}).make({0, 1, 2}, 3);
  };
  const auto check = [&](learn::Method& method, const learn::Batch& batch) {
    const auto value = [&] { return method.loss(method.embed(batch), batch); };
    value().backward();
    for (auto& item : encoder->named_parameters()) {
      SCOPED_TRACE(item.key());
      expect_central_differences(value, item.value().detach(), item.value().grad(), 1e-6);
      item.value().mutable_grad().reset();
    }
  };
  NextItem full(encoder, {}, 1), drawn(encoder, {.negatives = 3}, 1);
  check(full, batch_of(SequenceViews::none));
  check(drawn, batch_of(SequenceViews::none));
  SequenceContrast contrast(encoder, {.weight = 0.5}, 1);
  check(contrast, batch_of(SequenceViews::altered));
  check(contrast, batch_of(SequenceViews::same_target));
}

TEST(NextItem, DrawsOfAStepAreFunctionsOfItsKey) {
  const auto encoder = exact_encoder();
  NextItem method(encoder, {.negatives = 3}, 1);
  learn::Batch batch = SequenceBatches(few(), {.max_length = 5}).make({0, 1, 2}, 0);
  const auto loss = [&](uint64_t key) {
    batch.key = key;
    return method.loss(method.embed(batch), batch).item<double>();
  };
  EXPECT_EQ(loss(1), loss(1));
  EXPECT_NE(loss(1), loss(2));
  EXPECT_EQ(method.negatives(3), 3);
}

TEST(SequenceContrast, IsNextItemAndTheTwoViews) {
  const auto encoder = exact_encoder();
  const SequenceContrastOptions options{.weight = 0.3};
  SequenceContrast method(encoder, options, 1);
  NextItem next(encoder, {}, 1);
  for (const SequenceViews views : {SequenceViews::altered, SequenceViews::same_target}) {
    const learn::Batch batch =
        SequenceBatches(few(), {.max_length = 5, .views = views}).make({0, 1, 2}, 0);
    EXPECT_EQ(batch.group.defined(), views == SequenceViews::same_target);
    const at::Tensor pair =
        contrast::nt_xent(encoder->forward(batch.views[1]), encoder->forward(batch.views[2]),
                          {.temperature = 0.2}, batch.group);
    EXPECT_NEAR(method.loss(method.embed(batch), batch).item<double>(),
                next.loss(next.embed(batch), batch).item<double>() + 0.3 * pair.item<double>(),
                1e-12);
  }
}

TEST(NextItem, WantsAnEncoderOfSequences) {
  const auto graph = std::make_shared<GraphEncoder>(graph_of(*few()), 4, GraphEncoderOptions{}, 1);
  test::expect_error([&] { NextItem(graph, {}, 1); }, "--set encoder.name=sequence",
                     ErrorKind::usage);
}

// Users walk along a ring of items; two of three steps go on by one.
std::shared_ptr<Interactions> walks(int64_t users, int64_t items) {
  std::vector<std::vector<int32_t>> out;
  for (int64_t user = 0; user < users; ++user) {
    Draws draws({.sample = static_cast<uint64_t>(user)});
    int64_t at = draws.below(items);
    std::vector<int32_t> had;
    for (int64_t step = 2 + draws.below(10); step > 0; --step) {
      had.push_back(static_cast<int32_t>(at));
      at = (at + (draws.chance(0.67) ? 1 : 1 + draws.below(items - 1))) % items;
    }
    out.push_back(had);
  }
  return data_of(out, items);
}

learn::TrainParts parts_of(bool contrast, SequenceViews views, int64_t steps, int64_t micro = 0) {
  constexpr int64_t kItems = 30;
  auto options = kPlain;
  options.max_length = 20;
  // Micro-batches draw other dropout and other items than the whole.
  options.dropout = options.attention_dropout = micro > 0 ? 0 : 0.1;
  const auto encoder = std::make_shared<SequenceEncoder>(kItems, 16, options, 1);
  learn::TrainParts parts;
  if (contrast) {
    parts.method = std::make_shared<SequenceContrast>(encoder, SequenceContrastOptions{}, 1);
  } else {
    parts.method =
        std::make_shared<NextItem>(encoder, NextItemOptions{.negatives = micro > 0 ? 0 : 20}, 1);
  }
  parts.data = std::make_shared<SequenceBatches>(
      walks(200, kItems), SequenceBatchOptions{.max_length = 20, .views = views, .seed = 5});
  parts.train = {.steps = steps,
                 .batch = 40,
                 .micro_batch = micro,
                 .precision = "fp32",
                 .loader_threads = 2,
                 .log_every = 1};
  parts.optimizer = {.name = learn::OptimizerName::adam, .weight_decay = 0};
  parts.schedule = {.lr = 0.01,
                    .lr_scaling = learn::LrScaling::none,
                    .name = learn::ScheduleName::constant,
                    .warmup_epochs = 0};
  parts.encoder_files = {{"encoder.json", "{}"}};
  return parts;
}

struct Watch : learn::TrainObserver {
  void on_report(const learn::StepReport& report) override {
    losses.push_back(report.loss);
    if (report.step == stop_at) stop = true;
  }
  std::vector<double> losses;
  int64_t stop_at = 0;
  std::atomic<bool> stop{false};
};

constexpr std::pair<bool, SequenceViews> kKinds[] = {{false, SequenceViews::none},
                                                     {true, SequenceViews::altered},
                                                     {true, SequenceViews::same_target}};

TEST(SequenceTraining, LearnsAndGoesOnToTheBit) {
  const test::TempFolder folder;
  for (const auto& [contrast, views] : kKinds) {
    const auto run_of = [&, views = views](const char* which) {
      const RunFolder run =
          RunFolder::create(folder.path() / fmt::format("{}{}", which, static_cast<int>(views)));
      write_file_atomic(run.config(), "");
      return run;
    };
    const RunFolder whole = run_of("whole"), split = run_of("split");
    Watch all, some, rest;
    learn::Trainer(parts_of(contrast, views, 40)).run(&whole, all, all.stop);
    some.stop_at = 23;
    EXPECT_TRUE(learn::Trainer(parts_of(contrast, views, 40)).run(&split, some, some.stop).stopped);
    learn::Trainer again(parts_of(contrast, views, 40));
    again.resume(split);
    again.run(&split, rest, rest.stop);
    for (const char* file : {"encoder.safetensors", "state.safetensors"}) {
      EXPECT_EQ(read_file(whole.checkpoint() / file), read_file(split.checkpoint() / file)) << file;
    }
    // From a guess among all to what the ring tells: 2/3 for one item.
    EXPECT_LT(all.losses.back(), all.losses.front() - 0.8);
  }
}

TEST(SequenceTraining, MicroBatchesAreTheWholeBatch) {
  for (const auto& [contrast, views] : kKinds) {
    Watch whole, parts;
    const auto losses = [&](Watch& watch, int64_t micro) {
      learn::TrainParts made = parts_of(contrast, views, 3, micro);
      learn::Trainer(made).run(nullptr, watch, watch.stop);
    };
    losses(whole, 40);
    losses(parts, 8);
    ASSERT_EQ(parts.losses.size(), 3);
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(parts.losses[i], whole.losses[i], 1e-5);
  }
}

TEST(SequenceTraining, ProcessesAreTheWholeBatch) {
  for (const auto& [contrast, views] : kKinds) {  // 40 samples: 20 each; 14, 13 and 13
    test::expect_same_in_processes(
        [contrast = contrast, views = views] { return parts_of(contrast, views, 3, 40); }, 1e-8);
  }
}

}  // namespace
}  // namespace vistas::recommend
