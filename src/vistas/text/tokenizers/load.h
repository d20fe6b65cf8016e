// Tokenizers from the files that Hugging Face and sentence-transformers write.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/text/tokenizers/sentence_piece.h"
#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/word_piece.h"

namespace vistas::text {

// A folder with tokenizer.json, vocab.txt, tokenizer.model, spiece.model or
// sentencepiece.bpe.model (the first of these that is there, with tokenizer_config.json beside it
// where it says more), or one of such files. Truncation and padding written there are left aside:
// the encoder knows its longest text. What is not supported is a data error that names it.
// The ids of sentencepiece.bpe.model are those of XLM-R (PieceIds::fairseq).
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& path);

// The content of a tokenizer.json; `name` appears in errors.
std::unique_ptr<Tokenizer> read_tokenizer_json(std::string_view json, const std::string& name);

// The content of a vocab.txt: a token a line, its number from 0 is its id. Spaces at the end of a
// line are not part of it. The five tokens of BERT are found in texts as they stand.
// `config` is the content of tokenizer_config.json, "" where there is none.
std::unique_ptr<Tokenizer> read_vocabulary(std::string_view text, std::string_view config,
                                           const std::string& name);

// What such a vocab.txt says.
struct VocabularyFile {
  std::vector<std::string> tokens;
  std::vector<AddedToken> added;
  WordPieceOptions options;
};
VocabularyFile parse_vocabulary(std::string_view text, std::string_view config,
                                const std::string& name);

// The ids of a SentencePiece model by the name of its file.
PieceIds ids_of(const std::filesystem::path& file);

}  // namespace vistas::text
