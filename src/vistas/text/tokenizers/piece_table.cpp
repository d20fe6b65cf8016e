#include "vistas/text/tokenizers/piece_table.h"

#include <algorithm>
#include <bit>

namespace vistas::text {
namespace {

// FNV-1a, 64 bit (Fowler, Noll, Vo).
constexpr uint64_t kStart = 0xcbf29ce484222325U, kPrime = 0x100000001b3U;

uint64_t extended(uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * kPrime;
}

// The low bits of FNV-1a depend on the low bits of the bytes alone.
size_t place(uint64_t hash, size_t slots) {
  return static_cast<size_t>(hash ^ (hash >> 32)) & (slots - 1);
}

}  // namespace

PieceTable::PieceTable(const std::vector<Piece>& pieces)
    : slots_(std::bit_ceil(2 * pieces.size() + 1)) {
  for (const Piece& piece : pieces) {
    if (piece.text.empty()) continue;
    uint64_t hash = kStart;
    for (const char byte : piece.text) hash = extended(hash, byte);
    size_t at = place(hash, slots_.size());
    while (!slots_[at].text.empty() && slots_[at].text != piece.text) {
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = {hash, piece.text, piece.id};
    longest_ = std::max(longest_, piece.text.size());
  }
}

int32_t PieceTable::find(std::string_view text, uint64_t hash) const {
  for (size_t at = place(hash, slots_.size()); !slots_[at].text.empty();
       at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].hash == hash && slots_[at].text == text) return slots_[at].id;
  }
  return -1;
}

int32_t PieceTable::find(std::string_view text) const {
  if (text.size() > longest_) return -1;
  uint64_t hash = kStart;
  for (const char byte : text) hash = extended(hash, byte);
  return find(text, hash);
}

PieceTable::Match PieceTable::longest_prefix(std::string_view text) const {
  text = text.substr(0, longest_);
  Match best;
  uint64_t hash = kStart;
  for (size_t length = 1; length <= text.size(); ++length) {
    hash = extended(hash, text[length - 1]);
    const int32_t id = find(text.substr(0, length), hash);
    if (id >= 0) best = {id, length};
  }
  return best;
}

}  // namespace vistas::text
