// Golden cases of exact search: all values are small whole numbers, so the match is exact.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/golden_torch.h"
#include "vistas/search/top_k.h"

namespace vistas::search {
namespace {

using nlohmann::json;

void check_top_k(const golden::Group& group, const json& c) {
  const TopK got = top_k_of_rows(golden::tensor(group, c["inputs"]["scores"]), c["options"]["k"]);
  EXPECT_TRUE(at::equal(got.indices, golden::tensor(group, c["outputs"]["indices"])));
  EXPECT_TRUE(at::equal(got.scores, golden::tensor(group, c["outputs"]["values"])));
}

void check_search(const golden::Group& group, const json& c) {
  const at::Tensor queries = golden::tensor(group, c["inputs"]["queries"]);
  const at::Tensor bank = golden::tensor(group, c["inputs"]["bank"]);
  const int64_t k = c["options"]["k"];
  const TopK dot = top_k(queries, bank, k, Metric::dot);
  EXPECT_TRUE(at::equal(dot.indices, golden::tensor(group, c["outputs"]["dot_indices"])));
  EXPECT_TRUE(at::equal(dot.scores, golden::tensor(group, c["outputs"]["dot_values"])));
  const TopK l2 = top_k(queries, bank, k, Metric::l2);
  EXPECT_TRUE(at::equal(l2.indices, golden::tensor(group, c["outputs"]["l2_indices"])));
  EXPECT_TRUE(at::equal(-l2.scores, golden::tensor(group, c["outputs"]["l2_squared"])));
}

TEST(SearchGolden, EveryCase) {
  if (golden::folder_of("measures").empty()) GTEST_SKIP() << "no golden group 'measures'";
  const golden::Group group = golden::load("measures");
  int seen = 0;
  for (const json& c : group.json["cases"]) {
    const std::string op = c["op"];
    if (op != "topk" && op != "search") continue;
    SCOPED_TRACE(c["name"]);
    op == "topk" ? check_top_k(group, c) : check_search(group, c);
    ++seen;
  }
  std::printf("  topk, search: %d cases\n", seen);
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace vistas::search
