// Processes that train one encoder together, each with a part of every batch: c10d's Gloo for what
// is in the memory of CPUs, its NCCL for that of GPUs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/search/partners.h"

namespace c10d {
class ProcessGroup;
class Store;
}  // namespace c10d

namespace vistas::learn {

// Of `rows` rows the range [begin, end) that belongs to the process `rank` of `size`: as many for
// all, but one more for the first ones where they do not divide.
struct RowRange {
  int64_t begin = 0, end = 0;
};
RowRange share_of_rows(int64_t rows, int64_t rank, int64_t size);

// Where a process stands among those that were started together.
struct Place {
  int64_t rank = 0, size = 1;
  int64_t local_rank = 0;  // among the processes of this machine
  std::string address;     // of the process of rank 0
  int64_t port = 0;
  bool has_store = false;  // the launcher keeps the store; else rank 0 does
  int64_t restarts = 0;    // how often the launcher has started the processes anew
};

// As torchrun, SLURM (srun), Open MPI and MPICH (mpiexec) say in the environment; nothing where
// this process was started alone. A usage error names the variables that are missing.
std::optional<Place> place_from_environment();

// The processes of this thread's group. Every process must make the same calls in the same order.
// Tensors are of one shape and type in all processes unless said otherwise, on the CPU or, with
// NCCL, on a GPU for each process; no gradients pass. If a process ends, calls of the others for
// tensors of the CPU throw a resource error; on GPUs NCCL's watchdog ends the others.
class Group {
 public:
  // The group of this thread: it is alone unless a Membership is alive.
  static const Group& current();
  // Whether this build can exchange what is on GPUs.
  static bool has_nccl();

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  int64_t local_rank() const { return local_rank_; }
  bool alone() const { return size_ == 1; }
  bool first() const { return rank_ == 0; }

  void sum_(at::Tensor& t) const;
  bool any(bool value) const;
  // Values of rank 0 for all.
  void broadcast_(at::Tensor& t) const;
  double broadcast(double value) const;
  // Those of all processes, by rank: [size(), ...].
  at::Tensor gather(const at::Tensor& t) const;
  // The rows of all processes below each other, by rank, and where those of this process begin.
  // Processes may have different numbers of rows, of one shape. Undefined tensors stay undefined.
  struct Rows {
    at::Tensor all;
    int64_t begin = 0;
  };
  std::vector<Rows> gather_rows(const std::vector<at::Tensor>& local) const;

  c10d::ProcessGroup& processes() const { return *processes_; }

 private:
  friend class Membership;
  int64_t rank_ = 0, size_ = 1, local_rank_ = 0;
  std::shared_ptr<c10d::ProcessGroup> processes_;
};

// While alive, `group` is that of this thread: gradients on a GPU are computed in another thread
// than that of the forward pass.
class GroupScope {
 public:
  explicit GroupScope(const Group& group);
  ~GroupScope();
  GroupScope(const GroupScope&) = delete;
  GroupScope& operator=(const GroupScope&) = delete;

 private:
  const Group* before_;
};

// What to throw for an exception out of c10d.
Error group_error(const std::exception& error);

// While alive, this thread belongs to the group of all that were given the same address, or the
// same file, which must not exist before, and shares with it the work of searches and of losses
// over all pairs (search/partners.h). A resource error if they do not come together.
class Membership {
 public:
  explicit Membership(const Place& place);
  Membership(int64_t rank, int64_t size, const std::string& file);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

 private:
  void join(const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t size);

  Group group_;
  std::unique_ptr<GroupScope> joined_;
  std::unique_ptr<search::Partners> partners_;
  std::unique_ptr<search::PartnersScope> sharing_;
};

}  // namespace vistas::learn
