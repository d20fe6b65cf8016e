// From rows of texts to batches of token ids.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vistas/learn/loader.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tokenizers/tokenizer.h"
#include "vistas/text/views/text_views.h"

namespace vistas::text {

// What the views of a sample are: those of its row, the columns of its row where it has several
// texts, its row and the next one, or two parts of the text of its row that follow each other
// (views/segments.h), drawn anew each epoch; a text of one part is both, which recipes leave out.
enum class Positives { row, columns, next_row, sentences, paragraphs };

struct TextBatchOptions {
  Positives positives = Positives::row;
  int64_t max_length = 256;    // ids a text, marks among them
  bool marks = false;          // texts come between the tokenizer's begin and end
  int64_t sorted_batches = 0;  // batches whose rows are sorted by length together; 0: none
  bool groups = false;         // Batch::group: rows that share a text, directly or through others
  uint64_t seed = 0;
  // Embeddings [C, N, T] that every view brings as "teacher" beside its ids: of row i and its
  // column c of the views (C = 1: of the first text of the row).
  at::Tensor teacher{};
};

// The texts of a column of a file, in order.
std::vector<std::string> column_texts(const TextFile& file, int64_t column);

// views[v]: "ids" [B, L] int64, "length" [B] int64, the same L for all views of a batch.
// Batch::label are classes in the order in which they first occur, Batch::score the numbers of
// scored pairs. Texts are tokenized when a batch needs them, so memory does not grow with the file.
// Views are a function of (seed, epoch, sample, view).
class TextBatches : public learn::BatchMaker {
 public:
  TextBatches(std::shared_ptr<const TextFile> file, const Layout& layout,
              std::shared_ptr<const Tokenizer> tokenizer, const TextViewOptions& views,
              const TextBatchOptions& options);

  int64_t size() const override { return file_->size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override;
  // A random order, with sorted_batches of rows of like length (in bytes) in each batch: the rows
  // of so many batches are sorted and cut into batches, which come in random order.
  std::vector<int64_t> order(Draws& draws, int64_t batch) const override;
  // Tokens of all views of each sample.
  std::vector<int64_t> costs(const std::vector<int64_t>& samples, uint64_t epoch) const override;

  // Texts made so far, and those of them that were longer than max_length.
  int64_t made() const { return made_; }
  int64_t truncated() const { return truncated_; }

 private:
  struct ViewIds;
  void find_groups();
  void find_classes();
  // Row and column, among those of the layout, of what a view shows.
  std::pair<int64_t, size_t> place_of(int64_t sample, size_t view) const;
  at::Tensor teacher_of(const std::vector<int64_t>& samples, size_t view) const;
  void append_view(std::span<const int32_t> whole, const DrawKey& key, size_t view,
                   std::vector<int32_t>& out) const;
  // The texts of a sample that its views show; valid until the next call of this thread.
  std::vector<std::string_view> texts_of(int64_t sample, uint64_t epoch, double& score) const;
  double append_sample(int64_t sample, uint64_t epoch, std::vector<ViewIds>& views) const;
  size_t view_count() const;

  std::shared_ptr<const TextFile> file_;
  Layout layout_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  TextViews views_;
  TextBatchOptions options_;
  std::vector<int64_t> groups_;   // of each row, where they are wanted
  std::vector<int32_t> classes_;  // of each row, where it has a label
  mutable std::atomic<int64_t> made_ = 0, truncated_ = 0;
};

}  // namespace vistas::text
