// Tokenizers of SentencePiece models, unigram and BPE, by Google's library.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/text/tokenizers/added_tokens.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace vistas::text {

// How the ids of a model become those of the network.
enum class PieceIds {
  model,    // as the model has them
  fairseq,  // XLM-R: <s> 0, <pad> 1, </s> 2, <unk> 3, piece i of the model i + 1, <mask> at the end
};

// Of a model that came in a tokenizer.json: what its file says beside the model.
struct PieceSettings {
  std::vector<std::string> tokens{};  // all, those of the model first
  std::vector<AddedToken> added{};
  SpecialTokens special{};
  bool keeps_last_space = false;  // spaces at the end of a text are a token, U+2581
};

// Kudo and Richardson, "SentencePiece", EMNLP 2018. Ids equal the library's: characters without a
// piece are unknown, several that follow each other one token. The texts of control tokens ("<s>")
// mean nothing special in a text.
class SentencePiece : public Tokenizer {
 public:
  // `model` is the content of a *.model file; `name` appears in errors. A begin, end or padding
  // that the model does not have is -1, the mask is <mask> or [MASK].
  SentencePiece(std::string_view model, const std::string& name, PieceIds ids = PieceIds::model);
  SentencePiece(std::string_view model, const std::string& name, const PieceSettings& settings);
  ~SentencePiece() override;

  void append(std::string_view text, std::vector<int32_t>& ids) const override;
  // Tokens that do not begin with U+2581, nor with a character of a script without spaces.
  bool continues_word(int32_t id) const override;

 private:
  void load(std::string_view model, const std::string& name);
  void find_words();
  void encode(std::string_view text, std::vector<int32_t>& ids) const;
  void take_model_ids();
  void take_fairseq_ids(const std::string& name);

  std::unique_ptr<sentencepiece::SentencePieceProcessor> model_;
  std::vector<uint8_t> continues_;
  std::vector<int32_t> ids_;  // of the model's ids
  AddedTokens added_;
  int32_t last_space_ = -1;  // the token for spaces at the end of a text
};

}  // namespace vistas::text
