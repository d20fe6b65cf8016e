// The product of a linear layer.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::learn {

// x [..., I], weight [O, I], bias [O] or undefined -> x weight^T + bias, [..., O]; follows
// autocast. In float32 on the CPU the products, forward and backward, are oneDNN's, which use the
// widest vectors of every maker's CPU; MKL, which at::linear calls, does so on Intel's alone.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace vistas::learn
