#include "vistas/learn/precision.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/learn/group.h"

namespace vistas::learn {

namespace {

// Of the GPUs that this process sees that of its place; -1 if there are none.
int64_t own_gpu() {
  const int64_t gpus = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  // A launcher may show each process only its own.
  return gpus > 1 ? Group::current().local_rank() % gpus : gpus - 1;
}

// This machine and the GPUs that it shows to this process.
int64_t machine() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const char* shown = std::getenv("CUDA_VISIBLE_DEVICES");
  return static_cast<int64_t>(
      std::hash<std::string>{}(std::string(host.data()) + " " + (shown == nullptr ? "" : shown)));
}

}  // namespace

void check_devices(const at::Tensor& of_all) {
  std::map<std::pair<int64_t, int64_t>, int64_t> taken;
  for (int64_t rank = 0; rank < of_all.size(0); ++rank) {
    const auto gpu = of_all[rank][0].item<int64_t>(), first = of_all[0][0].item<int64_t>();
    if ((gpu < 0) != (first < 0)) {
      throw Error(ErrorKind::usage, {.what = "devices of the processes of a group",
                                     .got = "CPUs and GPUs",
                                     .fix = "Give all the same --device"});
    }
    const auto [before, is_new] = taken.insert({{of_all[rank][1].item<int64_t>(), gpu}, rank});
    if (gpu < 0 || is_new) continue;
    throw Error(ErrorKind::usage,
                {.what = fmt::format("processes {} and {} of the group", before->second, rank),
                 .got = fmt::format("GPU {} of one machine for both", gpu),
                 .expected = "a GPU for each",
                 .fix = "Start as many as a machine has GPUs, with LOCAL_RANK in their environment "
                        "where no launcher does so, or --device cpu"});
  }
}

at::Device choose_device(const std::string& name) {
  const int64_t gpu = name == "auto" || name == "cuda" ? own_gpu() : -1;
  const Group& group = Group::current();
  if (!group.alone()) check_devices(group.gather(at::tensor({gpu, machine()}, at::kLong)));
  if (name == "cuda" && gpu < 0) {
    throw Error(ErrorKind::usage, {.what = "train.device = \"cuda\": no CUDA device is usable",
                                   .fix = "`vistas doctor` tells why; --set train.device=cpu works "
                                          "everywhere"});
  }
  if (gpu >= 0) return {at::kCUDA, static_cast<c10::DeviceIndex>(gpu)};
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
