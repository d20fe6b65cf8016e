#include "vistas/learn/group.h"

#define USE_C10D_GLOO  // as LibTorch was built: shows ProcessGroupGloo
#ifdef VISTAS_NCCL
#define USE_C10D_NCCL  // shows ProcessGroupNCCL
#endif

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#ifdef VISTAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "vistas/base/error.h"

namespace vistas::learn {
namespace {

using std::chrono::minutes;

constexpr minutes kTimeout{30};
constexpr int64_t kPort = 29500, kLastPort = 65535;  // kPort: torchrun's default

thread_local const Group* joined = nullptr;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int64_t number(const std::string& name, int64_t lowest, int64_t highest = int64_t{1} << 40) {
  const std::string text = variable(name.c_str());
  size_t used = 0;
  int64_t value = -1;
  try {
    value = std::stoll(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used > 0 && used == text.size() && value >= lowest && value <= highest) return value;
  throw Error(ErrorKind::usage,
              {.what = "environment variable " + name,
               .got = text,
               .expected = fmt::format("a number from {} to {}", lowest, highest)});
}

// A launcher: what must be set for it to be the one, and its names of rank and size.
struct Launcher {
  const char* name;
  std::vector<const char*> signs;
  const char* rank;
  const char* size;
  const char* local_size;  // if this equals the size, all are on one machine
  const char* local_rank;
};

const std::vector<Launcher>& launchers() {
  static const std::vector<Launcher> all{
      {"torchrun", {"RANK"}, "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "LOCAL_RANK"},
      {"torchrun", {"WORLD_SIZE"}, "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "LOCAL_RANK"},
      {"Open MPI",
       {"OMPI_COMM_WORLD_SIZE"},
       "OMPI_COMM_WORLD_RANK",
       "OMPI_COMM_WORLD_SIZE",
       "OMPI_COMM_WORLD_LOCAL_SIZE",
       "OMPI_COMM_WORLD_LOCAL_RANK"},
      {"MPICH", {"PMI_SIZE"}, "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "MPI_LOCALRANKID"},
      {"SLURM",
       {"SLURM_STEP_ID", "SLURM_NTASKS"},
       "SLURM_PROCID",
       "SLURM_NTASKS",
       "",
       "SLURM_LOCALID"}};
  return all;
}

// c10d warns of what is meant so: parameters that may rest in a step, gradients of convolutions of
// one pixel whose strides differ from their weights'.
class Silence : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

template <class Call>
auto carry_out(const Call& call) {
  try {
    return call();
  } catch (const std::exception& error) {
    throw group_error(error);
  }
}

class GroupPartners : public search::Partners {
 public:
  explicit GroupPartners(const Group& group) : group_(group) {}
  int64_t part() const override { return group_.rank(); }
  int64_t parts() const override { return group_.size(); }
  void sum_(at::Tensor& t) const override { group_.sum_(t); }
  at::Tensor gather(const at::Tensor& t) const override { return group_.gather(t); }

 private:
  const Group& group_;
};

at::Tensor bytes_of(const at::Tensor& t) {
  return t.contiguous().view({-1}).view(at::kByte);
}

c10::intrusive_ptr<c10d::ProcessGroup> processes_of(const c10::intrusive_ptr<c10d::Store>& store,
                                                    int rank, int size) {
  const auto options = c10d::ProcessGroupGloo::Options::create_default(kTimeout);
  const c10::intrusive_ptr<c10d::Backend> gloo =
      c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
  auto processes = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
  processes->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
  processes->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
#ifdef VISTAS_NCCL
  if (at::hasCUDA() && at::accelerator::deviceCount() > 0) {
    const auto for_gpus = c10d::ProcessGroupNCCL::Options::create();
    for_gpus->timeout = kTimeout;
    const c10::intrusive_ptr<c10d::Backend> nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(
        c10::make_intrusive<c10d::PrefixStore>("nccl", store), rank, size, for_gpus);
    processes->setBackend(c10::DeviceType::CUDA, c10d::ProcessGroup::BackendType::NCCL, nccl);
  }
#endif
  return processes;
}

}  // namespace

Error group_error(const std::exception& error) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  return {ErrorKind::resource,
          {.what = "the processes of the group cannot reach each other",
           .got = of_torch != nullptr ? of_torch->what_without_backtrace() : error.what(),
           .fix = "Another process has probably ended: its own message says why. Then go on with "
                  "vistas train --resume, or let torchrun --max-restarts do so"}};
}

RowRange share_of_rows(int64_t rows, int64_t rank, int64_t size) {
  const search::Chunk chunk = search::chunk_of(rows, rank, size);
  return {chunk.begin, chunk.begin + chunk.rows};
}

std::optional<Place> place_from_environment() {
  const auto is_set = [](const char* name) { return !variable(name).empty(); };
  const auto found = std::ranges::find_if(launchers(), [&](const Launcher& launcher) {
    return std::ranges::all_of(launcher.signs, is_set);
  });
  if (found == launchers().end()) return std::nullopt;
  std::vector<std::string> missing;
  for (const char* name : {found->rank, found->size}) {
    if (!is_set(name)) missing.emplace_back(name);
  }
  Place place;
  const bool one_machine = missing.empty() && is_set(found->local_size) &&
                           variable(found->local_size) == variable(found->size);
  place.address = is_set("MASTER_ADDR") ? variable("MASTER_ADDR")
                  : one_machine         ? "127.0.0.1"
                                        : variable("SLURM_LAUNCH_NODE_IPADDR");
  if (place.address.empty()) missing.emplace_back("MASTER_ADDR");
  if (!missing.empty()) {
    throw Error(
        ErrorKind::usage,
        {.what = fmt::format("several processes, as {} starts them: the environment lacks {}",
                             found->name, fmt::join(missing, ", ")),
         .fix = "Start with torchrun --no-python --nproc-per-node 2 vistas train ..., or "
                "set them; unset " +
                std::string(found->signs.front()) + " for one process"});
  }
  place.size = number(found->size, 1);
  place.rank = number(found->rank, 0);
  if (place.rank >= place.size) {
    throw Error(ErrorKind::usage,
                {.what = std::string("environment variable ") + found->rank,
                 .got = std::to_string(place.rank),
                 .expected = fmt::format("less than {} = {}", found->size, place.size)});
  }
  if (is_set(found->local_rank)) place.local_rank = number(found->local_rank, 0);
  place.port = is_set("MASTER_PORT") ? number("MASTER_PORT", 1, kLastPort) : kPort;
  place.has_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (is_set("TORCHELASTIC_RESTART_COUNT"))
    place.restarts = number("TORCHELASTIC_RESTART_COUNT", 0);
  if (place.size == 1) return std::nullopt;
  return place;
}

const Group& Group::current() {
  static const Group one;
  return joined != nullptr ? *joined : one;
}

bool Group::has_nccl() {
#ifdef VISTAS_NCCL
  return true;
#else
  return false;
#endif
}

void Group::sum_(at::Tensor& t) const {
  if (alone()) return;
  // Gloo's all-reduce of a few numbers waits longer than its all-gather, 1.5 ms instead of 0.6.
  constexpr size_t kFew = 1 << 16;  // bytes
  if (t.nbytes() <= kFew) {
    const at::NoGradGuard no_grad;
    t.copy_(gather(t).sum(0));
    return;
  }
  std::vector<at::Tensor> tensors{t.detach()};
  carry_out([&] { return processes_->allreduce(tensors)->wait(); });
}

bool Group::any(bool value) const {
  if (alone()) return value;
  at::Tensor count = at::full({1}, static_cast<int64_t>(value), at::kLong);
  sum_(count);
  return count.item<int64_t>() > 0;
}

void Group::broadcast_(at::Tensor& t) const {
  if (alone()) return;
  const at::AutoGradMode with_graph(true);
  at::Tensor bytes = bytes_of(t.detach());
  std::vector<at::Tensor> tensors{bytes};
  carry_out([&] { return processes_->broadcast(tensors)->wait(); });
  const at::NoGradGuard no_grad;
  t.copy_(bytes.view(t.scalar_type()).view(t.sizes()));
}

double Group::broadcast(double value) const {
  at::Tensor t = at::full({1}, value, at::kDouble);
  broadcast_(t);
  return t.item<double>();
}

at::Tensor Group::gather(const at::Tensor& t) const {
  if (alone()) return t.unsqueeze(0);
  at::Tensor mine = bytes_of(t.detach()), all = at::empty({size_ * mine.numel()}, mine.options());
  carry_out([&] { return processes_->all_gather_single(all, mine)->wait(); });
  auto shape = t.sizes().vec();
  shape.insert(shape.begin(), size_);
  return all.view(t.scalar_type()).view(shape);
}

std::vector<Group::Rows> Group::gather_rows(const std::vector<at::Tensor>& local) const {
  std::vector<Rows> out;
  if (alone()) {
    for (const at::Tensor& t : local) out.push_back({t, 0});
    return out;
  }
  // Rows, and bytes a row, of every tensor in every process.
  at::Tensor sizes = at::zeros({static_cast<int64_t>(local.size()), 2}, at::kLong);
  for (size_t i = 0; i < local.size(); ++i) {
    if (!local[i].defined()) continue;
    int64_t* size = sizes[static_cast<int64_t>(i)].mutable_data_ptr<int64_t>();
    size[0] = local[i].size(0);
    size[1] = static_cast<int64_t>(local[i].element_size()) *
              c10::multiply_integers(local[i].sizes().begin() + 1, local[i].sizes().end());
  }
  const at::Tensor of_all = gather(sizes);  // [size, tensors, 2]
  for (size_t i = 0; i < local.size(); ++i) {
    if (!local[i].defined()) {
      out.emplace_back();
      continue;
    }
    const at::Tensor of_this = of_all.select(1, static_cast<int64_t>(i));
    const at::Tensor rows = of_this.select(1, 0), bytes = of_this.select(1, 1);
    const int64_t row = bytes[rank_].item<int64_t>();
    if (!(bytes == row).all().item<bool>()) {
      throw Error(ErrorKind::usage,
                  {.what = "several processes: rows of a batch to be gathered",
                   .got = fmt::format("{} bytes a row in the first process, {} in the last",
                                      bytes[0].item<int64_t>(), bytes[size_ - 1].item<int64_t>()),
                   .expected = "rows of one size"});
    }
    const at::Tensor mine = bytes_of(local[i].detach());
    at::Tensor padded = at::zeros({rows.max().item<int64_t>() * row}, mine.options());
    padded.narrow(0, 0, mine.numel()).copy_(mine);
    const at::Tensor all = gather(padded);
    std::vector<at::Tensor> parts;
    for (int64_t r = 0; r < size_; ++r) {
      parts.push_back(all[r].narrow(0, 0, rows[r].item<int64_t>() * row));
    }
    auto shape = local[i].sizes().vec();
    shape[0] = rows.sum().item<int64_t>();
    out.push_back({at::cat(parts).view(local[i].scalar_type()).view(shape),
                   rows.narrow(0, 0, rank_).sum().item<int64_t>()});
  }
  return out;
}

GroupScope::GroupScope(const Group& group) : before_(std::exchange(joined, &group)) {}

GroupScope::~GroupScope() {
  joined = before_;
}

Membership::Membership(const Place& place) {
  const auto store = carry_out([&] {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(place.port);
    options.isServer = place.rank == 0 && !place.has_store;
    options.numWorkers = static_cast<size_t>(place.size);
    options.timeout = kTimeout;
    const auto tcp = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    return c10::make_intrusive<c10d::PrefixStore>(fmt::format("vistas/{}", place.restarts), tcp);
  });
  group_.local_rank_ = place.local_rank;
  join(store, place.rank, place.size);
}

Membership::Membership(int64_t rank, int64_t size, const std::string& file) {
  join(c10::make_intrusive<c10d::FileStore>(file, static_cast<int>(size)), rank, size);
}

void Membership::join(const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t size) {
  group_.rank_ = rank;
  group_.size_ = size;
  const auto processes = carry_out(
      [&] { return processes_of(store, static_cast<int>(rank), static_cast<int>(size)); });
  group_.processes_ = {processes.get(), [processes](c10d::ProcessGroup*) {}};
  // One that has nothing to do would leave while others are still connecting to it.
  group_.any(false);
  static Silence silence;
  c10::WarningUtils::set_warning_handler(&silence);
  joined_ = std::make_unique<GroupScope>(group_);
  partners_ = std::make_unique<GroupPartners>(group_);
  sharing_ = std::make_unique<search::PartnersScope>(*partners_);
}

Membership::~Membership() {
  c10::WarningUtils::set_warning_handler(nullptr);
  if (std::uncaught_exceptions() == 0) group_.processes_->shutdown();
}

}  // namespace vistas::learn
