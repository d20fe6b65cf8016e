// The tensors of a network by name, as PyTorch's state_dict orders them.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

namespace vistas::learn {

// Parameters, then buffers of a module, then its children; the tensors share its memory.
std::vector<std::pair<std::string, at::Tensor>> state_of(const torch::nn::Module& module);

// Copies values into the tensors of the same name, converting type and device. Throws a data error
// that names what is missing, unknown or of another shape, before anything is changed.
void load_state(torch::nn::Module& module,
                const std::vector<std::pair<std::string, at::Tensor>>& values);

}  // namespace vistas::learn
