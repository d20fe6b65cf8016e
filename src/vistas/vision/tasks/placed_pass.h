// One pass over pictures with a network whose answers have places.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "vistas/vision/tasks/features.h"
#include "vistas/vision/tasks/placed_views.h"

namespace torch::nn {
class Module;
}

namespace vistas::vision {

using AnswerOf = std::function<at::Tensor(const at::Tensor& pixels)>;  // [B, C, H, W] -> [B, ...]
using TakeAnswer =
    std::function<void(int64_t sample, const PlacedView& view, const at::Tensor& answer)>;

// Calls `take` with the float32 answer for every picture that can be read, in order; `network` is
// what is moved to the device. Processes of a group share the batches; all take all answers.
BadImages pass_over(const std::shared_ptr<const ImageSource>& source, const ViewRecipe& preprocess,
                    const FeatureOptions& options, torch::nn::Module& network,
                    const AnswerOf& answer, const TakeAnswer& take,
                    const FeatureProgress& progress = {});

}  // namespace vistas::vision
