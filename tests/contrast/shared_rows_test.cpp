// Threads that share rows of work get what each would compute alone.
#include "vistas/contrast/shared_rows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/errors.h"
#include "support/partners.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/triplet.h"
#include "vistas/contrast/vicreg.h"

namespace vistas::contrast {
namespace {

constexpr int64_t kMany = int64_t{1} << 40;

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed), at::kDouble);
}

// Row i of x times the sum of y.
at::Tensor example(int64_t begin, int64_t end, const std::vector<at::Tensor>& in) {
  return in[0].slice(0, begin, end) * in[1].sum(0);
}

TEST(SharedRows, EachDoesItsOwn) {
  const at::Tensor x = random({10, 3}, 1), y = random({5, 3}, 2);
  std::vector<int64_t> begins(3), ends(3);
  test::together(3, [&](const search::Partners& partner) {
    const search::PartnersScope scope(partner);
    const at::Tensor got = each_of_rows(10, kMany, {x, y}, [&](auto begin, auto end, auto& in) {
      begins[static_cast<size_t>(partner.part())] = begin;
      ends[static_cast<size_t>(partner.part())] = end;
      return example(begin, end, in);
    });
    EXPECT_TRUE(at::allclose(got, example(0, 10, {x, y})));
  });
  EXPECT_EQ(begins, (std::vector<int64_t>{0, 4, 7}));
  EXPECT_EQ(ends, (std::vector<int64_t>{4, 7, 10}));
}

TEST(SharedRows, LittleIsDoneByAll) {
  const at::Tensor x = random({10, 3}, 1), y = random({5, 3}, 2);
  const auto run = [&](int64_t rows, int64_t products) {
    return test::together(3, [&](const search::Partners& partner) {
      const search::PartnersScope scope(partner);
      const at::Tensor part = x.slice(0, 0, rows);
      EXPECT_TRUE(
          at::equal(each_of_rows(rows, products, {part, y}, example), example(0, rows, {part, y})));
    });
  };
  EXPECT_EQ(run(10, 1000), 0);
  EXPECT_EQ(run(2, kMany), 0);  // fewer rows than threads
}

TEST(SharedRows, GradientsReachWhatWantsThem) {
  const at::Tensor pull = random({10, 3}, 3);
  for (const bool of_x : {true, false}) {
    const auto leaves = [&] {
      std::vector<at::Tensor> in{random({10, 3}, 1), random({5, 3}, 2)};
      in[of_x ? 0 : 1].requires_grad_();
      return in;
    };
    const auto whole = leaves();
    (example(0, 10, whole) * pull).sum().backward();
    test::together(2, [&](const search::Partners& partner) {
      const search::PartnersScope scope(partner);
      const auto in = leaves();
      (each_of_rows(10, kMany, in, example) * pull).sum().backward();
      for (size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(in[i].grad().defined(), whole[i].grad().defined());
        if (!whole[i].grad().defined()) continue;
        EXPECT_TRUE(at::allclose(in[i].grad(), whole[i].grad()));
      }
    });
  }
}

TEST(SharedRows, HaveNoSecondDerivative) {
  test::together(2, [&](const search::Partners& partner) {
    const search::PartnersScope scope(partner);
    const at::Tensor x = random({10, 3}, 1).requires_grad_();
    const at::Tensor sum = sum_of_rows(10, kMany, {x}, [](auto begin, auto end, auto& in) {
      return in[0].slice(0, begin, end).sum();
    });
    test::expect_error([&] { sum.backward({}, true, /*create_graph=*/true); }, "create_graph",
                       ErrorKind::usage);
  });
}

TEST(SharedRows, LossesAreThoseOfOneAlone) {
  struct Case {
    std::string name;
    std::vector<int64_t> sizes;
    std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> loss;
  };
  const at::Tensor labels = at::arange(600).remainder(50);
  const auto barlow = [](const auto& a, const auto& b) { return barlow_twins(a, b); };
  const auto vic = [](const auto& a, const auto& b) { return vicreg(a, b).loss; };
  const std::vector<Case> cases{
      {"barlow, few features", {500, 150}, barlow},
      {"barlow, many features", {150, 500}, barlow},
      {"vicreg, few features", {500, 150}, vic},
      {"vicreg, many features", {150, 500}, vic},
      {"nt_xent over distances",
       {300, 32},
       [](const auto& a, const auto& b) {
         return nt_xent(a, b, {.similarity = Similarity::euclidean});
       }},
      {"triplets over Manhattan distances", {300, 32}, [&](const auto& a, const auto& b) {
         return triplet_by_labels(at::cat({a, b}), labels, {.similarity = Similarity::manhattan})
             .loss;
       }}};
  for (const auto& [name, sizes, loss] : cases) {
    SCOPED_TRACE(name);
    struct Result {
      double value;
      at::Tensor a, b;
    };
    const auto run = [&, &sizes = sizes, &loss = loss] {
      const at::Tensor a = random(sizes, 1).requires_grad_(), b = random(sizes, 2).requires_grad_();
      const at::Tensor value = loss(a, b);
      value.backward();
      return Result{value.template item<double>(), a.grad(), b.grad()};
    };
    const Result whole = run();
    const int64_t exchanges = test::together(3, [&](const search::Partners& partner) {
      const search::PartnersScope scope(partner);
      const Result shared = run();
      EXPECT_NEAR(shared.value, whole.value, 1e-11 * std::abs(whole.value));
      EXPECT_TRUE(at::allclose(shared.a, whole.a, 1e-9, 1e-12));
      EXPECT_TRUE(at::allclose(shared.b, whole.b, 1e-9, 1e-12));
    });
    EXPECT_GE(exchanges, 2);
  }
}

}  // namespace
}  // namespace vistas::contrast
