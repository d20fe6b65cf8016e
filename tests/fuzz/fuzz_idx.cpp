#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    parse_idx(bytes, "input");
  } catch (const vistas::Error&) {
  }
  return 0;
}
