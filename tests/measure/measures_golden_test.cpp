// Golden cases of kNN and logistic regression; the group's other operations by name.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "support/golden_torch.h"
#include "vistas/measure/knn.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/logistic.h"
#include "vistas/measure/one_shot.h"

namespace vistas::measure {
namespace {

using nlohmann::json;

void check_knn(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) { return golden::tensor(group, c["inputs"][role]); };
  const json& o = c["options"];
  const auto got = knn_classify(in("bank"), in("bank_labels"), in("queries"), o["classes"],
                                {.k = {o["k"]}, .temperature = o["temperature"]});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(at::equal(got[0].predicted, golden::tensor(group, c["outputs"]["predicted"])));
  const at::Tensor want = golden::tensor(group, c["outputs"]["scores"]);
  EXPECT_LE((got[0].scores - want).abs().max().item<double>(), c["tolerance"]["scores"]);
  EXPECT_EQ(accuracy(got[0].predicted, in("query_labels")), c["scalars"]["accuracy"]);
  if (o["k"] == 1) {
    EXPECT_EQ(
        nearest_example_accuracy(in("bank"), in("bank_labels"), in("queries"), in("query_labels")),
        c["scalars"]["accuracy"]);
  }
}

void check_logistic(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) { return golden::tensor(group, c["inputs"][role]); };
  const auto want = [&](const char* role) { return golden::tensor(group, c["outputs"][role]); };
  const at::Tensor train = in("train");
  const double strength = c["options"]["C"], n = static_cast<double>(train.size(0));
  for (const bool float64 : {true, false}) {
    const LogisticModel model =
        fit_logistic(train, in("train_labels"), c["options"]["classes"],
                     {.weight_decay = weight_decay_of_c(strength, train.size(0)),
                      .float64 = float64,
                      .gradient_tolerance = float64 ? 1e-9 : 1e-6});
    EXPECT_TRUE(model.converged);
    const double objective = c["scalars"]["objective"];
    EXPECT_NEAR(model.objective * strength * n, objective,
                objective * c["tolerance"]["objective_relative"].get<double>());
    if (float64) {  // in float32 the flat minimum of a weak penalty is found to about 1e-2 only
      const double tolerance = c["tolerance"]["coef"];
      EXPECT_LE((model.weight - want("coef")).abs().max().item<double>(), tolerance);
      // Intercepts are unique up to a common constant.
      const at::Tensor off = model.bias - want("intercept");
      EXPECT_LE((off - off.mean()).abs().max().item<double>(), tolerance);
    }
    const at::Tensor predicted = model.scores(in("test")).argmax(1);
    EXPECT_TRUE(at::equal(predicted, want("predicted")));
    EXPECT_NEAR(accuracy(predicted, in("test_labels")), c["scalars"]["test_accuracy"],
                c["tolerance"]["accuracy"]);
    EXPECT_NEAR(accuracy(model.scores(train).argmax(1), in("train_labels")),
                c["scalars"]["train_accuracy"], c["tolerance"]["accuracy"]);
  }
}

TEST(MeasuresGolden, EveryCase) {
  if (golden::folder_of("measures").empty()) GTEST_SKIP() << "no golden group 'measures'";
  at::set_num_threads(1);  // thousands of tiny products
  golden::Group group = golden::load("measures");
  // The tests of the rooms below hold these.
  const std::set<std::string> elsewhere = {"topk", "search", "embedding_statistics"};
  json cases = json::array();
  for (const json& c : group.json["cases"]) {
    if (!elsewhere.contains(c["op"])) cases.push_back(c);
  }
  group.json["cases"] = cases;
  golden::check_all(group, [&](const json& c) {
    const std::string op = c["op"];
    if (op == "knn") {
      check_knn(group, c);
    } else if (op == "logistic_regression") {
      check_logistic(group, c);
    } else {
      return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace vistas::measure
