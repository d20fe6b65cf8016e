// How training shows itself: one line that overwrites itself on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "vistas/app/command.h"
#include "vistas/learn/trainer.h"

namespace vistas::app {

class TrainDisplay : public learn::TrainObserver {
 public:
  TrainDisplay(const Context& context, std::string unit)
      : context_(context), unit_(std::move(unit)) {}
  ~TrainDisplay() override;
  void on_report(const learn::StepReport& report) override;
  void on_message(const std::string& message) override;

 private:
  void clear();

  const Context& context_;
  std::string unit_;  // of samples
  bool line_open_ = false;
  int64_t printed_epoch_ = 0;
};

}  // namespace vistas::app
