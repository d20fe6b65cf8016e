// Writers of what torch.save writes, right or wrong: zip archives and pickles of protocol 2.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vistas::test {

using namespace std::string_literals;

using Texts = std::vector<std::pair<std::string, std::string>>;

inline std::string little(uint64_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(value & 0xFF);
  return text;
}

struct ZipOptions {
  int method = 0;
  int flags = 0;
  bool is_64 = false;  // sizes and places of 64 bits
};

inline std::string zip_file(const Texts& files, const ZipOptions& options = {}) {
  std::string out, directory;
  for (const auto& [name, content] : files) {
    const uint64_t at = out.size(), size = content.size();
    const std::string versions = little(20, 2) + little(static_cast<uint64_t>(options.flags), 2) +
                                 little(static_cast<uint64_t>(options.method), 2) +
                                 std::string(8, '\0');
    const std::string short_size = options.is_64 ? little(~0U, 4) : little(size, 4);
    const std::string extra = options.is_64
                                  ? "??"s + little(1, 2) + "?"s + little(1, 2) + little(24, 2) +
                                        little(size, 8) + little(size, 8) + little(at, 8)
                                  : "";
    out += "PK\3\4"s + versions + short_size + short_size + little(name.size(), 2) + little(3, 2) +
           name + "pad" + content;
    directory += "PK\1\2"s + little(20, 2) + versions + short_size + short_size +
                 little(name.size(), 2) + little(extra.size(), 2) + little(0, 2) +
                 std::string(8, '\0') + (options.is_64 ? little(~0U, 4) : little(at, 4)) + name +
                 extra;
  }
  const uint64_t first = out.size(), end = first + directory.size();
  out += directory;
  if (options.is_64) {
    out += "PK\6\6"s + std::string(20, '\0') + little(files.size(), 8) + little(files.size(), 8) +
           little(directory.size(), 8) + little(first, 8) + "PK\6\7"s + little(0, 4) +
           little(end, 8) + little(1, 4);
  }
  return out + "PK\5\6"s + little(0, 4) + little(files.size(), 2) + little(files.size(), 2) +
         little(directory.size(), 4) + (options.is_64 ? little(~0U, 4) : little(first, 4)) +
         little(0, 2);
}

namespace pickle {

inline std::string number(int64_t value) {
  return "\x8A\x08"s + little(static_cast<uint64_t>(value), 8);
}
inline std::string text(const std::string& value) {
  return "X"s + little(value.size(), 4) + value;
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::vector<int64_t>& numbers) {
  std::string out = "(";
  for (const int64_t n : numbers) out += number(n);
  return out + "t";
}

// `more` is "N" in files before the archives.
inline std::string storage(const std::string& key, int64_t count, const std::string& more = "",
                           const std::string& type = "FloatStorage") {
  return "("s + text("storage") + global("torch", type) + text(key) + text("cpu") + number(count) +
         more + "tQ";
}

inline std::string tensor(const std::string& storage, int64_t offset,
                          const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "("s + storage + number(offset) +
         tuple(shape) + tuple(strides) + "\x89"s + global("collections", "OrderedDict") + ")RtR";
}

// A dict; the values are pickles.
inline std::string state(const Texts& values) {
  std::string out = "\x80\2"s + global("collections", "OrderedDict") + ")R(";
  for (const auto& [name, value] : values) out += text(name) + value;
  return out + "u.";
}

}  // namespace pickle

// With the storages by key.
inline std::string torch_archive(const std::string& pickle, const Texts& storages,
                                 const ZipOptions& options = {}) {
  Texts files{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) files.emplace_back("archive/data/" + key, bytes);
  return zip_file(files, options);
}

// As before the archives, with storages of float32.
inline std::string earlier_torch_file(const std::string& pickle, const Texts& storages,
                                      const std::string& little_endian = "\x88") {
  std::string out = "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\2M\xE9\3.\x80\2}";
  out += pickle::text("little_endian") + little_endian + "s." + pickle + "\x80\2](";
  for (const auto& [key, bytes] : storages) out += pickle::text(key);
  out += "e.";
  for (const auto& [key, bytes] : storages) out += little(bytes.size() / 4, 8) + bytes;
  return out;
}

}  // namespace vistas::test
