// Threads of one process stand for processes.
#include "vistas/learn/group.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "support/errors.h"
#include "support/other_device_group.h"
#include "support/processes.h"
#include "vistas/contrast/losses.h"
#include "vistas/contrast/similarity.h"
#include "vistas/learn/batch_norm.h"
#include "vistas/learn/group_step.h"
#include "vistas/learn/precision.h"

namespace vistas::learn {
namespace {

TEST(Group, AProcessAloneHasAllToItself) {
  const Group& group = Group::current();
  EXPECT_TRUE(group.alone());
  EXPECT_TRUE(group.first());
  at::Tensor x = at::ones({2});
  group.sum_(x);
  EXPECT_TRUE(x.equal(at::ones({2})));
  EXPECT_FALSE(group.any(false));
}

TEST(Group, SharesOfRowsAreEqualOrOneMoreForTheFirst) {
  const int64_t ends[] = {4, 7, 10};
  for (int64_t rank = 0, begin = 0; rank < 3; begin = ends[rank++]) {
    EXPECT_EQ(share_of_rows(10, rank, 3).begin, begin);
    EXPECT_EQ(share_of_rows(10, rank, 3).end, ends[rank]);
  }
}

TEST(Group, SumsGathersAndBroadcasts) {
  test::in_processes(3, [](int64_t rank) {
    const Group& group = Group::current();
    EXPECT_EQ(group.rank(), rank);
    EXPECT_EQ(group.size(), 3);
    at::Tensor sum = at::full({2}, static_cast<double>(rank + 1), at::kDouble);
    group.sum_(sum);
    EXPECT_TRUE(sum.equal(at::full({2}, 6.0, at::kDouble)));
    EXPECT_TRUE(group.any(rank == 2));
    EXPECT_FALSE(group.any(false));
    EXPECT_EQ(group.broadcast(rank == 0 ? 0.25 : 7.0), 0.25);
    EXPECT_TRUE(
        group.gather(at::full({1}, rank, at::kLong)).equal(at::arange(3, at::kLong).unsqueeze(1)));
    // Memory in another order than the sizes.
    at::Tensor picture = at::full({1, 2, 2, 2}, static_cast<double>(rank), at::kFloat)
                             .contiguous(at::MemoryFormat::ChannelsLast);
    group.broadcast_(picture);
    EXPECT_TRUE(picture.equal(at::zeros({1, 2, 2, 2})));
  });
}

TEST(Group, GathersAsManyRowsAsEachHas) {
  test::in_processes(3, [](int64_t rank) {
    // 0, 1 and 2 rows.
    const at::Tensor rows = at::full({rank, 2}, static_cast<double>(rank), at::kFloat);
    const at::Tensor flags = at::full({1}, rank == 1, at::kBool);
    const auto all = Group::current().gather_rows({rows, {}, flags});
    EXPECT_TRUE(all[0].all.equal(at::tensor({1.f, 1.f, 2.f, 2.f, 2.f, 2.f}).view({3, 2})));
    EXPECT_EQ(all[0].begin, rank == 2 ? 1 : 0);
    EXPECT_FALSE(all[1].all.defined());
    EXPECT_TRUE(all[2].all.equal(at::tensor({0, 1, 0}).to(at::kBool)));
  });
}

TEST(Group, RowsOfDifferentSizesAreRefused) {
  test::expect_error(
      [] {
        test::in_processes(2, [](int64_t rank) {
          Group::current().gather_rows({at::zeros({1, rank + 1})});
        });
      },
      "rows of one size", ErrorKind::usage);
}

TEST(Group, ExchangesWhatIsOnAnotherDevice) {
  test::in_processes(2, [](int64_t rank) {
    const Group& group = Group::current();
    for (const int64_t size : {3, 100000}) {
      at::Tensor t = at::full({size}, static_cast<double>(rank + 1), at::kFloat)
                         .to(test::other_device_of(rank));
      const auto rows = group.gather_rows({t.slice(0, 0, rank + 1)});
      EXPECT_TRUE(rows[0].all.cpu().equal(at::tensor({1.f, 2.f, 2.f})));
      group.sum_(t);
      EXPECT_TRUE(t.cpu().equal(at::full({size}, 3.f)));
      t.fill_(rank);
      group.broadcast_(t);
      EXPECT_TRUE(t.cpu().equal(at::zeros({size})));
      EXPECT_FALSE(t.is_cpu());
    }
  });
}

struct NormCase {
  bool elsewhere;
  at::ScalarType type;
};

// Against one process with all rows; float32 channel rows of the CPU take the fused way, the others
// not.
TEST(Group, BatchNormIsThatOfAllRows) {
  for (const auto [elsewhere, type] :
       {NormCase{false, at::kFloat}, NormCase{false, at::kDouble}, NormCase{true, at::kDouble}}) {
    at::manual_seed(1);
    const at::Tensor x = at::randn({7, 16, 3, 3}, type).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor pull = at::randn_like(x);
    const at::Tensor weight = at::rand({16}, type) + 0.5, bias = at::rand({16}, type);
    struct Result {
      at::Tensor y, dx, d_weight, d_bias, mean, var;
    };
    const auto run = [&](int64_t begin, int64_t end, const at::Device& device) {
      const auto leaf = [&](const at::Tensor& t) { return t.clone().to(device).requires_grad_(); };
      const at::Tensor part = leaf(x.slice(0, begin, end)), w = leaf(weight), b = leaf(bias);
      BatchNormState state{w, b, at::zeros_like(w).detach(), at::ones_like(w).detach()};
      const at::Tensor y = batch_norm_act(part, state, {.relu = true});
      (y * pull.slice(0, begin, end).to(device)).sum().backward();
      return Result{y.detach(), part.grad(),        w.grad(),
                    b.grad(),   state.running_mean, state.running_var};
    };
    const Result whole = run(0, 7, at::kCPU);
    const double close = type == at::kFloat ? 1e-5 : 1e-12;
    test::in_processes(3, [&](int64_t rank) {
      const auto [begin, end] = share_of_rows(7, rank, 3);
      Result part = run(begin, end, elsewhere ? test::other_device_of(rank) : at::kCPU);
      Group::current().sum_(part.d_weight);
      Group::current().sum_(part.d_bias);
      const auto near = [&](const at::Tensor& a, const at::Tensor& b) {
        EXPECT_LE((a.cpu() - b).abs().max().item<double>(), close);
      };
      near(part.y, whole.y.slice(0, begin, end));
      near(part.dx, whole.dx.slice(0, begin, end));
      near(part.d_weight, whole.d_weight);
      near(part.d_bias, whole.d_bias);
      near(part.mean, whole.mean);
      near(part.var, whole.var);
    });
  }
}

// Twice: the second time dense gradients travel in buckets.
TEST(GradientExchange, MeansWhatCameThroughTheNetworkAndKeepsWhatIsOfTheLoss) {
  test::in_processes(2, [](int64_t rank) {
    const auto leaf = [](std::vector<int64_t> shape) {
      return at::ones(shape, at::kDouble).requires_grad_();
    };
    const at::Tensor table = leaf({4, 2}), shift = leaf({2}), scale = leaf({1}), rests = leaf({1});
    GradientExchange exchange(
        {{"table", table}, {"shift", shift}, {"scale", scale}, {"rests", rests}});
    for (int round = 0; round < 2; ++round) {
      (3 * (scale + shift.sum())).sum().backward();
      exchange.keep_loss_gradients();
      // Rows 0 and 1 of the first process, twice row 1 of the second; gradients of 1 and of 2.
      const at::Tensor rows =
          rank == 0 ? at::tensor({0, 1}, at::kLong) : at::tensor({1, 1}, at::kLong);
      const at::Tensor out = at::embedding(table, rows, -1, false, /*sparse=*/true) + shift;
      exchange.begin({out});
      out.backward(at::full_like(out, static_cast<double>(rank + 1)));
      exchange.finish();
      ASSERT_TRUE(table.grad().is_sparse());
      const at::Tensor of_rows = at::tensor({0.5, 2.5, 0.0, 0.0}, at::kDouble).unsqueeze(1);
      EXPECT_TRUE(table.grad().to_dense().equal(of_rows.expand({4, 2})));
      EXPECT_TRUE(shift.grad().equal(at::full({2}, (2 * 1 + 2 * 2) / 2.0 + 3, at::kDouble)));
      EXPECT_EQ(scale.grad().item<double>(), 3);
      EXPECT_FALSE(rests.grad().defined());
      for (const at::Tensor& p : {table, shift, scale}) p.mutable_grad().reset();
    }
  });
}

// Sets variables while alive.
class Environment {
 public:
  explicit Environment(std::map<std::string, std::string> values) : values_(std::move(values)) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::map<std::string, std::string> values_;
};

// Rows of a batch for any loss of the table: live ones, labels and scores.
EmbeddedBatch rows_for_losses(int64_t rows, int64_t begin, int64_t end) {
  auto generator = at::detail::createCPUGenerator(7);
  EmbeddedBatch batch;
  for (int i = 0; i < 5; ++i) {
    const at::Tensor all = at::randn({rows, 64}, generator, at::kDouble);
    batch.embeddings.live.push_back(all.slice(0, begin, end).clone().requires_grad_());
  }
  batch.batch.index = at::arange(begin, end);
  batch.batch.label = batch.batch.index.floor_divide(2);
  batch.batch.score = at::linspace(0, 1, rows, at::kDouble).slice(0, begin, end).contiguous();
  return batch;
}

struct LossOfRows {
  double value = 0;
  at::Tensor scale = at::tensor(2.0, at::kDouble).requires_grad_();
  at::Tensor bias = at::tensor(-3.0, at::kDouble).requires_grad_();
};

LossOfRows send_back(const contrast::LossEntry& entry, const GatheredBatch& whole) {
  LossOfRows result;
  const auto& z = whole.embeddings.live;
  const at::Tensor queue =
      contrast::unit_rows(at::randn({200, 64}, at::detail::createCPUGenerator(8), at::kDouble));
  const at::Tensor loss = (*entry.choose())({.a = z[0],
                                             .b = z[1],
                                             .negative = z[2],
                                             .predictions_a = z[3],
                                             .predictions_b = z[4],
                                             .labels = whole.batch.label,
                                             .score = whole.batch.score,
                                             .queue = queue,
                                             .scale = result.scale,
                                             .bias = result.bias});
  result.value = loss.item<double>();
  loss.backward();
  return result;
}

// 17 rows are computed whole by each process, of 400 the pairs are shared.
TEST(GroupStep, EveryLossOfTheTableIsThatOfTheWholeBatch) {
  struct Whole {
    EmbeddedBatch batch;
    LossOfRows loss;
  };
  for (const int64_t rows : {17, 400}) {
    std::vector<Whole> wholes;
    for (const contrast::LossEntry& entry : contrast::losses()) {
      EmbeddedBatch all = rows_for_losses(rows, 0, rows);
      const LossOfRows loss = send_back(entry, gather(all));
      wholes.push_back({std::move(all), loss});
    }
    for (const int64_t processes : {2, 3}) {
      test::in_processes(processes, [&](int64_t rank) {
        const auto [begin, end] = share_of_rows(rows, rank, processes);
        for (size_t n = 0; n < wholes.size(); ++n) {
          const contrast::LossEntry& entry = contrast::losses()[n];
          SCOPED_TRACE(entry.name);
          const Whole& whole = wholes[n];
          EmbeddedBatch own = rows_for_losses(rows, begin, end);
          const GatheredBatch gathered = gather(own);
          const LossOfRows part = send_back(entry, gathered);
          hand_back(gathered, own);
          EXPECT_NEAR(part.value, whole.loss.value,
                      1e-8 * std::max(1.0, std::abs(whole.loss.value)));
          for (size_t i = 0; i < own.embeddings.live.size(); ++i) {
            const at::Tensor& want = whole.batch.embeddings.live[i].grad();
            const at::Tensor& got = own.embeddings.live[i].grad();
            ASSERT_EQ(got.defined(), want.defined()) << i;
            if (!want.defined()) continue;
            EXPECT_TRUE(at::allclose(got / processes, want.slice(0, begin, end), 1e-8, 1e-10)) << i;
          }
          for (const auto& [got, want] :
               {std::pair{part.scale, whole.loss.scale}, std::pair{part.bias, whole.loss.bias}}) {
            ASSERT_EQ(got.grad().defined(), want.grad().defined());
            if (want.grad().defined()) {
              EXPECT_TRUE(at::allclose(got.grad(), want.grad(), 1e-8, 1e-10));
            }
          }
        }
      });
    }
  }
}

TEST(Devices, AreOneForEachProcess) {
  const auto devices = [](std::vector<int64_t> of_all) {
    return at::tensor(of_all, at::kLong).view({-1, 2});
  };
  EXPECT_NO_THROW(check_devices(devices({-1, 7, -1, 7})));      // CPUs
  EXPECT_NO_THROW(check_devices(devices({0, 7, 1, 7, 0, 8})));  // of two machines
  test::expect_error(
      [&] {
        check_devices(devices({0, 7, 1, 7, 0, 7}));
      },
      "processes 0 and 2 of the group: got GPU 0 of one machine", ErrorKind::usage);
  test::expect_error(
      [&] {
        check_devices(devices({0, 7, -1, 7}));
      },
      "CPUs and GPUs", ErrorKind::usage);
}

TEST(Place, IsReadFromTheLaunchersVariables) {
  EXPECT_FALSE(place_from_environment());
  {
    const Environment torchrun({{"RANK", "3"},
                                {"WORLD_SIZE", "4"},
                                {"LOCAL_RANK", "1"},
                                {"MASTER_ADDR", "host"},
                                {"MASTER_PORT", "1234"},
                                {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                {"TORCHELASTIC_RESTART_COUNT", "2"}});
    const auto place = place_from_environment();
    ASSERT_TRUE(place);
    EXPECT_EQ(place->rank, 3);
    EXPECT_EQ(place->size, 4);
    EXPECT_EQ(place->local_rank, 1);
    EXPECT_EQ(place->address, "host");
    EXPECT_EQ(place->port, 1234);
    EXPECT_TRUE(place->has_store);
    EXPECT_EQ(place->restarts, 2);
  }
  {
    const Environment srun({{"SLURM_STEP_ID", "0"},
                            {"SLURM_NTASKS", "2"},
                            {"SLURM_PROCID", "1"},
                            {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1"}});
    EXPECT_EQ(place_from_environment()->rank, 1);
    EXPECT_EQ(place_from_environment()->address, "10.0.0.1");
  }
  {
    const Environment mpiexec({{"OMPI_COMM_WORLD_RANK", "1"},
                               {"OMPI_COMM_WORLD_SIZE", "2"},
                               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
    EXPECT_EQ(place_from_environment()->address, "127.0.0.1");
  }
  const Environment one({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"MASTER_ADDR", "host"}});
  EXPECT_FALSE(place_from_environment());
}

TEST(Place, WhatIsMissingOrWrongIsNamed) {
  const auto read = [] { place_from_environment(); };
  {
    const Environment some(std::map<std::string, std::string>{{"RANK", "0"}});
    test::expect_error(read, "WORLD_SIZE, MASTER_ADDR", ErrorKind::usage);
  }
  {
    const Environment wrong({{"RANK", "x"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "host"}});
    test::expect_error(read, "RANK: got x", ErrorKind::usage);
  }
  {
    const Environment port(
        {{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "65536"}});
    test::expect_error(read, "MASTER_PORT: got 65536", ErrorKind::usage);
  }
  const Environment beyond({{"RANK", "2"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "host"}});
  test::expect_error(read, "less than WORLD_SIZE = 2", ErrorKind::usage);
}

}  // namespace
}  // namespace vistas::learn
