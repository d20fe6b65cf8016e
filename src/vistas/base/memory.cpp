#include "vistas/base/memory.h"

#include <malloc.h>

#include <cstddef>
#include <fstream>
#include <string>

// jemalloc's, where the program is linked with it.
extern "C" int mallctl(const char*, void*, size_t*, void*, size_t) __attribute__((weak));

namespace vistas {

int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  const std::string name = "VmHWM:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return 1024 * std::stoll(line.substr(name.size()));
  }
  return 0;
}

bool reset_peak_memory() {
  if (mallctl != nullptr) {
    mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // of all arenas
  } else {
    malloc_trim(0);
  }
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  return clear.good();
}

}  // namespace vistas
