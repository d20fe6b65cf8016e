#include "vistas/base/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "vistas/base/error.h"
#include "vistas/base/pickle.h"
#include "vistas/base/stored_zip.h"

namespace vistas {
namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kParameter = "torch._utils._rebuild_parameter";
constexpr std::array<std::pair<std::string_view, DType>, 10> kStorages{
    {{"torch.BoolStorage", DType::boolean},
     {"torch.ByteStorage", DType::u8},
     {"torch.CharStorage", DType::i8},
     {"torch.ShortStorage", DType::i16},
     {"torch.IntStorage", DType::i32},
     {"torch.LongStorage", DType::i64},
     {"torch.HalfStorage", DType::f16},
     {"torch.BFloat16Storage", DType::bf16},
     {"torch.FloatStorage", DType::f32},
     {"torch.DoubleStorage", DType::f64}}};

constexpr std::string_view kZip = "PK\3\4";
// Before the archives: a pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::string_view kEarlier = "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.";
constexpr int64_t kEarlierProtocol = 1001;

constexpr size_t kMostDimensions = 64;
constexpr uint64_t kMostElements = uint64_t{1} << 60;

[[noreturn]] void broken(const std::string& file, const std::string& why,
                         const std::string& got = "", const std::string& expected = "") {
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: not a usable file of torch.save: {}", file, why),
               .got = got,
               .expected = expected,
               .fix = "The file may be an incomplete download or copy"});
}

Pickle read_weights_pickle(std::span<const std::byte> bytes, const std::string& file) {
  std::vector<std::string_view> globals{kTensor, kParameter};
  for (const auto& [name, dtype] : kStorages) globals.push_back(name);
  return read_pickle(bytes, file, globals);
}

// nullptr where there is none of that kind.
const PickleValue* item(const PickleValue& value, size_t i, Kind kind) {
  return i < value.items.size() && value.items[i]->kind == kind ? value.items[i] : nullptr;
}

// A row of numbers that tensors are views of.
struct Storage {
  DType dtype = DType::f32;
  uint64_t count = 0;
  std::span<const std::byte> bytes{};

  uint64_t size() const { return count * size_of(dtype); }
};

using Storages = std::map<std::string, Storage>;

// Of ("storage", type, key, device, count); before the archives None came after them.
std::pair<std::string, Storage> storage_of(const PickleValue& id, const std::string& file) {
  const auto *what = item(id, 0, Kind::text), *type = item(id, 1, Kind::global);
  const auto *key = item(id, 2, Kind::text), *count = item(id, 4, Kind::integer);
  const bool whole =
      id.items.size() == 5 || (id.items.size() == 6 && item(id, 5, Kind::none) != nullptr);
  if (id.kind != Kind::tuple || what == nullptr || what->text != "storage" || type == nullptr ||
      key == nullptr || count == nullptr || !whole) {
    broken(file, "a storage without a type, a key or a size, or that is part of another");
  }
  const auto known =
      std::ranges::find(kStorages, type->text, &decltype(kStorages)::value_type::first);
  if (known == kStorages.end()) broken(file, "the type of a storage", type->text);
  const auto size = static_cast<uint64_t>(count->integer);
  if (size > kMostElements) {
    broken(file, fmt::format("storage '{}': size", key->text), fmt::to_string(count->integer));
  }
  return {key->text, {.dtype = known->second, .count = size}};
}

// All storages that a pickle speaks of, without their bytes.
Storages storages_of(const Pickle& pickle, const std::string& file) {
  Storages storages;
  for (const PickleValue& value : pickle.values) {
    if (value.kind != Kind::persistent) continue;
    const auto [key, storage] = storage_of(*value.items.front(), file);
    const auto [same, is_new] = storages.emplace(key, storage);
    if (same->second.dtype != storage.dtype || same->second.count != storage.count) {
      broken(file, fmt::format("storage '{}' has two types or sizes", key));
    }
  }
  return storages;
}

// The arguments where `value` is a call of `function`, otherwise nullptr.
const PickleValue* arguments(const PickleValue& value, std::string_view function) {
  const bool calls = value.kind == Kind::call && value.text == function;
  return calls ? value.items.front() : nullptr;
}

// Sizes or strides.
std::vector<int64_t> dimensions(const PickleValue& tuple, const std::string& name,
                                const std::string& file) {
  std::vector<int64_t> out;
  for (size_t i = 0; i < tuple.items.size(); ++i) {
    const auto* number = item(tuple, i, Kind::integer);
    if (number == nullptr || number->integer < 0 || i == kMostDimensions) {
      broken(file, fmt::format("tensor '{}': shape or strides", name), "",
             fmt::format("at most {} whole numbers, none below 0", kMostDimensions));
    }
    out.push_back(number->integer);
  }
  return out;
}

uint64_t count_of(const TensorView& tensor, const std::string& file) {
  uint64_t count = 1;
  for (const int64_t n : tensor.shape) {
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(n), &count) || count > kMostElements) {
      broken(file, fmt::format("tensor '{}': shape overflows", tensor.name));
    }
  }
  return count;
}

bool is_contiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (shape.size() != strides.size()) return false;
  if (std::ranges::find(shape, 0) != shape.end()) return true;
  int64_t next = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != next) return false;
    next *= shape[i];
  }
  return true;
}

// Of _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks), perhaps as the
// first argument of _rebuild_parameter.
TensorView tensor_of(const std::string& name, const PickleValue& value, const Storages& storages,
                     const std::string& file) {
  const PickleValue* made = arguments(value, kTensor);
  if (const auto* parameter = arguments(value, kParameter);
      parameter != nullptr && !parameter->items.empty()) {
    made = arguments(*parameter->items.front(), kTensor);
  }
  const bool plain = made != nullptr && made->items.size() == 6;
  const auto* source = plain ? item(*made, 0, Kind::persistent) : nullptr;
  const auto* offset = plain ? item(*made, 1, Kind::integer) : nullptr;
  const auto* shape = plain ? item(*made, 2, Kind::tuple) : nullptr;
  const auto* strides = plain ? item(*made, 3, Kind::tuple) : nullptr;
  if (source == nullptr || offset == nullptr || shape == nullptr || strides == nullptr) {
    broken(file, fmt::format("'{}' is no plain tensor", name));
  }
  const Storage& storage = storages.at(storage_of(*source->items.front(), file).first);
  TensorView tensor{
      .name = name, .dtype = storage.dtype, .shape = dimensions(*shape, name, file), .bytes = {}};
  const uint64_t count = count_of(tensor, file), first = static_cast<uint64_t>(offset->integer);
  if (first > storage.count || count > storage.count - first) {
    broken(file, fmt::format("tensor '{}' is outside its storage", name),
           fmt::format("{} numbers from {}", count, offset->integer),
           fmt::format("at most {}", storage.count));
  }
  if (!is_contiguous(tensor.shape, dimensions(*strides, name, file))) {
    broken(file, fmt::format("tensor '{}' is not contiguous", name));
  }
  const size_t size = size_of(storage.dtype);
  tensor.bytes = storage.bytes.subspan(first * size, count * size);
  return tensor;
}

std::vector<TensorView> tensors_of(const Pickle& pickle, const Storages& storages,
                                   const std::string& file) {
  const PickleValue& dict = *pickle.root;
  if (dict.kind != Kind::dict) broken(file, "no dict of names and tensors");
  std::vector<TensorView> tensors;
  std::set<std::string_view> names;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    const PickleValue* name = item(dict, i, Kind::text);
    if (name == nullptr) broken(file, "the name of a tensor is no text");
    if (!names.insert(name->text).second) broken(file, fmt::format("two of '{}'", name->text));
    tensors.push_back(tensor_of(name->text, *dict.items[i + 1], storages, file));
  }
  return tensors;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// NAME/data.pkl, and the bytes of storage KEY in NAME/data/KEY.
std::vector<TensorView> parse_archive(std::span<const std::byte> bytes, const std::string& file) {
  const auto entries = read_stored_zip(bytes, file);
  const auto main = std::ranges::find_if(entries, [](const auto& entry) {
    const size_t slash = entry.first.find('/');
    return slash != std::string::npos && entry.first.substr(slash) == "/data.pkl";
  });
  if (main == entries.end()) broken(file, "no data.pkl");
  const std::string folder = main->first.substr(0, main->first.find('/') + 1);
  if (const auto order = entries.find(folder + "byteorder");
      order != entries.end() && text_of(order->second) != "little") {
    broken(file, "byteorder", std::string(text_of(order->second).substr(0, 20)), "little");
  }
  const Pickle pickle = read_weights_pickle(main->second, file);
  Storages storages = storages_of(pickle, file);
  for (auto& [key, storage] : storages) {
    const auto entry = entries.find(folder + "data/" + key);
    if (entry == entries.end()) broken(file, fmt::format("no {}data/{}", folder, key));
    storage.bytes = entry->second;
    if (storage.bytes.size() != storage.size()) {
      broken(file, fmt::format("storage '{}'", key), fmt::format("{} bytes", storage.bytes.size()),
             fmt::to_string(storage.size()));
    }
  }
  return tensors_of(pickle, storages, file);
}

// Pickles of a number, a protocol, the machine, the dict and the keys of its storages; then for
// each key the size as 8 bytes, and its bytes.
class EarlierFile {
 public:
  EarlierFile(std::span<const std::byte> bytes, const std::string& file)
      : rest_(bytes.subspan(kEarlier.size())), file_(file) {}

  std::vector<TensorView> parse() {
    const Pickle protocol = next(), machine = next(), dict = next(), keys = next();
    if (protocol.root->kind != Kind::integer || protocol.root->integer != kEarlierProtocol) {
      broken(file_, "protocol", "", fmt::to_string(kEarlierProtocol));
    }
    if (!is_little_endian(*machine.root)) broken(file_, "it is not little-endian");
    Storages storages = storages_of(dict, file_);
    if (keys.root->kind != Kind::list || keys.root->items.size() != storages.size()) {
      broken(file_, "the list of storages does not fit the tensors");
    }
    std::set<std::string_view> seen;
    for (const PickleValue* key : keys.root->items) {
      const auto storage = storages.find(key->text);
      if (key->kind != Kind::text || storage == storages.end() || !seen.insert(key->text).second) {
        broken(file_, "the list of storages does not fit the tensors");
      }
      read(key->text, storage->second);
    }
    if (!rest_.empty()) broken(file_, fmt::format("{} bytes after the last storage", rest_.size()));
    return tensors_of(dict, storages, file_);
  }

 private:
  Pickle next() {
    Pickle pickle = read_weights_pickle(rest_, file_);
    rest_ = rest_.subspan(pickle.size);
    return pickle;
  }

  static bool is_little_endian(const PickleValue& machine) {
    for (size_t i = 0; machine.kind == Kind::dict && i < machine.items.size(); i += 2) {
      const auto *key = item(machine, i, Kind::text), *value = item(machine, i + 1, Kind::boolean);
      if (key != nullptr && key->text == "little_endian") return value != nullptr && value->integer;
    }
    return false;
  }

  void read(const std::string& key, Storage& storage) {
    uint64_t count = 0;
    if (rest_.size() < sizeof count) broken(file_, fmt::format("no storage '{}'", key));
    std::memcpy(&count, rest_.data(), sizeof count);
    rest_ = rest_.subspan(sizeof count);
    if (count != storage.count || storage.size() > rest_.size()) {
      broken(file_, fmt::format("storage '{}'", key),
             fmt::format("{} numbers, {} bytes left", count, rest_.size()),
             fmt::format("{} numbers in {} bytes", storage.count, storage.size()));
    }
    storage.bytes = rest_.first(storage.size());
    rest_ = rest_.subspan(storage.size());
  }

  std::span<const std::byte> rest_;
  const std::string& file_;
};

}  // namespace

std::vector<TensorView> parse_torch_file(std::span<const std::byte> bytes,
                                         const std::string& name) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with(kZip)) return parse_archive(bytes, name);
  if (text.starts_with(kEarlier)) return EarlierFile(bytes, name).parse();
  broken(name, "it begins as none does");
}

TorchFile::TorchFile(const std::filesystem::path& path)
    : file_(path), tensors_(parse_torch_file(file_.bytes(), path.string())) {}

}  // namespace vistas
