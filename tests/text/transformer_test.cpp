// The transformer encoder with random weights: padding, gradients, dropout, options.
#include "vistas/text/encoders/transformer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/options_round_trip.h"
#include "support/other_device.h"
#include "vistas/learn/precision.h"
#include "vistas/text/encoders/packed.h"

namespace vistas::text {
namespace {

TransformerOptions small() {
  TransformerOptions o;
  o.vocabulary = 50;
  o.layers = 2;
  o.hidden = 16;
  o.heads = 4;
  o.intermediate = 24;
  o.max_positions = 20;
  return o;
}

struct Texts {
  at::Tensor ids = at::randint(0, 50, {4, 12}, at::detail::createCPUGenerator(3), at::kLong);
  at::Tensor length = at::tensor({5, 12, 1, 9}, at::kLong);
};

// Initial weights are small; larger ones let every part show in the result.
void widen(Transformer& encoder) {
  const at::NoGradGuard no_grad;
  for (at::Tensor& p : encoder.parameters()) {
    if (p.dim() == 2) p.mul_(10);
  }
}

double largest(const at::Tensor& x) {
  return x.abs().max().item<double>();
}

TEST(Transformer, LeavesPaddingOut) {
  const Texts texts;
  for (const auto family : {TransformerFamily::bert, TransformerFamily::mpnet}) {
    TransformerOptions options = small();
    options.family = family;
    options.pooling = pooling_names();
    Transformer encoder(options, 1);
    widen(encoder);
    encoder.eval();
    const at::Tensor all = encoder.encode(texts.ids, texts.length);
    EXPECT_EQ(all.sizes(), (std::vector<int64_t>{4, encoder.dim()}));
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t n = texts.length[i].item<int64_t>();
      const at::Tensor alone = encoder.encode(texts.ids.slice(0, i, i + 1).slice(1, 0, n),
                                              texts.length.slice(0, i, i + 1));
      EXPECT_LE(largest(all[i] - alone[0]), 2e-6) << i;
    }
    at::Tensor other = texts.ids.clone();
    other[0].slice(0, 5).fill_(1'000'000);  // no id at all: must not be read
    EXPECT_TRUE(at::equal(encoder.encode(other, texts.length), all));
  }
}

TEST(Transformer, IsTheSameOnAnotherDevice) {
  const Texts texts;
  for (const auto family : {TransformerFamily::bert, TransformerFamily::mpnet}) {
    TransformerOptions options = small();
    options.family = family;
    options.pooling = pooling_names();
    std::vector<at::Tensor> trained, frozen, gradients;
    for (const at::Device& device : {at::Device(at::kCPU), test::other_device_of(0)}) {
      Transformer encoder(options, 1);
      widen(encoder);
      encoder.eval();
      encoder.to(device);
      const at::Tensor out = encoder.encode(texts.ids.to(device), texts.length.to(device));
      const at::Tensor pull = at::randn(out.sizes(), at::detail::createCPUGenerator(5));
      (out * pull.to(device)).sum().backward();
      trained.push_back(out.detach().cpu());
      gradients.push_back(encoder.parameters().front().grad().cpu());
      const at::NoGradGuard no_grad;
      frozen.push_back(encoder.frozen("fp32")(texts.ids.to(device), texts.length.to(device)).cpu());
    }
    EXPECT_LE(largest(trained[1] - trained[0]), 1e-4);
    EXPECT_LE(largest(frozen[1] - frozen[0]), 1e-4);
    EXPECT_LE(largest(gradients[1] - gradients[0]), 1e-4 * largest(gradients[0]));
  }
}

TEST(Transformer, IsAFunctionOfTheSeed) {
  const Texts texts;
  const auto encoded = [&](uint64_t seed) {
    Transformer encoder(small(), seed);
    encoder.eval();
    return encoder.encode(texts.ids, texts.length);
  };
  EXPECT_TRUE(at::equal(encoded(5), encoded(5)));
  EXPECT_GT(largest(encoded(5) - encoded(6)), 0.01);
  EXPECT_LE(largest(encoded(5).norm(2, {1}) - 1), 1e-6);
}

TEST(Transformer, DrawsValuesAsBert) {
  TransformerOptions options = small();
  options.hidden = 128;
  options.projection = 64;
  Transformer encoder(options, 2);
  for (const auto& item : encoder.named_parameters()) {
    const at::Tensor& p = item.value();
    if (p.dim() == 2) {
      const double n = static_cast<double>(p.numel());
      EXPECT_NEAR(p.std().item<double>(), 0.02, 0.02 * 4 / std::sqrt(2 * n)) << item.key();
      EXPECT_NEAR(p.mean().item<double>(), 0, 0.02 * 4 / std::sqrt(n)) << item.key();
    } else {
      const double value = item.key().ends_with("LayerNorm.weight") ? 1 : 0;
      EXPECT_TRUE((p == value).all().item<bool>()) << item.key();
    }
  }
  EXPECT_EQ(encoder.dim(), 64);
}

// The derivative along a direction in all parameters against a central difference, in float64.
TEST(Transformer, GradientsAreThoseOfTheFunction) {
  const Texts texts;
  for (const auto family : {TransformerFamily::bert, TransformerFamily::mpnet}) {
    TransformerOptions options = small();
    options.family = family;
    options.pooling = pooling_names();
    options.projection = 8;
    Transformer encoder(options, 3);
    widen(encoder);
    encoder.to(at::kDouble);
    encoder.eval();
    auto generator = at::detail::createCPUGenerator(9);
    const at::Tensor wanted = at::randn({4, 8}, generator, at::kDouble);
    const auto value = [&] { return (encoder.encode(texts.ids, texts.length) * wanted).sum(); };
    value().backward();
    for (auto& item : encoder.named_parameters()) {
      at::Tensor& p = item.value();
      ASSERT_TRUE(p.grad().defined()) << item.key();
      const at::Tensor direction = at::randn(p.sizes(), generator, at::kDouble);
      const double slope = (p.grad() * direction).sum().item<double>();
      const at::NoGradGuard no_grad;
      const double step = 1e-6;
      p.add_(direction, step);
      const double up = value().item<double>();
      p.sub_(direction, 2 * step);
      const double down = value().item<double>();
      p.add_(direction, step);
      EXPECT_NEAR((up - down) / (2 * step), slope, 1e-6 * std::max(1.0, std::abs(slope)))
          << item.key();
    }
  }
}

TEST(Transformer, DropsOtherFeaturesEachTimeInTraining) {
  const Texts texts;
  const auto spread = [&](double dropout, double attention) {
    TransformerOptions options = small();
    options.dropout = dropout;
    options.attention_dropout = attention;
    Transformer encoder(options, 4);
    widen(encoder);
    const auto same = [&] {
      at::manual_seed(11);
      return encoder.encode(texts.ids, texts.length);
    };
    EXPECT_TRUE(at::equal(same(), same()));
    const at::Tensor first = encoder.encode(texts.ids, texts.length);
    return largest(first - encoder.encode(texts.ids, texts.length));
  };
  EXPECT_EQ(spread(0, 0), 0);
  EXPECT_GT(spread(0.1, 0), 0.01);
  EXPECT_GT(spread(0, 0.5), 0.01);
}

TEST(Transformer, TrainsUnderAutocast) {
  const Texts texts;
  Transformer encoder(small(), 5);
  at::Tensor loss;
  {
    const learn::AutocastScope bf16(at::kCPU, "bf16");
    const at::Tensor z = encoder.encode(texts.ids, texts.length);
    EXPECT_EQ(z.scalar_type(), at::kFloat);
    loss = z.select(1, 0).sum();
  }
  loss.backward();
  for (const auto& item : encoder.named_parameters()) {
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
}

// By hand: two texts of features (1, 2), (3, 5) and (-1, 4).
TEST(Transformer, PoolsByHand) {
  const PackedTexts texts =
      pack_texts(at::tensor({7, 8, 9, 0}, at::kLong).view({2, 2}), at::tensor({2, 1}, at::kLong));
  EXPECT_TRUE(at::equal(texts.ids, at::tensor({7, 8, 9}, at::kLong)));
  const at::Tensor x = at::tensor({1., 2., 3., 5., -1., 4.}, at::kDouble).view({3, 2});
  const double root = std::sqrt(2.0);
  const std::map<std::string, std::vector<double>> wanted = {
      {"cls", {1, 2, -1, 4}},
      {"lasttoken", {3, 5, -1, 4}},
      {"max", {3, 5, -1, 4}},
      {"mean", {2, 3.5, -1, 4}},
      {"mean_sqrt_len", {4 / root, 7 / root, -1, 4}},
      {"weightedmean", {7 / 3., 4, -1, 4}}};
  for (const auto& [mode, values] : wanted) {
    const at::Tensor want = at::tensor(at::ArrayRef<double>(values), at::kDouble).view({2, 2});
    EXPECT_LE(largest(pool(x, texts, {mode}) - want), 1e-12) << mode;
  }
  EXPECT_TRUE(at::equal(pool(x, texts, {"max", "cls"}).slice(1, 2), pool(x, texts, {"cls"})));
}

TEST(Transformer, BucketsOfRelativePositions) {
  const std::map<int64_t, int64_t> wanted = {{0, 0},   {-1, 1},    {-7, 7},    {-8, 8},  {-11, 8},
                                             {-12, 9}, {-127, 15}, {-500, 15}, {1, 17},  {7, 23},
                                             {8, 24},  {16, 26},   {127, 31},  {500, 31}};
  for (const auto& [distance, bucket] : wanted) {
    EXPECT_EQ(relative_bucket(distance), bucket) << distance;
  }
}

TEST(Transformer, OptionsComeBackFromText) {
  expect_options_round_trip([] { return std::make_unique<TransformerOptions>(); });
}

TEST(Transformer, RefusesWhatDoesNotFit) {
  const auto refused = [](const std::function<void(TransformerOptions&)>& change,
                          const std::string& part) {
    TransformerOptions options = small();
    change(options);
    test::expect_error([&] { Transformer(options, 1); }, part, ErrorKind::usage);
  };
  refused([](auto& o) { o.heads = 3; }, "a divisor of the width, 16");
  refused([](auto& o) { o.first_position = 20; }, "first_position");
  refused([](auto& o) { o.pooling = {"meen"}; }, "Did you mean mean");
  refused([](auto& o) { o.pooling.clear(); }, "pooling");
  const Texts texts;
  Transformer encoder(small(), 1);
  const auto encode = [&](const at::Tensor& ids, const at::Tensor& length, const char* part) {
    test::expect_error([&] { encoder.encode(ids, length); }, part, ErrorKind::usage);
  };
  encode(texts.ids, texts.length - 1, "1 .. 12");
  encode(texts.ids, texts.length + 1, "1 .. 12");
  encode(texts.ids.to(at::kInt), texts.length, "both int64");
  encode(texts.ids, texts.length.slice(0, 1), "length Long [3]");
  encode(at::ones({1, 21}, at::kLong), at::tensor({21}, at::kLong), "at most 20");
}

}  // namespace
}  // namespace vistas::text
