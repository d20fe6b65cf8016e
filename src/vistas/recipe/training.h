// A configuration with its data opened: what training asks of a modality.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "vistas/base/run_folder.h"
#include "vistas/learn/trainer.h"

namespace vistas::recipe {

// Samples that could not be used, never silently.
struct LeftOut {
  std::string name;  // in JSON: "bad_images", "bad_lines"
  int64_t count = 0;
  std::vector<std::string> first{};  // the errors of the first few
  std::string summary{};             // for people; "" if there are none
};

class Training {
 public:
  virtual ~Training() = default;

  virtual int64_t size() const = 0;          // samples
  virtual std::string unit() const = 0;      // of samples: "picture", "text", "pair"
  virtual uint64_t fingerprint() const = 0;  // of the data
  // What an anchor is compared with in a batch beside the negatives that Method::negatives()
  // counts.
  virtual int64_t hard_negatives(int64_t /*batch*/) const { return 0; }
  // What people read before the run begins: {"data", "photos/ (200 pictures)"}, ...
  virtual std::vector<std::pair<std::string, std::string>> summary() const = 0;
  // The method with its encoder (weights are a function of train.seed), the batches, the optimiser,
  // each time anew.
  virtual learn::TrainParts parts() = 0;
  // Of the batches made since parts().
  virtual LeftOut left_out() const = 0;
  // What to try with the trained encoder: commands in which RUN stands for its folder.
  virtual std::vector<std::string> uses() const = 0;
  // What a run folder holds besides the configuration.
  virtual void write_files(const RunFolder& run) const = 0;
};

}  // namespace vistas::recipe
