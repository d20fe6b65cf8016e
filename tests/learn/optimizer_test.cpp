#include "vistas/learn/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

constexpr OptimizerName kAll[] = {OptimizerName::sgd, OptimizerName::adam, OptimizerName::adamw,
                                  OptimizerName::adagrad, OptimizerName::lars};
constexpr OptimizerName kSparse[] = {OptimizerName::sgd, OptimizerName::adam, OptimizerName::adamw,
                                     OptimizerName::adagrad};

NamedTensors parameters() {
  at::manual_seed(3);
  return {{"weight", at::randn({300, 70}).requires_grad_(true)},
          {"bias", at::randn({70}).requires_grad_(true)}};
}

void make_gradients(const NamedTensors& all, int64_t step) {
  at::manual_seed(static_cast<uint64_t>(step) + 100);
  for (const auto& [name, value] : all) value.mutable_grad() = at::randn_like(value.detach());
}

NamedTensors trained(OptimizerName name, int64_t interrupted_after) {
  NamedTensors all = parameters();
  auto optimizer = make_optimizer({.name = name}, all);
  for (int64_t step = 0; step < 6; ++step) {
    if (step == interrupted_after) {
      NamedTensors kept;
      for (const auto& [key, value] : optimizer->state()) kept.emplace_back(key, value.clone());
      auto fresh = make_optimizer({.name = name}, all);
      fresh->load_state(kept, optimizer->steps());
      optimizer = std::move(fresh);
    }
    make_gradients(all, step);
    optimizer->step(0.1);
  }
  return all;
}

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i].second, b[i].second));
}

TEST(Optimizer, ResumesBitForBit) {
  for (const OptimizerName name : kAll) expect_equal(trained(name, -1), trained(name, 3));
}

TEST(Optimizer, AnyNumberOfThreadsGivesTheSameBits) {
  const int threads = at::get_num_threads();
  for (const OptimizerName name : kAll) {
    at::set_num_threads(1);
    const NamedTensors one = trained(name, -1);
    at::set_num_threads(3);
    expect_equal(one, trained(name, -1));
  }
  at::set_num_threads(threads);
}

TEST(Optimizer, GradientLayoutDoesNotMatter) {
  for (const OptimizerName name : kAll) {
    at::Tensor plain = at::randn({8, 4, 3, 3}), last = plain.clone(at::MemoryFormat::ChannelsLast);
    const at::Tensor grad = at::randn({8, 4, 3, 3});
    for (at::Tensor* value : {&plain, &last}) {
      value->requires_grad_(true);
      const auto optimizer = make_optimizer({.name = name}, {{"w", *value}});
      value->mutable_grad() = grad;  // row-major for both
      optimizer->step(0.1);
    }
    EXPECT_LT((plain - last).abs().max().item<double>(), 1e-6);
  }
}

TEST(Optimizer, ParametersWithoutGradientStay) {
  const NamedTensors all = parameters();
  const at::Tensor before = all[1].second.detach().clone();
  const auto optimizer = make_optimizer({.weight_decay = 0.5}, all);
  all[0].second.mutable_grad() = at::ones({300, 70});
  EXPECT_NEAR(optimizer->gradient_norm(), std::sqrt(21000.0), 1e-9);
  optimizer->step(0.1);
  EXPECT_TRUE(at::equal(all[1].second, before));
  optimizer->zero_grad();
  EXPECT_FALSE(all[0].second.grad().defined());
  EXPECT_EQ(optimizer->gradient_norm(), 0);
}

TEST(Optimizer, AParameterMayKeepItsLearningRate) {
  for (const OptimizerName name : kAll) {
    const NamedTensors all = parameters();
    const at::Tensor weight = all[0].second.detach().clone(), bias = all[1].second.detach().clone();
    const auto optimizer = make_optimizer({.name = name}, all);
    optimizer->keep_rate("bias", 0.1);
    make_gradients(all, 0);
    optimizer->step(0);
    EXPECT_TRUE(at::equal(all[0].second, weight));
    EXPECT_FALSE(at::equal(all[1].second, bias));
  }
}

TEST(Optimizer, WeightDecayCanChange) {
  for (const OptimizerName name : kAll) {
    const NamedTensors changed = parameters(), other = parameters();
    const auto a = make_optimizer({.name = name, .weight_decay = 0}, changed);
    const auto b = make_optimizer({.name = name, .weight_decay = 0.3}, other);
    a->set_weight_decay(0.3);
    for (const NamedTensors& all : {changed, other}) make_gradients(all, 0);
    a->step(0.1);
    b->step(0.1);
    expect_equal(changed, other);
  }
}

// Four sparse gradients, some rows twice, on a table [6, 3]: the case that made the values below.
at::Tensor small_table() {
  const at::Tensor k = at::arange(18, at::kDouble).view({6, 3});
  return (((k * 7).remainder(11) - 5) / 4).requires_grad_(true);
}

at::Tensor small_gradient(int64_t step) {
  static const std::vector<std::vector<int64_t>> ids{{0, 2, 2, 5}, {2, 3}, {0, 5, 3, 5}, {1, 2}};
  const auto& rows = ids[static_cast<size_t>(step)];
  const at::Tensor k = at::arange(static_cast<int64_t>(rows.size()), at::kDouble).unsqueeze(1);
  const at::Tensor j = at::arange(3, at::kDouble);
  const at::Tensor values = ((k * 5 + j * 3 + step * 2).remainder(7) - 3) / 3;
  return at::sparse_coo_tensor(at::tensor(rows).unsqueeze(0), values, {6, 3});
}

// After PyTorch 2.13.0 in float64, learning rate 0.1: SparseAdam(betas=(0.9, 0.99), eps=0.01),
// Adagrad(eps=0.01), SGD().
const std::vector<double> kSparseAdam{-1.1277366899989532,
                                      0.5578127409144533,
                                      -0.6431787440263402,
                                      1.197525870939451,
                                      0.29440118612815686,
                                      -0.8001926451883512,
                                      0.8531879808933293,
                                      -0.15631758925979614,
                                      -0.8900671371183774,
                                      0.8974796238286752,
                                      -0.25,
                                      -1.397479623828675,
                                      0.5,
                                      -0.5,
                                      1.25,
                                      0.35708833145968544,
                                      -0.8711201184273465,
                                      1.1591506265798188};
const std::vector<double> kSparseAdagrad{-1.1823156949152163,
                                         0.599009900990099,
                                         -0.599009900990099,
                                         1.150990099009901,
                                         0.3470873786407767,
                                         -0.8485221674876847,
                                         0.9052762566586314,
                                         -0.10580535553278056,
                                         -0.9014778325123153,
                                         0.9192240898181951,
                                         -0.25,
                                         -1.4192240898181954,
                                         0.5,
                                         -0.5,
                                         1.25,
                                         0.3043928646631805,
                                         -0.8470873786407767,
                                         1.1303354968954145};
const std::vector<double> kSparseSgd{-1.1833333333333333,
                                     0.6,
                                     -0.6,
                                     1.15,
                                     0.2833333333333333,
                                     -0.8166666666666667,
                                     0.9333333333333333,
                                     0,
                                     -0.9333333333333333,
                                     0.95,
                                     -0.25,
                                     -1.45,
                                     0.5,
                                     -0.5,
                                     1.25,
                                     0.2833333333333333,
                                     -0.7833333333333333,
                                     1.1333333333333333};
// Adagrad(eps=0.01, weight_decay=0.1) on the same gradients as dense tensors.
const std::vector<double> kDenseAdagrad{
    -1.1497324060768281, 0.45521823295734304,  -0.5805058200405624,  0.9442747578017034,
    0.20027659411140478, -0.6508121456871074,  0.8737939939040317,   -0.10222134073649226,
    -0.7905776386501602, 0.8238326690775976,   -0.08077950864461007, -1.3142780364158695,
    0.28339425320789946, -0.28339425320789946, 0.9979313134212219,   0.29021228815123457,
    -0.762580305291739,  1.0990243430448388};

// `strided`: the table has holes, so that the path of other devices is taken.
void expect_like_pytorch(const OptimizerOptions& options, const std::vector<double>& want,
                         bool sparse, at::ScalarType type, bool strided) {
  at::Tensor table = small_table().detach().to(type);
  if (strided) table = at::stack({table, table}, -1).select(-1, 0);
  table.requires_grad_(true);
  const auto optimizer = make_optimizer(options, {{"table", table}});
  for (int64_t step = 0; step < 4; ++step) {
    const at::Tensor gradient = small_gradient(step).to(type);
    table.mutable_grad() = sparse ? gradient : gradient.to_dense();
    optimizer->step(0.1);
  }
  const double tolerance = type == at::kDouble ? 1e-13 : 1e-5;
  const at::Tensor error = table.detach() - at::tensor(want, at::kDouble).view({6, 3});
  EXPECT_LT(error.abs().max().item<double>(), tolerance);
}

TEST(SparseGradients, AreUpdatedAsInPyTorch) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    for (const bool strided : {false, true}) {
      expect_like_pytorch(
          {.name = OptimizerName::adam, .weight_decay = 0, .beta2 = 0.99, .eps = 0.01}, kSparseAdam,
          true, type, strided);
      expect_like_pytorch({.name = OptimizerName::adagrad, .weight_decay = 0, .eps = 0.01},
                          kSparseAdagrad, true, type, strided);
      expect_like_pytorch({.weight_decay = 0, .momentum = 0}, kSparseSgd, true, type, strided);
      expect_like_pytorch({.name = OptimizerName::adagrad, .weight_decay = 0.1, .eps = 0.01},
                          kDenseAdagrad, false, type, strided);
    }
  }
}

// Rows that occur in every step are updated as in a table of their own, decay and momentum
// included; the others rest.
TEST(SparseGradients, AreDenseOnesOfTheRowsThatOccur) {
  for (const OptimizerName name : kSparse) {
    const OptimizerOptions options{.name = name, .weight_decay = 0.1, .eps = 0};
    at::manual_seed(4);
    const at::Tensor start = at::randn({900, 40}), ids = at::randperm(900).slice(0, 0, 500);
    at::Tensor table = start.clone().requires_grad_(true);
    at::Tensor own = start.index_select(0, ids).requires_grad_(true);
    const auto a = make_optimizer(options, {{"table", table}});
    const auto b = make_optimizer(options, {{"own", own}});
    for (int64_t step = 0; step < 3; ++step) {
      const at::Tensor gradient = at::randn({500, 40});
      table.mutable_grad() = at::sparse_coo_tensor(ids.unsqueeze(0), gradient, {900, 40});
      own.mutable_grad() = gradient.clone();
      EXPECT_NEAR(a->gradient_norm(), b->gradient_norm(), 1e-4);
      a->step(0.1);
      b->step(0.1);
    }
    at::Tensor want = start.clone();
    want.index_copy_(0, ids, own.detach());
    EXPECT_TRUE(at::equal(table.detach(), want));
    a->zero_grad();
    EXPECT_FALSE(table.grad().defined());
  }
}

TEST(SparseGradients, ResumeAndThreadsKeepTheBits) {
  const int threads = at::get_num_threads();
  for (const OptimizerName name : kSparse) {
    const auto trained = [&](int count, int64_t interrupted_after) {
      at::set_num_threads(count);
      at::manual_seed(5);
      const at::Tensor table = at::randn({3000, 33}).requires_grad_(true);
      auto optimizer = make_optimizer({.name = name}, {{"table", table}});
      for (int64_t step = 0; step < 5; ++step) {
        if (step == interrupted_after) {
          NamedTensors kept;
          for (const auto& [key, value] : optimizer->state()) kept.emplace_back(key, value.clone());
          auto fresh = make_optimizer({.name = name}, {{"table", table}});
          fresh->load_state(kept, optimizer->steps());
          optimizer = std::move(fresh);
        }
        const at::Tensor ids = at::randint(3000, {1, 2500}, at::kLong);
        table.mutable_grad() = at::sparse_coo_tensor(ids, at::randn({2500, 33}), {3000, 33});
        optimizer->step(0.1);
      }
      return table.detach();
    };
    const at::Tensor one = trained(1, -1);
    EXPECT_TRUE(at::equal(one, trained(3, -1)));
    EXPECT_TRUE(at::equal(one, trained(3, 2)));
  }
  at::set_num_threads(threads);
}

TEST(SparseGradients, LarsRefusesThem) {
  at::Tensor table = small_table();
  const auto optimizer = make_optimizer({.name = OptimizerName::lars}, {{"table", table}});
  table.mutable_grad() = small_gradient(0);
  EXPECT_THROW(optimizer->step(0.1), Error);
}

TEST(Optimizer, LayersBelowLearnMoreSlowly) {
  OptimizerOptions options{.name = OptimizerName::sgd, .weight_decay = 0, .layer_decay = 0.5};
  options.momentum = 0;
  const std::vector<std::string> of_transformer{
      "student.encoder.embeddings.word_embeddings.weight",
      "student.encoder.encoder.layer.0.output.dense.weight",
      "student.encoder.encoder.layer.1.output.dense.weight", "student.projector.weight"};
  const std::vector<std::string> of_resnet{
      "network.backbone.bn1.weight", "network.backbone.layer1.0.conv1.weight",
      "network.backbone.layer2.1.bn1.weight", "network.pyramid.inner.0.weight"};
  for (const auto& names : {of_transformer, of_resnet}) {
    NamedTensors all;
    for (const std::string& name : names) {
      all.emplace_back(name, at::zeros({2, 2}).requires_grad_(true));
      all.back().second.mutable_grad() = at::ones({2, 2});
    }
    make_optimizer(options, all)->step(1);
    const double expected[] = {0.125, 0.25, 0.5, 1};
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_DOUBLE_EQ(all[i].second[0][0].item<double>(), -expected[i]) << all[i].first;
    }
  }
  EXPECT_THROW(make_optimizer(options, parameters()), Error);
}

TEST(Optimizer, MisuseIsNamed) {
  EXPECT_THROW(make_optimizer({.momentum = 0, .nesterov = true}, parameters()), Error);
  EXPECT_THROW(make_optimizer({}, {{"index", at::ones({2}, at::kLong)}}), Error);
  const auto optimizer = make_optimizer({}, parameters());
  EXPECT_THROW(optimizer->load_state({}, 1), Error);
  EXPECT_THROW(optimizer->load_state({{"momentum/weight", at::ones({2})}}, 1), Error);
}

}  // namespace
}  // namespace vistas::learn
