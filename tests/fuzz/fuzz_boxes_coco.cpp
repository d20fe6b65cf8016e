#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotation_kinds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    for (const CocoCategory& category : parse_coco(bytes, "input").categories) {
      if (category.id < 0 || category.name.empty()) __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
