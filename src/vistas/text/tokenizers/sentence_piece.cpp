#include "vistas/text/tokenizers/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <numeric>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

constexpr const char* kSpace = "\u2581";

}  // namespace

SentencePiece::SentencePiece(std::string_view model, const std::string& name, PieceIds ids)
    : added_({}) {
  load(model, name);
  if (ids == PieceIds::model) {
    take_model_ids();
  } else {
    take_fairseq_ids(name);
  }
  find_words();
}

SentencePiece::SentencePiece(std::string_view model, const std::string& name,
                             const PieceSettings& settings)
    : Tokenizer(settings.tokens, settings.special), added_(settings.added) {
  load(model, name);
  std::iota(ids_.begin(), ids_.end(), 0);
  if (settings.keeps_last_space) last_space_ = model_->PieceToId(kSpace);
  find_words();
}

void SentencePiece::load(std::string_view model, const std::string& name) {
  model_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const auto status = model_->LoadFromSerializedProto(model);
  if (!status.ok() || model_->GetPieceSize() == 0) {
    throw Error(ErrorKind::data, {.what = name,
                                  .got = status.ok() ? "no pieces" : status.error_message(),
                                  .expected = "a SentencePiece model"});
  }
  ids_.resize(static_cast<size_t>(model_->GetPieceSize()));
}

void SentencePiece::find_words() {
  continues_.resize(tokens_.size());
  for (int piece = 0; piece < model_->GetPieceSize(); ++piece) {
    const auto id = static_cast<size_t>(ids_[static_cast<size_t>(piece)]);
    const std::string_view text = tokens_[id];
    const bool begins = text.starts_with(kSpace) || is_unspaced(first_character(text).code);
    continues_[id] = model_->IsUnknown(piece) || (!begins && !model_->IsControl(piece));
  }
}

SentencePiece::~SentencePiece() = default;

void SentencePiece::take_model_ids() {
  std::iota(ids_.begin(), ids_.end(), 0);
  for (const int32_t id : ids_) tokens_.push_back(model_->IdToPiece(id));
  special_ = {.begin = model_->bos_id(),
              .end = model_->eos_id(),
              .pad = model_->pad_id(),
              .unknown = model_->unk_id()};
  for (const char* mask : {"[MASK]", "<mask>"}) {
    const int id = model_->PieceToId(mask);
    if (id != special_.unknown) special_.mask = id;
  }
}

// The first three pieces of the model, <unk>, <s> and </s>, become the first four of fairseq.
void SentencePiece::take_fairseq_ids(const std::string& name) {
  if (model_->unk_id() != 0 || model_->bos_id() != 1 || model_->eos_id() != 2) {
    throw Error(ErrorKind::data, {.what = name,
                                  .got = "other ids than those of XLM-R",
                                  .expected = "<unk>, <s> and </s> as pieces 0, 1 and 2"});
  }
  special_ = {.begin = 0, .end = 2, .pad = 1, .unknown = 3};
  tokens_ = {"<s>", "<pad>", "</s>", "<unk>"};
  std::iota(ids_.begin(), ids_.end(), 1);
  ids_[static_cast<size_t>(model_->unk_id())] = special_.unknown;
  for (int piece = 3; piece < model_->GetPieceSize(); ++piece) {
    tokens_.push_back(model_->IdToPiece(piece));
  }
  special_.mask = static_cast<int32_t>(tokens_.size());
  tokens_.push_back("<mask>");
}

void SentencePiece::append(std::string_view text, std::vector<int32_t>& ids) const {
  added_.split(
      text, [&](std::string_view part) { encode(part, ids); },
      [&](int32_t id) { ids.push_back(id); });
}

void SentencePiece::encode(std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<int> pieces;
  const auto status = model_->Encode(text, &pieces);
  if (!status.ok()) {
    throw Error(ErrorKind::data, {.what = "SentencePiece model", .got = status.error_message()});
  }
  for (const int piece : pieces) ids.push_back(ids_[static_cast<size_t>(piece)]);
  if (last_space_ >= 0 && without_last_spaces(text).size() < text.size())
    ids.push_back(last_space_);
}

bool SentencePiece::continues_word(int32_t id) const {
  const auto at = static_cast<size_t>(id);
  return at < continues_.size() && continues_[at];
}

}  // namespace vistas::text
