// Views of a text: its words deleted, cropped, repeated ..., on token ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/random.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::text {

// How the views of a text are made; n is the number of its words. docs/text.md has the sources.
enum class TextRecipe {
  dropout,     // as it is: the views differ by the dropout of the encoder (SimCSE)
  deletion,    // each word is deleted with probability `rate`
  delete_one,  // one word is deleted
  span,        // round(rate n) words that follow each other, at least one, are deleted
  crop,        // of n words max(1, floor(share n)) that follow each other stay, share from `crop`
  swap,        // max(1, floor(rate n)) times two words trade places
  shuffle,     // round(rate n) words trade places at random
  cutoff,      // each word with probability `rate` is masked: its ids become the mask's
  repetition,  // 0 .. max(2, floor(rate n)) words, but at most n, stand there twice
};

struct TextViewOptions {
  TextRecipe recipe = TextRecipe::dropout;
  int64_t count = 2;
  double rate = -1;
  std::vector<double> crop{0.1, 0.5};
  std::string changed = "auto";

  void fields(Fields& f);
};

// The published share of words of a recipe: what `rate` = -1 stands for.
double published_rate(TextRecipe recipe);

// A word is a token and those that continue it (Tokenizer::continues_word); words are never torn.
// Whatever is drawn, at least one word of a text stays, and under cutoff one is not masked.
// Safe for many threads; nothing is allocated for a token.
class TextViews {
 public:
  // Cutoff needs a mask token or an unknown one, which is taken where there is no mask.
  TextViews(const TextViewOptions& options, const Tokenizer& tokenizer);

  int count() const { return static_cast<int>(options_.count); }

  // Replaces `out` by view number `view`, 0 <= view < count(), of a text. The view is a function of
  // key.seed, key.epoch, key.sample and `view`; key.view is left aside. The marks of begin and end
  // stay where the text has them. `out` must be another vector than that of `ids`.
  void make(std::span<const int32_t> ids, const DrawKey& key, int view,
            std::vector<int32_t>& out) const;

 private:
  class Words;

  TextViewOptions options_;
  std::vector<uint8_t> continues_;  // of each id
  int32_t begin_, end_, mask_;
};

}  // namespace vistas::text
