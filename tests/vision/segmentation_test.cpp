// The loss of a segmenter, and one that learns.
#include "vistas/vision/methods/segmentation.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "vistas/learn/trainer.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace vistas::vision {
namespace {

DenseOptions tiny() {
  return {.modality = learn::Modality::masks,
          .encoder = {.name = "resnet18", .channels = 3, .width = 8},
          .head = {.channels = 16},
          .class_names = {"a", "b", "c"}};
}

// Vertical stripes of the classes, in colours, shifted by the sample; some pixels do not count.
class Stripes : public learn::BatchMaker {
 public:
  int64_t size() const override { return 8; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t) const override {
    const auto rows = static_cast<int64_t>(samples.size());
    const at::Tensor along = at::arange(32).add(at::tensor(samples).view({-1, 1}) * 4);
    const at::Tensor label = along.floor_divide(8).remainder(3).unsqueeze(1).expand({rows, 32, 32});
    learn::Batch batch;
    batch.index = at::tensor(samples);
    const at::Tensor pixels = at::one_hot(label, 3).permute({0, 3, 1, 2}).to(at::kFloat) - 0.5;
    at::Tensor mask = label.to(at::kByte).contiguous();
    mask.slice(1, 28).fill_(kNoClass);
    batch.views = {{{{"pixels", pixels.contiguous()}, {"mask", mask}}}};
    return batch;
  }
};

TEST(Segmentation, IsCrossEntropyOverPixelsThatCount) {
  SegmentationOptions smooth;
  smooth.label_smoothing = 0.3;
  for (const SegmentationOptions& options : {SegmentationOptions{}, smooth}) {
    Segmentation method(make_dense_network(tiny(), 1), options, 1);
    const learn::Batch batch = Stripes().make({0, 3}, 0);
    const learn::Embeddings z = method.embed(batch);
    EXPECT_EQ(z.live[0].sizes(), at::IntArrayRef({2, 3, 8, 8}));
    const at::Tensor log_p =
        at::upsample_bilinear2d(z.live[0], {32, 32}, false).log_softmax(1).to(at::kDouble);
    const at::Tensor& mask = batch.views[0].at("mask");
    double want = 0;
    for (int64_t b = 0; b < 2; ++b) {
      for (int64_t y = 0; y < 28; ++y) {
        for (int64_t x = 0; x < 32; ++x) {
          const at::Tensor of_pixel = log_p[b].select(1, y).select(1, x);
          const double right = of_pixel[mask[b][y][x].item<int64_t>()].item<double>();
          want -= (1 - options.label_smoothing) * right +
                  options.label_smoothing * of_pixel.mean().item<double>();
        }
      }
    }
    EXPECT_NEAR(method.loss(z, batch).item<double>(), want / (2 * 28 * 32), 1e-5);
    // As whole numbers of any type, as the trainer hands them over.
    const learn::Embeddings wide{z.live, {z.fixed[0].to(at::kFloat)}};
    EXPECT_EQ(method.loss(wide, batch).item<double>(), method.loss(z, batch).item<double>());
  }
}

TEST(Segmentation, BatchWithoutAPixelThatCountsTeachesNothing) {
  const auto network = make_dense_network(tiny(), 1);
  Segmentation method(network, {}, 1);
  learn::Batch batch = Stripes().make({0, 1}, 0);
  batch.views[0].at("mask").fill_(kNoClass);
  const at::Tensor loss = method.loss(method.embed(batch), batch);
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  for (const auto& item : network->named_parameters()) {
    EXPECT_EQ(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
}

TEST(Segmentation, WantsASegmenter) {
  test::expect_error([] { Segmentation(make_encoder(tiny().encoder, 1), {}, 1); },
                     "Use `vistas segment train`", ErrorKind::usage);
}

TEST(Segmentation, LearnsStripesByHeart) {
  at::set_num_threads(1);  // the network is too small to share
  const auto network = make_dense_network(tiny(), 1);
  struct Watch : learn::TrainObserver {
    void on_report(const learn::StepReport& report) override {
      losses.push_back(report.loss);
      EXPECT_EQ(report.health.verdict, "");
    }
    std::vector<double> losses;
  } watch;
  const std::atomic<bool> stop{false};
  learn::TrainParts parts;
  parts.method = std::make_shared<Segmentation>(network, SegmentationOptions{}, 1);
  parts.data = std::make_shared<Stripes>();
  parts.train.steps = 30;
  parts.train.batch = 8;
  parts.train.precision = "fp32";
  parts.train.log_every = 5;
  parts.train.loader_threads = 1;
  parts.optimizer.name = learn::OptimizerName::adamw;
  parts.schedule.lr = 0.01;
  parts.schedule.lr_scaling = learn::LrScaling::none;
  parts.schedule.warmup_epochs = 5;
  learn::Trainer(parts).run(nullptr, watch, stop);
  EXPECT_LT(watch.losses.back(), watch.losses.front() / 3);
  network->eval();
  const at::NoGradGuard no_grad;
  const learn::Batch batch = Stripes().make({0, 1, 2, 3}, 0);
  const at::Tensor found =
      at::upsample_bilinear2d(network->forward(batch.views[0].at("pixels")), {32, 32}, false)
          .argmax(1);
  const at::Tensor& mask = batch.views[0].at("mask");
  const double right = found.eq(mask).logical_and(mask.ne(kNoClass)).sum().item<double>();
  EXPECT_GT(right / mask.ne(kNoClass).sum().item<double>(), 0.9);
}

}  // namespace
}  // namespace vistas::vision
