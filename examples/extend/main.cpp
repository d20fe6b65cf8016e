// extend RECIPE RUN: trains the recipe into a run folder, as `vistas train` does, with an encoder
// and a method of this project among those of vistas.
#include <atomic>
#include <cstdio>

#include "pixel_mlp.h"
#include "spectral.h"
#include "vistas/base/error.h"
#include "vistas/recipe/config.h"
#include "vistas/recipe/run_files.h"
#include "vistas/vision/encoders/encoders.h"

namespace {

using namespace vistas;

void add_our_own() {
  vision::add_encoder({.name = "pixel_mlp",
                       .help = "perceptron over all pixels",
                       .make = [](const vision::EncoderOptions& options,
                                  uint64_t seed) -> std::shared_ptr<vision::ImageEncoder> {
                         return std::make_shared<extend::PixelMlp>(options, seed);
                       }});
  recipe::add_method(
      {.name = "spectral",
       .help = "two views attract, others are pushed to a right angle",
       .views = "simclr",
       .choose = recipe::Choice<extend::SpectralMethod, extend::SpectralMethodOptions>::make});
}

class Printer : public learn::TrainObserver {
 public:
  void on_report(const learn::StepReport& r) override {
    std::printf("step %d of %d: loss %.3f\n", static_cast<int>(r.step), static_cast<int>(r.total),
                r.loss);
  }
  void on_message(const std::string& message) override { std::printf("%s\n", message.c_str()); }
};

void train(const char* recipe_file, const char* run_folder) {
  const auto config = recipe::read_config(read_toml(recipe_file));
  const auto training = config->open();

  learn::Trainer trainer(training->parts());
  const RunFolder run = RunFolder::create(run_folder);
  recipe::write_run_files(run, *config, *training);
  Printer printer;
  const std::atomic<bool> stop = false;
  const learn::TrainResult result = trainer.run(&run, printer, stop);
  std::printf("done: %.0f pictures/s, the run is in %s\n", result.samples_per_second, run_folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: extend RECIPE RUN\n");
    return 2;
  }
  add_our_own();
  try {
    train(argv[1], argv[2]);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
