// BERT's tokenizer: normalise, split at spaces and punctuation, then the longest pieces from left.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "vistas/text/tokenizers/added_tokens.h"
#include "vistas/text/tokenizers/piece_table.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::text {

// As Hugging Face's BertNormalizer and WordPiece name them.
struct WordPieceOptions {
  bool clean_text = true;            // drop control characters; every space becomes U+0020
  bool handle_chinese_chars = true;  // ideographs are words of their own
  bool strip_accents = true;         // canonical decomposition without nonspacing marks
  bool lowercase = true;             // character by character, after the accents
  std::string unknown = "[UNK]";
  std::string continuing_prefix = "##";
  int64_t max_word = 100;  // in characters; longer words are unknown
  std::string begin = "[CLS]", end = "[SEP]", pad = "[PAD]", mask = "[MASK]";
};

// Ids equal those of Hugging Face `tokenizers` (normalizers/bert.rs, pre_tokenizers/bert.rs,
// models/wordpiece) but where Unicode has changed since the tables there: see docs/text.md.
// A word of which some part is no piece is one unknown token.
class WordPiece : public Tokenizer {
 public:
  // tokens[id] is the text of an id, "" where there is none. The unknown token must be among them,
  // the other special ones may be. Spaces beside an added token count for nothing, as everywhere in
  // WordPiece.
  WordPiece(std::vector<std::string> tokens, std::vector<AddedToken> added,
            const WordPieceOptions& options = {});
  WordPiece(const WordPiece&) = delete;
  WordPiece& operator=(const WordPiece&) = delete;

  void append(std::string_view text, std::vector<int32_t>& ids) const override;
  bool continues_word(int32_t id) const override;

 private:
  class Words;
  enum class Kind : uint8_t { part, space, punctuation, dropped };
  static Kind kind_of(char32_t code);
  bool is_dropped(char32_t code) const;

  AddedTokens added_;
  WordPieceOptions options_;
  PieceTable first_, later_;  // pieces that begin a word; pieces that go on, without their prefix
  std::array<Kind, 128> ascii_{};
  std::array<char, 128> ascii_cased_{};
};

}  // namespace vistas::text
