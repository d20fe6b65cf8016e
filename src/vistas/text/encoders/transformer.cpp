#include "vistas/text/encoders/transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/contrast/similarity.h"
#include "vistas/learn/precision.h"
#include "vistas/learn/recompute.h"
#include "vistas/text/encoders/transformer_layers.h"

namespace vistas::text {
namespace {

constexpr int64_t kBuckets = 32;
constexpr int64_t kFarthest = 128;

// Devlin et al., appendix A.2, and Hugging Face's BertPreTrainedModel: N(0, 0.02), biases 0.
void draw_values(torch::nn::Module& module, uint64_t seed) {
  at::Generator generator = learn::initial_values(seed);
  const at::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    at::Tensor& values = item.value();
    if (values.dim() == 2) {
      values.normal_(0, 0.02, generator);
    } else {
      values.fill_(item.key().ends_with("LayerNorm.weight") ? 1 : 0);
    }
  }
}

// [1, heads, L, L] of a table [buckets, heads].
at::Tensor relative_bias(const at::Tensor& table, int64_t length) {
  at::Tensor bucket = at::empty({length, length}, at::kLong);
  auto cells = bucket.accessor<int64_t, 2>();
  for (int64_t query = 0; query < length; ++query) {
    for (int64_t key = 0; key < length; ++key) cells[query][key] = relative_bucket(key - query);
  }
  return at::embedding(table, bucket.to(table.device())).permute({2, 0, 1}).unsqueeze(0);
}

}  // namespace

void TransformerOptions::fields(Fields& f) {
  const double most = 1 << 20;
  const std::vector<std::pair<std::string, Activation>> activations = {
      {"gelu", Activation::gelu},
      {"gelu_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu},
      {"tanh", Activation::tanh},
      {"none", Activation::none}};
  f.add("family", family, "whose tensor names files have; mpnet: relative positions",
        {{"bert", TransformerFamily::bert},
         {"distilbert", TransformerFamily::distilbert},
         {"roberta", TransformerFamily::roberta},
         {"mpnet", TransformerFamily::mpnet}});
  f.add("vocabulary", vocabulary, "ids that have a word vector", {1, 1e7});
  f.add("layers", layers, "layers of attention and perceptron", {1, 1000});
  f.add("hidden", hidden, "features of a token", {1, most});
  f.add("heads", heads, "attention heads; they divide hidden", {1, most});
  f.add("intermediate", intermediate, "width of the perceptrons", {1, most});
  f.add("max_positions", max_positions, "positions that have a vector", {1, most});
  f.add("first_position", first_position, "the first token's; RoBERTa and MPNet: 2", {0, most});
  f.add("token_types", token_types, "token types, of which 0 is used; 0: none", {0, most});
  f.add("activation", activation, "of the perceptrons; gelu: the exact one", activations);
  f.add("layer_norm_eps", layer_norm_eps, "added to variances", {0, 1});
  f.add("dropout", dropout, "share of features dropped in training", {0, 0.999});
  f.add("attention_dropout", attention_dropout, "share of attention dropped in training",
        {0, 0.999});
  f.add("pooling", pooling,
        "from tokens to a text, several stand side by side: "
        "cls, max, mean, mean_sqrt_len, weightedmean, lasttoken");
  f.add("projection", projection, "features after a linear layer behind the pooling; 0: none",
        {0, most});
  f.add("projection_activation", projection_activation, "of the projection", activations);
  f.add("normalize", normalize, "whether embeddings have a length of 1");
}

void TransformerOptions::check() const {
  if (hidden % heads != 0) {
    throw Error(ErrorKind::usage, {.what = "transformer: heads",
                                   .got = fmt::format("{}", heads),
                                   .expected = fmt::format("a divisor of the width, {}", hidden)});
  }
  if (first_position >= max_positions) {
    throw Error(ErrorKind::usage,
                {.what = "transformer: first_position",
                 .got = fmt::format("{}", first_position),
                 .expected = fmt::format("less than max_positions, {}", max_positions)});
  }
  const auto& names = pooling_names();
  for (const std::string& mode : pooling) {
    if (std::find(names.begin(), names.end(), mode) != names.end()) continue;
    throw Error(ErrorKind::usage, {.what = "transformer: pooling",
                                   .got = mode,
                                   .expected = "some of cls, max, mean, mean_sqrt_len, "
                                               "weightedmean, lasttoken",
                                   .fix = did_you_mean(mode, names)});
  }
  if (pooling.empty()) {
    throw Error(ErrorKind::usage, {.what = "transformer: pooling", .got = "none"});
  }
}

Transformer::Transformer(const TransformerOptions& options, std::optional<uint64_t> seed)
    : options_(options) {
  options.check();
  embeddings_ = register_module("embeddings", std::make_shared<TransformerEmbeddings>(options));
  const auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
  const auto layers = encoder->register_module("layer", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < options.layers; ++i) {
    layers_.push_back(
        layers->register_module(std::to_string(i), std::make_shared<TransformerLayer>(options)));
  }
  if (options.family == TransformerFamily::mpnet) {
    relative_ =
        encoder->register_module("relative_attention_bias", std::make_shared<torch::nn::Module>())
            ->register_parameter("weight", at::empty({kBuckets, options.heads}));
  }
  if (options.projection > 0) {
    const int64_t pooled = options.hidden * static_cast<int64_t>(options.pooling.size());
    projection_ = register_module(
        "projection",
        std::make_shared<learn::Linear>(pooled, options.projection, /*with_bias=*/true));
  }
  if (seed) draw_values(*this, *seed);
}

int64_t Transformer::dim() const {
  return options_.projection > 0 ? options_.projection
                                 : options_.hidden * static_cast<int64_t>(options_.pooling.size());
}

PackedTexts Transformer::packed(const at::Tensor& ids, const at::Tensor& length) const {
  PackedTexts texts = pack_texts(ids, length);
  if (texts.longest > max_length()) {
    throw Error(ErrorKind::usage, {.what = "a text for this encoder",
                                   .got = fmt::format("{} ids", texts.longest),
                                   .expected = fmt::format("at most {}", max_length())});
  }
  return texts;
}

at::Tensor Transformer::encode(const at::Tensor& ids, const at::Tensor& length) {
  const PackedTexts texts = packed(ids, length);
  const at::Tensor mask = attention_mask(texts, relative_);
  at::Tensor x = embeddings_->forward(texts);
  for (const auto& layer : layers_) {
    std::vector<at::Tensor> inputs{x};
    if (mask.defined()) inputs.push_back(mask);
    x = learn::recomputed(inputs, layer->parameters(), [layer, texts](const auto& in) {
      return layer->forward(in[0], texts, in.size() > 1 ? in[1] : at::Tensor());
    });
  }
  return finish(pool(x, texts, options_.pooling));
}

at::Tensor Transformer::finish(at::Tensor pooled) {
  if (projection_) {
    // In float32 also under autocast: it is small, and its errors would be those of the result.
    const learn::AutocastScope exact(pooled.device(), "fp32");
    pooled = activate(projection_->forward(pooled), options_.projection_activation);
  }
  return options_.normalize ? contrast::unit_rows(pooled) : pooled;
}

at::Tensor attention_mask(const PackedTexts& texts, const at::Tensor& relative) {
  const at::Tensor real =
      texts.same_length() ? at::Tensor() : token_mask(texts).unsqueeze(1).unsqueeze(1);
  if (!relative.defined()) return real;
  const at::Tensor bias = relative_bias(relative, texts.longest);
  if (!real.defined()) return bias;
  return bias.masked_fill(real.logical_not(), -std::numeric_limits<double>::infinity());
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return at::gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::relu:
      return at::relu(x);
    case Activation::tanh:
      return at::tanh(x);
    case Activation::none:
      break;
  }
  return x;
}

int64_t relative_bucket(int64_t distance) {
  constexpr int64_t half = kBuckets / 2, exact = half / 2;
  const int64_t side = distance > 0 ? half : 0, far = std::abs(distance);
  if (far < exact) return side + far;
  // In float32, as the models were trained.
  const float scale = std::log(static_cast<float>(far) / exact) /
                      static_cast<float>(std::log(static_cast<double>(kFarthest) / exact));
  const auto step = static_cast<int64_t>(scale * static_cast<float>(half - exact));
  return side + std::min(exact + step, half - 1);
}

}  // namespace vistas::text
