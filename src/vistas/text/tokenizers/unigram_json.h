// Unigram models of a tokenizer.json, which are those of SentencePiece in another file format.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/tokenizer_json.h"

namespace vistas::text {

// XLM-R, multilingual MiniLM and E5, T5: vocabulary with scores, normalizer Precompiled, perhaps
// with Strip and Replace, pre-tokenizer Metaspace, perhaps after WhitespaceSplit. Anything else is
// a data error that names it. Ids are those of the SentencePiece model that the file was made from.
std::unique_ptr<Tokenizer> unigram_from(const TokenizerJson& json);

// The model as SentencePiece's own file has it (sentencepiece_model.proto).
std::string sentence_piece_model(const TokenizerJson& json, std::string_view charsmap);

// What is wrong with SentencePiece's table of characters and what they become, "" if nothing is:
// its length in bytes, a double-array trie, texts that end with zero bytes. The library itself goes
// wherever the table sends it.
std::string fault_of_charsmap(std::string_view charsmap);

}  // namespace vistas::text
