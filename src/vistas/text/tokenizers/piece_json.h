// SentencePiece models in a tokenizer.json of Hugging Face.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vistas/text/tokenizers/piece_model.h"
#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/tokenizers/tokenizer_json.h"

namespace vistas::text {

// Models Unigram (XLM-R, multilingual MiniLM and E5, T5: vocabulary with scores) and BPE:
// normalizer Precompiled, perhaps with Strip and Replace, pre-tokenizer Metaspace, perhaps after
// WhitespaceSplit. Anything else is a data error that names it. Ids are those of the SentencePiece
// model that the file was made from.
std::unique_ptr<Tokenizer> sentence_piece_from(const TokenizerJson& json);

// The file without anything around texts, for models normalised by nmt_nfkc or nmt_nfkc_cf as all
// that vistas learns; others are a data error that names `name`. Ids are places in `model.pieces`.
// Ids of the library `tokenizers` equal those of SentencePiece but as docs/text.md says: texts are
// composed (NFC) first, since it looks at a letter with its marks as a whole. Pieces that no text
// has, "<s>", get names that no text has after NFKC: fullwidth().
std::string sentence_piece_json(const PieceModel& model, const std::string& name);

// The text with ASCII letters and signs in their wide forms, which NFKC undoes.
std::string fullwidth(std::string_view text);

}  // namespace vistas::text
