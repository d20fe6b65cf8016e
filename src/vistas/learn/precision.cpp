#include "vistas/learn/precision.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include "vistas/base/error.h"

namespace vistas::learn {

at::Device choose_device(const std::string& name) {
  const bool cuda = at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (name == "auto") return cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (name == "cuda" && !cuda) {
    throw Error(ErrorKind::usage, {.what = "train.device = \"cuda\": no CUDA device is usable",
                                   .fix = "`vistas doctor` tells why; --set train.device=cpu works "
                                          "everywhere"});
  }
  return at::Device(name);
}

std::string choose_precision(const std::string& name, at::Device device) {
  if (name != "auto") return name;
  if (device.is_cuda()) return "bf16";
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") ? "bf16" : "fp32";
#else
  return "fp32";
#endif
}

AutocastScope::AutocastScope(at::Device device, const std::string& precision)
    : type_(device.type()),
      before_(at::autocast::is_autocast_enabled(device.type())),
      cached_before_(at::autocast::is_autocast_cache_enabled()) {
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_enabled(type_, precision == "bf16");
  at::autocast::set_autocast_dtype(type_, at::kBFloat16);
}

AutocastScope::~AutocastScope() {
  at::autocast::set_autocast_cache_enabled(cached_before_);
  at::autocast::set_autocast_enabled(type_, before_);
}

}  // namespace vistas::learn
