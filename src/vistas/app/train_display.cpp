#include "vistas/app/train_display.h"

#include <fmt/format.h>

#include "vistas/look/progress.h"
#include "vistas/look/text.h"

namespace vistas::app {

TrainDisplay::~TrainDisplay() {
  clear();
}

void TrainDisplay::clear() {
  if (line_open_) fmt::print(stderr, "\r\033[K");
  line_open_ = false;
}

void TrainDisplay::on_report(const learn::StepReport& r) {
  look::Progress p;
  p.epoch = r.epoch;
  p.epochs = r.epochs;
  p.step = r.step;
  p.steps = r.total;
  p.loss = r.loss;
  p.learning_rate = r.learning_rate;
  p.samples_per_second = r.samples_per_second;
  p.unit = unit_;
  p.waiting = r.waiting;
  if (r.step < r.total) p.seconds_left = r.seconds_left;
  p.health =
      r.health.verdict.empty() ? "ok" : r.health.verdict.substr(0, r.health.verdict.find(':'));
  if (context_.terminal) {
    fmt::print(stderr, "\r\033[K{}", look::progress_line(p, context_.width - 1));
    line_open_ = true;
  } else if (r.epoch != printed_epoch_ || r.step == r.total) {
    fmt::print(stderr, "{}\n", look::progress_line(p, 120));
  }
  std::fflush(stderr);
  printed_epoch_ = r.epoch;
}

void TrainDisplay::on_message(const std::string& message) {
  clear();
  fmt::print(stderr, "{}\n", message);
}

}  // namespace vistas::app
