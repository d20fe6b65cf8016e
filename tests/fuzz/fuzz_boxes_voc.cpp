#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotation_kinds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    for (const VocObject& object : parse_voc(bytes, "input").objects) {
      if (object.line < 1) __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
