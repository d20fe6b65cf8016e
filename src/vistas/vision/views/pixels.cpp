#include "vistas/vision/views/pixels.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::vision {

void require_pixels(const ImageView& image, const char* operation) {
  if (image.height > 0 && image.width > 0 && image.channels > 0) return;
  throw Error(ErrorKind::data, {.what = fmt::format("{}: the picture is empty", operation),
                                .got = fmt::format("{} x {} pixels, {} channels", image.height,
                                                   image.width, image.channels),
                                .expected = "at least one pixel"});
}

void require_grey_or_rgb(const ImageView& image, const char* operation) {
  if (image.channels == 1 || image.channels == 3) return;
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{} is defined for RGB and grey pictures only", operation),
               .got = fmt::format("{} channels", image.channels),
               .expected = "1 or 3 channels",
               .fix = "Leave this operation out of the view recipe"});
}

void require_8_bit(const ImageView& image, const char* operation) {
  if (image.type == PixelType::u8) return;
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{} is defined for 8-bit pictures only", operation),
               .got = image.type == PixelType::u16 ? "16-bit pixels" : "float pixels",
               .expected = "8-bit pixels",
               .fix = "Leave this operation out of the view recipe"});
}

}  // namespace vistas::vision
