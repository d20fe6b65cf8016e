// The whole configuration of a run on texts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/recipe/config.h"
#include "vistas/text/encoders/encoders.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tasks/text_batches.h"
#include "vistas/text/tokenizers/train_vocabulary.h"
#include "vistas/text/views/text_views.h"

namespace vistas::recipe {

struct TextDataOptions {
  std::string modality = "text";
  std::string path;
  text::TextFileOptions file;
  std::vector<std::string> columns, exclude;
  std::string score, label, teacher;
  text::Positives positives = text::Positives::columns;
  int64_t sorted_batches = 0;
  std::string score_task;

  void fields(Fields& f);
};

struct TokenizerOptions {
  std::string path;
  text::VocabularyOptions learned{};

  void fields(Fields& f) {
    f.add(
        "path", path,
        "tokenizer.json, vocab.txt, a SentencePiece model or a folder with one; empty: that of "
        "encoder.start, otherwise a vocabulary is learned from the data as the next settings say");
    learned.fields(f);
  }
};

class TextConfig : public Config {
 public:
  // Where `values` name no method it is `ranking`.
  explicit TextConfig(const Value& values);

  const std::string& data_path() const override { return data.path; }
  std::unique_ptr<Training> open() override;
  void settle_as(const Config& settled) override;
  void continue_from(const RunFolder& run) override;

  TextDataOptions data;
  TokenizerOptions tokenizer;
  text::TextViewOptions views;
  text::TextEncoderOptions encoder;
  // Where a run that goes on has what it made of the data at its beginning; "" without.
  std::string learned_tokenizer, teacher_embeddings;

 private:
  void own_fields(Fields& f) override;
};

}  // namespace vistas::recipe
