// Cost of the view operations at 224 pixels, and of whole views. One thread; CPU time is what
// counts.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "vistas/vision/views/colour.h"
#include "vistas/vision/views/maker.h"
#include "vistas/vision/views/tone.h"

namespace vistas::vision {
namespace {

// Smooth colours with some noise, as photographs have.
Image photo(int height, int width, int channels = 3) {
  Image image(height, width, channels);
  Draws draws({.seed = 1});
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const double wave = std::sin(0.021 * x * (c + 1)) * std::cos(0.017 * y * (3 - c));
        image.row<uint8_t>(y)[x * channels + c] =
            to_pixel<uint8_t>(128 + 90 * wave + 20 * draws.uniform(-1, 1));
      }
    }
  }
  return image;
}

// Repeats one view with new random numbers each time.
void run_views(benchmark::State& state, const ViewRecipe& recipe, const Image& image) {
  const ViewMaker maker(recipe, image.channels(), PixelType::u8);
  std::vector<float> out(static_cast<size_t>(maker.height(0) * maker.width(0) * maker.channels()));
  ViewScratch scratch;
  uint64_t sample = 0;
  for (auto _ : state) {
    maker.make(image.view(), {.sample = sample++}, 0, out.data(), scratch);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["views/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void simclr(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  const Image image = photo(static_cast<int>(state.range(1)), static_cast<int>(state.range(2)));
  const double strength = side <= 32 ? 0.5 : 1.0;
  run_views(state, builtin_recipe("simclr", {.size = side, .strength = strength}), image);
}
BENCHMARK(simclr)->Args({32, 32, 32})->Args({128, 128, 128})->Args({128, 160, 200});
BENCHMARK(simclr)->Args({224, 480, 640});

void characters(benchmark::State& state) {
  const int side = static_cast<int>(state.range(0));
  run_views(state, builtin_recipe("characters", {.size = side}), photo(105, 105, 1));
}
BENCHMARK(characters)->Arg(28)->Arg(32);

// One operation with new random numbers each time, from a picture that is copied first if the
// operation changes it in place.
template <class Apply>
void operation(benchmark::State& state, const ViewOp& op, const Apply& apply) {
  const auto made = make_operation(op);
  ViewState view;
  const Image image = photo(224, 224);
  view.image = image;
  uint64_t sample = 0;
  for (auto _ : state) {
    view.draws = Draws({.sample = sample++});
    apply(view, *made);
    benchmark::DoNotOptimize(view.image.data());
  }
}

void run_op(benchmark::State& state, const ViewOp& op) {
  operation(state, op, [](ViewState& view, const Operation& made) { made.apply(view); });
}

ViewOp rotation(const char* interpolation) {
  return {"rotate", 1, {{"interpolation", Value{.data = std::string(interpolation)}}}};
}

void crop_resize(benchmark::State& state, const char* interpolation) {
  const Image image = photo(480, 640);
  const ViewOp op{
      "random_resized_crop", 1, {{"interpolation", Value{.data = std::string(interpolation)}}}};
  operation(state, op, [&](ViewState& view, const Operation& made) {
    const auto& framing = dynamic_cast<const Framing&>(made);
    const Box box = framing.source_box(480, 640, view.draws);
    framing.frame(image.view().crop(box), 224, 224, false, view);
  });
}

// The colour operations on the same picture each time, so that repeats do not make it flat.
template <class F>
void colour_op(benchmark::State& state, const F& f) {
  const Image image = photo(224, 224);
  Image out;
  Draws draws({.seed = 4});
  for (auto _ : state) {
    f(image.view(), draws, out);
    benchmark::DoNotOptimize(out.data());
  }
}

void all_four(const ImageView& in, Draws& draws, Image& out) {
  brightness(in, draws.uniform(0.2, 1.8), out);
  contrast(out.view(), draws.uniform(0.2, 1.8), out);
  saturation(out.view(), draws.uniform(0.2, 1.8), out);
  hue(out.view(), draws.uniform(-0.2, 0.2), out);
}

BENCHMARK_CAPTURE(crop_resize, bilinear, "bilinear");
BENCHMARK_CAPTURE(crop_resize, bicubic, "bicubic");
BENCHMARK_CAPTURE(colour_op, jitter, all_four);
BENCHMARK_CAPTURE(colour_op, brightness, [](const ImageView& in, Draws& d, Image& out) {
  brightness(in, d.uniform(0.2, 1.8), out);
});
BENCHMARK_CAPTURE(colour_op, contrast, [](const ImageView& in, Draws& d, Image& out) {
  contrast(in, d.uniform(0.2, 1.8), out);
});
BENCHMARK_CAPTURE(colour_op, saturation, [](const ImageView& in, Draws& d, Image& out) {
  saturation(in, d.uniform(0.2, 1.8), out);
});
BENCHMARK_CAPTURE(colour_op, hue, [](const ImageView& in, Draws& d, Image& out) {
  hue(in, d.uniform(-0.2, 0.2), out);
});
BENCHMARK_CAPTURE(colour_op, grey,
                  [](const ImageView& in, Draws&, Image& out) { grayscale(in, out); });
BENCHMARK_CAPTURE(colour_op, solarize,
                  [](const ImageView& in, Draws&, Image& out) { solarize(in, 128, out); });
BENCHMARK_CAPTURE(run_op, blur, ViewOp{"gaussian_blur"});
BENCHMARK_CAPTURE(run_op, hflip, ViewOp{"hflip"});
BENCHMARK_CAPTURE(run_op, affine, ViewOp{"affine"});
BENCHMARK_CAPTURE(run_op, rotate_bilinear, rotation("bilinear"));
BENCHMARK_CAPTURE(run_op, rotate_bicubic, rotation("bicubic"));
BENCHMARK_CAPTURE(run_op, elastic, ViewOp{"elastic"});
BENCHMARK_CAPTURE(run_op, tensor_blur, ViewOp{"tensor_gaussian_blur"});
BENCHMARK_CAPTURE(run_op, sharpness, ViewOp{"sharpness"});
BENCHMARK_CAPTURE(run_op, equalize, ViewOp{"equalize"});

void normalise(benchmark::State& state) {
  const Image image = photo(224, 224);
  const Normaliser normaliser({0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}, 3, PixelType::u8);
  std::vector<float> out(image.size_bytes());
  for (auto _ : state) {
    normaliser.apply(image.view(), out.data());
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(normalise);

}  // namespace
}  // namespace vistas::vision
