// Tar shards as WebDataset writes them: the members "key.jpg" and "key.cls" are one sample. Shards
// are memory-mapped and indexed once.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/parsers.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlock = 512;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void bad_tar(const std::string& name, size_t at, const std::string& why) {
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: not a usable tar file: {} at byte {}", name, why, at),
               .fix = "It may be an incomplete copy"});
}

// The text of a header field up to its first zero.
std::string_view field(std::string_view header, size_t at, size_t size) {
  const std::string_view f = header.substr(at, size);
  return f.substr(0, f.find('\0'));
}

// An octal number, or base 256 where the first bit is set (GNU, for large files).
std::optional<uint64_t> number(std::string_view f) {
  uint64_t value = 0;
  if (!f.empty() && (f[0] & 0x80) != 0) {
    for (size_t i = 0; i < f.size(); ++i) {
      const auto byte = static_cast<unsigned char>(f[i]);
      if (value >> 55 != 0) return std::nullopt;
      value = value << 8 | (i == 0 ? byte & 0x7Fu : byte);
    }
    return value;
  }
  const size_t first = std::min(f.find_first_not_of(' '), f.size());
  for (const char c : f.substr(first)) {
    if (c == ' ' || c == '\0') break;
    if (c < '0' || c > '7' || value >> 60 != 0) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool checksum_holds(std::string_view header) {
  const auto stored = number(header.substr(148, 8));
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return stored == sum;
}

// "17 path=some/name\n" records; the value of `key` if it is there.
std::optional<std::string> pax_value(std::string_view records, std::string_view key) {
  std::optional<std::string> found;
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, error] =
        std::from_chars(records.data(), records.data() + records.size(), length);
    const auto digits = static_cast<size_t>(end - records.data());
    if (error != std::errc() || length <= digits + 1 || length > records.size()) break;
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with(key) && record.substr(key.size()).starts_with('=')) {
      found = record.substr(key.size() + 1);
    }
    records.remove_prefix(length);
  }
  return found;
}

std::string header_name(std::string_view header) {
  const bool ustar = header.substr(257, 5) == "ustar";
  std::string full(ustar ? field(header, 345, 155) : "");
  if (!full.empty()) full += '/';
  full += field(header, 0, 100);
  return full;
}

// What members of type L and x say about the member after them.
struct Described {
  std::string name{};
  bool has_size = false;
  uint64_t size = 0;
};

void describe(char type, std::string_view content, Described& next) {
  if (type == 'L') next.name = field(content, 0, content.size());
  if (type != 'x') return;
  if (auto path = pax_value(content, "path")) next.name = std::move(*path);
  if (const auto text = pax_value(content, "size")) {
    next.has_size = true;
    std::from_chars(text->data(), text->data() + text->size(), next.size);
  }
}

// Without "." and ".." and without a leading "/": the name is shown and never opened.
std::string clean_name(std::string_view name) {
  std::string clean;
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    if (part.empty() || part == "." || part == "..") continue;
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

struct Sample {
  std::string name{};
  Bytes picture{};
  bool exact = false;  // the part after the key is a picture's extension and nothing else
  std::optional<std::string> label{};
};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

// "test" of "test/run01/a.png" where that is the name of a split; else empty.
std::string split_of(std::string_view name) {
  const std::string_view top = name.substr(0, name.find('/'));
  const bool split = top.size() < name.size() && (top == "train" || top == "val" || top == "test");
  return std::string(split ? top : "");
}

// Members of a split (all, if it is empty) grouped by key: the path up to the first dot of the file
// name.
void collect_samples(const std::vector<TarMember>& members, const std::string& prefix,
                     const std::string& split, std::vector<Sample>& to) {
  std::map<std::string_view, Sample> samples;
  std::vector<std::string_view> order;
  for (const TarMember& member : members) {
    const std::string_view name = member.name;
    if (!split.empty() && split_of(name) != split) continue;
    const size_t file = name.rfind('/') == name.npos ? 0 : name.rfind('/') + 1;
    const size_t dot = name.find('.', file);
    if (dot == name.npos || dot == file) continue;
    const std::string_view key = name.substr(0, dot);
    const std::string extension = lower(std::string(name.substr(dot + 1)));
    const auto [at, is_new] = samples.try_emplace(key);
    if (is_new) order.push_back(key);
    Sample& sample = at->second;
    if (extension == "cls") {
      sample.label = trimmed(text_of(member.content));
    } else if (has_picture_extension(member.name)) {
      const bool exact = extension.find('.') == extension.npos;
      if (!sample.name.empty() && (sample.exact || !exact)) continue;
      sample.name = prefix + member.name;
      sample.picture = member.content;
      sample.exact = exact;
    }
  }
  for (const std::string_view key : order) {
    if (Sample& sample = samples.at(key); !sample.name.empty()) to.push_back(std::move(sample));
  }
}

class TarSource : public EncodedSource {
 public:
  TarSource(const fs::path& where, const std::vector<fs::path>& shards,
            const SourceOptions& options) {
    where_ = where.string();
    for (const fs::path& shard : shards) {
      files_.emplace_back(shard);
      const std::string prefix = shards.size() > 1 ? shard.filename().string() + "/" : "";
      collect_samples(parse_tar(files_.back().bytes(), shard.string()), prefix, options.split,
                      samples_);
    }
    number_classes();
    set_decoding(options);
  }

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  std::string name(int64_t i) const override { return samples_[static_cast<size_t>(i)].name; }
  int64_t label(int64_t i) const override {
    return labels_.empty() ? -1 : labels_[static_cast<size_t>(i)];
  }
  int64_t stored_bytes(int64_t i) const override {
    return static_cast<int64_t>(samples_[static_cast<size_t>(i)].picture.size());
  }

 protected:
  Bytes encoded(int64_t i, std::vector<std::byte>&) const override {
    return samples_[static_cast<size_t>(i)].picture;
  }

 private:
  // Numbers are classes 0, 1, ...; other texts are class names, sorted by bytes.
  void number_classes() {
    constexpr int64_t kMaxClasses = 1 << 20;
    std::set<std::string> texts;
    int64_t most = -1;
    bool numbers = true;
    for (const Sample& s : samples_) {
      if (!s.label) continue;
      texts.insert(*s.label);
      int64_t value = -1;
      const auto [end, error] =
          std::from_chars(s.label->data(), s.label->data() + s.label->size(), value);
      numbers &= error == std::errc() && end == s.label->data() + s.label->size() && value >= 0 &&
                 value < kMaxClasses;
      most = std::max(most, value);
    }
    if (texts.empty()) return;
    if (numbers) {
      for (int64_t c = 0; c <= most; ++c) class_names_.push_back(std::to_string(c));
    } else {
      class_names_.assign(texts.begin(), texts.end());
    }
    for (const Sample& s : samples_) {
      const auto begin = class_names_.begin();
      labels_.push_back(!s.label  ? -1
                        : numbers ? std::stoll(*s.label)
                                  : std::lower_bound(begin, class_names_.end(), *s.label) - begin);
    }
  }

  std::vector<MappedFile> files_;
  std::vector<Sample> samples_;
  std::vector<int64_t> labels_;  // empty: none
};

// "shard-{00..09}.tar" as ten paths; the path itself if it has no such range.
std::vector<fs::path> expand(const std::string& path) {
  const size_t open = path.find('{'), dots = path.find("..", open), close = path.find('}', open);
  if (open == path.npos || dots == path.npos || close == path.npos || dots > close) return {path};
  const std::string first = path.substr(open + 1, dots - open - 1);
  const std::string last = path.substr(dots + 2, close - dots - 2);
  constexpr size_t kMaxDigits = 6;
  const auto is_number = [](const std::string& s) {
    return !s.empty() && s.size() <= kMaxDigits &&
           s.find_first_not_of("0123456789") == std::string::npos;
  };
  if (!is_number(first) || !is_number(last)) return {path};
  std::vector<fs::path> paths;
  for (int i = std::stoi(first); i <= std::stoi(last); ++i) {
    const std::string one = fmt::format("{}{:0{}}", path.substr(0, open), i, first.size());
    for (const fs::path& rest : expand(one + path.substr(close + 1))) paths.push_back(rest);
  }
  return paths;
}

bool is_tar_name(const std::string& name) {
  return lower(name).ends_with(".tar");
}

std::vector<fs::path> shards_of(const fs::path& path) {
  if (is_folder(path)) return files_in(path, is_tar_name);
  if (is_file(path)) return {path};
  return expand(path.string());
}

// A folder of pictures may well have the archive beside it that it was unpacked from.
bool is_folder_of_shards(const fs::path& path) {
  bool others = false;
  for_each_entry(path, [&](const fs::directory_entry& entry) {
    others |= is_folder(entry.path()) || has_picture_extension(entry.path().filename());
  });
  return !others && !shards_of(path).empty();
}

bool matches(const fs::path& path) {
  if (is_folder(path)) return is_folder_of_shards(path);
  return is_tar_name(path.filename()) && (is_file(path) || shards_of(path).size() > 1);
}

// Shards whose members all lie in train/, val/ or test/ have these splits.
std::vector<std::string> splits(const fs::path& path) {
  std::set<std::string> found;
  for (const fs::path& shard : shards_of(path)) {
    const MappedFile file(shard);
    for (const TarMember& member : parse_tar(file.bytes(), shard.string())) {
      found.insert(split_of(member.name));
    }
  }
  if (found.contains("")) return {};
  return {found.begin(), found.end()};
}

std::unique_ptr<ImageSource> open(const fs::path& path, const SourceOptions& options) {
  return std::make_unique<TarSource>(path, shards_of(path), options);
}

}  // namespace

std::vector<TarMember> parse_tar(Bytes bytes, const std::string& name) {
  std::vector<TarMember> members;
  std::map<std::string, size_t> by_name;
  Described next;
  for (size_t at = 0; at + kBlock <= bytes.size();) {
    const std::string_view header = text_of(bytes.subspan(at, kBlock));
    if (header.find_first_not_of('\0') == header.npos) break;
    if (!checksum_holds(header)) bad_tar(name, at, "a broken header");
    const char type = header[156];
    const bool describes_next = type == 'L' || type == 'K' || type == 'x' || type == 'g';
    const bool has_data = type < '1' || type > '6';  // links, devices and folders have none
    const auto declared = number(header.substr(124, 12));
    const size_t left = bytes.size() - at - kBlock;
    if (!declared) bad_tar(name, at, "a member without a size");
    uint64_t size = next.has_size && !describes_next ? next.size : *declared;
    if (!has_data) size = 0;
    if (size > left) bad_tar(name, at, "a member that is longer than the file");
    const Bytes content = bytes.subspan(at + kBlock, size);
    at += kBlock + std::min<size_t>(left, (size + kBlock - 1) / kBlock * kBlock);
    if (describes_next) {
      describe(type, text_of(content), next);
      continue;
    }
    if (type == '0' || type == '\0' || type == '7') {
      const std::string clean = clean_name(next.name.empty() ? header_name(header) : next.name);
      const auto [entry, is_new] = by_name.try_emplace(clean, members.size());
      if (is_new) members.push_back({clean, {}});
      members[entry->second].content = content;
    }
    next = {};
  }
  return members;
}

const SourceKind kTarKind{matches, splits, open};

}  // namespace vistas::vision
