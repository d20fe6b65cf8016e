// The head between encoder and loss.
#pragma once

#include <memory>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/layers.h"

namespace vistas::learn {

enum class Activation { relu, gelu };

struct ProjectorOptions {
  int64_t layers = 2;
  int64_t hidden = 0;
  int64_t out = 128;
  bool norm = true;
  bool last_norm = true;
  bool last_affine = true;
  Activation activation = Activation::relu;

  void fields(Fields& f) {
    f.add("layers", layers, "linear layers; 0 passes the features on", {0, 100});
    f.add("hidden", hidden, "width of the hidden layers; 0 is that of the features", {0, 1 << 20});
    f.add("out", out, "width of the embedding", {1, 1 << 20});
    f.add("norm", norm, "batch norm after the hidden layers");
    f.add("last_norm", last_norm, "batch norm after the last layer");
    f.add("last_affine", last_affine, "scale and bias in the last batch norm");
    f.add("activation", activation, "between the layers",
          {{"relu", Activation::relu}, {"gelu", Activation::gelu}});
  }
};

// linear - norm - activation, ..., linear - norm. A linear layer that a norm follows has no bias.
// Predictors are projectors of embeddings.
class Projector : public torch::nn::Module {
 public:
  Projector(int64_t in, const ProjectorOptions& options, uint64_t seed);

  at::Tensor forward(const at::Tensor& features);  // [B, in] -> [B, dim()]
  int64_t dim() const { return dim_; }

 private:
  int64_t dim_;
  Activation activation_;
  std::vector<std::shared_ptr<Linear>> linears_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;  // nullptr where there is none
};

}  // namespace vistas::learn
