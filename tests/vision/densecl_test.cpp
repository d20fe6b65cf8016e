#include "vistas/vision/methods/densecl.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "vistas/base/error.h"
#include "vistas/vision/encoders/resnet.h"
#include "vistas/vision/encoders/vit.h"

namespace vistas::vision {
namespace {

std::shared_ptr<ResNet> small_resnet(uint64_t seed) {
  return std::make_shared<ResNet>(
      ResNetShape{.blocks = {1, 1, 1, 1}, .stem = Stem::cifar, .channels = 3, .width = 8}, seed);
}

learn::Batch random_batch(int64_t rows, uint64_t seed) {
  at::manual_seed(seed);
  learn::Batch batch;
  for (int v = 0; v < 2; ++v) {
    const at::Tensor pixels =
        at::randn({rows, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
    batch.views.push_back({{{"pixels", pixels}}});
  }
  batch.index = at::arange(rows);
  batch.key = seed;
  return batch;
}

DenseClOptions small_options() {
  DenseClOptions options;
  options.queue = 32;
  options.batch_norm_splits = 1;
  options.projector.out = 16;
  return options;
}

TEST(DenseCl, PlacesMatchByDirection) {
  // Places along the axes; the other map has them in another order and of other lengths.
  const at::Tensor map = at::eye(3).unsqueeze(0);
  const at::Tensor other =
      at::tensor({0.f, 0.f, 2.f, 5.f, 0.f, 0.f, 0.f, 0.1f, 0.f}).view({1, 3, 3});
  EXPECT_TRUE(at::equal(matching_places(map, other), at::tensor({1, 2, 0}).view({1, 3})));
}

TEST(DenseCl, TheLossIsThatOfWholesAndOfMatchedPlaces) {
  const DenseClOptions options = small_options();
  DenseCl method(small_resnet(1), small_resnet(2), options, 3);
  const learn::Batch batch = random_batch(4, 7);
  const auto z = method.embed(batch);
  ASSERT_EQ(z.live.size(), 2u);
  EXPECT_EQ(z.live[0].sizes(), (at::IntArrayRef{4, 16}));
  EXPECT_EQ(z.live[1].sizes(), (at::IntArrayRef{4, 16, 16}));  // 4 x 4 places
  ASSERT_EQ(z.fixed.size(), 3u);
  for (const at::Tensor& t : z.fixed) EXPECT_FALSE(t.requires_grad());

  const auto buffer = [&](const char* name) { return method.named_buffers()[name]; };
  const at::Tensor whole =
      contrast::info_nce_queue(z.live[0], z.fixed[0], buffer("queue"), options.loss);
  const at::Tensor places = contrast::info_nce_queue(
      z.live[1].flatten(0, 1), z.fixed[1].flatten(0, 1), buffer("places_queue"), options.loss);
  method.begin_step({.step = 0, .total = 1000});
  EXPECT_NEAR(method.loss(z, batch).item<double>(), whole.item<double>(), 1e-6);
  method.begin_step({.step = 10, .total = 1000});
  EXPECT_NEAR(method.loss(z, batch).item<double>(), (0.5 * whole + 0.5 * places).item<double>(),
              1e-6);
}

TEST(DenseCl, MatchesAreTakenFromTheKeysPlaces) {
  DenseCl method(small_resnet(1), small_resnet(2), small_options(), 3);
  learn::Batch batch = random_batch(3, 5);
  batch.views[1] = batch.views[0];
  const auto z = method.embed(batch);
  // Teacher and student start alike and see the same picture: a place is its own best match.
  EXPECT_TRUE(at::allclose(z.fixed[1], z.live[1].detach(), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(z.fixed[2], z.live[1].detach().mean(1), 1e-4, 1e-5));
}

TEST(DenseCl, KeysGoThroughTheTeacherInAnotherOrderAndComeBack) {
  DenseClOptions options = small_options();
  DenseCl plain(small_resnet(1), small_resnet(2), options, 3);
  options.batch_norm_splits = 2;
  DenseCl split(small_resnet(1), small_resnet(2), options, 3);
  plain.eval();
  split.eval();  // batch norm has no say then
  const learn::Batch batch = random_batch(4, 9);
  const auto a = plain.embed(batch), b = split.embed(batch);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::allclose(a.fixed[i], b.fixed[i], 1e-4, 1e-5)) << i;
  }
}

TEST(DenseCl, BothHeadsLearnAndBothQueuesFill) {
  DenseCl method(small_resnet(1), small_resnet(2), small_options(), 3);
  method.begin_step({.step = 50, .total = 100});
  const learn::Batch batch = random_batch(4, 11);
  const at::Tensor before = method.named_parameters()["teacher.projector.linear1.weight"].clone();
  method.loss(method.embed(batch), batch).backward();
  for (const auto& p : method.named_parameters()) {
    const bool student = p.key().starts_with("student.");
    EXPECT_EQ(p.value().grad().defined(), student) << p.key();
  }
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& p : method.parameters()) {
      if (p.grad().defined()) p.sub_(p.grad(), 0.1);
    }
  }
  method.after_step({.step = 51, .total = 100});
  EXPECT_EQ(method.named_buffers()["queue_pushed"].item<int64_t>(), 4);
  EXPECT_EQ(method.named_buffers()["places_queue_pushed"].item<int64_t>(), 4);
  EXPECT_FALSE(at::equal(before, method.named_parameters()["teacher.projector.linear1.weight"]));
}

TEST(DenseCl, NeedsAMapOfPlacesAndTwoViews) {
  const auto vit = std::make_shared<Vit>(
      VitShape{.dim = 16, .depth = 1, .heads = 2, .image_size = 32, .patch = 16, .channels = 3}, 1);
  EXPECT_THROW(DenseCl(vit, vit, small_options(), 1), Error);
  DenseCl method(small_resnet(1), small_resnet(2), small_options(), 3);
  learn::Batch batch = random_batch(2, 1);
  batch.views.pop_back();
  EXPECT_THROW(method.embed(batch), Error);
}

}  // namespace
}  // namespace vistas::vision
