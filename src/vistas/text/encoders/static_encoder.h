// A static encoder: the mean of a vector for each token, without context.
#pragma once

#include <cstdint>

#include "vistas/base/options.h"
#include "vistas/learn/embedding_bag.h"
#include "vistas/text/encoders/text_encoder.h"

namespace vistas::text {

struct StaticOptions {
  int64_t dim = 256;
  double init_std = 1;
  int64_t buckets = 0;
  int64_t ngrams = 2;
  bool normalize = false;

  void fields(Fields& f) {
    f.add("dim", dim, "width of the vectors", {1, 1 << 16});
    f.add("init_std", init_std, "standard deviation of the initial vectors", {0, 1e3});
    f.add("buckets", buckets,
          "rows for n-grams of tokens, which share them by hash; 0: single tokens only",
          {0, 1 << 30});
    f.add("ngrams", ngrams, "tokens of the longest n-grams, where there are buckets", {2, 10});
    f.add("normalize", normalize, "embeddings of length one");
  }
};

// Mean of the rows of a table over the ids of a text and, with buckets, over its n-grams of 2 to
// `ngrams` ids; zero for a text without ids. The gradient is sparse (learn/embedding_bag.h).
// As `StaticEmbedding` of sentence-transformers; n-grams as fastText: Joulin et al., "Bag of tricks
// for efficient text classification", 2017.
class StaticEncoder : public TextEncoder {
 public:
  StaticEncoder(int64_t vocabulary, const StaticOptions& options, uint64_t seed);

  at::Tensor encode(const at::Tensor& ids, const at::Tensor& length) override;
  int64_t dim() const override { return options_.dim; }
  bool wants_marks() const override { return false; }
  int64_t max_length() const override { return int64_t{1} << 20; }
  int64_t vocabulary() const { return vocabulary_; }
  const StaticOptions& options() const { return options_; }

 private:
  learn::Bags bags_of(const at::Tensor& ids, const at::Tensor& length) const;

  int64_t vocabulary_;
  StaticOptions options_;
  at::Tensor weight_;  // [vocabulary + buckets, dim]
};

}  // namespace vistas::text
