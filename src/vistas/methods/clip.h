// Two towers: an encoder for each of two views, compared across. Radford et al., "Learning
// transferable visual models from natural language supervision", ICML 2021.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/learned_temperature.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

struct ClipOptions {
  contrast::ClipOptions loss{};
  contrast::LearnedTemperature temperature{};
  bool mask_groups = false;
  learn::ProjectorOptions projector{.layers = 1, .last_norm = false};

  void fields(Fields& f) {
    loss.fields(f);
    f.group("temperature", temperature);
    f.add("mask_groups", mask_groups, "samples that are the same thing are no negatives");
    f.group("projector", projector);
  }
};

// View 0 goes through the first tower, view 1 through the second, each with a projector of its own;
// InfoNCE in both directions with a learned temperature. The first tower is the encoder that is
// handed on.
class Clip : public learn::Method {
 public:
  Clip(std::shared_ptr<learn::Encoder> first, std::shared_ptr<learn::Encoder> second,
       const ClipOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return first_->encoder(); }
  std::shared_ptr<learn::Encoder> second_encoder() const { return second_->encoder(); }
  int64_t negatives(int64_t batch) const override { return batch - 1; }

 private:
  std::shared_ptr<learn::Branch> first_, second_;
  ClipOptions options_;
  at::Tensor log_scale_;
};

}  // namespace vistas::methods
