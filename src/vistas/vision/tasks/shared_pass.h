// What processes of a group need to share a pass over pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/vision/sources/sample_reader.h"

namespace vistas::vision {

// Some samples of another maker, which are its 0, 1, ...
class SomeSamples : public learn::BatchMaker {
 public:
  SomeSamples(std::shared_ptr<const learn::BatchMaker> all, std::vector<int64_t> samples)
      : all_(std::move(all)), samples_(std::move(samples)) {}
  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;

 private:
  std::shared_ptr<const learn::BatchMaker> all_;
  std::vector<int64_t> samples_;
};

// Those of all processes, by rank, each of which counts its own samples.
BadImages gathered(const BadImages& own);

}  // namespace vistas::vision
