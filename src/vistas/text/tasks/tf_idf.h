// TF-IDF: the baseline that any learned encoder of texts must beat.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vistas/measure/sparse.h"

namespace vistas::text {

// The words of a text as scikit-learn's vectorizers have them, in lower case: runs of two or more
// letters, numbers or _ (the pattern \b\w\w+\b of Python).
std::vector<std::string> words_of(std::string_view text);

struct TfIdfOptions {
  bool sublinear = false;     // 1 + ln(count) instead of the count
  int64_t min_documents = 1;  // words in fewer texts are left out
};

// A text as the unit vector of count(word) * idf(word) with idf(w) = ln((1 + n) / (1 + df(w))) + 1
// over the n texts of which df(w) have the word: scikit-learn's TfidfVectorizer. Words that none of
// these texts has count for nothing, and a text without any other is a zero row.
class TfIdf {
 public:
  explicit TfIdf(std::span<const std::string_view> texts, const TfIdfOptions& options = {});

  measure::SparseRows rows(std::span<const std::string_view> texts) const;
  int64_t words() const { return static_cast<int64_t>(idf_.size()); }

 private:
  TfIdfOptions options_;
  std::unordered_map<std::string, int32_t> columns_;
  std::vector<double> idf_;
};

}  // namespace vistas::text
