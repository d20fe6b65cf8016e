#include "vistas/learn/tensors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/module.h>

#include <array>
#include <cstring>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 10> kTypes{{{DType::boolean, at::kBool},
                                                                   {DType::u8, at::kByte},
                                                                   {DType::i8, at::kChar},
                                                                   {DType::i16, at::kShort},
                                                                   {DType::i32, at::kInt},
                                                                   {DType::i64, at::kLong},
                                                                   {DType::f16, at::kHalf},
                                                                   {DType::bf16, at::kBFloat16},
                                                                   {DType::f32, at::kFloat},
                                                                   {DType::f64, at::kDouble}}};

DType dtype_of(const at::Tensor& tensor) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == tensor.scalar_type()) return ours;
  }
  throw Error(ErrorKind::usage, {.what = "a tensor of this type cannot be saved",
                                 .got = c10::toString(tensor.scalar_type())});
}

void collect(const torch::nn::Module& module, const std::string& prefix, NamedTensors& out) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    out.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    out.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", out);
  }
}

}  // namespace

at::Tensor to_tensor(const TensorView& view) {
  at::Tensor out = at::empty(view.shape, kTypes[static_cast<size_t>(view.dtype)].second);
  if (!view.bytes.empty()) std::memcpy(out.data_ptr(), view.bytes.data(), view.bytes.size());
  return out;
}

void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<at::Tensor> copies;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    copies.push_back(tensor.detach().cpu().contiguous());
    const at::Tensor& copy = copies.back();
    views.push_back({name,
                     dtype_of(copy),
                     copy.sizes().vec(),
                     {static_cast<const std::byte*>(copy.const_data_ptr()), copy.nbytes()}});
  }
  write_tensor_file(path, views, metadata);
}

NamedTensors named_tensors(const torch::nn::Module& module) {
  NamedTensors out;
  collect(module, "", out);
  return out;
}

void load_into(const TensorFile& file, const std::string& prefix, const NamedTensors& targets) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const TensorView& view = file.at(prefix + name);
    if (view.shape != target.sizes().vec() || view.dtype != dtype_of(target)) {
      throw Error(ErrorKind::data,
                  {.what = fmt::format("tensor '{}'", prefix + name),
                   .got = fmt::format("{} [{}]", name_of(view.dtype), fmt::join(view.shape, ", ")),
                   .expected = fmt::format("{} [{}]", name_of(dtype_of(target)),
                                           fmt::join(target.sizes(), ", ")),
                   .fix = "The file belongs to another architecture or configuration"});
    }
    target.copy_(to_tensor(view));
  }
}

}  // namespace vistas::learn
