#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/base/tensor_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    std::map<std::string, std::string> metadata;
    unsigned sum = 0;
    const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
    for (const auto& tensor : vistas::parse_tensor_file(bytes, "input", metadata)) {
      for (const std::byte b : tensor.bytes) sum += std::to_integer<unsigned>(b);
    }
    volatile unsigned sink = sum;
    (void)sink;
  } catch (const vistas::Error&) {
  }
  return 0;
}
