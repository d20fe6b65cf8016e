// From a configuration to what trains on texts.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "vistas/recipe/text_config.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tasks/bundle.h"
#include "vistas/text/tasks/text_batches.h"

namespace vistas::recipe {

// Opens the file and finds the tokenizer; one that is learned from the data is learned here. A
// checkpoint holds the tokenizer, so that it is a bundle.
class TextTraining : public Training {
 public:
  explicit TextTraining(TextConfig& config);

  int64_t size() const override { return file_->size(); }
  std::string unit() const override;
  int64_t hard_negatives(int64_t batch) const override;
  uint64_t fingerprint() const override { return file_->fingerprint(); }
  std::vector<std::pair<std::string, std::string>> summary() const override;
  learn::TrainParts parts() override;
  LeftOut left_out() const override;
  std::vector<std::string> uses() const override;
  void write_files(const RunFolder& run) const override;
  // Whether a text is compared with its own views.
  bool views_of_row() const;

 private:
  std::shared_ptr<text::TextEncoder> make_encoder(uint64_t seed) const;
  void check_views_differ() const;
  text::TextBatchOptions batch_options() const;
  at::Tensor teacher_embeddings() const;
  bool parts_of_row() const;
  // Leaves out, or refuses, the rows that cannot be a sample.
  void leave_out_rows(text::TextFile& file) const;

  const TextConfig& config_;
  std::shared_ptr<const text::TextFile> file_;
  text::Layout layout_;
  int64_t excluded_ = 0;     // rows, by data.exclude
  text::TextBundle start_;   // the tokenizer; with encoder.start also what it begins with
  bool is_learned_ = false;  // the tokenizer, from these texts
  at::Tensor teacher_;       // [C, N, T], with data.teacher
  std::shared_ptr<const text::TextBatches> batches_;
};

// Whether a path names texts: by the ending of its name, or a file of UTF-8 whose first line is no
// path of a picture.
bool holds_texts(const std::string& path);

// The method by the columns, the encoder by encoder.start, batch and epochs by the number of rows;
// see suitable_settings().
Value suitable_text_settings(const Value& wanted);

}  // namespace vistas::recipe
