// Vocabularies learned from texts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/text/sources/text_file.h"

namespace vistas::text {

// Columns of a file, by number from 0.
struct TextColumns {
  const TextFile* file = nullptr;
  std::vector<int64_t> columns{0};
};

struct VocabularyOptions {
  int64_t size = 32000;
  std::string kind = "unigram";
  bool lowercase = true;
  double coverage = 0.9995;
  int64_t sample = 200;
  int64_t seed = 0;

  void fields(Fields& f) {
    f.add("size", size, "tokens, the five special ones among them", {16, 1000000});
    f.add("kind", kind,
          "unigram: the likeliest pieces of a word; bpe: pieces merged by frequency, slower",
          {"unigram", "bpe"});
    f.add("lowercase", lowercase, "whether capitals are folded");
    f.add("coverage", coverage,
          "share of the characters that the vocabulary must have; the rarest others are unknown",
          {0.98, 1});
    f.add("sample", sample, "megabytes of text that are looked at; of more, rows drawn at random",
          {1, 100000});
    f.add("seed", seed, "of that draw", {0, 1e15});
  }
};

struct Vocabulary {
  std::string model;     // the content of a *.model file, for SentencePiece
  int64_t size = 0;      // tokens; fewer than asked for where the texts have no more
  int64_t texts = 0;     // that were looked at
  bool sampled = false;  // whether they are not all
};

// A SentencePiece model (Kudo 2018 for unigram; Sennrich et al. 2016 for BPE) of the texts after
// NFKC, with <pad> 0, <unk> 1, <s> 2, </s> 3 and <mask> 4. The same on every machine. No text at
// all, or a size below the number of characters, is an error.
Vocabulary train_vocabulary(std::span<const TextColumns> texts,
                            const VocabularyOptions& options = {});

}  // namespace vistas::text
