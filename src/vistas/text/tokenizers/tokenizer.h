// What every tokenizer does: text to the ids of a vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vistas::text {

// Ids of the tokens that mark structure; -1 where a vocabulary has none.
struct SpecialTokens {
  int32_t begin = -1;  // [CLS], <s>
  int32_t end = -1;    // [SEP], </s>
  int32_t pad = -1;
  int32_t unknown = -1;
  int32_t mask = -1;
};

// Safe to use from several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of UTF-8 text, without begin and end. Bytes that are no UTF-8 count as U+FFFD.
  virtual void append(std::string_view text, std::vector<int32_t>& ids) const = 0;
  // Whether the token goes on with the word of the token before it ("##ing"); false for ids that
  // the vocabulary does not have.
  virtual bool continues_word(int32_t id) const = 0;

  int64_t vocabulary_size() const { return static_cast<int64_t>(tokens_.size()); }
  // The text of an id as the vocabulary has it ("##ing"); "" for ids that it does not have.
  const std::string& token(int32_t id) const { return tokens_.at(static_cast<size_t>(id)); }
  const SpecialTokens& special() const { return special_; }

 protected:
  explicit Tokenizer(std::vector<std::string> tokens = {}, const SpecialTokens& special = {})
      : tokens_(std::move(tokens)), special_(special) {}

  std::vector<std::string> tokens_;  // by id
  SpecialTokens special_;
};

// Texts as ids, one after the other.
struct TokenizedTexts {
  std::vector<int32_t> ids;
  std::vector<int64_t> offsets{0};  // text i is ids[offsets[i] .. offsets[i + 1])
  int64_t truncated = 0;            // texts that were longer than max_length

  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  std::span<const int32_t> operator[](int64_t i) const;
};

// Each text between begin and end, or without these marks. At most max_length ids a text, marks
// among them: what is beyond is cut off at the right. max_length >= 3. The same for any number of
// threads (0: all cores).
TokenizedTexts tokenize(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                        int64_t max_length, int threads = 0, bool marks = true);

}  // namespace vistas::text
