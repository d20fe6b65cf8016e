// Longest-match search in a set of strings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vistas::text {

// A hash table of strings whose hash runs along the text: one pass over the bytes looks up every
// prefix.
class PieceTable {
 public:
  // Each with its id; of equal strings the last counts. The strings must outlive the table.
  struct Piece {
    std::string_view text;
    int32_t id;
  };
  explicit PieceTable(const std::vector<Piece>& pieces);

  struct Match {
    int32_t id = -1;    // -1: no prefix is a piece
    size_t length = 0;  // bytes
  };
  // The longest prefix of `text` that is a piece.
  Match longest_prefix(std::string_view text) const;
  // The id of the whole text, -1 if it is no piece.
  int32_t find(std::string_view text) const;

 private:
  struct Slot {
    uint64_t hash = 0;
    std::string_view text;  // empty: the slot is free
    int32_t id = -1;
  };
  int32_t find(std::string_view text, uint64_t hash) const;

  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  size_t longest_ = 0;
};

}  // namespace vistas::text
