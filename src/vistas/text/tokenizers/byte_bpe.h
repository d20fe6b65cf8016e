// Byte-level BPE, the tokenizer of GPT-2 and RoBERTa: split by kinds of characters (gpt2_parts.h),
// then merge the bytes of each part by rank.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vistas/text/tokenizers/added_tokens.h"
#include "vistas/text/tokenizers/piece_table.h"
#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/tokenizer_json.h"

namespace vistas::text {

struct ByteBpeOptions {
  bool add_prefix_space = false;  // before each stretch of text that does not begin with a space
  bool compose = false;           // NFC first
  bool ignore_merges = false;     // a part that is a token is that token, whatever its merges say
};

// Sennrich et al. 2016 on bytes (Radford et al. 2019). Ids equal those of Hugging Face `tokenizers`
// (pre_tokenizers/byte_level.rs, models/bpe).
class ByteBpe : public Tokenizer {
 public:
  // tokens[id] has a character for each byte, as GPT-2 writes them; merges are in the order of
  // their rank. Bytes that are no token are left out of texts.
  ByteBpe(std::vector<std::string> tokens,
          const std::vector<std::pair<std::string, std::string>>& merges,
          std::vector<AddedToken> added, const SpecialTokens& special,
          const ByteBpeOptions& options = {});
  ByteBpe(const ByteBpe&) = delete;
  ByteBpe& operator=(const ByteBpe&) = delete;

  void append(std::string_view text, std::vector<int32_t>& ids) const override;
  // Tokens that do not begin with a space, nor with a letter of a script without spaces.
  bool continues_word(int32_t id) const override;

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  // What becomes of a pair of tokens.
  struct Merge {
    uint64_t pair = kFree;  // the first id in the upper half
    int32_t rank = 0, id = 0;
  };
  class Merger;

  void add_merges(const std::vector<std::pair<std::string, std::string>>& merges);
  const Merge* find_merge(int32_t first, int32_t second) const;

  std::vector<std::string> bytes_;  // of the tokens
  AddedTokens added_;
  ByteBpeOptions options_;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<Merge> merges_;          // a hash table: a power of two, at most half of it taken
  std::unique_ptr<PieceTable> whole_;  // tokens that their bytes merge into
};

// Models "BPE" with the pre-tokenizer ByteLevel; anything else is a data error that names it.
std::unique_ptr<Tokenizer> byte_bpe_from(const TokenizerJson& json);

}  // namespace vistas::text
