#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/annotation_kinds.h"

// The first byte chooses: a label file or the YAML file of a data set.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  if (size == 0) return 0;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  try {
    if (data[0] % 2 == 1) {
      parse_data_yaml(bytes, "input");
      return 0;
    }
    for (const YoloLine& line : parse_yolo(bytes)) {
      if (line.number < 1 || line.fields == 0 || line.label >= kMaxClasses) __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
