// Golden cases of the measures; the group's other operations by name.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "support/golden_torch.h"
#include "vistas/measure/clustering.h"
#include "vistas/measure/correlation.h"
#include "vistas/measure/detection.h"
#include "vistas/measure/knn.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/logistic.h"
#include "vistas/measure/one_shot.h"
#include "vistas/measure/ranking.h"
#include "vistas/measure/segmentation.h"
#include "vistas/search/top_k.h"

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
    const LogisticModel model = fit_logistic(
        train, in("train_labels"), c["options"]["classes"],
        {.weight_decay = weight_decay_of_c(strength, train.size(0), c["options"]["classes"]),
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

template <typename T>
std::vector<T> values_of(const at::Tensor& tensor, at::ScalarType type) {
  const at::Tensor all = tensor.to(type).contiguous().view(-1);
  const T* data = all.const_data_ptr<T>();
  return {data, data + all.numel()};
}

std::vector<int64_t> numbers_of(const at::Tensor& tensor) {
  return values_of<int64_t>(tensor, at::kLong);
}

void check_correlation(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) {
    return values_of<double>(golden::tensor(group, c["inputs"][role]), at::kDouble);
  };
  EXPECT_NEAR(pearson(in("x"), in("y")), c["scalars"]["pearson"], c["tolerance"]["float64"]);
  EXPECT_NEAR(spearman(in("x"), in("y")), c["scalars"]["spearman"], c["tolerance"]["float64"]);
}

void check_clustering(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) {
    return numbers_of(golden::tensor(group, c["inputs"][role]));
  };
  const ClusteringScores got = clustering_scores(in("labels"), in("clusters"));
  const double tolerance = c["tolerance"]["float64"];
  EXPECT_NEAR(got.homogeneity, c["scalars"]["homogeneity"], tolerance);
  EXPECT_NEAR(got.completeness, c["scalars"]["completeness"], tolerance);
  EXPECT_NEAR(got.v_measure, c["scalars"]["v_measure"], tolerance);
  EXPECT_NEAR(got.v_measure, c["scalars"]["nmi"], tolerance);
}

void check_kmeans(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) { return golden::tensor(group, c["inputs"][role]); };
  const auto want = [&](const char* role) { return golden::tensor(group, c["outputs"][role]); };
  const KmeansResult got = kmeans_from(in("x"), in("init"), 1000);
  EXPECT_TRUE(got.converged);
  EXPECT_TRUE(at::equal(got.assignment, want("assignment").to(at::kLong)));
  const double tolerance = c["tolerance"]["rest"];
  EXPECT_LE(golden::scaled_error(got.centres, want("centres")), tolerance);
  EXPECT_NEAR(got.inertia / c["scalars"]["inertia"].get<double>(), 1, tolerance);
  const auto scores = clustering_scores(numbers_of(in("labels")), numbers_of(got.assignment));
  EXPECT_NEAR(scores.v_measure, c["scalars"]["nmi"], tolerance);
}

// The lists of golden users: starts and ascending items.
struct UserLists {
  std::vector<int64_t> starts;
  std::vector<int32_t> items;
  IdLists view() const { return {starts, items}; }

  UserLists(const at::Tensor& offsets, const at::Tensor& all)
      : starts(numbers_of(offsets)), items(values_of<int32_t>(all, at::kInt)) {
    for (size_t u = 0; u + 1 < starts.size(); ++u) {
      std::sort(items.begin() + starts[u], items.begin() + starts[u + 1]);
    }
  }
};

// Users' lists: the items of largest score but those trained on.
void check_ranking(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) { return golden::tensor(group, c["inputs"][role]); };
  const at::Tensor scores = in("scores");
  const int64_t k = c["options"]["k"], users_count = scores.size(0), items = scores.size(1);
  const UserLists train(in("train_offsets"), in("train_items"));
  const UserLists test(in("test_offsets"), in("test_items"));
  // Products with unit vectors are the scores themselves.
  const at::Tensor lists = search::top_k(at::eye(users_count), scores.t(), k, search::Metric::dot,
                                         {.without = {train.view()}})
                               .indices;
  std::vector<RankingScores> users;
  for (int64_t user = 0; user < users_count; ++user) {
    const auto relevant = test.view()[user];
    if (relevant.empty()) continue;
    users.push_back(ranking_scores(numbers_of(lists[user]), relevant, k));
  }
  const at::Tensor want = golden::tensor(group, c["outputs"]["per_user"]).to(at::kDouble);
  const double tolerance = c["tolerance"]["float64"];
  const auto columns = [](const RankingScores& s) {
    return std::array{s.recall, s.precision, s.ndcg, s.map, s.mrr, s.hit_rate};
  };
  ASSERT_EQ(static_cast<int64_t>(users.size()), want.size(0));
  for (size_t u = 0; u < users.size(); ++u) {
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(columns(users[u])[i],
                  want[static_cast<int64_t>(u)][static_cast<int64_t>(i)].item<double>(), tolerance);
    }
  }
  const std::array names{"recall", "precision", "ndcg", "map", "mrr", "hit_rate"};
  const auto means = list_scores(lists, test.view(),
                                 std::vector<int64_t>(static_cast<size_t>(items)), std::vector{k});
  ASSERT_EQ(means.size(), 1u);
  EXPECT_EQ(means[0].users, want.size(0));
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(columns(means[0].mean)[i], c["scalars"][names[i]], tolerance) << names[i];
  }
}

// Rows of boxes: picture, class, x, y, width, height, then area and crowd or the score.
void check_detection(const golden::Group& group, const json& c) {
  const auto want = [&](const char* role) {
    return values_of<double>(golden::tensor(group, c["outputs"][role]), at::kDouble);
  };
  const auto rows = [&](const char* role, const auto& use) {
    const at::Tensor all = golden::tensor(group, c["inputs"][role]);
    const auto* row = all.const_data_ptr<double>();
    for (int64_t i = 0; i < all.size(0); ++i, row += all.size(1)) use(row);
  };
  const size_t pictures = c["options"]["images"];
  std::vector<std::vector<FoundBox>> found(pictures);
  std::vector<std::vector<TrueBox>> truth(pictures);
  rows("det", [&](const double* r) {
    found[static_cast<size_t>(r[0])].push_back(
        {r[2], r[3], r[2] + r[4], r[3] + r[5], static_cast<int64_t>(r[1]), r[6]});
  });
  rows("gt", [&](const double* r) {
    truth[static_cast<size_t>(r[0])].push_back({r[2], r[3], r[2] + r[4], r[3] + r[5],
                                                static_cast<int64_t>(r[1]), r[6], r[7] != 0,
                                                /*ignored=*/false});
  });
  const DetectionScores s = detection_scores(found, truth, c["options"]["classes"]);
  const double tolerance = c["tolerance"]["float64"];
  const auto near = [&](const std::vector<double>& got, const char* role) {
    const std::vector<double> expected = want(role);
    ASSERT_EQ(got.size(), expected.size()) << role;
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << role;
  };
  near({s.ap, s.ap50, s.ap75, s.ap_small, s.ap_medium, s.ap_large, s.ar1, s.ar10, s.ar100,
        s.ar_small, s.ar_medium, s.ar_large},
       "stats");
  near(s.class_ap, "ap_per_class");
  near(s.class_ap50, "ap50_per_class");
  std::vector<double> recall;
  for (size_t t = 0; t < kDetectionThresholds; ++t) {
    for (const auto& of_class : s.class_recall) recall.push_back(of_class[t]);
  }
  near(recall, "recall_by_threshold_class");
}

void check_segmentation(const golden::Group& group, const json& c) {
  const auto in = [&](const char* role) {
    return values_of<uint8_t>(golden::tensor(group, c["inputs"][role]), at::kByte);
  };
  const auto want = [&](const char* role) {
    return golden::tensor(group, c["outputs"][role]).to(at::kDouble);
  };
  const int64_t classes = c["options"]["classes"];
  ConfusionMatrix matrix(classes, c["options"]["ignore"]);
  matrix.add(in("gt"), in("pred"));
  const at::Tensor confusion = want("confusion"), iou = want("iou_per_class");
  const SegmentationScores got = matrix.scores();
  const double tolerance = c["tolerance"]["float64"];
  for (int64_t i = 0; i < classes; ++i) {
    EXPECT_NEAR(got.class_iou[static_cast<size_t>(i)], iou[i].item<double>(), tolerance);
    for (int64_t j = 0; j < classes; ++j) {
      EXPECT_EQ(static_cast<double>(matrix.count(i, j)), confusion[i][j].item<double>());
    }
  }
  EXPECT_NEAR(got.miou, c["scalars"]["miou"], tolerance);
  EXPECT_NEAR(got.pixel_accuracy, c["scalars"]["pixel_accuracy"], tolerance);
  EXPECT_NEAR(got.mean_class_accuracy, c["scalars"]["mean_class_accuracy"], tolerance);
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
    } else if (op == "correlation") {
      check_correlation(group, c);
    } else if (op == "clustering_scores") {
      check_clustering(group, c);
    } else if (op == "kmeans") {
      check_kmeans(group, c);
    } else if (op == "ranking") {
      check_ranking(group, c);
    } else if (op == "detection") {
      check_detection(group, c);
    } else if (op == "segmentation") {
      check_segmentation(group, c);
    } else {
      return false;
    }
    return true;
  });
}

}  // namespace
}  // namespace vistas::measure
