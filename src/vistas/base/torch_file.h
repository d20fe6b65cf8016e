// Named tensors that torch.save has written: a dict of names and tensors, such as a state dict.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/files.h"
#include "vistas/base/tensor_file.h"

namespace vistas {

// A file of torch.save, memory-mapped: a zip archive (since PyTorch 1.6), or pickles and storages
// one after another. Nothing that a pickle asks for is run. Other objects than contiguous tensors
// of the types of DType, names that are there twice and places outside the file are data errors.
class TorchFile {
 public:
  explicit TorchFile(const std::filesystem::path& path);

  const std::vector<TensorView>& tensors() const { return tensors_; }  // in the order of the dict

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
};

// The part that a fuzzer can call: views into `bytes`.
std::vector<TensorView> parse_torch_file(std::span<const std::byte> bytes, const std::string& name);

}  // namespace vistas
