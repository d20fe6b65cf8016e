#include "vistas/vision/tasks/finetune.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "vistas/learn/tensors.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::vision {
namespace {

// Light views of the size and normalisation that the encoder was trained with.
ViewRecipe light_views(const ViewRecipe& preprocess) {
  const ViewSpec& spec = preprocess.views.front();
  RecipeOptions options;
  options.size = spec.height;
  options.mean = spec.mean;
  options.std = spec.std;
  return builtin_recipe("light", options);
}

class StepProgress : public learn::TrainObserver {
 public:
  explicit StepProgress(const FeatureProgress& progress) : progress_(progress) {}
  void on_report(const learn::StepReport& report) override {
    if (progress_) progress_(report.step, report.total);
  }

 private:
  const FeatureProgress& progress_;
};

}  // namespace

Classifier::Classifier(std::shared_ptr<learn::Encoder> encoder, int64_t classes)
    : encoder_(register_module("encoder", std::move(encoder))),
      weight_(register_parameter("weight", at::zeros({classes, encoder_->dim()}))),
      bias_(register_parameter("bias", at::zeros({classes}))) {}

learn::Embeddings Classifier::embed(const learn::Batch& batch) {
  return {{at::linear(encoder_->forward(batch.views.front()), weight_, bias_)}, {}};
}

at::Tensor Classifier::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  return at::cross_entropy_loss(embeddings.live.front(), batch.label);
}

at::Tensor Classifier::logits(const at::Tensor& features) const {
  const at::NoGradGuard no_grad;
  return at::linear(features.to(weight_.device()), weight_, bias_).cpu();
}

at::Tensor finetune(const Bundle& start, std::shared_ptr<const ImageSource> train,
                    std::shared_ptr<const ImageSource> test, const FinetuneOptions& options,
                    uint64_t seed, const FeatureProgress& progress) {
  Bundle bundle = untrained(start, seed);
  {
    const at::NoGradGuard no_grad;
    const auto from = learn::named_tensors(*start.encoder);
    const auto to = learn::named_tensors(*bundle.encoder);
    for (size_t i = 0; i < to.size(); ++i) to[i].second.copy_(from[i].second);
  }
  const auto classes = static_cast<int64_t>(train->class_names().size());
  const auto classifier = std::make_shared<Classifier>(bundle.encoder, classes);
  learn::TrainParts parts;
  parts.method = classifier;
  parts.data = std::make_shared<ImageBatches>(train, light_views(start.preprocess),
                                              options.features.on_bad_image, seed);
  parts.train.batch = std::min(options.batch, train->size());
  parts.train.steps =
      std::max(options.min_steps, options.epochs * (train->size() / parts.train.batch));
  parts.train.seed = static_cast<int64_t>(seed);
  parts.train.device = options.features.device;
  parts.train.precision = options.features.precision;
  parts.optimizer.name = learn::OptimizerName::sgd;
  parts.optimizer.momentum = 0.9;
  parts.optimizer.weight_decay = options.weight_decay;
  parts.schedule.lr = options.lr;
  parts.schedule.lr_scaling = learn::LrScaling::none;
  StepProgress observer(progress);
  const std::atomic<bool> never{false};
  learn::Trainer(std::move(parts)).run(nullptr, observer, never);
  bundle.encoder->eval();
  return classifier->logits(extract_features(bundle, test, options.features).values);
}

}  // namespace vistas::vision
