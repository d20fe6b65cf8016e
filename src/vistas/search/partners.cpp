#include "vistas/search/partners.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace vistas::search {
namespace {

thread_local const Partners* partners_of_thread = nullptr;

}  // namespace

PartnersScope::PartnersScope(const Partners& partners)
    : before_(std::exchange(partners_of_thread, &partners)) {}

PartnersScope::~PartnersScope() {
  partners_of_thread = before_;
}

const Partners* PartnersScope::current(int64_t products) {
  constexpr int64_t kMany = 1 << 23;
  return products >= kMany ? partners_of_thread : nullptr;
}

Chunk chunk_of(int64_t rows, int64_t part, int64_t parts) {
  const int64_t each = rows / parts, more = rows % parts;
  return {part * each + std::min(part, more), each + (part < more ? 1 : 0)};
}

at::Tensor gather_chunks(const Partners& partners, const at::Tensor& own, int64_t rows) {
  const int64_t parts = partners.parts(), most = chunk_of(rows, 0, parts).rows;
  auto shape = own.sizes().vec();
  shape[0] = most;
  const at::Tensor padded = at::zeros(shape, own.options());
  padded.narrow(0, 0, own.size(0)).copy_(own);
  const at::Tensor all = partners.gather(padded);
  std::vector<at::Tensor> chunks;
  for (int64_t part = 0; part < parts; ++part) {
    chunks.push_back(all[part].narrow(0, 0, chunk_of(rows, part, parts).rows));
  }
  return at::cat(chunks);
}

}  // namespace vistas::search
