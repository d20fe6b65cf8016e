#include "vistas/text/tasks/tf_idf.h"

#include <cmath>
#include <map>
#include <set>

#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

constexpr char32_t kDottedI = 0x130;  // in lower case "i" and a dot, which is no word character

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  int64_t characters = 0;
  const auto end_word = [&] {
    if (characters >= 2) words.push_back(word);
    word.clear();
    characters = 0;
  };
  while (!text.empty()) {
    const Character c = first_character(text);
    text.remove_prefix(c.length);
    if (is_word_character(c.code)) {
      append_utf8(c.code == kDottedI ? U'i' : to_lower(c.code), word);
      ++characters;
    }
    if (!is_word_character(c.code) || c.code == kDottedI) end_word();
  }
  end_word();
  return words;
}

TfIdf::TfIdf(std::span<const std::string_view> texts, const TfIdfOptions& options)
    : options_(options) {
  std::unordered_map<std::string, int64_t> documents;
  for (const std::string_view text : texts) {
    const std::vector<std::string> words = words_of(text);
    for (const std::string& word : std::set<std::string>(words.begin(), words.end())) {
      ++documents[word];
    }
  }
  // In the order of the words, so that columns do not depend on the order of a hash table.
  const std::map<std::string, int64_t> sorted(documents.begin(), documents.end());
  const auto n = static_cast<double>(texts.size());
  for (const auto& [word, count] : sorted) {
    if (count < options_.min_documents) continue;
    columns_.emplace(word, static_cast<int32_t>(idf_.size()));
    idf_.push_back(std::log((1 + n) / (1 + static_cast<double>(count))) + 1);
  }
}

measure::SparseRows TfIdf::rows(std::span<const std::string_view> texts) const {
  measure::SparseRows out{.columns = words()};
  for (const std::string_view text : texts) {
    std::map<int32_t, double> counts;
    for (const std::string& word : words_of(text)) {
      if (const auto found = columns_.find(word); found != columns_.end()) ++counts[found->second];
    }
    double squares = 0;
    for (auto& [column, value] : counts) {
      if (options_.sublinear) value = 1 + std::log(value);
      value *= idf_[static_cast<size_t>(column)];
      squares += value * value;
    }
    for (const auto& [column, value] : counts) {
      out.indices.push_back(column);
      out.values.push_back(static_cast<float>(value / std::sqrt(squares)));
    }
    out.offsets.push_back(static_cast<int64_t>(out.indices.size()));
  }
  return out;
}

}  // namespace vistas::text
