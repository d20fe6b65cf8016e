// Which device and number format a run uses.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace vistas::learn {

// "auto": CUDA where LibTorch finds one, otherwise the CPU. In a group, where all processes must
// make this call, each takes the GPU of its place on its machine. An unusable choice is a usage
// error.
at::Device choose_device(const std::string& name);

// A usage error unless the processes of a group compute on the CPU, or on a GPU of its own each:
// of_all [processes, 2] int64 has a GPU's number or -1, and what tells machines apart.
void check_devices(const at::Tensor& of_all);

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
