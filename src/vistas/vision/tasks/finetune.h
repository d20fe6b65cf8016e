// Training a classifier on labels, from a pre-trained encoder or from scratch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "vistas/learn/trainer.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/features.h"

namespace vistas::vision {

// Cross-entropy of a linear layer on the encoder's features: mean over the batch.
class Classifier : public learn::Method {
 public:
  // The linear layer starts at zero.
  Classifier(std::shared_ptr<learn::Encoder> encoder, int64_t classes);

  learn::Embeddings embed(const learn::Batch& batch) override;  // live[0]: logits [B, classes]
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t) const override { return 0; }

  at::Tensor logits(const at::Tensor& features) const;

 private:
  std::shared_ptr<learn::Encoder> encoder_;
  at::Tensor weight_, bias_;
};

struct FinetuneOptions {
  int64_t epochs = 30;
  int64_t min_steps = 500;  // few labels are seen more often
  int64_t batch = 64;
  double lr = 0.03;  // SGD, momentum 0.9, cosine to 0, for encoder and linear layer alike
  double weight_decay = 5e-4;
  FeatureOptions features;
};

// Trains all weights of `start` (left as it is) and a linear layer on the labelled pictures with
// light views, and returns logits [N, classes] for the test pictures that can be read. A function
// of the seed. `progress` hears of steps.
at::Tensor finetune(const Bundle& start, std::shared_ptr<const ImageSource> train,
                    std::shared_ptr<const ImageSource> test, const FinetuneOptions& options,
                    uint64_t seed, const FeatureProgress& progress = {});

}  // namespace vistas::vision
