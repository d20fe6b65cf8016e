#include "vistas/base/stored_zip.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "vistas/base/error.h"

namespace vistas {
namespace {

// The parts of an archive, by section of PKWARE's APPNOTE 6.3.10.
constexpr uint32_t kLocal = 0x04034b50;       // 4.3.7
constexpr uint32_t kEntry = 0x02014b50;       // 4.3.12
constexpr uint32_t kEnd64 = 0x06064b50;       // 4.3.14
constexpr uint32_t kEnd64Place = 0x07064b50;  // 4.3.15
constexpr uint32_t kEnd = 0x06054b50;         // 4.3.16
constexpr size_t kLocalSize = 30, kEntrySize = 46, kEnd64Size = 56, kEnd64PlaceSize = 20,
                 kEndSize = 22;
constexpr uint16_t kIn64 = 1;  // the extra field with sizes of 64 bits, 4.5.3
constexpr uint32_t kFull = 0xFFFFFFFF;

class Archive {
 public:
  Archive(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::map<std::string, std::span<const std::byte>> entries() const {
    const auto [first, count] = directory();
    std::map<std::string, std::span<const std::byte>> out;
    uint64_t at = first;
    for (uint64_t i = 0; i < count; ++i) {
      expect(at, kEntry, "directory");
      const auto length = number<uint16_t>(at + 28), extra = number<uint16_t>(at + 30);
      const auto path = part(at + kEntrySize, length);
      const std::string entry(reinterpret_cast<const char*>(path.data()), path.size());
      if (!out.emplace(entry, content(at, entry)).second) broken("'" + entry + "' is there twice");
      at += kEntrySize + length + extra + number<uint16_t>(at + 32);
    }
    return out;
  }

 private:
  [[noreturn]] void broken(const std::string& why, const std::string& got = "",
                           const std::string& expected = "") const {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{}: not a usable zip archive: {}", name_, why),
                 .got = got,
                 .expected = expected,
                 .fix = "The file may be an incomplete download or copy"});
  }

  std::span<const std::byte> part(uint64_t at, uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) {
      broken("a part outside the file", fmt::format("{} bytes at {}", size, at),
             fmt::format("{} bytes in all", bytes_.size()));
    }
    return bytes_.subspan(at, size);
  }

  template <class T>
  T number(uint64_t at) const {
    T value = 0;
    std::memcpy(&value, part(at, sizeof value).data(), sizeof value);
    return value;
  }

  void expect(uint64_t at, uint32_t mark, const char* what) const {
    if (number<uint32_t>(at) != mark) broken(fmt::format("no {} at byte {}", what, at));
  }

  // Where the end of the archive begins: a comment may follow it.
  uint64_t end() const {
    for (uint64_t comment = 0; comment + kEndSize <= bytes_.size() && comment <= 0xFFFF;
         ++comment) {
      const uint64_t at = bytes_.size() - kEndSize - comment;
      if (number<uint32_t>(at) == kEnd && number<uint16_t>(at + 20) == comment) return at;
    }
    broken("it has no end");
  }

  // Place and number of entries of the directory.
  std::pair<uint64_t, uint64_t> directory() const {
    const uint64_t at = end();
    if (at >= kEnd64PlaceSize && number<uint32_t>(at - kEnd64PlaceSize) == kEnd64Place) {
      const auto end64 = number<uint64_t>(at - kEnd64PlaceSize + 8);
      part(end64, kEnd64Size);
      expect(end64, kEnd64, "end");
      return {number<uint64_t>(end64 + 48), number<uint64_t>(end64 + 32)};
    }
    return {number<uint32_t>(at + 16), number<uint16_t>(at + 10)};
  }

  // The content of the file that the directory names at `at`.
  std::span<const std::byte> content(uint64_t at, const std::string& entry) const {
    const auto flags = number<uint16_t>(at + 8), method = number<uint16_t>(at + 10);
    if ((flags & 1) != 0) broken("'" + entry + "' is encrypted");
    if (method != 0) {
      broken(fmt::format("'{}' is compressed", entry), fmt::format("method {}", method),
             "files stored as they are");
    }
    uint64_t packed = number<uint32_t>(at + 20), size = number<uint32_t>(at + 24);
    uint64_t local = number<uint32_t>(at + 42);
    read_64(at, {&size, &packed, &local});
    if (packed != size) broken(fmt::format("'{}' has two sizes", entry));
    part(local, kLocalSize);
    expect(local, kLocal, "file");
    const uint64_t start =
        local + kLocalSize + number<uint16_t>(local + 26) + number<uint16_t>(local + 28);
    return part(start, size);
  }

  // Takes those of `values` that do not fit 32 bits from the extra fields of the entry at `at`.
  void read_64(uint64_t at, std::initializer_list<uint64_t*> values) const {
    uint64_t field = at + kEntrySize + number<uint16_t>(at + 28);
    const uint64_t end = field + number<uint16_t>(at + 30);
    while (field + 4 <= end && number<uint16_t>(field) != kIn64) {
      field += 4 + uint64_t{number<uint16_t>(field + 2)};
    }
    field += 4;
    for (uint64_t* value : values) {
      if (*value != kFull) continue;
      if (field + 8 > end) broken(fmt::format("no size of 64 bits in the entry at byte {}", at));
      *value = number<uint64_t>(field);
      field += 8;
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
};

}  // namespace

std::map<std::string, std::span<const std::byte>> read_stored_zip(std::span<const std::byte> bytes,
                                                                  const std::string& name) {
  return Archive(bytes, name).entries();
}

}  // namespace vistas
