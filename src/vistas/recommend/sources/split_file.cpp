#include "vistas/recommend/sources/split_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>
#include <string_view>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/base/strings.h"
#include "vistas/base/tensor_file.h"
#include "vistas/recommend/sources/summary.h"

namespace vistas::recommend {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "split.safetensors";
constexpr const char* kFormat = "vistas split 1";
constexpr std::array<const char*, 3> kParts = {"train", "valid", "test"};

std::array<const Interactions*, 3> parts_of(const Split& split) {
  return {&split.train, &split.valid, &split.test};
}

std::string hash_text(const Split& split) {
  uint64_t hash = 0;
  for (const Interactions* part : parts_of(split)) hash = mix(hash, content_hash(*part));
  return fmt::format("{:016x}", hash);
}

template <class T>
TensorView tensor(const std::string& name, DType dtype, const std::vector<T>& column) {
  return {name, dtype, {static_cast<int64_t>(column.size())}, std::as_bytes(std::span(column))};
}

// The texts of a table one after the other, and their lengths.
struct IdColumns {
  explicit IdColumns(const IdTable& ids) {
    for (int64_t id = 0; id < ids.size(); ++id) {
      text.insert(text.end(), ids[id].begin(), ids[id].end());
      length.push_back(static_cast<int32_t>(ids[id].size()));
    }
  }
  std::vector<char> text;
  std::vector<int32_t> length;
};

class Reader {
 public:
  explicit Reader(const fs::path& path) : path_(path.string()), file_(path) {}

  Split read() {
    const auto& metadata = file_.metadata();
    const auto format = metadata.find("format");
    if (format == metadata.end() || format->second != kFormat) fail("no split of this version");
    const auto users = ids("users"), items = ids("items");
    Split split{
        part("train", users, items), part("valid", users, items), part("test", users, items), {}};
    const auto how = metadata.find("how"), hash = metadata.find("hash");
    if (how == metadata.end() || hash == metadata.end()) fail("no 'how' or no 'hash'");
    split.how = how->second;
    if (hash_text(split) != hash->second) fail("content that is not what was written");
    return split;
  }

 private:
  [[noreturn]] void fail(const std::string& got) const {
    throw Error(ErrorKind::data, {.what = path_,
                                  .got = got,
                                  .expected = "a split that vistas wrote",
                                  .fix = "Make the split again"});
  }

  template <class T>
  std::vector<T> column(const std::string& name, DType dtype) const {
    const TensorView& view = file_.at(name);
    if (view.dtype != dtype || view.shape.size() != 1) {
      fail(fmt::format("'{}' of another type", name));
    }
    std::vector<T> out(view.bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), view.bytes.data(), view.bytes.size());
    return out;
  }

  std::shared_ptr<const IdTable> ids(const std::string& name) const {
    const auto text = column<char>(name + ".text", DType::u8);
    const auto length = column<int32_t>(name + ".length", DType::i32);
    auto table = std::make_shared<IdTable>();
    std::string_view rest(text.data(), text.size());
    for (const int32_t n : length) {
      if (n <= 0 || static_cast<size_t>(n) > rest.size()) fail("ids that do not fit their text");
      const int64_t next = table->size();
      const std::string_view id = rest.substr(0, static_cast<size_t>(n));
      if (find_invalid_utf8(id) != std::string_view::npos) fail("an id that is no UTF-8");
      if (table->add(id) != next) fail("an id twice");
      rest.remove_prefix(id.size());
    }
    if (!rest.empty()) fail("ids that do not fit their text");
    return table;
  }

  Interactions part(const std::string& name, const std::shared_ptr<const IdTable>& users,
                    const std::shared_ptr<const IdTable>& items) const {
    Interactions out{.user_ids = users,
                     .item_ids = items,
                     .starts = column<int64_t>(name + ".starts", DType::i64),
                     .item = column<int32_t>(name + ".item", DType::i32),
                     .time = column<double>(name + ".time", DType::f64),
                     .weight = column<float>(name + ".weight", DType::f32)};
    check(out, path_);
    return out;
  }

  std::string path_;
  TensorFile file_;
};

// 0 train, 1 valid, 2 test; -1 none.
int part_of_word(const std::string& word) {
  if (word == "train") return 0;
  if (word == "valid" || word == "validation" || word == "val" || word == "dev") return 1;
  return word == "test" ? 2 : -1;
}

// The same of a file, by the words of its name. Its ending says that it may be one of interactions:
// pictures and their packages lie in such folders too.
int part_of_file(const fs::path& file) {
  std::string name = ascii_lower(file.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  constexpr std::array<std::string_view, 6> kEndings{"txt", "tsv", "csv", "dat", "data", "inter"};
  const std::string last = name.substr(name.rfind('.') + 1);
  if (part_of_word(last) < 0 && std::ranges::find(kEndings, last) == kEndings.end()) return -1;
  int part = -1;
  std::istringstream words(name);
  for (std::string word; part < 0 && std::getline(words, word, '.');) part = part_of_word(word);
  return part;
}

using FilesOfParts = std::array<std::vector<fs::path>, 3>;

FilesOfParts files_of_parts(const fs::path& folder) {
  FilesOfParts files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const int part = part_of_file(entry.path());
    if (part >= 0 && entry.is_regular_file()) files.at(static_cast<size_t>(part)).push_back(entry);
  }
  for (auto& paths : files) std::ranges::sort(paths);
  return files;
}

void check_one_each(const FilesOfParts& files, const fs::path& folder) {
  for (const auto& paths : files) {
    if (paths.size() < 2) continue;
    throw Error(ErrorKind::data,
                {.what = folder.string(),
                 .got = fmt::format("two files of one part of a split: {} and {}",
                                    paths[0].filename().string(), paths[1].filename().string()),
                 .fix = "Leave one of them in the folder"});
  }
}

}  // namespace

void write_split(const fs::path& folder, const Split& split) {
  const IdColumns users(*split.train.user_ids), items(*split.train.item_ids);
  std::vector<TensorView> tensors = {tensor("users.text", DType::u8, users.text),
                                     tensor("users.length", DType::i32, users.length),
                                     tensor("items.text", DType::u8, items.text),
                                     tensor("items.length", DType::i32, items.length)};
  for (size_t i = 0; i < kParts.size(); ++i) {
    const Interactions& part = *parts_of(split)[i];
    const std::string name = kParts[i];
    tensors.push_back(tensor(name + ".starts", DType::i64, part.starts));
    tensors.push_back(tensor(name + ".item", DType::i32, part.item));
    tensors.push_back(tensor(name + ".time", DType::f64, part.time));
    tensors.push_back(tensor(name + ".weight", DType::f32, part.weight));
  }
  fs::create_directories(folder);
  write_tensor_file(folder / kFile, tensors,
                    {{"format", kFormat}, {"how", split.how}, {"hash", hash_text(split)}});
}

Split read_split(const fs::path& folder) {
  return Reader(folder / kFile).read();
}

bool holds_split_file(const fs::path& folder) {
  return fs::exists(folder / kFile);
}

fs::path training_file(const fs::path& folder) {
  if (!fs::is_directory(folder)) return {};
  const FilesOfParts files = files_of_parts(folder);
  return files[0].empty() || files[2].empty() ? fs::path() : files[0].front();
}

Split open_split(const fs::path& folder, const InteractionOptions& options, ReadReport* report,
                 int threads) {
  if (holds_split_file(folder)) return read_split(folder);
  std::vector<fs::path> files;
  std::vector<size_t> parts;
  std::string how = "given:";
  if (fs::is_directory(folder)) {
    const FilesOfParts found = files_of_parts(folder);
    check_one_each(found, folder);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].empty()) continue;
      files.push_back(found[i].front());
      how += fmt::format("{} {}", files.size() == 1 ? "" : ",", files.back().filename().string());
      parts.push_back(i);
    }
  }
  if (parts.empty() || parts.front() != 0 || parts.back() != 2) {
    throw Error(ErrorKind::data, {.what = folder.string() + ": no split",
                                  .got = parts.empty() ? "none of its files" : how.substr(7),
                                  .expected = "a folder with train.txt and test.txt, or of files "
                                              "with such parts of their names"});
  }
  std::vector<Interactions> data = read_interactions(files, options, report, threads);
  Split split;
  split.how = how;
  std::array<Interactions*, 3> out = {&split.train, &split.valid, &split.test};
  for (size_t i = 0; i < parts.size(); ++i) *out[parts[i]] = std::move(data[i]);
  if (parts.size() < 3) {
    split.valid = chosen_rows(split.train, std::vector<uint8_t>(split.train.item.size()), 1);
  }
  return split;
}

}  // namespace vistas::recommend
