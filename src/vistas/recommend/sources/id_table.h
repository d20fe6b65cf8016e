// Ids as they stand in the data and the dense numbers they have here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vistas::recommend {

uint64_t hash_of(std::string_view text);

// Texts numbered 0, 1, 2 ... in the order in which they were added. Holds the bytes of the texts
// and 29 to 51 bytes for each; nothing is allocated for a text by itself.
class IdTable {
 public:
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }
  std::string_view operator[](int64_t id) const;
  int32_t find(std::string_view text) const;  // -1 if it is not there
  int32_t add(std::string_view text);         // the number it has now or had before
  // Begins to fetch what find() and add() of this text will look at: tables are larger than caches.
  void prefetch(std::string_view text) const;
  void clear();  // keeps its memory

  // The texts of `ids` in that order as a table of their own.
  IdTable chosen(const std::vector<int32_t>& ids) const;
  // Where ids are all numbers from 0 or from 1 without a gap: their order by number. Else empty.
  std::vector<int32_t> numeric_order() const;

  int64_t bytes() const;  // held

 private:
  // Texts of up to 11 bytes stand in the table itself, so that one is found with one access to
  // memory; of longer ones their hash does.
  struct Key {
    uint64_t head = 0;
    uint32_t tail = 0;  // its last byte: the length, 255 if longer
    bool operator==(const Key&) const = default;
    bool is_whole() const { return tail >> 24 < 255; }
    uint64_t hash() const;
  };
  struct Slot {
    uint64_t head = 0;
    uint32_t tail = 0;
    uint32_t next_id = 0;  // 0: free
    Key key() const { return {head, tail}; }
  };
  static Key key_of(std::string_view text);
  size_t place_of(std::string_view text, const Key& key) const;
  void grow();

  std::string text_;
  std::vector<uint64_t> ends_;
  std::vector<Slot> slots_;
};

}  // namespace vistas::recommend
