// What every loss of the table promises.
#include "vistas/contrast/losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "support/options_round_trip.h"
#include "support/other_device.h"
#include "vistas/base/files.h"
#include "vistas/contrast/similarity.h"

namespace vistas::contrast {
namespace {

// Two samples of each class; score, scale and bias are usual values.
LossInputs made_inputs(at::ScalarType type) {
  at::manual_seed(7);
  constexpr int64_t kRows = 8, kColumns = 6;
  const auto random = [&] { return at::randn({kRows, kColumns}, at::kDouble).to(type); };
  LossInputs in;
  for (at::Tensor* x : {&in.a, &in.b, &in.negative, &in.predictions_a, &in.predictions_b}) {
    *x = random().requires_grad_(true);
  }
  in.labels = at::arange(kRows).floor_divide(2);
  in.score = at::linspace(0, 1, kRows, at::kDouble).to(type);
  in.queue = unit_rows(at::randn({16, kColumns}, at::kDouble)).to(type);
  in.scale = at::tensor(2.0, at::kDouble).to(type);
  in.bias = at::tensor(-3.0, at::kDouble).to(type);
  return in;
}

std::vector<at::Tensor*> rows_of(LossInputs& in) {
  return {&in.a, &in.b, &in.negative, &in.predictions_a, &in.predictions_b, &in.labels, &in.score};
}

bool is_same(const at::Tensor& x, const at::Tensor& y, double tolerance) {
  return std::abs(x.item<double>() - y.item<double>()) <=
         tolerance * std::max(1.0, std::abs(y.item<double>()));
}

TEST(LossTable, EveryLossIsAFiniteScalarWithFiniteGradients) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (const LossEntry& entry : losses()) {
      SCOPED_TRACE(entry.name);
      const LossInputs in = made_inputs(type);
      const at::Tensor loss = (*entry.choose())(in);
      ASSERT_EQ(loss.dim(), 0);
      EXPECT_EQ(loss.scalar_type(), type == at::kDouble ? at::kDouble : at::kFloat);
      EXPECT_TRUE(loss.isfinite().item<bool>());
      ASSERT_TRUE(loss.requires_grad());
      loss.backward();
      double reached = 0;
      for (const at::Tensor* x :
           {&in.a, &in.b, &in.negative, &in.predictions_a, &in.predictions_b}) {
        if (!x->grad().defined()) continue;
        EXPECT_TRUE(x->grad().isfinite().all().item<bool>());
        reached += x->grad().abs().sum().to(at::kDouble).item<double>();
      }
      EXPECT_GT(reached, 0);
    }
  }
}

TEST(LossTable, TheSameInputsGiveTheSameBits) {
  for (const LossEntry& entry : losses()) {
    SCOPED_TRACE(entry.name);
    const LossInputs in = made_inputs(at::kFloat);
    const auto choice = entry.choose();
    EXPECT_EQ((*choice)(in).item<float>(), (*choice)(in).item<float>());
  }
}

TEST(LossTable, TheOrderOfTheBatchDoesNotMatter) {
  const at::Tensor order = at::tensor({3, 0, 7, 5, 1, 6, 2, 4}, at::kLong);
  for (const LossEntry& entry : losses()) {
    SCOPED_TRACE(entry.name);
    LossInputs in = made_inputs(at::kDouble);
    const auto choice = entry.choose();
    const at::Tensor before = (*choice)(in);
    for (at::Tensor* x : rows_of(in)) *x = x->index_select(0, order);
    EXPECT_TRUE(is_same((*choice)(in), before, 1e-10));
  }
}

TEST(LossTable, EveryLossThatComparesPairsTakesEverySimilarity) {
  int64_t takers = 0;
  for (const LossEntry& entry : losses()) {
    SCOPED_TRACE(entry.name);
    std::set<double> values;
    for (const auto& [name, kind] : similarity_names()) {
      const auto choice = entry.choose();
      Fields fields;
      choice->fields(fields);
      const auto field = std::find_if(fields.all().begin(), fields.all().end(),
                                      [](const Field& f) { return f.name == "similarity"; });
      if (field == fields.all().end()) break;
      field->set(Value{.data = name});
      const at::Tensor loss = (*choice)(made_inputs(at::kDouble));
      EXPECT_TRUE(loss.isfinite().item<bool>()) << name;
      values.insert(loss.item<double>());
    }
    if (values.empty()) continue;
    ++takers;
    EXPECT_GT(values.size(), 2U) << "the option changes nothing";
  }
  EXPECT_GT(takers, 20);
}

// Inputs and the loss of them on `device`; gradients stay with the inputs.
std::pair<LossInputs, at::Tensor> loss_on(const at::Device& device, const LossEntry& entry,
                                          at::ScalarType type) {
  LossInputs in = made_inputs(type);
  for (at::Tensor* x : {&in.a, &in.b, &in.negative, &in.predictions_a, &in.predictions_b}) {
    *x = x->detach().to(device).requires_grad_(true);
  }
  for (at::Tensor* x : {&in.labels, &in.score, &in.queue, &in.scale, &in.bias}) {
    *x = x->to(device);
  }
  const at::Tensor loss = (*entry.choose())(in);
  loss.backward();
  return {in, loss};
}

void expect_as_on_the_cpu(const at::Device& device) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const double tolerance = type == at::kDouble ? 1e-10 : 1e-4;
    for (const LossEntry& entry : losses()) {
      SCOPED_TRACE(entry.name);
      const auto [expected, value] = loss_on(at::kCPU, entry, type);
      const auto [inputs, got] = loss_on(device, entry, type);
      EXPECT_EQ(got.device(), device);
      EXPECT_TRUE(is_same(got, value, tolerance)) << got << " against " << value;
      const auto agree = [&](const at::Tensor& x, const at::Tensor& y) {
        ASSERT_EQ(x.grad().defined(), y.grad().defined());
        if (!y.grad().defined()) return;
        const at::Tensor difference = (x.grad().cpu() - y.grad()).abs().max();
        EXPECT_LE(difference.item<double>(), tolerance * y.grad().abs().max().item<double>());
      };
      agree(inputs.a, expected.a);
      agree(inputs.b, expected.b);
      agree(inputs.negative, expected.negative);
      agree(inputs.predictions_a, expected.predictions_a);
      agree(inputs.predictions_b, expected.predictions_b);
    }
  }
}

TEST(Losses, AreTheSameOnAnotherDevice) {
  expect_as_on_the_cpu(test::other_device_of(0));
}

TEST(GpuLosses, AgreeWithTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  expect_as_on_the_cpu({at::kCUDA, 0});
}

TEST(LossTable, OptionsSurviveTheWayThroughText) {
  for (const LossEntry& entry : losses()) {
    SCOPED_TRACE(entry.name);
    expect_options_round_trip(entry.choose);
  }
}

TEST(LossTable, NamesAreUniqueAndHeadersExist) {
  std::set<std::string> names;
  for (const LossEntry& entry : losses()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    const std::filesystem::path header =
        std::filesystem::path(VISTAS_SOURCE_DIR) / "src/vistas/contrast" / entry.header;
    ASSERT_TRUE(std::filesystem::exists(header)) << header;
    EXPECT_NE(read_file(header).find(" " + entry.name + "("), std::string::npos) << entry.name;
  }
}

// VISTAS_WRITE_DOCS=1 writes the page anew.
TEST(LossTable, DocsPageIsTheTable) {
  const std::filesystem::path page = std::filesystem::path(VISTAS_SOURCE_DIR) / "docs/losses.md";
  const std::string text = read_file(page);
  const size_t begin = text.find("| loss |");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = text.find("\n\n", begin) + 1;
  const std::string table = losses_as_markdown();
  if (std::getenv("VISTAS_WRITE_DOCS") != nullptr) {
    std::ofstream(page) << text.substr(0, begin) + table + text.substr(end);
    return;
  }
  EXPECT_EQ(text.substr(begin, end - begin), table)
      << "docs/losses.md is old: VISTAS_WRITE_DOCS=1 build/tests/test_contrast_losses writes it";
}

}  // namespace
}  // namespace vistas::contrast
