#include <webp/decode.h>

#include "vistas/vision/sources/formats.h"

namespace vistas::vision {
namespace {

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "it is truncated";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "it uses a feature that the library lacks";
    case VP8_STATUS_OUT_OF_MEMORY:
      return "not enough memory";
    default:
      return "its data is damaged";
  }
}

bool matches(Bytes b) {
  const auto* p = reinterpret_cast<const char*>(b.data());
  return b.size() >= 12 && std::equal(p, p + 4, "RIFF") && std::equal(p + 8, p + 12, "WEBP");
}

const uint8_t* data(Bytes bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

PictureInfo probe_webp(Bytes bytes, const std::string& name, const DecodeOptions& options) {
  WebPBitstreamFeatures f;
  const VP8StatusCode status = WebPGetFeatures(data(bytes), bytes.size(), &f);
  if (status != VP8_STATUS_OK) bad_picture(name, PictureFormat::webp, reason(status));
  if (f.has_animation) bad_picture(name, PictureFormat::webp, "it is an animation");
  check_size(name, PictureFormat::webp, f.height, f.width, 4, options);
  const bool alpha = f.has_alpha && options.channels == Channels::keep;
  return {f.height, f.width, alpha ? 4 : 3, PixelType::u8, PictureFormat::webp};
}

void decode_webp(Bytes bytes, const std::string& name, const DecodeOptions& options, Image& out) {
  const PictureInfo info = probe_webp(bytes, name, options);
  out.reset(info.height, info.width, info.channels);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    bad_picture(name, PictureFormat::webp, "the library has another version than its headers");
  }
  config.output.colorspace = info.channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = out.row<uint8_t>(0);
  config.output.u.RGBA.stride = static_cast<int>(out.row_bytes());
  config.output.u.RGBA.size = out.size_bytes();
  const VP8StatusCode status = WebPDecode(data(bytes), bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) bad_picture(name, PictureFormat::webp, reason(status));
}

}  // namespace

const Format kWebp{PictureFormat::webp, matches, probe_webp, decode_webp};

}  // namespace vistas::vision
