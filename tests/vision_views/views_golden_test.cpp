// Every case of the golden group "views", held to the tolerance written in the case.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "support/golden.h"
#include "vistas/vision/views/colour.h"
#include "vistas/vision/views/filters.h"
#include "vistas/vision/views/geometry.h"
#include "vistas/vision/views/normalise.h"
#include "vistas/vision/views/resize.h"
#include "vistas/vision/views/tone.h"

namespace vistas::vision {
namespace {

using nlohmann::json;

ImageView image_of(const TensorView& tensor) {
  const int width = static_cast<int>(tensor.shape[1]), channels = static_cast<int>(tensor.shape[2]);
  return {tensor.bytes.data(), static_cast<int>(tensor.shape[0]),    width, channels,
          PixelType::u8,       static_cast<size_t>(width * channels)};
}

Interpolation interpolation_of(const json& options) {
  const std::string name = options.at("interpolation");
  if (name == "nearest") return Interpolation::nearest;
  return name == "bilinear" ? Interpolation::bilinear : Interpolation::bicubic;
}

WarpOptions warp_of(const json& o) {
  return {interpolation_of(o), o.at("fill")};
}

Box box_of(const json& o) {
  return {o.at("top"), o.at("left"), o.at("height"), o.at("width")};
}

Corners corners_of(const json& points) {
  Corners corners;
  for (size_t i = 0; i < 4; ++i) corners[i] = {points[i][0], points[i][1]};
  return corners;
}

void run_resized_crop(const ImageView& in, const json& o, bool vertical_first, Image& out) {
  ResizeScratch scratch;
  ResizeOptions options{.interpolation = interpolation_of(o), .vertical_first = vertical_first};
  resized_crop(in, box_of(o), o.at("out_height"), o.at("out_width"), options, scratch, out);
}

void run_rotate(const ImageView& in, const json& o, Image& out) {
  Rotation rotation{.degrees = o.at("angle"), .expand = o.at("expand")};
  if (o.contains("center_x")) rotation.centre = Point{o.at("center_x"), o.at("center_y")};
  WarpScratch scratch;
  rotate(in, rotation, warp_of(o), scratch, out);
}

void run_affine(const ImageView& in, const json& o, Image& out) {
  WarpScratch scratch;
  affine(in,
         {.degrees = o.at("angle"),
          .translate = {o.at("translate_x"), o.at("translate_y")},
          .scale = o.at("scale"),
          .shear_degrees = {o.at("shear_x"), o.at("shear_y")}},
         warp_of(o), scratch, out);
}

void run_chain(const ImageView& in, const json& o, Image& out) {
  ResizeScratch resize_scratch;
  BlurScratch blur_scratch;
  const json& crop = o.at("crop");
  ResizeOptions options{.interpolation = interpolation_of(o), .mirror = o.at("hflip")};
  Image image;
  resized_crop(in, {crop[0], crop[1], crop[2], crop[3]}, o.at("size")[0], o.at("size")[1], options,
               resize_scratch, image);
  for (const int step : o.at("jitter_order").get<std::vector<int>>()) {
    if (step == 0) brightness(image.view(), o.at("brightness"), image);
    if (step == 1) contrast(image.view(), o.at("contrast"), image);
    if (step == 2) saturation(image.view(), o.at("saturation"), image);
    if (step == 3) hue(image.view(), o.at("hue"), image);
  }
  if (o.at("grayscale")) grayscale(image.view(), image);
  gaussian_blur(image.view(), o.at("blur_radius"), blur_scratch, out);
  if (!o.at("solarize").is_null()) solarize(out.view(), o.at("solarize"), out);
}

using Run = std::function<void(const ImageView&, const json&, Image&)>;

const std::map<std::string, Run>& operations() {
  static const std::map<std::string, Run> table = {
      {"resized_crop",
       [](const ImageView& in, const json& o, Image& out) {
         run_resized_crop(in, o, o.value("vertical_first", false), out);
       }},
      {"hflip", [](const ImageView& in, const json&, Image& out) { hflip(in, out); }},
      {"vflip", [](const ImageView& in, const json&, Image& out) { vflip(in, out); }},
      {"brightness",
       [](const ImageView& in, const json& o, Image& out) { brightness(in, o.at("factor"), out); }},
      {"contrast",
       [](const ImageView& in, const json& o, Image& out) { contrast(in, o.at("factor"), out); }},
      {"saturation",
       [](const ImageView& in, const json& o, Image& out) { saturation(in, o.at("factor"), out); }},
      {"hue", [](const ImageView& in, const json& o, Image& out) { hue(in, o.at("factor"), out); }},
      {"grayscale", [](const ImageView& in, const json&, Image& out) { grayscale(in, out); }},
      {"solarize", [](const ImageView& in, const json& o,
                      Image& out) { solarize(in, o.at("threshold"), out); }},
      {"posterize",
       [](const ImageView& in, const json& o, Image& out) { posterize(in, o.at("bits"), out); }},
      {"equalize", [](const ImageView& in, const json&, Image& out) { equalize(in, out); }},
      {"autocontrast", [](const ImageView& in, const json&, Image& out) { autocontrast(in, out); }},
      {"invert", [](const ImageView& in, const json&, Image& out) { invert(in, out); }},
      {"sharpness",
       [](const ImageView& in, const json& o, Image& out) { sharpness(in, o.at("factor"), out); }},
      {"pil_gaussian_blur",
       [](const ImageView& in, const json& o, Image& out) {
         BlurScratch scratch;
         gaussian_blur(in, o.at("radius"), scratch, out);
       }},
      {"tensor_gaussian_blur",
       [](const ImageView& in, const json& o, Image& out) {
         BlurScratch scratch;
         tensor_gaussian_blur(in, o.at("kernel"), o.at("sigma"), scratch, out);
       }},
      {"rotate", run_rotate},
      {"affine", run_affine},
      {"perspective",
       [](const ImageView& in, const json& o, Image& out) {
         WarpScratch scratch;
         perspective(in, corners_of(o.at("start")), corners_of(o.at("end")), warp_of(o), scratch,
                     out);
       }},
      {"erase", [](const ImageView& in, const json& o,
                   Image& out) { erase(in, box_of(o), o.at("value"), out); }},
      {"chain", run_chain},
  };
  return table;
}

// Empty, or what exceeds the tolerance.
template <class T>
std::string difference(const std::vector<T>& got, const std::vector<T>& want, const json& rule) {
  if (got.size() != want.size()) {
    return fmt::format("{} values instead of {}", got.size(), want.size());
  }
  const double max_abs = rule.at("max_abs"), fraction = rule.at("fraction");
  const double outlier_fraction = rule.value("outlier_fraction", 0.0);
  const double floor = rule.value("count_floor", 0.0);
  double differing = 0, outliers = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
    differing += error > 0;
    outliers += error > max_abs;
  }
  const double size = static_cast<double>(got.size());
  if (differing <= std::max(fraction * size, floor) &&
      outliers <= std::max(outlier_fraction * size, outlier_fraction > 0 ? floor : 0.0)) {
    return "";
  }
  return fmt::format("{} of {} differ, {} by more than {}", differing, size, outliers, max_abs);
}

std::string compare_image(const Image& got, const TensorView& want, const json& rule) {
  const ImageView expected = image_of(want);
  if (got.height() != expected.height || got.width() != expected.width ||
      got.channels() != expected.channels) {
    return fmt::format("shape {}x{}x{} instead of {}x{}x{}", got.height(), got.width(),
                       got.channels(), expected.height, expected.width, expected.channels);
  }
  const auto* g = reinterpret_cast<const uint8_t*>(got.data());
  const auto* w = reinterpret_cast<const uint8_t*>(want.bytes.data());
  return difference(std::vector<uint8_t>(g, g + got.size_bytes()),
                    std::vector<uint8_t>(w, w + want.bytes.size()), rule);
}

std::string run_normalize(const golden::Group& group, const json& c) {
  const ImageView in = image_of(group.tensors.at(c["inputs"]["image"]));
  const size_t count = static_cast<size_t>(in.height * in.width * in.channels);
  std::vector<float> interleaved(count), planar(count), want(count);
  const Normaliser normaliser(c["options"]["mean"], c["options"]["std"], in.channels, in.type);
  normaliser.apply(in, interleaved.data());
  const size_t channels = static_cast<size_t>(in.channels), pixels = count / channels;
  for (size_t i = 0; i < count; ++i) {
    planar[(i % channels) * pixels + i / channels] = interleaved[i];
  }
  const TensorView& tensor = group.tensors.at(c["outputs"]["image"]);
  std::memcpy(want.data(), tensor.bytes.data(), tensor.bytes.size());
  return difference(planar, want, c["tolerance"]);
}

std::string run_case(const golden::Group& group, const json& c) {
  const std::string op = c["op"];
  if (op == "normalize") return run_normalize(group, c);
  const ImageView in = image_of(group.tensors.at(c["inputs"]["image"]));
  Image out;
  operations().at(op)(in, c["options"], out);
  std::string problem = compare_image(out, group.tensors.at(c["outputs"]["image"]), c["tolerance"]);
  if (problem.empty() && c["outputs"].contains("image_horizontal_first")) {
    run_resized_crop(in, c["options"], false, out);
    problem = compare_image(out, group.tensors.at(c["outputs"]["image_horizontal_first"]),
                            c["tolerance"]);
  }
  return problem;
}

TEST(ViewsGolden, AllCases) {
  if (golden::folder_of("views").empty()) GTEST_SKIP() << "golden group views is missing";
  const golden::Group group = golden::load("views");
  std::map<std::string, std::pair<int, int>> counts;  // passed, failed
  std::map<std::string, int> missing;
  for (const json& c : group.json["cases"]) {
    const std::string op = c["op"], name = c["name"];
    if (op != "normalize" && !operations().contains(op)) {
      ++missing[op];
      continue;
    }
    const std::string problem = run_case(group, c);
    ++(problem.empty() ? counts[op].first : counts[op].second);
    EXPECT_TRUE(problem.empty()) << name << ": " << problem;
  }
  for (const auto& [op, n] : counts)
    fmt::print("{}: {} passed, {} failed\n", op, n.first, n.second);
  for (const auto& [op, n] : missing) fmt::print("{}: {} not built yet\n", op, n);
  EXPECT_TRUE(missing.empty());
}

}  // namespace
}  // namespace vistas::vision
