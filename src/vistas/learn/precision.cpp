#include "vistas/learn/precision.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/learn/group.h"

namespace vistas::learn {

namespace {

// The GPU of this process among those that it sees: a launcher may show each process only its own.
at::Device own_gpu(int64_t count) {
  const int64_t place = Group::current().local_rank();
  if (count > 1 && place >= count) {
    throw Error(ErrorKind::usage, {.what = "processes of this machine that compute on GPUs",
                                   .got = fmt::format("{} or more", place + 1),
                                   .expected = fmt::format("one for each of its {} GPUs", count),
                                   .fix = "Start fewer, or --device cpu"});
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(count > 1 ? place : 0)};
}

}  // namespace

at::Device choose_device(const std::string& name) {
  const int64_t gpus = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (name == "cuda" && gpus == 0) {
    throw Error(ErrorKind::usage, {.what = "train.device = \"cuda\": no CUDA device is usable",
                                   .fix = "`vistas doctor` tells why; --set train.device=cpu works "
                                          "everywhere"});
  }
  if (name == "cuda" || (name == "auto" && gpus > 0)) return own_gpu(gpus);
  return name == "auto" ? at::Device(at::kCPU) : at::Device(name);
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
