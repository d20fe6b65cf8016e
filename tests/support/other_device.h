// A device for tests where there is no GPU: LibTorch's "mtia", which it has no code for, with
// operations that are carried out on copies in the CPU's memory. As on a GPU, whoever mixes its
// tensors with those of the CPU gets an error, whoever reaches into its memory crashes, and
// gradients are computed in another thread. There are three of them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/InferSize.h>
#include <ATen/TensorUtils.h>
#include <ATen/detail/MTIAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace vistas::test {

inline const std::string kOtherDevice = "mtia";

// That of a process of a group.
inline at::Device other_device_of(int64_t rank) {
  return {c10::DeviceType::MTIA, static_cast<c10::DeviceIndex>(rank)};
}

namespace other_device {

// No program has memory at addresses with this bit.
constexpr uintptr_t kElsewhere = uintptr_t{1} << 50;

inline void* moved(const void* address) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) ^ kElsewhere);
}

constexpr c10::DeviceIndex kCount = 3;
inline thread_local c10::DeviceIndex index_of_thread = 0;

inline c10::Device current() {
  return {c10::DeviceType::MTIA, index_of_thread};
}

class Memory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* own = moved(c10::GetCPUAllocator()->raw_allocate(bytes + 1));
    return {own, own, &free_own, current()};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_own; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(moved(to), moved(from), bytes);
  }

 private:
  static void free_own(void* own) { c10::GetCPUAllocator()->raw_deallocate(moved(own)); }
};

inline Memory& memory() {
  static Memory one;
  return one;
}

inline c10::DispatchKeySet keys() {
  return c10::DispatchKeySet(c10::DispatchKey::MTIA);
}

inline at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> type,
                        std::optional<at::Layout>, std::optional<at::Device> device,
                        std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard on(device);
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &memory(), keys(),
                                   c10::dtype_or_default(type), format);
}

inline at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                                std::optional<at::ScalarType> type, std::optional<at::Layout>,
                                std::optional<at::Device> device, std::optional<bool>) {
  const c10::OptionalDeviceGuard on(device);
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size),
                                           C10_AS_INTARRAYREF_SLOW(stride), &memory(), keys(),
                                           c10::dtype_or_default(type));
}

// The same memory as the CPU sees it.
inline at::Tensor seen(const at::Tensor& t) {
  if (t.is_cpu()) return t;
  void* data = t.numel() == 0 ? nullptr : moved(t.const_data_ptr());
  return at::from_blob(data, t.sizes(), t.strides(), t.options().device(at::kCPU));
}

inline at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  seen(to).copy_(seen(from));
  return to;
}

inline at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (!to.sizes().equals(from.sizes())) to.resize_(from.sizes());
  return copy_from(from, to, false);
}

inline const at::Tensor& resize(const at::Tensor& t, c10::SymIntArrayRef size,
                                std::optional<at::MemoryFormat> format) {
  at::TensorImpl* impl = t.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(C10_AS_INTARRAYREF_SLOW(size));
  if (format && *format != at::MemoryFormat::Preserve) impl->empty_tensor_restride(*format);
  const size_t needed = t.nbytes() + t.element_size() * static_cast<size_t>(t.storage_offset());
  c10::StorageImpl* storage = t.storage().unsafeGetStorageImpl();
  if (storage->nbytes() < needed) {
    const c10::DeviceGuard on(t.device());
    c10::DataPtr larger = memory().allocate(needed);
    if (storage->nbytes() > 0) memory().copy_data(larger.get(), storage->data(), storage->nbytes());
    storage->set_data_ptr(std::move(larger));
    storage->set_nbytes(needed);
  }
  return t;
}

inline at::Tensor strided(const at::Tensor& t, at::IntArrayRef size, at::IntArrayRef stride,
                          std::optional<int64_t> offset) {
  at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(t.storage()), t.key_set(), t.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride,
                                                    offset.value_or(t.storage_offset()));
  return view;
}

inline at::Tensor reshape_alias(const at::Tensor& t, at::IntArrayRef size, at::IntArrayRef stride) {
  return strided(t, size, stride, t.storage_offset());
}

inline at::Tensor view(const at::Tensor& t, at::IntArrayRef size) {
  const std::vector<int64_t> whole = at::infer_size(size, int64_t{t.numel()});
  const auto stride = at::detail::computeStride(t.sizes(), t.strides(), whole);
  TORCH_CHECK(stride.has_value(), "view: the memory is in another order");
  return strided(t, whole, *stride, t.storage_offset());
}

inline at::Tensor unfold(const at::Tensor& t, int64_t dim, int64_t size, int64_t step) {
  dim = at::maybe_wrap_dim(dim, t.dim());
  auto sizes = t.sizes().vec(), strides = t.strides().vec();
  const auto d = static_cast<size_t>(dim);
  sizes[d] = (sizes[d] - size) / step + 1;
  sizes.push_back(size);
  strides.push_back(strides[d]);
  strides[d] *= step;
  return strided(t, sizes, strides, t.storage_offset());
}

// As LibTorch checks for kernels of a GPU: all on one device, but for single numbers of the CPU.
inline void refuse_mixed(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const std::string& name = op.schema().name();
  // Of x[indices] these may lie in the CPU's memory.
  if (name == "aten::index" || name == "aten::index_put_" || name == "aten::_index_put_impl_")
    return;
  std::set<std::string> devices;
  const auto look = [&](const at::Tensor& t) {
    if (t.defined() && !(t.is_cpu() && t.dim() == 0)) devices.insert(t.device().str());
  };
  for (const c10::IValue& argument : torch::jit::last(stack, op.schema().arguments().size())) {
    if (argument.isTensor()) look(argument.toTensor());
    if (argument.isTensorList()) {
      for (const at::Tensor& t : argument.toTensorVector()) look(t);
    }
  }
  TORCH_CHECK(devices.size() < 2, name, ": tensors on ", *devices.begin(), " and ",
              *devices.rbegin());
}

inline void on_copies(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  refuse_mixed(op, *stack);
  at::native::cpu_fallback(op, stack);
}

inline at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight,
                              const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                              at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                              at::IntArrayRef output_padding, int64_t groups) {
  const at::Tensor b = bias.has_value() && bias->defined() ? bias->cpu() : at::Tensor();
  return at::convolution(x.cpu(), weight.cpu(), b, stride, padding, dilation, transposed,
                         output_padding, groups)
      .to(x.device());
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& grad, const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef stride,
    at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
    at::IntArrayRef output_padding, int64_t groups, std::array<bool, 3> wanted) {
  const auto [dx, dw, db] =
      at::convolution_backward(grad.cpu(), x.cpu(), weight.cpu(), weight.size(0), stride, padding,
                               dilation, transposed, output_padding, groups, wanted);
  const auto back = [&](const at::Tensor& t) { return t.defined() ? t.to(x.device()) : t; };
  return {back(dx), back(dw), back(db)};
}

struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::MTIA> {
  // Everything is done when its call returns.
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  c10::DeviceIndex deviceCount() const noexcept override { return kCount; }
  c10::Device getDevice() const override { return current(); }
  void setDevice(c10::Device device) const override { uncheckedSetDevice(device); }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index()) index_of_thread = device.index();
  }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = current();
    uncheckedSetDevice(device);
    return before;
  }
  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, device.has_index() ? device : current());
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
};

C10_REGISTER_GUARD_IMPL(MTIA, Guard);

struct Hooks final : at::MTIAHooksInterface {
  bool hasMTIA() const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kCount; }
  // Numbers are drawn on the CPU, as is everything.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
};

const at::RegistererMTIAHooksRegistry kHooked(
    "MTIAHooks", at::MTIAHooksRegistry(), at::RegistererMTIAHooksRegistry::DefaultCreator<Hooks>);

TORCH_LIBRARY_IMPL(_, MTIA, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_copies>());
}

TORCH_LIBRARY_IMPL(aten, MTIA, m) {
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("_copy_from", TORCH_FN(copy_from));
  m.impl("_copy_from_and_resize", TORCH_FN(copy_from_and_resize));
  m.impl("resize_", TORCH_FN(resize));
  m.impl("as_strided", TORCH_FN(strided));
  m.impl("_reshape_alias", TORCH_FN(reshape_alias));
  m.impl("view", TORCH_FN(view));
  m.impl("unfold", TORCH_FN(unfold));
  m.impl("convolution_overrideable", TORCH_FN(convolution));
  m.impl("convolution_backward_overrideable", TORCH_FN(convolution_backward));
}

}  // namespace other_device
}  // namespace vistas::test
