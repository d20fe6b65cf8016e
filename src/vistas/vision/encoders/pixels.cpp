#include "vistas/vision/encoders/pixels.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"

namespace vistas::vision {

void check_pixels(const at::Tensor& pixels, const char* encoder, int64_t channels, int64_t size) {
  const bool fits = pixels.dim() == 4 && pixels.is_floating_point() && pixels.size(1) == channels &&
                    (size == 0 || (pixels.size(2) == size && pixels.size(3) == size));
  if (fits) return;
  const std::string side = size == 0 ? "height, width" : fmt::format("{}, {}", size, size);
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{}: input", encoder),
               .got = fmt::format("{} of shape [{}]", at::toString(pixels.scalar_type()),
                                  fmt::join(pixels.sizes(), ", ")),
               .expected = fmt::format("floating-point pictures [batch, {}, {}]", channels, side),
               .fix = "Set encoder.channels and encoder.image_size to what the views make"});
}

}  // namespace vistas::vision
