#include "vistas/recommend/sources/id_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "vistas/base/error.h"

namespace vistas::recommend {

uint64_t hash_of(std::string_view text) {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
  uint64_t hash = text.size() * kFactor;
  const auto take = [&](uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
  };
  uint64_t word = 0;
  for (; text.size() >= sizeof word; text.remove_prefix(sizeof word)) {
    std::memcpy(&word, text.data(), sizeof word);
    take(word);
  }
  word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  take(word);
  hash *= 0xBF58476D1CE4E5B9;
  return hash ^ (hash >> 32);
}

std::string_view IdTable::operator[](int64_t id) const {
  const auto i = static_cast<size_t>(id);
  const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
  return {text_.data() + begin, ends_[i] - begin};
}

IdTable::Key IdTable::key_of(std::string_view text) {
  if (text.size() > 11) return {hash_of(text), 0xFFFFFFFF};
  char bytes[12] = {};
  std::memcpy(bytes, text.data(), text.size());
  Key key;
  std::memcpy(&key.head, bytes, 8);
  std::memcpy(&key.tail, bytes + 8, 4);
  key.tail |= static_cast<uint32_t>(text.size()) << 24;
  return key;
}

uint64_t IdTable::Key::hash() const {
  uint64_t hash = (head ^ (head >> 31) ^ tail * 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ (hash >> 29)) * 0x94D049BB133111EB;
  return hash ^ (hash >> 32);
}

size_t IdTable::place_of(std::string_view text, const Key& key) const {
  const size_t mask = slots_.size() - 1;
  for (size_t at = key.hash() & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.next_id == 0) return at;
    if (slot.key() == key && (key.is_whole() || (*this)[slot.next_id - 1] == text)) return at;
  }
}

int32_t IdTable::find(std::string_view text) const {
  if (slots_.empty()) return -1;
  return static_cast<int32_t>(slots_[place_of(text, key_of(text))].next_id) - 1;
}

int32_t IdTable::add(std::string_view text) {
  if (4 * ends_.size() >= 3 * slots_.size()) grow();
  const Key key = key_of(text);
  Slot& slot = slots_[place_of(text, key)];
  if (slot.next_id == 0) {
    if (size() == std::numeric_limits<int32_t>::max()) {
      throw Error(ErrorKind::resource, {.what = "more than 2^31 different ids"});
    }
    text_ += text;
    ends_.push_back(text_.size());
    slot = {key.head, key.tail, static_cast<uint32_t>(ends_.size())};
  }
  return static_cast<int32_t>(slot.next_id) - 1;
}

void IdTable::prefetch(std::string_view text) const {
  if (slots_.empty()) return;
  __builtin_prefetch(&slots_[key_of(text).hash() & (slots_.size() - 1)]);
}

void IdTable::clear() {
  text_.clear();
  ends_.clear();
  std::ranges::fill(slots_, Slot{});
}

void IdTable::grow() {
  const std::vector<Slot> before = std::move(slots_);
  slots_.assign(std::max<size_t>(16, before.size() * 2), Slot{});
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.next_id == 0) continue;
    size_t at = slot.key().hash() & mask;
    while (slots_[at].next_id != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

IdTable IdTable::chosen(const std::vector<int32_t>& ids) const {
  IdTable out;
  for (const int32_t id : ids) out.add((*this)[id]);
  return out;
}

std::vector<int32_t> IdTable::numeric_order() const {
  std::vector<int32_t> order(ends_.size(), -1);
  const auto number_of = [&](int64_t id) -> int64_t {
    const std::string_view text = (*this)[id];
    int64_t number = -1;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool plain = error == std::errc{} && stop == text.data() + text.size() &&
                       (text.size() == 1 || text[0] != '0');
    return plain ? number : -1;
  };
  const int64_t first = find("0") >= 0 ? 0 : 1;
  for (int64_t id = 0; id < size(); ++id) {
    const int64_t place = number_of(id) - first;
    if (place < 0 || place >= size()) return {};
    order[static_cast<size_t>(place)] = static_cast<int32_t>(id);
  }
  return order;  // different numbers below size(): each place was filled
}

int64_t IdTable::bytes() const {
  return static_cast<int64_t>(text_.capacity() + ends_.capacity() * sizeof(uint64_t) +
                              slots_.capacity() * sizeof(Slot));
}

}  // namespace vistas::recommend
