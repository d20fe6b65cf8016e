#include "vistas/text/tokenizers/train_vocabulary.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

constexpr int64_t kRowsToMeasure = 1000;
constexpr uint64_t kMegabyte = 1000000;
// Sums of expected counts depend on it: a constant, not the number of cores.
constexpr int kThreads = 4;

// The trainer ends the program where normalisation leaves nothing of all texts: spaces, controls
// and marks alone are no text.
bool has_text(std::string_view text) {
  while (!text.empty()) {
    const Character c = first_character(text);
    if (is_letter(c.code) || is_number(c.code) || is_punctuation(c.code)) return true;
    text.remove_prefix(c.length);
  }
  return false;
}

// Hands the texts to the trainer, row by row. Where they are more than the sample each row is taken
// with the same probability.
class Rows : public sentencepiece::SentenceIterator {
 public:
  Rows(std::span<const TextColumns> texts, const VocabularyOptions& options)
      : texts_(texts),
        draws_({.seed = static_cast<uint64_t>(options.seed)}),
        share_(share_of_rows(static_cast<double>(options.sample) * kMegabyte)) {
    Next();
  }

  bool done() const override { return done_; }
  const std::string& value() const override { return fields_[column_]; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    while (true) {
      if (next_column_ == columns_in_row_) {
        if (!next_row()) return;
        next_column_ = 0;
      }
      column_ = static_cast<size_t>(texts_[file_].columns[next_column_++]);
      if (has_text(fields_.at(column_))) break;
    }
    ++taken_;
  }

  int64_t taken() const { return taken_; }
  bool sampled() const { return share_ < 1; }

 private:
  // From the mean length of rows that are spread over all.
  double share_of_rows(double bytes) {
    double all = 0;
    for (const TextColumns& part : texts_) {
      const int64_t rows = part.file->size(), looked = std::min(rows, kRowsToMeasure);
      double found = 0;
      for (int64_t i = 0; i < looked; ++i) {
        part.file->read(i * rows / looked, fields_);
        for (const int64_t column : part.columns) {
          found += static_cast<double>(fields_.at(static_cast<size_t>(column)).size());
        }
      }
      if (looked > 0) all += found / static_cast<double>(looked) * static_cast<double>(rows);
    }
    return all > bytes ? bytes / all : 1;
  }

  bool next_row() {
    do {
      while (file_ < texts_.size() && row_ == texts_[file_].file->size()) {
        ++file_;
        row_ = 0;
      }
      done_ = file_ == texts_.size();
      if (done_) return false;
      ++row_;
    } while (!draws_.chance(share_));
    texts_[file_].file->read(row_ - 1, fields_);
    columns_in_row_ = texts_[file_].columns.size();
    return true;
  }

  std::span<const TextColumns> texts_;
  std::vector<std::string> fields_;
  Draws draws_;
  double share_;
  size_t file_ = 0, column_ = 0, next_column_ = 0, columns_in_row_ = 0;
  int64_t row_ = 0, taken_ = 0;
  bool done_ = false;
};

Error failed(const VocabularyOptions& options, const std::string& message) {
  // "Vocabulary size is smaller than required_chars. 16 vs 25. Increase ..."
  const size_t least = message.find(" vs ");
  if (message.find("required_chars") != std::string::npos && least != std::string::npos) {
    return Error(ErrorKind::data, {.what = fmt::format("vocabulary of {} tokens", options.size),
                                   .got = "more characters than tokens",
                                   .expected = fmt::format("a size of at least {}",
                                                           std::atoll(message.c_str() + least + 4)),
                                   .fix = "Ask for more tokens, or lower the coverage"});
  }
  return Error(ErrorKind::data, {.what = "these texts give no vocabulary", .got = message});
}

}  // namespace

Vocabulary train_vocabulary(std::span<const TextColumns> texts, const VocabularyOptions& options) {
  const std::unordered_map<std::string, std::string> settings = {
      {"vocab_size", fmt::to_string(options.size)},
      {"model_type", options.kind},
      {"normalization_rule_name", options.lowercase ? "nmt_nfkc_cf" : "nmt_nfkc"},
      {"character_coverage", fmt::to_string(options.coverage)},
      {"pad_id", "0"},
      {"unk_id", "1"},
      {"bos_id", "2"},
      {"eos_id", "3"},
      {"control_symbols", "<mask>"},
      {"hard_vocab_limit", "false"},
      {"max_sentence_length", fmt::to_string(1 << 30)},
      {"num_threads", fmt::to_string(kThreads)},
      {"minloglevel", "4"}};
  Rows rows(texts, options);
  if (rows.done()) {
    throw Error(ErrorKind::data, {.what = "no text to learn a vocabulary from"});
  }
  Vocabulary out;
  const auto status = sentencepiece::SentencePieceTrainer::Train(settings, &rows, &out.model);
  if (!status.ok()) throw failed(options, status.error_message());
  sentencepiece::SentencePieceProcessor model;
  const auto loaded = model.LoadFromSerializedProto(out.model);
  if (!loaded.ok()) throw failed(options, loaded.error_message());
  out.size = model.GetPieceSize();
  out.texts = rows.taken();
  out.sampled = rows.sampled();
  return out;
}

}  // namespace vistas::text
