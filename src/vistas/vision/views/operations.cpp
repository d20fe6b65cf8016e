// All operations of view recipes, and the table that names them.
#include <array>
#include <cmath>
#include <utility>

#include "vistas/base/vectorize.h"
#include "vistas/vision/views/colour.h"
#include "vistas/vision/views/framing.h"
#include "vistas/vision/views/geometry.h"
#include "vistas/vision/views/operation.h"
#include "vistas/vision/views/tone.h"

namespace vistas::vision {
namespace {

void add_warp_fields(Fields& f, std::string& interpolation, double& fill) {
  f.add("interpolation", interpolation, "how pixels between pixels are found", kInterpolationNames);
  f.add("fill", fill, "value of what comes from outside: 0 black .. 1 white", {0, 1});
}

WarpOptions warp_options(const ViewState& state, const std::string& interpolation, double fill) {
  return {interpolation_named(interpolation), fill * white_of(state.image.type())};
}

struct HFlip final : Operation {
  void fields(Fields&) override {}
  void apply(ViewState& s) const override {
    s.replace(hflip);
    s.trace.flip_horizontally(s.image.width());
  }
};

struct VFlip final : Operation {
  void fields(Fields&) override {}
  void apply(ViewState& s) const override {
    s.replace(vflip);
    s.trace.flip_vertically(s.image.height());
  }
};

struct Rotate final : RandomOperation<Rotation> {
  double degrees = 10, fill = 0;
  std::string interpolation = "bilinear";

  void fields(Fields& f) override {
    f.add("degrees", degrees, "the angle is drawn from [-degrees, degrees]", {0, 180});
    add_warp_fields(f, interpolation, fill);
  }
  Rotation drawn(int, int, Draws& draws) const override {
    return {.degrees = draws.uniform(-degrees, degrees)};
  }
  void change(const Rotation& rotation, ViewState& s) const override {
    s.replace([&](const ImageView& in, Image& out) {
      rotate(in, rotation, warp_options(s, interpolation, fill), s.warp, out);
    });
  }
};

struct Affine final : RandomOperation<AffineMotion> {
  double degrees = 10, translate = 0.1, shear = 0, fill = 0;
  Spread scale{0.9, 1.1};
  std::string interpolation = "bilinear";

  void fields(Fields& f) override {
    f.add("degrees", degrees, "the angle is drawn from [-degrees, degrees]", {0, 180});
    f.add("translate", translate, "largest shift as a part of width and height", {0, 1});
    f.add("scale", scale, "range of the enlargement", {0.01, 100});
    f.add("shear", shear, "the horizontal shear is drawn from [-shear, shear] degrees", {0, 80});
    add_warp_fields(f, interpolation, fill);
  }
  void prepare(const std::string& where) override { check_spread(where, "scale", scale); }
  AffineMotion drawn(int height, int width, Draws& draws) const override {
    const double reach_x = translate * width, reach_y = translate * height;
    AffineMotion motion;
    motion.degrees = draws.uniform(-degrees, degrees);
    motion.translate.x = std::nearbyint(draws.uniform(-reach_x, reach_x));
    motion.translate.y = std::nearbyint(draws.uniform(-reach_y, reach_y));
    motion.scale = draw(draws, scale);
    motion.shear_degrees.x = draws.uniform(-shear, shear);
    return motion;
  }
  void change(const AffineMotion& motion, ViewState& s) const override {
    s.replace([&](const ImageView& in, Image& out) {
      affine(in, motion, warp_options(s, interpolation, fill), s.warp, out);
    });
  }
};

struct Perspective final : RandomOperation<Corners> {
  double distortion = 0.5, fill = 0;
  std::string interpolation = "bilinear";

  void fields(Fields& f) override {
    f.add("distortion", distortion, "how far corners move, as a part of half the picture", {0, 1});
    add_warp_fields(f, interpolation, fill);
  }
  Corners drawn(int h, int w, Draws& draws) const override {
    const int reach_x = static_cast<int>(distortion * (w / 2));
    const int reach_y = static_cast<int>(distortion * (h / 2));
    const auto low = [&](int reach) { return static_cast<double>(draws.below(reach + 1)); };
    const auto high = [&](int reach, int n) {
      const int first = std::max(n - reach - 1, 0);
      return static_cast<double>(first + draws.below(n - first));
    };
    Corners end;
    end[0].x = low(reach_x), end[0].y = low(reach_y);
    end[1].x = high(reach_x, w), end[1].y = low(reach_y);
    end[2].x = high(reach_x, w), end[2].y = high(reach_y, h);
    end[3].x = low(reach_x), end[3].y = high(reach_y, h);
    return end;
  }
  void change(const Corners& end, ViewState& s) const override {
    const double right = s.image.width() - 1, bottom = s.image.height() - 1;
    const Corners start{{{0, 0}, {right, 0}, {right, bottom}, {0, bottom}}};
    s.replace([&](const ImageView& in, Image& out) {
      perspective(in, start, end, warp_options(s, interpolation, fill), s.warp, out);
    });
  }
};

struct Elastic final : Operation {
  double alpha = 34, sigma = 4, fill = 0;
  std::string interpolation = "bilinear";

  void fields(Fields& f) override {
    f.add("alpha", alpha, "multiplies the smoothed noise; displacements are in pixels", {0, 1e6});
    f.add("sigma", sigma, "standard deviation of the smoothing in pixels", {0.1, 1000});
    add_warp_fields(f, interpolation, fill);
  }
  void draw_field(ViewState& s, std::vector<float>& field) const {
    const int w = s.image.width(), h = s.image.height();
    const size_t n = static_cast<size_t>(w) * static_cast<size_t>(h);
    s.bits.resize(n);
    field.resize(n);
    s.draws.fill(s.bits);
    vectorize([n, bits = s.bits.data(), to = field.data()] {
      for (size_t i = 0; i < n; ++i) to[i] = static_cast<float>(bits[i]) * 0x1p-31F - 1.0F;
    });
    tensor_gaussian_blur(field.data(), h, w, static_cast<int>(8 * sigma + 1) | 1, sigma, s.blur);
    for (float& x : field) x *= static_cast<float>(alpha);
  }
  void apply(ViewState& s) const override {
    draw_field(s, s.dx);
    draw_field(s, s.dy);
    s.replace([&](const ImageView& in, Image& out) {
      displace(in, s.dx, s.dy, warp_options(s, interpolation, fill), s.warp, out);
    });
  }
};

struct ColorJitter final : RandomOperation<Jitter> {
  double brightness_by = 0.8, contrast_by = 0.8, saturation_by = 0.8, hue_by = 0.2;

  void fields(Fields& f) override {
    f.add("brightness", brightness_by, "factor from [max(0, 1 - b), 1 + b]", {0, 100});
    f.add("contrast", contrast_by, "factor from [max(0, 1 - c), 1 + c]", {0, 100});
    f.add("saturation", saturation_by, "factor from [max(0, 1 - s), 1 + s]", {0, 100});
    f.add("hue", hue_by, "shift from [-h, h] turns of the colour circle", {0, 0.5});
  }
  void accept(int channels, PixelType type) const override {
    if (saturation_by > 0 || hue_by > 0) {
      require_grey_or_rgb({.channels = channels, .type = type}, "color_jitter");
    }
  }
  Jitter drawn(int, int, Draws& draws) const override {
    Jitter jitter;
    for (size_t i = 3; i > 0; --i) {
      std::swap(jitter.order[i],
                jitter.order[static_cast<size_t>(draws.below(static_cast<int64_t>(i) + 1))]);
    }
    const auto factor = [&draws](double by) {
      return by > 0 ? draws.uniform(std::max(0.0, 1 - by), 1 + by) : 1.0;
    };
    jitter.brightness = factor(brightness_by);
    jitter.contrast = factor(contrast_by);
    jitter.saturation = factor(saturation_by);
    jitter.hue = hue_by > 0 ? draws.uniform(-hue_by, hue_by) : 0.0;
    return jitter;
  }
  void change(const Jitter& by, ViewState& s) const override {
    for (const int step : by.order) {
      if (step == 0 && brightness_by > 0) brightness(s.image.view(), by.brightness, s.image);
      if (step == 1 && contrast_by > 0) contrast(s.image.view(), by.contrast, s.image);
      if (step == 2 && saturation_by > 0) saturation(s.image.view(), by.saturation, s.image);
      if (step == 3 && hue_by > 0) hue(s.image.view(), by.hue, s.image);
    }
  }
};

struct Grayscale final : Operation {
  void fields(Fields&) override {}
  void accept(int channels, PixelType type) const override {
    require_grey_or_rgb({.channels = channels, .type = type}, "grayscale");
  }
  void apply(ViewState& s) const override { grayscale(s.image.view(), s.image); }
};

struct GaussianBlur final : RandomOperation<double> {
  Spread sigma{0.1, 2.0};

  void fields(Fields& f) override { f.add("sigma", sigma, "pixels", {0, 1000}); }
  void prepare(const std::string& where) override { check_spread(where, "sigma", sigma); }
  double drawn(int, int, Draws& draws) const override { return draw(draws, sigma); }
  void change(const double& by, ViewState& s) const override {
    s.replace([&](const ImageView& in, Image& out) { gaussian_blur(in, by, s.blur, out); });
  }
};

struct TensorGaussianBlur final : RandomOperation<double> {
  Spread sigma{0.1, 2.0};
  int64_t kernel = 23;

  void fields(Fields& f) override {
    f.add("sigma", sigma, "pixels", {0.01, 1000});
    f.add("kernel", kernel, "taps; even numbers become the next odd one", {1, 10001});
  }
  void prepare(const std::string& where) override { check_spread(where, "sigma", sigma); }
  double drawn(int, int, Draws& draws) const override { return draw(draws, sigma); }
  void change(const double& by, ViewState& s) const override {
    s.replace([&](const ImageView& in, Image& out) {
      tensor_gaussian_blur(in, static_cast<int>(kernel) | 1, by, s.blur, out);
    });
  }
};

struct Sharpness final : RandomOperation<double> {
  Spread factor{0.1, 1.9};

  void fields(Fields& f) override {
    f.add("factor", factor, "0 smooth, 1 unchanged, 2 sharp", {0, 100});
  }
  void prepare(const std::string& where) override { check_spread(where, "factor", factor); }
  double drawn(int, int, Draws& draws) const override { return draw(draws, factor); }
  void change(const double& by, ViewState& s) const override {
    s.replace([&](const ImageView& in, Image& out) { sharpness(in, by, out); });
  }
};

struct Solarize final : Operation {
  double threshold = 0.5;

  void fields(Fields& f) override {
    f.add("threshold", threshold, "values from here on are inverted: 0.5 is 128 of 256", {0, 1});
  }
  void apply(ViewState& s) const override {
    const PixelType type = s.image.type();
    const double levels = white_of(type) + (type == PixelType::f32 ? 0 : 1);
    solarize(s.image.view(), threshold * levels, s.image);
  }
};

struct Posterize final : Operation {
  int64_t bits = 4;

  void fields(Fields& f) override { f.add("bits", bits, "bits that are kept", {1, 8}); }
  void apply(ViewState& s) const override {
    posterize(s.image.view(), static_cast<int>(bits), s.image);
  }
};

struct Equalize final : Operation {
  void fields(Fields&) override {}
  void accept(int channels, PixelType type) const override {
    require_8_bit({.channels = channels, .type = type}, "equalize");
  }
  void apply(ViewState& s) const override { equalize(s.image.view(), s.image); }
};

struct Autocontrast final : Operation {
  void fields(Fields&) override {}
  void apply(ViewState& s) const override { autocontrast(s.image.view(), s.image); }
};

struct Invert final : Operation {
  void fields(Fields&) override {}
  void apply(ViewState& s) const override { invert(s.image.view(), s.image); }
};

// torchvision's RandomErasing: ten tries for a box that fits, then nothing.
struct Erase final : RandomOperation<Box> {
  Spread scale{0.02, 0.33}, ratio{0.3, 3.3};
  double value = 0;

  void fields(Fields& f) override {
    f.add("scale", scale, "area of the box as a part of the view's", {0, 1});
    f.add("ratio", ratio, "height / width of the box", {1e-3, 1e3});
    f.add("value", value, "0 black .. 1 white", {0, 1});
  }
  void prepare(const std::string& where) override {
    check_spread(where, "scale", scale);
    check_spread(where, "ratio", ratio);
  }
  Box drawn(int height, int width, Draws& draws) const override {
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double area = draw(draws, scale) * height * width;
      const double r = std::exp(draws.uniform(std::log(ratio.front()), std::log(ratio.back())));
      const int h = static_cast<int>(std::nearbyint(std::sqrt(area * r)));
      const int w = static_cast<int>(std::nearbyint(std::sqrt(area / r)));
      if (h >= height || w >= width) continue;
      const int top = static_cast<int>(draws.below(height - h + 1));
      const int left = static_cast<int>(draws.below(width - w + 1));
      return {top, left, h, w};
    }
    return {};
  }
  void change(const Box& box, ViewState& s) const override {
    erase(s.image.view(), box, value * white_of(s.image.type()), s.image);
  }
};

// DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017:
// a square around any pixel; what lies outside the view is lost.
struct Cutout final : RandomOperation<Box> {
  double side = 0.5, value = 0;

  void fields(Fields& f) override {
    f.add("side", side, "side of the square as a part of the view's shorter side", {0, 1});
    f.add("value", value, "0 black .. 1 white", {0, 1});
  }
  Box drawn(int height, int width, Draws& draws) const override {
    const int pixels = static_cast<int>(std::nearbyint(side * std::min(height, width)));
    const int y = static_cast<int>(draws.below(height));
    const int x = static_cast<int>(draws.below(width));
    return {y - pixels / 2, x - pixels / 2, pixels, pixels};
  }
  void change(const Box& box, ViewState& s) const override {
    erase(s.image.view(), box, value * white_of(s.image.type()), s.image);
  }
};

struct ChannelDrop final : Operation {
  int64_t count = 1;

  void fields(Fields& f) override {
    f.add("count", count, "channels set to 0; one channel at least is left", {1, 1024});
  }
  void apply(ViewState& s) const override {
    s.channels.resize(static_cast<size_t>(s.image.channels()));
    for (size_t c = 0; c < s.channels.size(); ++c) s.channels[c] = static_cast<int>(c);
    const size_t drop = std::min(static_cast<size_t>(count), s.channels.size() - 1);
    for (size_t i = 0; i < drop; ++i) {
      const int64_t left = static_cast<int64_t>(s.channels.size() - i);
      std::swap(s.channels[i], s.channels[i + static_cast<size_t>(s.draws.below(left))]);
    }
    s.channels.resize(drop);
    channel_drop(s.image.view(), s.channels, s.image);
  }
};

template <class T>
OperationKind kind(const char* name, const char* help) {
  return {name, help, []() -> std::unique_ptr<Operation> { return std::make_unique<T>(); }};
}

}  // namespace

const std::vector<OperationKind>& operation_kinds() {
  static const std::vector<OperationKind> kinds = {
      kind<RandomResizedCrop>("random_resized_crop", "a random box, resized to the view"),
      kind<Resize>("resize", "the whole picture, stretched to the view"),
      kind<CenterCrop>("center_crop", "the middle of the resized picture"),
      kind<ScaleJitter>("scale_jitter", "the picture scaled by chance, cut or filled up"),
      kind<Letterbox>("letterbox", "the whole picture in its proportions, filled up"),
      kind<HFlip>("hflip", "left and right change places"),
      kind<VFlip>("vflip", "top and bottom change places"),
      kind<Rotate>("rotate", "rotation about the middle"),
      kind<Affine>("affine", "rotation, shift, enlargement and shear"),
      kind<Perspective>("perspective", "the corners move"),
      kind<Elastic>("elastic", "smooth random displacements"),
      kind<ColorJitter>("color_jitter", "brightness, contrast, saturation, hue in random order"),
      kind<Grayscale>("grayscale", "grey in all channels"),
      kind<GaussianBlur>("gaussian_blur", "Pillow's Gaussian blur"),
      kind<TensorGaussianBlur>("tensor_gaussian_blur", "torchvision's Gaussian blur of tensors"),
      kind<Sharpness>("sharpness", "smoother or sharper"),
      kind<Solarize>("solarize", "inverts bright values"),
      kind<Posterize>("posterize", "fewer levels"),
      kind<Equalize>("equalize", "flat histogram"),
      kind<Autocontrast>("autocontrast", "darkest to black, brightest to white"),
      kind<Invert>("invert", "negative"),
      kind<Erase>("erase", "a random rectangle set to one value"),
      kind<Cutout>("cutout", "a square around a random pixel set to one value"),
      kind<ChannelDrop>("channel_drop", "random channels set to 0"),
  };
  return kinds;
}

}  // namespace vistas::vision
