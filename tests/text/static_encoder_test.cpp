#include "vistas/text/encoders/static_encoder.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "vistas/base/error.h"
#include "vistas/learn/gradient_cache.h"
#include "vistas/learn/optimizer.h"
#include "vistas/learn/tensors.h"

namespace vistas::text {
namespace {

constexpr int64_t kVocabulary = 5000;

struct Texts {
  at::Tensor ids, length;
};

// Lengths of 1 to `longest`; ids as frequent as words are, garbage beyond the length.
Texts make_texts(int64_t count, int64_t longest, uint64_t seed) {
  at::manual_seed(seed);
  const at::Tensor ids =
      (at::rand({count, longest}).pow(4) * kVocabulary).to(at::kLong).clamp_max(kVocabulary - 1);
  const at::Tensor length = at::randint(1, longest + 1, {count}, at::kLong);
  const at::Tensor beyond = at::arange(longest).unsqueeze(0) >= length.unsqueeze(1);
  return {ids.masked_fill(beyond, -77), length};
}

at::Tensor weight_of(StaticEncoder& encoder) {
  return encoder.named_parameters()["embedding.weight"];
}

// The mean by plain loops over texts, differentiable.
at::Tensor by_loop(const at::Tensor& weight, const Texts& texts) {
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < texts.ids.size(0); ++b) {
    const at::Tensor ids = texts.ids[b].slice(0, 0, texts.length[b].item<int64_t>());
    rows.push_back(weight.index_select(0, ids).mean(0));
  }
  return at::stack(rows);
}

TEST(StaticEncoder, IsTheMeanOfItsTokens) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
    StaticEncoder encoder(kVocabulary, {.dim = 37}, 1);
    encoder.to(dtype);
    const Texts texts = make_texts(50, 9, 2);
    const at::Tensor got = encoder.encode(texts.ids, texts.length);
    EXPECT_EQ(got.scalar_type(), dtype);
    const at::Tensor want = by_loop(weight_of(encoder).to(at::kDouble), texts);
    const double tolerance = dtype == at::kDouble ? 1e-14 : dtype == at::kFloat ? 1e-6 : 5e-2;
    EXPECT_LT((got - want).abs().max().item<double>(), tolerance);
  }
  EXPECT_FALSE(StaticEncoder(10, {}, 1).wants_marks());
}

TEST(StaticEncoder, ATextWithoutTokensIsZero) {
  StaticEncoder encoder(kVocabulary, {.dim = 8}, 1);
  const at::Tensor got = encoder.encode(at::tensor({3, 4, 9, 9}, at::kLong).view({2, 2}),
                                        at::tensor({2, 0}, at::kLong));
  EXPECT_TRUE(at::equal(got[1], at::zeros({8})));
  got.sum().backward();
  EXPECT_EQ(weight_of(encoder).grad().coalesce().indices().numel(), 2);
}

TEST(StaticEncoder, NgramsHaveRowsOfTheirOwn) {
  const StaticOptions options{.dim = 16, .buckets = 997, .ngrams = 3};
  StaticEncoder encoder(kVocabulary, options, 1);
  const auto encode = [&](std::vector<int64_t> ids) {
    const auto n = static_cast<int64_t>(ids.size());
    return encoder.encode(at::tensor(ids).view({1, n}), at::tensor({n}, at::kLong))[0];
  };
  const at::Tensor weight = weight_of(encoder);
  ASSERT_EQ(weight.size(0), kVocabulary + 997);
  EXPECT_TRUE(at::equal(encode({7}), weight[7]));
  // Of two tokens the third row is that of their pair, which knows the order.
  const at::Tensor pair = 3 * encode({7, 8}) - weight[7] - weight[8];
  const at::Tensor off = (weight.slice(0, kVocabulary) - pair).abs().amax(1);
  EXPECT_EQ((off < 1e-5).sum().item<int64_t>(), 1);
  EXPECT_GT((encode({7, 8}) - encode({8, 7})).abs().max().item<double>(), 0.1);
  // 3 + 2 + 1 rows.
  const at::Tensor triple = 6 * encode({7, 8, 9}) - weight[7] - weight[8] - weight[9];
  const at::Tensor rest = triple - pair - (3 * encode({8, 9}) - weight[8] - weight[9]);
  EXPECT_EQ(((weight.slice(0, kVocabulary) - rest).abs().amax(1) < 1e-4).sum().item<int64_t>(), 1);
}

TEST(StaticEncoder, NormalizedEmbeddingsHaveLengthOne) {
  StaticEncoder encoder(kVocabulary, {.dim = 16, .normalize = true}, 1);
  const Texts texts = make_texts(20, 5, 2);
  const at::Tensor length = encoder.encode(texts.ids, texts.length).norm(2, 1);
  EXPECT_LT((length - 1).abs().max().item<double>(), 1e-6);
}

TEST(StaticEncoder, GradientIsThatOfPlainLoops) {
  for (const bool normalize : {false, true}) {
    StaticEncoder encoder(kVocabulary, {.dim = 12, .normalize = normalize}, 1);
    encoder.to(at::kDouble);
    const Texts texts = make_texts(40, 7, 3);
    const at::Tensor pull = at::randn({40, 12}, at::kDouble);
    (encoder.encode(texts.ids, texts.length) * pull).sum().backward();
    const at::Tensor got = weight_of(encoder).grad();
    EXPECT_TRUE(got.is_sparse());
    const at::Tensor weight = weight_of(encoder).detach().clone().requires_grad_(true);
    const at::Tensor mean = by_loop(weight, texts);
    ((normalize ? mean / mean.norm(2, 1, true) : mean) * pull).sum().backward();
    EXPECT_LT((got.to_dense() - weight.grad()).abs().max().item<double>(), 1e-14);
  }
}

TEST(StaticEncoder, GradientIsThatOfCentralDifferences) {
  StaticEncoder encoder(kVocabulary, {.dim = 5, .buckets = 50}, 1);
  encoder.to(at::kDouble);
  const Texts texts = make_texts(6, 4, 3);
  const at::Tensor pull = at::randn({6, 5}, at::kDouble);
  const auto loss = [&] { return (encoder.encode(texts.ids, texts.length).sin() * pull).sum(); };
  loss().backward();
  const at::Tensor weight = weight_of(encoder), gradient = weight.grad().to_dense();
  const at::Tensor rows = weight.grad().coalesce().indices()[0];
  const at::NoGradGuard no_grad;
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const at::Tensor entry = weight[rows[i].item<int64_t>()][i % 5];
    constexpr double kStep = 1e-5;
    entry.add_(kStep);
    const double up = loss().item<double>();
    entry.sub_(2 * kStep);
    const double down = loss().item<double>();
    entry.add_(kStep);
    EXPECT_NEAR(gradient[rows[i].item<int64_t>()][i % 5].item<double>(), (up - down) / (2 * kStep),
                1e-9);
  }
}

TEST(StaticEncoder, GradientHasTheRowsThatOccurOnceAndAscending) {
  StaticEncoder encoder(kVocabulary, {.dim = 4}, 1);
  const Texts texts = make_texts(30, 6, 3);
  encoder.encode(texts.ids, texts.length).sum().backward();
  const learn::SparseRows rows = learn::sparse_rows(weight_of(encoder).grad());
  const at::Tensor want = std::get<0>(at::_unique(texts.ids.masked_select(texts.ids >= 0), true));
  EXPECT_TRUE(at::equal(rows.ids, want));
  EXPECT_EQ(rows.values.size(0), want.numel());
}

// Rows after a few steps in `parts` micro-batches by `threads` threads.
at::Tensor trained(int threads, int64_t parts, at::ScalarType type = at::kFloat) {
  const int before = at::get_num_threads();
  at::set_num_threads(threads);
  StaticEncoder encoder(kVocabulary, {.dim = 64}, 1);
  encoder.to(type);
  const auto optimizer =
      learn::make_optimizer({.name = learn::OptimizerName::adam}, {{"w", weight_of(encoder)}});
  for (uint64_t step = 0; step < 3; ++step) {
    const Texts texts = make_texts(600, 20, 10 + step);
    at::manual_seed(step);
    const at::Tensor pull = at::randn({600, 64}, type);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = part * 600 / parts, end = (part + 1) * 600 / parts;
      (encoder.encode(texts.ids.slice(0, begin, end), texts.length.slice(0, begin, end)) *
       pull.slice(0, begin, end))
          .sum()
          .backward();
    }
    optimizer->step(0.1);
    optimizer->zero_grad();
  }
  at::set_num_threads(before);
  return weight_of(encoder).detach();
}

TEST(StaticEncoder, AnyNumberOfThreadsGivesTheSameBits) {
  EXPECT_TRUE(at::equal(trained(1, 1), trained(3, 1)));
  EXPECT_TRUE(at::equal(trained(1, 4), trained(3, 4)));
}

TEST(StaticEncoder, MicroBatchesAddUp) {
  const at::Tensor whole = trained(2, 1, at::kDouble), parts = trained(2, 5, at::kDouble);
  EXPECT_LT((whole - parts).abs().max().item<double>(), 1e-7);
}

TEST(StaticEncoder, RowsThatDoNotOccurRest) {
  const at::Tensor before =
      weight_of(*std::make_unique<StaticEncoder>(kVocabulary, StaticOptions{.dim = 64}, 1))
          .detach()
          .clone();
  const at::Tensor moved = (trained(2, 1) != before).any(1);
  at::Tensor occur = at::zeros({kVocabulary}, at::kBool);
  for (uint64_t step = 0; step < 3; ++step) {
    const at::Tensor ids = make_texts(600, 20, 10 + step).ids;
    occur.index_fill_(0, ids.masked_select(ids >= 0), true);
  }
  EXPECT_TRUE(at::equal(moved, occur));
  EXPECT_LT(occur.sum().item<int64_t>(), kVocabulary);
}

TEST(StaticEncoder, MisuseIsNamed) {
  StaticEncoder encoder(kVocabulary, {.dim = 4}, 1);
  const at::Tensor one = at::tensor({1}, at::kLong);
  EXPECT_THROW(encoder.encode(at::full({1, 1}, kVocabulary, at::kLong), one), Error);
  EXPECT_THROW(encoder.encode(at::full({1, 1}, -1, at::kLong), one), Error);
  const at::Tensor value = encoder.encode(one.view({1, 1}), one).sum();
  EXPECT_THROW(value.backward({}, true, /*create_graph=*/true), Error);
}

at::Tensor weights_trained_on(const at::Device& device) {
  const Texts texts = make_texts(300, 20, 5);
  StaticEncoder encoder(kVocabulary, {.dim = 32, .buckets = 100}, 1);
  encoder.to(device);
  const auto optimizer =
      learn::make_optimizer({.name = learn::OptimizerName::adam}, {{"w", weight_of(encoder)}});
  for (int step = 0; step < 3; ++step) {
    encoder.encode(texts.ids.to(device), texts.length.to(device)).square().sum().backward();
    optimizer->step(0.1);
    optimizer->zero_grad();
  }
  return weight_of(encoder).detach().cpu();
}

TEST(StaticEncoder, GpuGivesTheSame) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  const at::Tensor difference = weights_trained_on({at::kCUDA, 0}) - weights_trained_on(at::kCPU);
  EXPECT_LT(difference.abs().max().item<double>(), 1e-4);
}

}  // namespace
}  // namespace vistas::text
