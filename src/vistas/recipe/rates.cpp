#include "vistas/recipe/rates.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "vistas/base/clock.h"
#include "vistas/base/threads.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/trainer.h"
#include "vistas/methods/simclr.h"
#include "vistas/recipe/environment.h"
#include "vistas/text/encoders/transformer.h"
#include "vistas/vision/encoders/encoders.h"
#include "vistas/vision/views/maker.h"

namespace vistas::recipe {
namespace {

// Calls a second.
double rate_of(double seconds, const std::function<void()>& call) {
  call();
  const auto start = Clock::now();
  double calls = 0;
  do {
    call();
    ++calls;
  } while (seconds_since(start) < seconds);
  return calls / seconds_since(start);
}

vision::Image made_picture(int height, int width) {
  vision::Image image(height, width, 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(0.021 * x * (c + 1)) * std::cos(0.017 * y * (3 - c));
        image.row<uint8_t>(y)[3 * x + c] = static_cast<uint8_t>(128 + 100 * wave);
      }
    }
  }
  return image;
}

// SimCLR's views of 224 pixels, a second, of all threads.
double view_rate(double seconds) {
  const vision::Image picture = made_picture(480, 640);
  vision::RecipeOptions options;
  options.size = 224;
  const vision::ViewMaker maker(vision::builtin_recipe("simclr", options), 3,
                                vision::PixelType::u8);
  const int threads = available_cores();
  std::vector<double> rates(static_cast<size_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        vision::ViewScratch scratch;
        std::vector<float> out(3 * 224 * 224);
        uint64_t sample = static_cast<uint64_t>(t) << 32;
        rates[static_cast<size_t>(t)] = rate_of(seconds, [&] {
          maker.make(picture.view(), {.sample = sample++}, 0, out.data(), scratch);
        });
      });
    }
  }
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

// Rows a second of NT-Xent and its gradient.
double loss_rate(int64_t rows, double seconds) {
  const at::Tensor z = at::randn({rows, 128}).requires_grad_();
  return static_cast<double>(rows) * rate_of(seconds, [&] {
           z.mutable_grad().reset();
           contrast::nt_xent(z.narrow(0, 0, rows / 2), z.narrow(0, rows / 2, rows / 2)).backward();
         });
}

// The same two views for all batches.
class MadeViews : public learn::BatchMaker {
 public:
  MadeViews(int64_t batch, learn::Inputs view) : batch_(batch), view_(std::move(view)) {}
  int64_t size() const override { return batch_; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t) const override {
    learn::Batch batch;
    batch.views = {view_, view_};
    batch.index = at::tensor(samples);
    return batch;
  }

 private:
  int64_t batch_;
  learn::Inputs view_;
};

double step_rate(std::shared_ptr<learn::Encoder> encoder, const learn::Inputs& view,
                 const std::string& precision, double seconds) {
  learn::TrainParts parts;
  parts.method = std::make_shared<methods::SimClr>(std::move(encoder), methods::SimClrOptions{}, 1);
  parts.train.batch = view.rows();
  parts.train.precision = precision;
  parts.train.loader_threads = 1;
  parts.data = std::make_shared<MadeViews>(view.rows(), view);
  const std::vector<double> each = learn::Trainer(std::move(parts)).time_steps(1000, seconds);
  return static_cast<double>(view.rows() * static_cast<int64_t>(each.size())) /
         std::accumulate(each.begin(), each.end(), 0.0);
}

double picture_step_rate(const std::string& precision, double seconds) {
  const at::Tensor pixels = at::randn({128, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
  return step_rate(
      vision::make_encoder(
          {.name = "resnet18", .channels = 3, .width = 16, .stem = vision::Stem::cifar}, 1),
      {{{"pixels", pixels}}}, precision, seconds);
}

double text_step_rate(const std::string& precision, double seconds) {
  text::TransformerOptions o;
  o.vocabulary = 30'522;
  o.layers = 6;
  o.hidden = 384;
  o.heads = 12;
  o.intermediate = 1536;
  constexpr int64_t kTexts = 64, kTokens = 32;
  return step_rate(std::make_shared<text::Transformer>(o, 1),
                   {{{"ids", at::randint(o.vocabulary, {kTexts, kTokens}, at::kLong)},
                     {"length", at::full({kTexts}, kTokens, at::kLong)}}},
                   precision, seconds);
}

}  // namespace

std::vector<Rate> machine_rates(double seconds,
                                const std::function<void(const std::string&)>& progress) {
  constexpr int64_t kSide = 1024;
  std::vector<Rate> rates;
  const auto add = [&](const std::string& name, const std::string& what, const std::string& unit,
                       const std::function<double()>& measure) {
    progress(what);
    rates.push_back({name, what, unit, measure()});
  };
  for (const std::string format : {"fp32", "bf16"}) {
    add("product_" + format, fmt::format("product of {0} x {0} matrices, {1}", kSide, format),
        "GFLOP", [&] { return gemm_gflops(kSide, format == "bf16"); });
  }
  add("views", "views of SimCLR at 224 px, of a picture of 480 x 640 in memory", "views",
      [&] { return view_rate(seconds); });
  for (const int64_t rows : {1024, 8192}) {
    add(fmt::format("nt_xent_{}", rows),
        fmt::format("NT-Xent and its gradient, {} rows of 128", rows), "rows",
        [&] { return loss_rate(rows, seconds); });
  }
  for (const std::string format : {"fp32", "bf16"}) {
    add("step_resnet_" + format,
        "step of SimCLR, ResNet-18 of width 16, 128 pictures of 32 px, " + format, "pictures",
        [&] { return picture_step_rate(format, seconds); });
  }
  for (const std::string format : {"fp32", "bf16"}) {
    add("step_transformer_" + format,
        "step of SimCSE, transformer of 6 layers and width 384, 64 texts of 32 tokens, " + format,
        "texts", [&] { return text_step_rate(format, seconds); });
  }
  return rates;
}

}  // namespace vistas::recipe
