#include "vistas/text/tokenizers/byte_bpe.h"

#include <utf8proc.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <unordered_map>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/characters.h"
#include "vistas/text/tokenizers/gpt2_parts.h"

namespace vistas::text {
namespace {

// GPT-2 writes the printable bytes of Latin-1 as they are, the others as U+0100, U+0101 ...
std::unordered_map<char32_t, char> bytes_of_characters() {
  std::unordered_map<char32_t, char> out;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    out[printable ? byte : next++] = static_cast<char>(byte);
  }
  return out;
}

// "" for a token that is not written so.
std::string bytes_of(std::string_view token) {
  static const std::unordered_map<char32_t, char> bytes = bytes_of_characters();
  std::string out;
  while (!token.empty()) {
    const Character c = first_character(token);
    const auto found = bytes.find(c.code);
    if (found == bytes.end()) return "";
    out += found->second;
    token.remove_prefix(c.length);
  }
  return out;
}

// Added tokens are texts, not bytes.
std::vector<std::string> bytes_of(const std::vector<std::string>& tokens,
                                  const std::vector<AddedToken>& added) {
  std::vector<std::string> out;
  for (const std::string& token : tokens) out.push_back(bytes_of(token));
  for (const AddedToken& token : added) out.at(static_cast<size_t>(token.id)).clear();
  return out;
}

uint64_t pair_of(int32_t first, int32_t second) {
  return uint64_t{static_cast<uint32_t>(first)} << 32 | static_cast<uint32_t>(second);
}

size_t place(uint64_t pair, size_t slots) {
  return static_cast<size_t>(pair * 0x9E3779B97F4A7C15U >> 32) & (slots - 1);
}

std::string_view composed(std::string_view text, std::string& storage) {
  utf8proc_uint8_t* out = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (length < 0) return text;
  storage.assign(reinterpret_cast<const char*>(out), static_cast<size_t>(length));
  std::free(out);
  return storage;
}

}  // namespace

// Merges the bytes of one part after the other; what it allocates is used again.
class ByteBpe::Merger {
 public:
  explicit Merger(const ByteBpe& model) : model_(model) {}

  // The pair of the lowest rank first, of equal ranks the one at the left, as models/bpe/word.rs.
  void append(std::string_view part, std::vector<int32_t>& ids) {
    symbols_.clear();
    waiting_.clear();
    for (const char byte : part) {
      const int32_t id = model_.byte_ids_[static_cast<unsigned char>(byte)];
      const auto at = static_cast<int32_t>(symbols_.size());
      if (id >= 0) symbols_.push_back({id, at - 1, at + 1});
    }
    if (symbols_.empty()) return;
    symbols_.back().next = -1;
    for (int32_t at = 0; at < static_cast<int32_t>(symbols_.size()); ++at) consider(at);
    while (!waiting_.empty()) {
      std::pop_heap(waiting_.begin(), waiting_.end(), std::greater<>());
      const Waiting top = waiting_.back();
      waiting_.pop_back();
      const Merge* merge = merge_at(top.at);
      if (merge && merge->id == top.id) merge_pair(top.at, merge->id);
    }
    for (int32_t at = 0; at >= 0; at = symbol(at).next) ids.push_back(symbol(at).id);
  }

 private:
  struct Symbol {
    int32_t id;              // -1: merged into the one before
    int32_t previous, next;  // -1 for none
  };
  struct Waiting {
    int32_t rank, at, id;
    bool operator>(const Waiting& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  Symbol& symbol(int32_t at) { return symbols_[static_cast<size_t>(at)]; }

  // What becomes of the symbol at `at` and the next; null for nothing.
  const Merge* merge_at(int32_t at) {
    const Symbol& first = symbol(at);
    if (first.id < 0 || first.next < 0) return nullptr;
    return model_.find_merge(first.id, symbol(first.next).id);
  }

  void consider(int32_t at) {
    const Merge* merge = merge_at(at);
    if (!merge) return;
    waiting_.push_back({merge->rank, at, merge->id});
    std::push_heap(waiting_.begin(), waiting_.end(), std::greater<>());
  }

  void merge_pair(int32_t at, int32_t id) {
    Symbol& first = symbol(at);
    Symbol& second = symbol(first.next);
    first.id = id;
    first.next = second.next;
    second.id = -1;
    if (first.next >= 0) symbol(first.next).previous = at;
    if (first.previous >= 0) consider(first.previous);
    consider(at);
  }

  const ByteBpe& model_;
  std::vector<Symbol> symbols_{};
  std::vector<Waiting> waiting_{};  // a heap
};

ByteBpe::ByteBpe(std::vector<std::string> tokens,
                 const std::vector<std::pair<std::string, std::string>>& merges,
                 std::vector<AddedToken> added, const SpecialTokens& special,
                 const ByteBpeOptions& options)
    : Tokenizer(std::move(tokens), special),
      bytes_(bytes_of(tokens_, added)),
      added_(std::move(added)),
      options_(options) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < bytes_.size(); ++id) {
    if (bytes_[id].size() != 1) continue;
    byte_ids_[static_cast<unsigned char>(bytes_[id][0])] = static_cast<int32_t>(id);
  }
  add_merges(merges);
  std::vector<PieceTable::Piece> whole;
  Merger merger(*this);
  std::vector<int32_t> ids;
  for (size_t id = 0; id < bytes_.size(); ++id) {
    ids.clear();
    merger.append(bytes_[id], ids);
    const auto own = static_cast<int32_t>(id);
    if (options.ignore_merges || ids == std::vector{own}) whole.push_back({bytes_[id], own});
  }
  whole_ = std::make_unique<PieceTable>(whole);
}

void ByteBpe::add_merges(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < tokens_.size(); ++id) ids[tokens_[id]] = static_cast<int32_t>(id);
  const auto id_of = [&](const std::string& token) {
    const auto found = ids.find(token);
    if (found != ids.end()) return found->second;
    throw Error(ErrorKind::data, {.what = "merges of a vocabulary",
                                  .got = "\"" + token + "\"",
                                  .expected = "tokens of the vocabulary"});
  };
  merges_.resize(std::bit_ceil(2 * merges.size() + 1));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [first, second] = merges[rank];
    const uint64_t pair = pair_of(id_of(first), id_of(second));
    size_t at = place(pair, merges_.size());
    while (merges_[at].pair != kFree && merges_[at].pair != pair) {
      at = (at + 1) & (merges_.size() - 1);
    }
    merges_[at] = {pair, static_cast<int32_t>(rank), id_of(first + second)};
  }
}

const ByteBpe::Merge* ByteBpe::find_merge(int32_t first, int32_t second) const {
  const uint64_t pair = pair_of(first, second);
  for (size_t at = place(pair, merges_.size()); merges_[at].pair != kFree;
       at = (at + 1) & (merges_.size() - 1)) {
    if (merges_[at].pair == pair) return &merges_[at];
  }
  return nullptr;
}

void ByteBpe::append(std::string_view text, std::vector<int32_t>& ids) const {
  Merger merger(*this);
  std::string valid, normal, spaced;
  added_.split(
      valid_utf8(text, valid),
      [&](std::string_view part) {
        if (options_.compose) part = composed(part, normal);
        if (options_.add_prefix_space && !part.starts_with(' ')) {
          part = spaced.assign(1, ' ').append(part);
        }
        while (!part.empty()) {
          const std::string_view word = part.substr(0, first_gpt2_part(part));
          part.remove_prefix(word.size());
          const int32_t id = whole_->find(word);
          if (id >= 0) {
            ids.push_back(id);
          } else {
            merger.append(word, ids);
          }
        }
      },
      [&](int32_t id) { ids.push_back(id); });
}

bool ByteBpe::continues_word(int32_t id) const {
  const auto at = static_cast<size_t>(id);
  if (at >= bytes_.size() || bytes_[at].empty()) return false;
  const char32_t code = first_character(bytes_[at]).code;
  return !is_space(code) && !is_unspaced(code);
}

std::unique_ptr<Tokenizer> byte_bpe_from(const TokenizerJson& json) {
  ByteBpeOptions options{.ignore_merges = json.model.flag("ignore_merges", false)};
  for (const TokenizerPart& part : json.normalizers) {
    if (part.type != "NFC") refuse(json, "normalizer", part.type, "NFC or none");
    options.compose = true;
  }
  const bool one = json.pre_tokenizers.size() == 1;
  if (!one || json.pre_tokenizers[0].type != "ByteLevel") {
    refuse(json, "pre_tokenizer", one ? json.pre_tokenizers[0].type : "none or a Sequence",
           "ByteLevel");
  }
  options.add_prefix_space = json.pre_tokenizers[0].flag("add_prefix_space", true);
  if (!json.pre_tokenizers[0].flag("use_regex", true)) {
    refuse(json, "pre_tokenizer", "use_regex = false", "true");
  }
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const std::string value = json.model.text(name, ""); !value.empty()) {
      refuse(json, std::string("model.") + name, value, "none");
    }
  }
  if (json.model.flag("byte_fallback", false)) {
    refuse(json, "model.byte_fallback", "true", "false: all bytes are tokens");
  }
  const auto any = [&](const std::array<const char*, 3>& names) {
    return std::max({json.id_of(names[0]), json.id_of(names[1]), json.id_of(names[2])});
  };
  const std::string unknown = json.model.text("unk_token", "<unk>");
  const SpecialTokens special = {.begin = json.id_of(json.begin),
                                 .end = json.id_of(json.end),
                                 .pad = any({"<pad>", "[PAD]", "<|padding|>"}),
                                 .unknown = any({unknown.c_str(), "<unk>", "[UNK]"}),
                                 .mask = any({"<mask>", "[MASK]", "<|mask|>"})};
  return std::make_unique<ByteBpe>(json.tokens, json.merges, json.added, special, options);
}

}  // namespace vistas::text
