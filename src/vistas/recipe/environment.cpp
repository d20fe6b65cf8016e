#include "vistas/recipe/environment.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/api/include/torch/version.h>

#include <fstream>

#include "vistas/base/clock.h"
#include "vistas/base/threads.h"
#include "vistas/learn/group.h"

namespace vistas::recipe {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

}  // namespace

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) features.push_back("avx2");
  if (__builtin_cpu_supports("avx512f")) features.push_back("avx512f");
  if (__builtin_cpu_supports("avx512vnni")) features.push_back("avx512vnni");
  if (__builtin_cpu_supports("avx512bf16")) features.push_back("avx512bf16");
#endif
  return features;
}

Value environment() {
  const auto text = [](const std::string& s) { return Value{.data = s}; };
  ValueList features;
  for (const std::string& f : cpu_features()) features.push_back(text(f));
  ValueTable table;
  table["vistas"] = text(VISTAS_VERSION);
  table["libtorch"] = text(TORCH_VERSION);
  table["compiler"] = text("g++ " __VERSION__);
  table["cpu"] = text(cpu_name());
  table["cpu_features"] = Value{.data = features};
  table["cores"] = Value{.data = int64_t{available_cores()}};
  table["threads"] = Value{.data = int64_t{at::get_num_threads()}};
  table["cuda_devices"] =
      Value{.data = at::hasCUDA() ? int64_t{at::detail::getCUDAHooks().deviceCount()} : int64_t{0}};
  table["nccl"] = Value{.data = learn::Group::has_nccl()};
  return Value{.data = table};
}

double gemm_gflops(int64_t n, bool bf16) {
  const at::NoGradGuard no_grad;
  const auto type = bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor a = at::randn({n, n}).to(type), b = at::randn({n, n}).to(type);
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = Clock::now();
    const at::Tensor c = at::mm(a, b);
    const double seconds = seconds_since(start);
    best = std::max(best, 2e-9 * static_cast<double>(n * n * n) / seconds);
  }
  return best;
}

}  // namespace vistas::recipe
