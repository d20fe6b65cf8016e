#include "vistas/vision/encoders/pixels.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"

namespace vistas::vision {

void check_pixels(const at::Tensor& pixels, const char* encoder, int64_t channels, int64_t patch) {
  const bool fits = pixels.dim() == 4 && pixels.is_floating_point() && pixels.size(1) == channels &&
                    pixels.size(2) % patch == 0 && pixels.size(3) % patch == 0;
  if (fits) return;
  const std::string sides =
      patch == 1 ? "height, width" : fmt::format("multiples of {}, multiples of {}", patch, patch);
  throw Error(ErrorKind::usage,
              {.what = fmt::format("{}: input", encoder),
               .got = fmt::format("{} of shape [{}]", at::toString(pixels.scalar_type()),
                                  fmt::join(pixels.sizes(), ", ")),
               .expected = fmt::format("floating-point pictures [batch, {}, {}]", channels, sides),
               .fix = "Set encoder.channels and encoder.patch to what fits the views"});
}

}  // namespace vistas::vision
