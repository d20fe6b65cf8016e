#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/other_device.h"
#include "vistas/recommend/encoders/tower_encoder.h"

namespace vistas::recommend {
namespace {

// Users 0 and 1 have items 0 1 and 1; user 2 and item 2 have nothing.
Interactions few() {
  Interactions data;
  IdTable users, items;
  for (const char* id : {"u0", "u1", "u2"}) users.add(id);
  for (const char* id : {"a", "b", "c"}) items.add(id);
  data.user_ids = std::make_shared<IdTable>(std::move(users));
  data.item_ids = std::make_shared<IdTable>(std::move(items));
  data.starts = {0, 2, 3, 3};
  data.item = {0, 1, 1};
  return data;
}

// Items a and c: categories 0 1 and 1; numbers 1 2, 0 0 and 3 -1.
Features item_features() {
  Features f;
  f.starts = {0, 2, 2, 3};
  f.category = {0, 1, 1};
  f.categories = 2;
  f.width = 2;
  f.number = {1, 2, 0, 0, 3, -1};
  return f;
}

TowerEncoder make(double id_dropout) {
  return TowerEncoder(few(), {{}, item_features()}, 4, {.id_dropout = id_dropout}, 3);
}

TEST(TowerEncoder, AddsRowsCategoriesAndNumbers) {
  TowerEncoder encoder = make(0.5);
  encoder.eval();
  const auto parameters = encoder.named_parameters();
  const at::Tensor table = parameters["items.table"], categories = parameters["items.categories"],
                   weight = parameters["items.weight"];
  const auto numbers = [&](double x, double y) {
    return at::mv(weight, at::tensor({x, y}).to(at::kFloat));
  };
  const NodeEmbeddings nodes = encoder.embed(few());
  const auto expect = [](const at::Tensor& got, const at::Tensor& want) {
    EXPECT_TRUE(at::allclose(got, want, 0, 1e-6)) << got << want;
  };
  expect(nodes.items[0], table[0] + categories.mean(0) + numbers(1, 2));
  expect(nodes.items[1], table[1]);
  expect(nodes.items[2], categories[1] + numbers(3, -1));  // never seen
  expect(nodes.users.slice(0, 0, 2), parameters["users.table"].slice(0, 0, 2));
  expect(nodes.users[2], at::zeros({4}));
  // Nodes in any order: items are behind the three users.
  const at::Tensor mixed = encoder.forward({{{"node", at::tensor({5, 0, 3, 1}, at::kLong)}}});
  expect(mixed, at::stack({nodes.items[2], nodes.users[0], nodes.items[0], nodes.users[1]}));
}

TEST(TowerEncoder, IsTheSameOnAnotherDevice) {
  std::vector<at::Tensor> rows, gradients;
  for (const at::Device& device : {at::Device(at::kCPU), test::other_device_of(0)}) {
    TowerEncoder encoder = make(0.5);
    encoder.to(device);
    at::manual_seed(1);
    const at::Tensor node = at::tensor({5, 0, 3, 1}, at::kLong).to(device);
    const at::Tensor out = encoder.forward({{{"node", node}}});
    out.square().sum().backward();
    rows.push_back(at::cat({out.detach(), encoder.embed(few()).items}).cpu());
    gradients.push_back(encoder.named_parameters()["items.categories"].grad().cpu());
  }
  EXPECT_TRUE(at::allclose(rows[1], rows[0]));
  EXPECT_TRUE(at::allclose(gradients[1], gradients[0]));
}

TEST(TowerEncoder, LeavesOutRowsInTrainingWhereFeaturesCanDo) {
  TowerEncoder encoder = make(1);
  const at::Tensor table = encoder.named_parameters()["items.table"];
  const at::Tensor z = encoder.forward({{{"node", at::tensor({3, 4, 0}, at::kLong)}}});
  z.sum().backward();
  EXPECT_EQ(table.grad()[0].abs().sum().item<double>(), 0) << "a has features";
  EXPECT_GT(table.grad()[1].abs().sum().item<double>(), 0) << "b has none";
}

}  // namespace
}  // namespace vistas::recommend
