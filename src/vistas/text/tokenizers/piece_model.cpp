#include "vistas/text/tokenizers/piece_model.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "vistas/base/error.h"

namespace vistas::text {
namespace {

// Numbers of fields in the messages, and of how they are written.
enum Model : uint32_t { kPiece = 1, kTrainer = 2, kNormalizer = 3 };
enum OfPiece : uint32_t { kText = 1, kScore = 2, kType = 3 };
enum OfTrainer : uint32_t {
  kModelType = 3,
  kSpaceBehind = 24,
  kByteFallback = 35,
  kUnknownId = 40,
  kUnknownPiece = 45
};
enum OfNormalizer : uint32_t {
  kRules = 1,
  kCharsmap = 2,
  kSpaceBefore = 3,
  kJoinSpaces = 4,
  kEscapeSpaces = 5
};
enum ModelType : uint64_t { kUnigram = 1, kBpe = 2 };
enum Wire : uint32_t { kVarint = 0, kEightBytes = 1, kBytes = 2, kFourBytes = 5 };

// Writes protocol buffers.
class Message {
 public:
  void number(uint32_t field, uint64_t value) {
    varint(field << 3 | kVarint);
    varint(value);
  }
  void real(uint32_t field, float value) {
    varint(field << 3 | kFourBytes);
    for (auto bits = std::bit_cast<uint32_t>(value), i = 0U; i < 4; ++i, bits >>= 8) {
      bytes_ += static_cast<char>(bits & 0xFF);
    }
  }
  void bytes(uint32_t field, std::string_view value) {
    varint(field << 3 | kBytes);
    varint(value.size());
    bytes_ += value;
  }
  const std::string& done() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Reads protocol buffers field by field.
class Fields {
 public:
  Fields(std::string_view bytes, const std::string& name) : rest_(bytes), name_(name) {}

  // Goes to the next field; false behind the last.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    field_ = static_cast<uint32_t>(key >> 3);
    number_ = 0;
    bytes_ = {};
    switch (key & 7) {
      case kVarint:
        number_ = varint();
        break;
      case kBytes:
        bytes_ = take(varint());
        break;
      case kFourBytes:
        bytes_ = take(4);
        break;
      case kEightBytes:
        bytes_ = take(8);
        break;
      default:
        damaged();
    }
    return true;
  }

  uint32_t field() const { return field_; }
  uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }
  float real() const {
    if (bytes_.size() != 4) damaged();
    uint32_t bits = 0;
    for (size_t i = 4; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes_[i]);
    return std::bit_cast<float>(bits);
  }

 private:
  [[noreturn]] void damaged() const {
    throw Error(ErrorKind::data,
                {.what = name_, .got = "a damaged file", .expected = "a SentencePiece model"});
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    damaged();
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size()) damaged();
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  const std::string& name_;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

Error unlike(const std::string& name, const std::string& got, const std::string& expected) {
  return Error(ErrorKind::data, {.what = name, .got = got, .expected = expected});
}

Piece read_piece(Fields fields) {
  Piece piece;
  while (fields.next()) {
    if (fields.field() == kText) piece.text = fields.bytes();
    if (fields.field() == kScore) piece.score = fields.real();
    if (fields.field() == kType) piece.type = static_cast<PieceType>(fields.number());
  }
  return piece;
}

void read_trainer(Fields fields, const std::string& name, PieceModel& model) {
  while (fields.next()) {
    const uint64_t value = fields.number();
    if (fields.field() == kModelType) {
      if (value != kUnigram && value != kBpe) {
        throw unlike(name, "a model of words or characters", "unigram or BPE");
      }
      model.bpe = value == kBpe;
    }
    if (fields.field() == kByteFallback) model.byte_fallback = value != 0;
    if (fields.field() == kSpaceBehind && value != 0) {
      throw unlike(name, "spaces as ends of words", "spaces as beginnings of words");
    }
  }
}

void read_normalizer(Fields fields, const std::string& name, PieceModel& model) {
  while (fields.next()) {
    if (fields.field() == kRules) model.normalization = fields.bytes();
    if (fields.field() == kCharsmap) model.charsmap = fields.bytes();
    const bool spaces = fields.field() == kSpaceBefore || fields.field() == kJoinSpaces ||
                        fields.field() == kEscapeSpaces;
    if (spaces && fields.number() == 0) {
      throw unlike(name, "spaces of texts as they are", "one U+2581 before each word");
    }
  }
}

// A unit of a double-array trie (darts-clone).
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return bits >> 8 & 1; }
  uint32_t value() const { return bits & 0x7FFFFFFF; }
  uint32_t label() const { return bits & 0x800000FF; }
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};

}  // namespace

int64_t PieceModel::unknown() const {
  const auto found = std::find_if(pieces.begin(), pieces.end(), [](const Piece& piece) {
    return piece.type == PieceType::unknown;
  });
  return found == pieces.end() ? -1 : found - pieces.begin();
}

std::string write_piece_model(const PieceModel& model) {
  Message file;
  for (const Piece& piece : model.pieces) {
    Message message;
    message.bytes(kText, piece.text);
    message.real(kScore, piece.score);
    message.number(kType, static_cast<uint64_t>(piece.type));
    file.bytes(kPiece, message.done());
  }
  Message trainer;
  trainer.number(kModelType, model.bpe ? kBpe : kUnigram);
  trainer.number(kByteFallback, model.byte_fallback);
  if (const int64_t unknown = model.unknown(); unknown >= 0) {
    trainer.number(kUnknownId, static_cast<uint64_t>(unknown));
    trainer.bytes(kUnknownPiece, model.pieces[static_cast<size_t>(unknown)].text);
  }
  file.bytes(kTrainer, trainer.done());
  Message normalizer;
  normalizer.bytes(kRules, model.normalization);
  normalizer.bytes(kCharsmap, model.charsmap);
  file.bytes(kNormalizer, normalizer.done());
  return file.done();
}

PieceModel read_piece_model(std::string_view file, const std::string& name) {
  PieceModel model;
  for (Fields fields(file, name); fields.next();) {
    const Fields part(fields.bytes(), name);
    if (fields.field() == kPiece) model.pieces.push_back(read_piece(part));
    if (fields.field() == kTrainer) read_trainer(part, name, model);
    if (fields.field() == kNormalizer) read_normalizer(part, name, model);
  }
  return model;
}

std::string fault_of_charsmap(std::string_view charsmap) {
  uint32_t length = 0;
  if (charsmap.size() < sizeof(length)) return "too short";
  std::memcpy(&length, charsmap.data(), sizeof(length));
  if (length < sizeof(Unit) || length % sizeof(Unit) != 0 ||
      length >= charsmap.size() - sizeof(length)) {
    return "a wrong length";
  }
  std::vector<Unit> units(length / sizeof(Unit));
  std::memcpy(units.data(), charsmap.data() + sizeof(length), length);
  const size_t texts = charsmap.size() - sizeof(length) - length;
  std::vector<bool> seen(units.size());
  std::vector<size_t> bases = {units[0].offset()};
  while (!bases.empty()) {
    const size_t base = bases.back();
    bases.pop_back();
    if ((base | 0xFF) >= units.size()) return "a step out of the trie";
    for (uint32_t byte = 1; byte < 256; ++byte) {
      const size_t at = base ^ byte;
      if (units[at].label() != byte || seen[at]) continue;
      seen[at] = true;
      const size_t next = at ^ units[at].offset();
      bases.push_back(next);
      if (units[at].has_leaf() && (next >= units.size() || units[next].value() >= texts)) {
        return "a text out of the table";
      }
    }
  }
  return charsmap.back() == '\0' ? "" : "a text without end";
}

}  // namespace vistas::text
