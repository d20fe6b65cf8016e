#include "fuzz/picture.h"

using namespace vistas;
using namespace vistas::vision;

namespace {

// A box inside the picture, chosen by the last bytes of the input.
Box box_by(Bytes bytes, const PictureInfo& info) {
  const auto byte = [&](size_t from_end) {
    return from_end < bytes.size() ? std::to_integer<int>(bytes[bytes.size() - 1 - from_end]) : 0;
  };
  Box box;
  box.height = 1 + byte(2) % info.height;
  box.width = 1 + byte(3) % info.width;
  box.top = byte(4) % (info.height - box.height + 1);
  box.left = byte(5) % (info.width - box.width + 1);
  return box;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz_picture(data, size, kJpeg);
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (!kJpeg.matches(bytes)) return 0;
  try {
    const DecodeOptions options{.max_pixels = 1 << 16};
    Image part, scaled;
    Box got;
    decode_crop(bytes, "input", options, box_by(bytes, probe(bytes, "input", options)), part, got);
    decode(bytes, "input", {.max_pixels = 1 << 16, .scaled_side = 8}, scaled);
  } catch (const Error&) {
  }
  return 0;
}
