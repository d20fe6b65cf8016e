#include "vistas/vision/encoders/vit.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <regex>

#include "vistas/base/error.h"
#include "vistas/learn/linear.h"
#include "vistas/learn/recompute.h"
#include "vistas/vision/encoders/pixels.h"

namespace vistas::vision {
namespace {

using learn::LayerNorm;
using learn::Linear;

// Glorot and Bengio, 2010: U(-a, a), a = sqrt(6 / (in + out)).
void xavier_uniform(const at::Tensor& weight, at::Generator& generator) {
  at::NoGradGuard no_grad;
  const double bound = std::sqrt(6.0 / static_cast<double>(weight.size(0) + weight.size(1)));
  weight.uniform_(-bound, bound, generator);
}

void check_shape(const VitShape& s) {
  if (s.image_size % s.patch != 0) {
    throw Error(ErrorKind::usage,
                {.what = "vit: patch",
                 .got = fmt::format("{} pixels", s.patch),
                 .expected = fmt::format("a divisor of the image size, {}", s.image_size),
                 .fix = "Set encoder.patch or encoder.image_size"});
  }
  if (s.dim % s.heads != 0) {
    throw Error(ErrorKind::usage, {.what = "vit: heads",
                                   .got = fmt::format("{}", s.heads),
                                   .expected = fmt::format("a divisor of the width, {}", s.dim)});
  }
}

}  // namespace

class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(int64_t dim, int64_t heads, at::Generator& generator) : heads_(heads) {
    in_weight_ = register_parameter("in_proj_weight", at::empty({3 * dim, dim}));
    in_bias_ = register_parameter("in_proj_bias", at::zeros({3 * dim}));
    xavier_uniform(in_weight_, generator);
    out_ = register_module("out_proj", std::make_shared<Linear>(dim, dim, true, generator));
    at::NoGradGuard no_grad;
    out_->bias.zero_();
  }

  at::Tensor forward(const at::Tensor& x) {
    const int64_t batch = x.size(0), tokens = x.size(1), dim = x.size(2);
    const auto qkv = learn::linear(x, in_weight_, in_bias_)
                         .view({batch, tokens, 3, heads_, dim / heads_})
                         .permute({2, 0, 3, 1, 4})
                         .unbind(0);
    const at::Tensor mixed = at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]);
    return out_->forward(mixed.transpose(1, 2).reshape({batch, tokens, dim}));
  }

 private:
  int64_t heads_;
  at::Tensor in_weight_, in_bias_;
  std::shared_ptr<Linear> out_;
};

// Pre-norm attention and a two-layer perceptron four times as wide, each with a shortcut.
class VitBlock : public torch::nn::Module {
 public:
  VitBlock(int64_t dim, int64_t heads, at::Generator& generator) {
    norm1_ = register_module("ln_1", std::make_shared<LayerNorm>(dim));
    attention_ =
        register_module("self_attention", std::make_shared<SelfAttention>(dim, heads, generator));
    norm2_ = register_module("ln_2", std::make_shared<LayerNorm>(dim));
    auto mlp = register_module("mlp", std::make_shared<torch::nn::Module>());
    up_ = mlp->register_module("0", std::make_shared<Linear>(dim, 4 * dim, true, generator));
    down_ = mlp->register_module("3", std::make_shared<Linear>(4 * dim, dim, true, generator));
    for (const auto& layer : {up_, down_}) {
      xavier_uniform(layer->weight, generator);
      at::NoGradGuard no_grad;
      layer->bias.normal_(0, 1e-6, generator);
    }
  }

  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor y = x + attention_->forward(norm1_->forward(x));
    return y + down_->forward(at::gelu(up_->forward(norm2_->forward(y))));
  }

 private:
  std::shared_ptr<LayerNorm> norm1_, norm2_;
  std::shared_ptr<SelfAttention> attention_;
  std::shared_ptr<Linear> up_, down_;
};

Vit::Vit(const VitShape& shape, uint64_t seed) : shape_(shape) {
  check_shape(shape);
  at::Generator generator = learn::initial_values(seed);
  const int64_t patches = (shape.image_size / shape.patch) * (shape.image_size / shape.patch);
  const int64_t fan_in = shape.channels * shape.patch * shape.patch;

  class_token_ = register_parameter("class_token", at::zeros({1, 1, shape.dim}));
  auto projection = register_module("conv_proj", std::make_shared<torch::nn::Module>());
  patch_weight_ = projection->register_parameter(
      "weight", at::empty({shape.dim, shape.channels, shape.patch, shape.patch})
                    .normal_(0, std::sqrt(1.0 / static_cast<double>(fan_in)), generator));
  patch_bias_ = projection->register_parameter("bias", at::zeros({shape.dim}));

  auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
  position_ = encoder->register_parameter(
      "pos_embedding", at::empty({1, 1 + patches, shape.dim}).normal_(0, 0.02, generator));
  auto layers = encoder->register_module("layers", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < shape.depth; ++i) {
    blocks_.push_back(
        layers->register_module("encoder_layer_" + std::to_string(i),
                                std::make_shared<VitBlock>(shape.dim, shape.heads, generator)));
  }
  norm_ = encoder->register_module("ln", std::make_shared<LayerNorm>(shape.dim));
}

at::Tensor Vit::positions(int64_t height, int64_t width) const {
  const int64_t side = shape_.image_size / shape_.patch;
  const int64_t rows = height / shape_.patch, columns = width / shape_.patch;
  if (rows == side && columns == side) return position_;
  const at::Tensor grid =
      position_.slice(1, 1).reshape({1, side, side, shape_.dim}).permute({0, 3, 1, 2});
  const at::Tensor resized =
      at::upsample_bicubic2d(grid.to(at::kFloat), {rows, columns}, /*align_corners=*/false);
  return at::cat(
      {position_.slice(1, 0, 1), resized.flatten(2).transpose(1, 2).to(position_.scalar_type())},
      1);
}

std::vector<at::Tensor> Vit::stages(const at::Tensor& pixels) {
  check_pixels(pixels, "vit", shape_.channels, shape_.patch);
  const at::Tensor patches =
      at::conv2d(pixels, patch_weight_, patch_bias_, {shape_.patch, shape_.patch})
          .flatten(2)
          .transpose(1, 2);
  const at::Tensor first = class_token_.expand({pixels.size(0), -1, -1}).to(patches.scalar_type());
  at::Tensor x = at::cat({first, patches}, 1) + positions(pixels.size(2), pixels.size(3));
  std::vector<at::Tensor> outputs;
  for (const auto& block : blocks_) {
    x = learn::recomputed({x}, block->parameters(),
                          [block](const auto& in) { return block->forward(in[0]); });
    outputs.push_back(x);
  }
  return outputs;
}

at::Tensor Vit::tokens(const at::Tensor& pixels) {
  return norm_->forward(stages(pixels).back());
}

std::string vit_name_from_timm(const std::string& name) {
  static const std::vector<std::pair<std::regex, std::string>> rules = {
      {std::regex("^cls_token$"), "class_token"},
      {std::regex("^pos_embed$"), "encoder.pos_embedding"},
      {std::regex("^patch_embed\\.proj\\."), "conv_proj."},
      {std::regex("^norm\\."), "encoder.ln."},
      {std::regex("^blocks\\.(\\d+)\\."), "encoder.layers.encoder_layer_$1."},
      {std::regex("\\.norm([12])\\."), ".ln_$1."},
      {std::regex("\\.attn\\.qkv\\."), ".self_attention.in_proj_"},
      {std::regex("\\.attn\\.proj\\."), ".self_attention.out_proj."},
      {std::regex("\\.mlp\\.fc1\\."), ".mlp.0."},
      {std::regex("\\.mlp\\.fc2\\."), ".mlp.3."}};
  std::string result = name;
  for (const auto& [pattern, replacement] : rules) {
    result = std::regex_replace(result, pattern, replacement);
  }
  return result;
}

}  // namespace vistas::vision
