// Golden tensors as at::Tensor, the scaled error of the tolerance rules, and the report by name.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "support/golden.h"

namespace vistas::golden {

inline at::ScalarType scalar_type_of(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return at::kBool;
    case DType::u8:
      return at::kByte;
    case DType::i8:
      return at::kChar;
    case DType::i16:
      return at::kShort;
    case DType::i32:
      return at::kInt;
    case DType::i64:
      return at::kLong;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f32:
      return at::kFloat;
    case DType::f64:
      return at::kDouble;
  }
  return at::kFloat;
}

// A copy of the tensor stored under `key`.
inline at::Tensor tensor(const Group& group, const std::string& key) {
  const TensorView& view = group.tensors.at(key);
  at::Tensor out = at::empty(view.shape, scalar_type_of(view.dtype));
  std::memcpy(out.data_ptr(), view.bytes.data(), view.bytes.size());
  return out;
}

// max|got - want| / max(max|want|, floor); infinite if something is not finite.
inline double scaled_error(const at::Tensor& got, const at::Tensor& want, double floor = 0.01) {
  const at::Tensor g = got.detach().to(at::kDouble), w = want.to(at::kDouble);
  if (g.sizes() != w.sizes() || !g.isfinite().all().item<bool>()) {
    return std::numeric_limits<double>::infinity();
  }
  if (w.numel() == 0) return 0;
  return (g - w).abs().max().item<double>() / std::max(w.abs().max().item<double>(), floor);
}

// Runs `check` (false: this operation is not built) over every case and prints passed, failed and
// not-yet-built operations by name. Failures are gtest failures made inside `check`.
inline void check_all(const Group& group,
                      const std::function<bool(const nlohmann::json& test_case)>& check) {
  std::map<std::string, std::pair<int, int>> counts;  // op -> passed, failed
  std::set<std::string> missing;
  for (const auto& test_case : group.json.at("cases")) {
    const std::string op = test_case.at("op");
    const int before =
        testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    SCOPED_TRACE(test_case.at("name").get<std::string>());
    if (!check(test_case)) {
      missing.insert(op);
      continue;
    }
    const int after =
        testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    ++(after == before ? counts[op].first : counts[op].second);
  }
  for (const auto& [op, count] : counts) {
    std::printf("  %-24s %3d passed, %d failed\n", op.c_str(), count.first, count.second);
  }
  for (const std::string& op : missing) std::printf("  %-24s not yet built\n", op.c_str());
}

}  // namespace vistas::golden
