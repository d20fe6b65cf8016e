#include "vistas/text/encoders/encoders.h"

namespace vistas::text {

void TextEncoderOptions::fields(Fields& f) {
  f.add("name", name, "static: the mean of a row for each token; transformer: of the BERT family",
        {"static", "transformer"});
  f.add("start", start,
        "a run, bundle or folder of Hugging Face or sentence-transformers to begin with: its "
        "architecture, tokenizer and weights; empty: random weights");
  f.add("max_length", max_length,
        "tokens of a text, what is beyond is cut off; 0: 256, or as encoder.start has it",
        {0, 1 << 20});
  f.add("vocabulary", vocabulary, "ids of tokens; 0: as many as the tokenizer has", {0, 1 << 30});
  f.group("static", bag);
  f.group("transformer", transformer);
}

std::shared_ptr<TextEncoder> make_text_encoder(const TextEncoderOptions& options, uint64_t seed) {
  if (options.name == "static") {
    return std::make_shared<StaticEncoder>(options.vocabulary, options.bag, seed);
  }
  TransformerOptions transformer = options.transformer;
  transformer.vocabulary = options.vocabulary;
  return std::make_shared<Transformer>(transformer, seed);
}

}  // namespace vistas::text
