#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/vision/sources/formats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    Image image;
    decode_indices(bytes, "input", {.max_pixels = 1 << 16}, image);
    if (image.channels() != 1 || image.type() != PixelType::u8 || image.height() < 1) {
      __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
