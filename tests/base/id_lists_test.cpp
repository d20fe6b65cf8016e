#include "vistas/base/id_lists.h"

#include <gtest/gtest.h>

namespace vistas {
namespace {

TEST(IdLists, TransposedByHand) {
  const OwnIdLists lists{{0, 2, 2, 5}, {1, 3, 0, 1, 4}};
  EXPECT_EQ(lists.view().size(), 3);
  EXPECT_EQ(lists.view()[2].size(), 3u);
  EXPECT_TRUE(lists.view()[1].empty());
  const OwnIdLists got = transposed(lists.view(), 6);
  EXPECT_EQ(got.starts, (std::vector<int64_t>{0, 1, 3, 3, 4, 5, 5}));
  EXPECT_EQ(got.ids, (std::vector<int32_t>{2, 0, 2, 0, 2}));
  EXPECT_EQ(transposed(got.view(), 3).ids, lists.ids);
}

}  // namespace
}  // namespace vistas
