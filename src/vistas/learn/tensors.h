// Between LibTorch tensors and tensor files.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/tensor_file.h"

namespace torch::nn {
class Module;
}

namespace vistas::learn {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// A copy that owns its memory.
at::Tensor to_tensor(const TensorView& view);

// Writes contiguous CPU copies of the tensors, atomically.
void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});

// Parameters and buffers of a module under their dotted names, as PyTorch's state_dict orders them:
// its parameters, its buffers, then its children. The tensors share its memory.
NamedTensors named_tensors(const torch::nn::Module& module);

// Copies the file's tensors named prefix + name into `targets`. A missing tensor or a different
// shape or type is a data error that names it.
void load_into(const TensorFile& file, const std::string& prefix, const NamedTensors& targets);

}  // namespace vistas::learn
