// Which device and number format a run uses.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace vistas::learn {

// "auto": CUDA where LibTorch finds one, otherwise the CPU. Processes of a group that share a
// machine take a GPU each. An unusable choice is a usage error.
at::Device choose_device(const std::string& name);

// "auto": bf16 where the device multiplies it in hardware, otherwise fp32.
std::string choose_precision(const std::string& name, at::Device device);

// Within its life, convolutions and products run in bf16 on `device` if precision is "bf16". Every
// use of a weight rounds it anew, so that gradients of several uses are added in float32.
class AutocastScope {
 public:
  AutocastScope(at::Device device, const std::string& precision);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType type_;
  bool before_, cached_before_;
};

}  // namespace vistas::learn
