#include "vistas/search/partners.h"

#include <algorithm>
#include <utility>

namespace vistas::search {
namespace {

thread_local const Partners* partners_of_thread = nullptr;

}  // namespace

PartnersScope::PartnersScope(const Partners& partners)
    : before_(std::exchange(partners_of_thread, &partners)) {}

PartnersScope::~PartnersScope() {
  partners_of_thread = before_;
}

const Partners* PartnersScope::current() {
  return partners_of_thread;
}

Chunk chunk_of(int64_t rows, int64_t part, int64_t parts) {
  const int64_t each = rows / parts, more = rows % parts;
  return {part * each + std::min(part, more), each + (part < more ? 1 : 0)};
}

}  // namespace vistas::search
