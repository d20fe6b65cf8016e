// Transformer encoders of the BERT family. Devlin et al., "BERT", 2019; Reimers and Gurevych,
// "Sentence-BERT", 2019.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/layers.h"
#include "vistas/text/encoders/packed.h"
#include "vistas/text/encoders/text_encoder.h"

namespace vistas::text {

// Whose names and habits: mpnet has biases for relative positions (Song et al., "MPNet", 2020).
enum class TransformerFamily { bert, distilbert, roberta, mpnet };

enum class Activation { none, gelu, gelu_tanh, relu, tanh };

// The values are those of all-MiniLM-L6-v2.
struct TransformerOptions {
  TransformerFamily family = TransformerFamily::bert;
  int64_t vocabulary = 30522;
  int64_t layers = 6;
  int64_t hidden = 384;
  int64_t heads = 12;
  int64_t intermediate = 1536;
  int64_t max_positions = 512;
  int64_t first_position = 0;
  int64_t token_types = 2;
  Activation activation = Activation::gelu;
  double layer_norm_eps = 1e-12;
  double dropout = 0.1;
  double attention_dropout = 0.1;
  std::vector<std::string> pooling = {"mean"};
  int64_t projection = 0;
  Activation projection_activation = Activation::tanh;
  bool normalize = true;

  void fields(Fields& f);
  void check() const;  // a usage error for values that do not fit each other
};

struct TransformerLayer;
struct TransformerEmbeddings;

// Words + positions + token type 0, layer norm; `layers` times attention and a perceptron, each
// with a shortcut and a layer norm behind it; pooling; then where asked a projection and a length
// of 1. Padding takes no part: all but attention works on rows [T, hidden] of real tokens.
// Parameters have the names of Hugging Face's BERT whatever the family, without its pooler:
// "embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight" ...;
// besides them "encoder.relative_attention_bias.weight" (mpnet) and "projection.weight".
class Transformer : public TextEncoder {
 public:
  // Values as BERT's: weights ~ N(0, 0.02), biases 0. Without a seed they are left unset, to be
  // loaded. Checks the options.
  Transformer(const TransformerOptions& options, std::optional<uint64_t> seed);

  at::Tensor encode(const at::Tensor& ids, const at::Tensor& length) override;
  // Weights are joined and converted to the precision once; what lies between layers stays float32.
  Frozen frozen(const std::string& precision) override;
  int64_t dim() const override;
  bool wants_marks() const override { return true; }
  int64_t max_length() const override { return options_.max_positions - options_.first_position; }
  const TransformerOptions& options() const { return options_; }

 private:
  PackedTexts packed(const at::Tensor& ids, const at::Tensor& length) const;
  at::Tensor finish(at::Tensor pooled);

  TransformerOptions options_;
  std::shared_ptr<TransformerEmbeddings> embeddings_;
  std::vector<std::shared_ptr<TransformerLayer>> layers_;
  at::Tensor relative_;  // [buckets, heads], mpnet
  std::shared_ptr<learn::Linear> projection_;
};

// The bucket of MPNet (and T5) of key position - query position: 32 buckets, exact up to 8 in each
// direction, then logarithmic up to 128. Raffel et al., "T5", 2020.
int64_t relative_bucket(int64_t distance);

}  // namespace vistas::text
