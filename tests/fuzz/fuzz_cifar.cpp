#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    for (const int label_bytes : {1, 2}) {
      CifarRecords records;
      parse_cifar(bytes, "input", label_bytes, label_bytes == 1 ? 10 : 100, records);
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
