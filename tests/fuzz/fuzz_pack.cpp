#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    unsigned sum = 0;
    for (const PackEntry& entry : parse_pack(bytes, "input").entries) {
      for (const std::byte b : entry.content) sum += std::to_integer<unsigned>(b);
    }
    volatile unsigned sink = sum;
    (void)sink;
  } catch (const vistas::Error&) {
  }
  return 0;
}
