// What each method promises beside its loss: teachers, queues, rests, schedules, collapse. On
// points of 8 numbers and a small encoder with batch norm.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/contrast/similarity.h"
#include "vistas/learn/health.h"
#include "vistas/learn/tensors.h"
#include "vistas/learn/trainer.h"
#include "vistas/methods/byol.h"
#include "vistas/methods/clip.h"
#include "vistas/methods/dcl.h"
#include "vistas/methods/dino.h"
#include "vistas/methods/moco.h"
#include "vistas/methods/moco_v3.h"
#include "vistas/methods/nnclr.h"
#include "vistas/methods/siamese.h"
#include "vistas/methods/sim_siam.h"
#include "vistas/methods/simclr.h"
#include "vistas/methods/sup_con.h"
#include "vistas/methods/swav.h"

namespace vistas::methods {
namespace {

using learn::Batch;
using learn::Embeddings;

constexpr int64_t kDim = 8, kRows = 16;

class Toy : public learn::Encoder {
 public:
  explicit Toy(uint64_t seed = 1) {
    at::Generator generator = learn::initial_values(seed);
    linear_ =
        register_module("linear", std::make_shared<learn::Linear>(kDim, kDim, false, generator));
    norm_ = register_module("norm", std::make_shared<learn::BatchNorm>(kDim));
  }
  // Views of other widths stand for pictures of another size.
  at::Tensor forward(const learn::Inputs& inputs) override {
    const at::Tensor& x = inputs.at("x");
    const at::Tensor whole = at::constant_pad_nd(x, {0, kDim - x.size(1)});
    return norm_->forward_relu(linear_->forward(whole));
  }
  int64_t dim() const override { return kDim; }

 private:
  std::shared_ptr<learn::Linear> linear_;
  std::shared_ptr<learn::BatchNorm> norm_;
};

std::shared_ptr<Toy> toy(uint64_t seed = 1) {
  return std::make_shared<Toy>(seed);
}

// Two large views and so many small ones.
Batch points(uint64_t key, int64_t small = 0, int64_t rows = kRows) {
  at::Generator generator = learn::initial_values(key);
  const at::Tensor x = at::empty({rows, kDim}).normal_(0, 1, generator);
  Batch batch;
  for (int64_t v = 0; v < 2 + small; ++v) {
    const int64_t width = v < 2 ? kDim : kDim - 2;
    const at::Tensor noise = at::empty({rows, width}).normal_(0, 0.3, generator);
    batch.views.push_back({{{"x", x.narrow(1, 0, width) + noise}}});
  }
  batch.index = at::arange(rows);
  batch.label = batch.index.remainder(4);
  batch.key = key;
  return batch;
}

class Points : public learn::BatchMaker {
 public:
  explicit Points(int64_t small = 0) : small_(small) {}
  int64_t size() const override { return 4 * kRows; }
  Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    return points(static_cast<uint64_t>(samples.front()) + 100 * epoch, small_,
                  static_cast<int64_t>(samples.size()));
  }

 private:
  int64_t small_;
};

class Messages : public learn::TrainObserver {
 public:
  void on_message(const std::string& text) override { all += text + "\n"; }
  std::string all;
};

// Trains a method for so many steps, four to an epoch.
std::string train(const std::shared_ptr<learn::Method>& method, int64_t steps, int64_t small = 0,
                  const learn::ScheduleOptions& schedule = {
                      .lr = 0.1, .lr_scaling = learn::LrScaling::none, .warmup_epochs = 0}) {
  learn::TrainParts parts;
  parts.method = method;
  parts.data = std::make_shared<Points>(small);
  parts.train.steps = steps;
  parts.train.batch = kRows;
  parts.train.precision = "fp32";
  parts.train.device = "cpu";
  parts.train.loader_threads = 1;
  parts.optimizer.weight_decay = 0.1;
  parts.optimizer.exclude_bias_and_norm = false;
  parts.schedule = schedule;
  Messages messages;
  const std::atomic<bool> stop{false};
  learn::Trainer(parts).run(nullptr, messages, stop);
  return messages.all;
}

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : tensors) out.push_back(t.detach().clone());
  return out;
}

std::vector<at::Tensor> part(const torch::nn::Module& method, const std::string& name) {
  std::vector<at::Tensor> out;
  for (const auto& [full, tensor] : learn::named_tensors(method)) {
    if (full.starts_with(name)) out.push_back(tensor);
  }
  return out;
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const at::Tensor& x, const at::Tensor& y) { return x.equal(y); });
}

const learn::ProjectorOptions kHead{.layers = 2, .hidden = 8, .out = 8, .last_norm = false};
const MoCoOptions kMoCo{.queue = 40, .batch_norm_splits = 4, .projector = kHead};
const SwavOptions kSwav{.prototypes = 6, .freeze_steps = 3, .projector = kHead};
const DinoOptions kDino{.prototypes = 6, .projector = kHead};

std::shared_ptr<Byol> byol(double momentum = 0.9) {
  return std::make_shared<Byol>(
      toy(), toy(2),
      ByolOptions{
          .teacher = {.momentum = momentum}, .projector = kHead, .predictor = {.hidden = 8}},
      3);
}

TEST(Teacher, StartsAsACopyThatNoGradientReaches) {
  const auto method = byol();
  EXPECT_TRUE(same(part(*method, "teacher."), part(*method, "student.")));
  int64_t learning = 0, resting = 0;
  for (const auto& item : method->named_parameters()) {
    const bool teacher = item.key().starts_with("teacher.");
    EXPECT_EQ(item.value().requires_grad(), !teacher) << item.key();
    ++(teacher ? resting : learning);
  }
  EXPECT_GT(resting, 0);
  EXPECT_GT(learning, resting);
  const Embeddings z = method->embed(points(1));
  for (const at::Tensor& t : z.fixed) EXPECT_FALSE(t.requires_grad());
  for (const at::Tensor& t : z.live) EXPECT_TRUE(t.requires_grad());
}

TEST(Teacher, OfAnotherArchitectureIsRefused) {
  class Wide : public Toy {
   public:
    Wide() { register_parameter("more", at::zeros({1})); }
  };
  EXPECT_THROW(Byol(toy(), std::make_shared<Wide>(), {}, 1), Error);
}

TEST(Teacher, IsTheExactMovingAverageAndItsMomentumFollowsACosine) {
  const auto method = byol(0.8);
  at::NoGradGuard no_grad;
  for (int64_t step = 1; step <= 4; ++step) {
    for (at::Tensor& p : method->parameters()) {
      if (p.requires_grad()) p.add_(at::randn_like(p));
    }
    std::vector<at::Tensor> before, student, teacher;
    for (const auto& item : method->named_parameters()) {
      if (item.key().starts_with("teacher.")) {
        before.push_back(item.value().clone());
        teacher.push_back(item.value());
      } else if (item.key().starts_with("student.")) {
        student.push_back(item.value());
      }
    }
    method->after_step({.step = step, .total = 4, .per_epoch = 2});
    const double tau = 1 - 0.2 * (1 + std::cos(std::acos(-1) * double(step - 1) / 4)) / 2;
    for (size_t i = 0; i < teacher.size(); ++i) {
      const at::Tensor expected =
          tau * before[i].to(at::kDouble) + (1 - tau) * student[i].to(at::kDouble);
      EXPECT_TRUE(teacher[i].to(at::kDouble).allclose(expected, 1e-6, 1e-7)) << i;
    }
  }
}

TEST(Teacher, TakesBatchNormStatisticsFromItsOwnPasses) {
  const auto method = byol(1.0);  // its weights stay
  const auto before = copies(part(*method, "teacher.encoder.norm.running_mean"));
  method->embed(points(1));
  EXPECT_FALSE(same(part(*method, "teacher.encoder.norm.running_mean"), before));
  const auto after = copies(part(*method, "teacher.encoder.norm.running_mean"));
  part(*method, "student.encoder.norm.running_mean")[0].fill_(7);
  method->after_step({.step = 1, .total = 2, .per_epoch = 1});
  EXPECT_TRUE(same(part(*method, "teacher.encoder.norm.running_mean"), after));
}

TEST(Byol, LossIsTheSumOfBothDirections) {
  const auto method = byol();
  const Embeddings z = method->embed(points(1));
  const double loss = method->loss(z, points(1)).item<double>();
  const double one = 2 + 2 * contrast::negative_cosine(z.live[0], z.fixed[1]).item<double>();
  const double other = 2 + 2 * contrast::negative_cosine(z.live[1], z.fixed[0]).item<double>();
  EXPECT_NEAR(loss, one + other, 1e-5);
}

TEST(MoCo, ABatchsOwnKeysEnterTheQueueAfterItsStep) {
  MoCo method(toy(), toy(), kMoCo, 1);
  const Batch batch = points(1);
  const at::Tensor before = method.queue().rows().clone();
  const Embeddings z = method.embed(batch);
  const at::Tensor loss = method.loss(z, batch);
  EXPECT_TRUE(method.queue().rows().equal(before));
  const at::Tensor expected =
      contrast::info_nce_queue(z.live[0], z.fixed[0], before, {.temperature = 0.2});
  EXPECT_EQ(loss.item<double>(), expected.item<double>());
  method.after_step({.step = 1, .total = 4, .per_epoch = 2});
  EXPECT_TRUE(method.queue().rows().slice(0, 0, kRows).allclose(contrast::unit_rows(z.fixed[0])));
  EXPECT_TRUE(method.queue().rows().slice(0, kRows).equal(before.slice(0, kRows)));
}

TEST(MoCo, MeasuringEnqueuesNothing) {
  MoCo method(toy(), toy(), kMoCo, 1);
  method.eval();
  const at::Tensor before = method.queue().rows().clone();
  method.loss(method.embed(points(1)), points(1));
  EXPECT_TRUE(method.queue().rows().equal(before));
}

TEST(MoCo, SymmetricLossPushesTheKeysOfBothViews) {
  MoCoOptions options = kMoCo;
  options.symmetric = true;
  MoCo method(toy(), toy(), options, 1);
  const Embeddings z = method.embed(points(1));
  ASSERT_EQ(z.live.size(), 2U);
  method.loss(z, points(1));
  method.after_step({.step = 1, .total = 4, .per_epoch = 2});
  EXPECT_EQ(method.queue().pushed().item<int64_t>(), 2 * kRows);
}

TEST(MoCo, ShuffledKeysComeBackInTheOrderOfTheirSamples) {
  MoCo method(toy(), toy(), kMoCo, 1);
  method.eval();  // batch norm without batch statistics: the order cannot matter
  Batch batch = points(1);
  batch.views[1] = batch.views[0];
  const Embeddings z = method.embed(batch);
  EXPECT_TRUE(z.fixed[0].allclose(z.live[0].detach(), 1e-5, 1e-6));
}

TEST(MoCo, TheOrderOfKeysIsAFunctionOfTheBatchKeyAndChangesSplitStatistics) {
  const auto keys = [](uint64_t key, int64_t splits) {
    MoCoOptions options = kMoCo;
    options.batch_norm_splits = splits;
    MoCo method(toy(), toy(), options, 1);
    Batch batch = points(1);
    batch.key = key;
    return method.embed(batch).fixed[0];
  };
  EXPECT_TRUE(keys(5, 4).equal(keys(5, 4)));
  EXPECT_FALSE(keys(5, 4).allclose(keys(6, 4)));
  // Ordinary batch norm does not see the order, so shuffling alone would hide nothing.
  learn::BatchNorm norm(kDim);
  const at::Tensor x = points(1).views[0].at("x"), order = at::arange(kRows).flip(0);
  EXPECT_TRUE(norm.forward(x.index_select(0, order))
                  .index_select(0, order)
                  .allclose(norm.forward(x), 1e-4, 1e-5));
}

TEST(MoCo, SplitBatchNormIsThatOfTheParts) {
  learn::BatchNorm split(kDim), whole(kDim);
  split.split(4);
  const at::Tensor x = at::randn({kRows, kDim});
  std::vector<at::Tensor> parts, means;
  for (const at::Tensor& rows : x.chunk(4)) {
    parts.push_back(whole.forward(rows));
    means.push_back(rows.mean(0));
  }
  EXPECT_TRUE(split.forward(x).allclose(at::cat(parts)));
  // As far from 0 as one step of 0.1 towards the mean of the parts, nearly.
  const at::Tensor moved = split.named_buffers()["running_mean"];
  EXPECT_TRUE(moved.allclose(0.1 * at::stack(means).mean(0), 0.05, 0.01));
  split.eval();
  whole.eval();
  whole.named_buffers()["running_mean"].copy_(moved);
  whole.named_buffers()["running_var"].copy_(split.named_buffers()["running_var"]);
  EXPECT_TRUE(split.forward(x).allclose(whole.forward(x)));
}

TEST(MoCoV3, LossIsTwiceTheTemperatureTimesBothDirections) {
  MoCoV3Options options{.temperature = 0.5, .projector = kHead, .predictor = {.hidden = 8}};
  MoCoV3 method(toy(), toy(), options, 1);
  const Embeddings z = method.embed(points(1));
  const double sum =
      contrast::info_nce(z.live[0], z.fixed[1], {.temperature = 0.5}).item<double>() +
      contrast::info_nce(z.live[1], z.fixed[0], {.temperature = 0.5}).item<double>();
  EXPECT_NEAR(method.loss(z, points(1)).item<double>(), sum, 1e-5);
}

TEST(SimSiam, ThePredictorsLearningRateStays) {
  const auto method = std::make_shared<SimSiam>(
      toy(), SimSiamOptions{.projector = kHead, .predictor = {.hidden = 8}}, 1);
  const auto student = copies(part(*method, "student.encoder.linear"));
  const auto predictor = copies(part(*method, "predictor.linear1"));
  // The schedule's rate is 0 from the first step on.
  const learn::ScheduleOptions rest{.lr = 0.1,
                                    .lr_scaling = learn::LrScaling::none,
                                    .name = learn::ScheduleName::multi_step,
                                    .warmup_epochs = 0,
                                    .milestones = {0},
                                    .gamma = 0};
  train(method, 1, 0, rest);
  EXPECT_TRUE(same(part(*method, "student.encoder.linear"), student));
  EXPECT_FALSE(same(part(*method, "predictor.linear1"), predictor));
}

TEST(SimSiam, TargetsCarryNoGradient) {
  SimSiam method(toy(), {.projector = kHead, .predictor = {.hidden = 8}}, 1);
  for (const at::Tensor& z : method.embed(points(1)).fixed) EXPECT_FALSE(z.requires_grad());
}

TEST(Nnclr, QueueHoldsTheFirstViewAndComesAfterTheStep) {
  Nnclr method(toy(), {.queue = 40, .projector = kHead, .predictor = {.hidden = 8}}, 1);
  const at::Tensor queue = method.named_buffers()["queue"];
  const at::Tensor before = queue.clone();
  const Embeddings z = method.embed(points(1));
  method.loss(z, points(1));
  EXPECT_TRUE(queue.equal(before));
  method.after_step({.step = 1, .total = 4, .per_epoch = 2});
  EXPECT_TRUE(queue.slice(0, 0, kRows).allclose(contrast::unit_rows(z.fixed[0])));
}

TEST(Swav, FrozenPrototypesRestToTheBitAndThenMoveOnTheSphere) {
  const auto method = std::make_shared<Swav>(toy(), kSwav, 1);
  const auto before = method->prototypes().detach().clone();
  train(method, 3, 2);  // with momentum and weight decay
  EXPECT_TRUE(method->prototypes().equal(before));
  train(method, 5, 2);
  EXPECT_FALSE(method->prototypes().equal(before));
  EXPECT_LT((method->prototypes().norm(2, 1) - 1).abs().max().item<double>(), 1e-6);
}

TEST(Swav, ClustersAreThoseOfTheLargeViewsAndAQueueWantsTwo) {
  Swav method(toy(), kSwav, 1);
  const Embeddings z = method.embed(points(1, 3));
  EXPECT_EQ(z.live.size(), 5U);
  EXPECT_EQ(z.fixed.size(), 2U);
  EXPECT_TRUE(std::isfinite(method.loss(z, points(1, 3)).item<double>()));
  SwavOptions with_queue = kSwav;
  with_queue.queue = 20;
  Swav queued(toy(), with_queue, 1);
  Batch batch = points(1);
  batch.views.push_back(batch.views[0]);
  EXPECT_THROW(queued.loss(queued.embed(batch), batch), Error);
}

TEST(Swav, TheQueueIsUsedFromItsEpochOnceItIsFull) {
  SwavOptions options = kSwav;
  options.queue = 2 * kRows;
  options.queue_from_epoch = 1;
  Swav plain(toy(), kSwav, 1), queued(toy(), options, 1);
  const auto losses_differ = [&](int64_t step) {
    double loss[2];
    for (int i = 0; i < 2; ++i) {
      Swav& method = i == 0 ? plain : queued;
      method.begin_step({.step = step, .total = 100, .per_epoch = 4});
      const Batch batch = points(static_cast<uint64_t>(step));
      loss[i] = method.loss(method.embed(batch), batch).item<double>();
      method.after_step({.step = step + 1, .total = 100, .per_epoch = 4});
    }
    return loss[0] != loss[1];
  };
  EXPECT_FALSE(losses_differ(0));
  EXPECT_FALSE(losses_differ(1));
  EXPECT_FALSE(losses_differ(2));  // full, but too early
  EXPECT_TRUE(losses_differ(4));
}

TEST(Dino, OnlyLargeViewsReachTheTeacher) {
  Dino method(toy(), toy(), kDino, 1);
  const Embeddings z = method.embed(points(1, 3));
  EXPECT_EQ(z.live.size(), 5U);
  EXPECT_EQ(z.fixed.size(), 2U);
}

TEST(Dino, TheLastLayerRestsForAnEpoch) {
  const auto method = std::make_shared<Dino>(toy(), toy(), kDino, 1);
  const auto before = copies(part(*method, "student_last."));
  train(method, 4, 2);  // an epoch, with momentum and weight decay
  EXPECT_TRUE(same(part(*method, "student_last."), before));
  train(method, 6, 2);
  EXPECT_FALSE(same(part(*method, "student_last."), before));
  EXPECT_FALSE(same(part(*method, "teacher_last."), before));
}

TEST(Dino, CentreIsTheMovingMeanOfTheTeachersOutputs) {
  Dino method(toy(), toy(), kDino, 1);
  const Embeddings z = method.embed(points(1));
  method.loss(z, points(1));
  EXPECT_EQ(method.center().abs().max().item<double>(), 0);
  const auto last = contrast::unit_rows(part(method, "teacher_last.")[0]);
  const at::Tensor outputs = contrast::unit_rows(at::cat(z.fixed)).matmul(last.t());
  method.after_step({.step = 1, .total = 4, .per_epoch = 2});
  EXPECT_TRUE(method.center().allclose(0.1 * outputs.mean(0), 1e-4, 1e-6));
}

TEST(Dino, TheTeachersEncoderIsTheOneThatIsKept) {
  const auto student = toy(), teacher = toy(2);
  Dino method(student, teacher, kDino, 1);
  EXPECT_EQ(method.encoder(), teacher);
}

TEST(Labels, AreDemandedByTheMethodsThatLearnFromThem) {
  Batch batch = points(1);
  batch.label = at::Tensor();
  const auto kind_of = [&](learn::Method& method) {
    try {
      method.loss(method.embed(batch), batch);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("labels"), std::string::npos) << error.what();
      return error.kind();
    }
    return ErrorKind::usage;
  };
  SupCon sup_con(toy(), {.projector = kHead}, 1);
  Siamese siamese(toy(), {.projector = kHead}, 1);
  EXPECT_EQ(kind_of(sup_con), ErrorKind::data);
  EXPECT_EQ(kind_of(siamese), ErrorKind::data);
  Siamese paired(toy(), {.positives = Positives::views, .projector = kHead}, 1);
  EXPECT_GT(paired.loss(paired.embed(batch), batch).item<double>(), 0);
}

TEST(Siamese, ComparesWithTheMemoryOfEarlierBatchesOnly) {
  const SiameseOptions options{.loss = SiameseLoss::contrastive, .memory = 40, .projector = kHead};
  SiameseOptions no_memory = options;
  no_memory.memory = 0;
  Siamese method(toy(), options, 1), plain(toy(), no_memory, 1);
  const Batch batch = points(1);
  const auto loss = [&](Siamese& m) { return m.loss(m.embed(batch), batch).item<double>(); };
  EXPECT_EQ(loss(method), loss(plain));
  method.after_step({.step = 1, .total = 2, .per_epoch = 1});
  EXPECT_GT(loss(method), loss(plain));
  EXPECT_THROW(Siamese(toy(), {.memory = 40, .projector = kHead}, 1), Error);
}

TEST(Clip, HasTwoTowersAndATemperatureThatIsClamped) {
  const auto first = toy(1), second = toy(2);
  Clip method(first, second, {.projector = kHead}, 1);
  const Embeddings z = method.embed(points(1));
  method.loss(z, points(1)).backward();
  for (const auto& tower : {first, second}) {
    for (const at::Tensor& p : tower->parameters()) EXPECT_TRUE(p.grad().defined());
  }
  at::Tensor scale = method.named_parameters()["log_scale"];
  EXPECT_TRUE(scale.grad().defined());
  EXPECT_NEAR(scale.item<double>(), std::log(1 / 0.07), 1e-6);
  {
    const at::NoGradGuard no_grad;
    scale.fill_(10);
  }
  method.after_step({.step = 1, .total = 2, .per_epoch = 1});
  EXPECT_NEAR(scale.item<double>(), std::log(100), 1e-6);
  EXPECT_THROW(method.embed(points(1, 1)), Error);
}

TEST(Views, OneIsTooFewForMethodsThatCompareTwo) {
  Batch one = points(1);
  one.views.pop_back();
  SimClr simclr(toy(), {.projector = kHead}, 1);
  EXPECT_THROW(simclr.loss(simclr.embed(one), one), Error);
  MoCo moco(toy(), toy(), kMoCo, 1);
  EXPECT_THROW(moco.embed(one), Error);
}

TEST(Groups, TheSameThingTwiceIsNoNegativeWhenTheOptionSaysSo) {
  Batch batch = points(1);
  SimClr asks(toy(), {.mask_groups = true, .projector = kHead}, 1);
  EXPECT_THROW(asks.loss(asks.embed(batch), batch), Error);  // without groups
  batch.group = batch.index.clone();
  batch.group[1] = 0;
  const auto differ = [&](learn::Method& plain, learn::Method& masked) {
    const double all = plain.loss(plain.embed(batch), batch).item<double>();
    return masked.loss(masked.embed(batch), batch).item<double>() < all;
  };
  SimClr simclr(toy(), {.projector = kHead}, 1);
  SimClr masked(toy(), {.mask_groups = true, .projector = kHead}, 1);
  EXPECT_TRUE(differ(simclr, masked));
  Dcl dcl(toy(), {.projector = kHead}, 1);
  Dcl masked_dcl(toy(), {.mask_groups = true, .projector = kHead}, 1);
  EXPECT_TRUE(differ(dcl, masked_dcl));
  Clip clip(toy(), toy(2), {.projector = kHead}, 1);
  Clip masked_clip(toy(), toy(2), {.mask_groups = true, .projector = kHead}, 1);
  EXPECT_TRUE(differ(clip, masked_clip));
  const learn::PredictorOptions predictor{.hidden = 8};
  for (const auto denominator :
       {contrast::NnclrDenominator::predictions, contrast::NnclrDenominator::nt_xent}) {
    const contrast::NnclrOptions loss{.denominator = denominator};
    Nnclr nnclr(toy(), {.loss = loss, .queue = 40, .projector = kHead, .predictor = predictor}, 1);
    Nnclr masked_nnclr(toy(),
                       {.loss = loss,
                        .mask_groups = true,
                        .queue = 40,
                        .projector = kHead,
                        .predictor = predictor},
                       1);
    EXPECT_TRUE(differ(nnclr, masked_nnclr));
  }
}

TEST(Remembering, MoreThanAQuarterOfTheDataIsSaid) {
  const auto small = std::make_shared<MoCo>(toy(), toy(), kMoCo, 1);
  EXPECT_NE(train(small, 1).find("method.queue"), std::string::npos);
  MoCoOptions options = kMoCo;
  options.queue = kRows;  // of 64 samples
  EXPECT_EQ(train(std::make_shared<MoCo>(toy(), toy(), options, 1), 1).find("queue"),
            std::string::npos);
}

TEST(Collapse, IsNamedByTheLossThatEachMethodHasThen) {
  const Embeddings spread{{at::randn({64, 8}), at::randn({64, 8})}, {}};
  const auto verdict = [&](const learn::Method& method, double loss) {
    return learn::measure_health(spread, 1, method.collapse(), {.now = loss, .settled = true});
  };
  const Swav swav(toy(), kSwav, 1);
  const Dino dino(toy(), toy(), kDino, 1);
  const Siamese siamese(toy(), {.projector = kHead}, 1);
  EXPECT_NE(verdict(swav, std::log(6)).verdict.find("ln(prototypes)"), std::string::npos);
  EXPECT_NE(verdict(dino, std::log(6)).verdict.find("ln(prototypes)"), std::string::npos);
  EXPECT_NE(verdict(siamese, 0.2).verdict.find("margin"), std::string::npos);
  EXPECT_EQ(verdict(swav, 0.8 * std::log(6)).verdict, "");
  EXPECT_EQ(verdict(*byol(), std::log(6)).verdict, "");
  const Embeddings same_point{{at::ones({64, 8}), at::ones({64, 8})}, {}};
  const learn::Health collapsed =
      learn::measure_health(same_point, 1, byol()->collapse(), {.now = 1, .settled = true});
  EXPECT_NE(collapsed.verdict.find("collapse"), std::string::npos);
  EXPECT_NE(collapsed.cure.find("teacher"), std::string::npos);
}

TEST(Collapse, UniformOutputsDoGiveThatLoss) {
  // An encoder that says the same of everything: its outputs are one point.
  const Batch batch = points(1);
  const at::Tensor point = at::ones({kRows, 8});
  Swav swav(toy(), kSwav, 1);
  Siamese siamese(toy(), {.projector = kHead}, 1);
  Siamese soft(toy(), {.triplet = {.soft = true}, .projector = kHead}, 1);
  for (Siamese* method : {&siamese, &soft}) {
    EXPECT_NEAR(method->loss({{point, point}, {}}, batch).item<double>(), method->collapse().loss,
                1e-6);
  }
  // Prototypes at equal angles from that point give uniform predictions.
  at::Tensor prototypes = swav.named_parameters()["prototypes"];
  {
    const at::NoGradGuard no_grad;
    prototypes.copy_(at::eye(8).slice(0, 0, 6));
  }
  EXPECT_NEAR(swav.loss({{point, point}, {point, point}}, batch).item<double>(),
              swav.collapse().loss, 1e-5);
}

}  // namespace
}  // namespace vistas::methods
