// The exchanges of a group for tensors on the device of other_device.h, as NCCL does them for GPUs:
// through copies on the CPU.
#pragma once

#include <ATen/core/ivalue.h>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "support/other_device.h"

namespace vistas::test::other_device {

using Processes = c10::intrusive_ptr<c10d::ProcessGroup>;

// Work that is done.
class Done : public c10d::Work {
 public:
  explicit Done(const std::vector<at::Tensor>& results)
      : results_(c10::make_intrusive<c10::ivalue::Future>(
            c10::ListType::create(c10::TensorType::get()),
            std::vector<c10::Device>{results[0].device()})) {
    results_->markCompleted(c10::IValue(results));
  }
  bool isCompleted() override { return true; }
  bool wait(std::chrono::milliseconds) override { return true; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return results_; }

 private:
  c10::intrusive_ptr<c10::ivalue::Future> results_;
};

template <class Exchange>
std::tuple<std::vector<at::Tensor>, c10::intrusive_ptr<c10d::Work>> on_copy(
    at::TensorList tensors, const Exchange& exchange) {
  std::vector<at::Tensor> copies{tensors[0].cpu()};
  exchange(copies)->wait();
  tensors[0].copy_(copies[0]);
  return {tensors.vec(), c10::make_intrusive<Done>(tensors.vec())};
}

inline auto allreduce(at::TensorList tensors, const Processes& processes,
                      const c10::intrusive_ptr<c10d::ReduceOp>& op,
                      const std::optional<at::Tensor>&, bool, int64_t) {
  return on_copy(tensors, [&](std::vector<at::Tensor>& copies) {
    return processes->allreduce(copies, {.reduceOp = *op});
  });
}

inline auto broadcast(at::TensorList tensors, const Processes& processes, int64_t, int64_t, bool,
                      int64_t) {
  return on_copy(tensors,
                 [&](std::vector<at::Tensor>& copies) { return processes->broadcast(copies); });
}

inline std::tuple<at::Tensor, c10::intrusive_ptr<c10d::Work>> all_gather(at::Tensor& all,
                                                                         at::Tensor& own,
                                                                         const Processes& processes,
                                                                         bool, int64_t) {
  at::Tensor copy = at::empty(all.sizes(), all.options().device(at::kCPU)), mine = own.cpu();
  processes->all_gather_single(copy, mine)->wait();
  all.copy_(copy);
  return {all, c10::make_intrusive<Done>(std::vector<at::Tensor>{all})};
}

TORCH_LIBRARY_IMPL(c10d, MTIA, m) {
  m.impl("allreduce_", TORCH_FN(allreduce));
  m.impl("broadcast_", TORCH_FN(broadcast));
  m.impl("_allgather_base_", TORCH_FN(all_gather));
}

}  // namespace vistas::test::other_device
