#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/base/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    unsigned sum = 0;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    for (const auto& tensor : vistas::parse_torch_file(bytes, "input")) {
      for (const std::byte b : tensor.bytes) sum += std::to_integer<unsigned>(b);
    }
    volatile unsigned sink = sum;
    (void)sink;
  } catch (const vistas::Error&) {
  }
  return 0;
}
