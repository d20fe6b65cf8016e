#include "vistas/text/tokenizers/word_piece.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <span>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/characters.h"

namespace vistas::text {
namespace {

std::vector<PieceTable::Piece> pieces(const std::vector<std::string>& tokens,
                                      const std::string& prefix, bool continuing) {
  std::vector<PieceTable::Piece> out;
  for (size_t id = 0; id < tokens.size(); ++id) {
    std::string_view text = tokens[id];
    if (continuing) {
      if (!text.starts_with(prefix)) continue;
      text.remove_prefix(prefix.size());
    }
    out.push_back({text, static_cast<int32_t>(id)});
  }
  return out;
}

}  // namespace

WordPiece::Kind WordPiece::kind_of(char32_t code) {
  if (is_space(code)) return Kind::space;
  return is_punctuation(code) ? Kind::punctuation : Kind::part;
}

bool WordPiece::is_dropped(char32_t code) const {
  if (!options_.clean_text) return false;
  if (code == 0 || code == 0xFFFD) return true;
  return code != '\t' && code != '\n' && code != '\r' && is_control(code);
}

// Takes the characters of a text one by one and appends the ids of its words.
class WordPiece::Words {
 public:
  Words(const WordPiece& model, std::vector<int32_t>& ids) : model_(model), ids_(ids) {}

  void take(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte >= 0x80) {
        const Character c = first_character(text.substr(at));
        take(c.code);
        at += c.length;
        continue;
      }
      flush_marks();
      switch (model_.ascii_[byte]) {
        case Kind::part:
          word_ += model_.ascii_cased_[byte];
          ++characters_;
          break;
        case Kind::space:
          end_word();
          break;
        case Kind::punctuation:
          end_word();
          word_ += static_cast<char>(byte);
          ++characters_;
          end_word();
          break;
        case Kind::dropped:
          break;
      }
      ++at;
    }
    flush_marks();
    end_word();
  }

 private:
  void take(char32_t code) {
    const WordPieceOptions& options = model_.options_;
    if (model_.is_dropped(code)) return;
    const bool alone = options.handle_chinese_chars && is_ideograph(code);
    if (alone) {
      flush_marks();
      end_word();
    }
    if (options.strip_accents) {
      utf8proc_int32_t parts[8];
      int boundary = 0;
      const utf8proc_ssize_t count =
          utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code), parts, std::size(parts),
                                  UTF8PROC_DECOMPOSE, &boundary);
      for (utf8proc_ssize_t i = 0; i < count; ++i) decomposed(static_cast<char32_t>(parts[i]));
    } else {
      cased(code);
    }
    if (alone) {
      flush_marks();
      end_word();
    }
  }

  // Canonical order: marks after a character stand by combining class, equal ones as they came.
  void decomposed(char32_t code) {
    const int order = combining_class(code);
    if (order == 0) {
      flush_marks();
      if (!is_nonspacing_mark(code)) cased(code);
    } else if (!is_nonspacing_mark(code)) {
      const auto place =
          std::upper_bound(marks_.begin(), marks_.end(), order,
                           [](int value, char32_t mark) { return value < combining_class(mark); });
      marks_.insert(place, code);
    }
  }

  void flush_marks() {
    if (marks_.empty()) return;
    for (const char32_t mark : marks_) cased(mark);
    marks_.clear();
  }

  void cased(char32_t code) {
    if (!model_.options_.lowercase) return split(code);
    if (code == 0x130) {  // the one character that becomes two in lower case
      split('i');
      return split(0x307);
    }
    split(to_lower(code));
  }

  void split(char32_t code) {
    const Kind kind = kind_of(code);
    if (kind != Kind::part) end_word();
    if (kind == Kind::space) return;
    append_utf8(code, word_);
    ++characters_;
    if (kind == Kind::punctuation) end_word();
  }

  void end_word() {
    if (word_.empty()) return;
    const size_t before = ids_.size();
    bool known = characters_ <= model_.options_.max_word;
    const std::string_view word = word_;
    for (size_t at = 0; known && at < word.size();) {
      const PieceTable& table = at == 0 ? model_.first_ : model_.later_;
      const PieceTable::Match match = table.longest_prefix(word.substr(at));
      known = match.id >= 0;
      if (known) ids_.push_back(match.id);
      at += match.length;
    }
    if (!known) {
      ids_.resize(before);
      ids_.push_back(model_.special_.unknown);
    }
    word_.clear();
    characters_ = 0;
  }

  const WordPiece& model_;
  std::vector<int32_t>& ids_;
  std::string word_;
  int64_t characters_ = 0;         // of the word
  std::vector<char32_t> marks_{};  // of the last character, in canonical order
};

WordPiece::WordPiece(std::vector<std::string> tokens, std::vector<AddedToken> added,
                     const WordPieceOptions& options)
    : Tokenizer(std::move(tokens)),
      added_(std::move(added)),
      options_(options),
      first_(pieces(tokens_, options.continuing_prefix, false)),
      later_(pieces(tokens_, options.continuing_prefix, true)) {
  const auto id_of = [&](const std::string& text) {
    const auto match = first_.longest_prefix(text);
    return match.length == text.size() ? match.id : -1;
  };
  special_ = {.begin = id_of(options_.begin),
              .end = id_of(options_.end),
              .pad = id_of(options_.pad),
              .unknown = id_of(options_.unknown),
              .mask = id_of(options_.mask)};
  if (special_.unknown < 0) {
    throw Error(ErrorKind::data,
                {.what = "vocabulary",
                 .got = fmt::format("{} tokens without {}", tokens_.size(), options_.unknown),
                 .expected = "the token for words that it does not have"});
  }
  for (size_t byte = 0; byte < ascii_.size(); ++byte) {
    const auto code = static_cast<char32_t>(byte);
    ascii_[byte] = is_dropped(code) ? Kind::dropped : kind_of(code);
    const bool capital = options_.lowercase && byte >= 'A' && byte <= 'Z';
    ascii_cased_[byte] = static_cast<char>(capital ? byte + ('a' - 'A') : byte);
  }
}

bool WordPiece::continues_word(int32_t id) const {
  const std::string_view prefix = options_.continuing_prefix;
  const auto at = static_cast<size_t>(id);
  return at < tokens_.size() && !prefix.empty() && tokens_[at].size() > prefix.size() &&
         std::string_view(tokens_[at]).starts_with(prefix);
}

void WordPiece::append(std::string_view text, std::vector<int32_t>& ids) const {
  Words words(*this, ids);
  added_.split(
      text, [&](std::string_view part) { words.take(part); },
      [&](int32_t id) { ids.push_back(id); });
}

}  // namespace vistas::text
