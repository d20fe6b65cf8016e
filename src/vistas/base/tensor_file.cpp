#include "vistas/base/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "vistas/base/error.h"

namespace vistas {
namespace {

struct DTypeInfo {
  DType dtype;
  const char* name;
  size_t size;
};

constexpr std::array<DTypeInfo, 10> kDTypes{{{DType::boolean, "BOOL", 1},
                                             {DType::u8, "U8", 1},
                                             {DType::i8, "I8", 1},
                                             {DType::i16, "I16", 2},
                                             {DType::i32, "I32", 4},
                                             {DType::i64, "I64", 8},
                                             {DType::f16, "F16", 2},
                                             {DType::bf16, "BF16", 2},
                                             {DType::f32, "F32", 4},
                                             {DType::f64, "F64", 8}}};

constexpr uint64_t kMaxHeader = 100'000'000;

[[noreturn]] void broken(const std::string& file, const std::string& why,
                         const std::string& got = "", const std::string& expected = "") {
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: not a usable safetensors file: {}", file, why),
               .got = got,
               .expected = expected,
               .fix = "The file may be an incomplete download or copy"});
}

TensorView parse_entry(const std::string& file, const std::string& name,
                       const nlohmann::json& entry, std::span<const std::byte> data) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2) {
    broken(file, fmt::format("tensor '{}' lacks dtype, shape or data_offsets", name));
  }
  TensorView view;
  view.name = name;
  const std::string dtype = entry["dtype"];
  const auto info = std::find_if(kDTypes.begin(), kDTypes.end(),
                                 [&](const DTypeInfo& d) { return dtype == d.name; });
  if (info == kDTypes.end()) broken(file, fmt::format("tensor '{}': dtype", name), dtype);
  view.dtype = info->dtype;
  uint64_t size = info->size;
  for (const auto& dim : entry["shape"]) {
    if (!dim.is_number_unsigned())
      broken(file, fmt::format("tensor '{}': shape", name), dim.dump());
    const uint64_t n = dim;
    if (n > uint64_t{1} << 62 || __builtin_mul_overflow(size, n, &size)) {
      broken(file, fmt::format("tensor '{}': shape overflows", name));
    }
    view.shape.push_back(static_cast<int64_t>(n));
  }
  const auto& offsets = entry["data_offsets"];
  if (!offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    broken(file, fmt::format("tensor '{}': data_offsets", name), offsets.dump());
  }
  const uint64_t begin = offsets[0], end = offsets[1];
  if (begin > end || end > data.size()) {
    broken(file, fmt::format("tensor '{}': data_offsets", name), offsets.dump(),
           fmt::format("at most {} bytes", data.size()));
  }
  if (end - begin != size) {
    broken(file, fmt::format("tensor '{}': bytes", name), fmt::format("{}", end - begin),
           fmt::format("{} for its shape", size));
  }
  view.bytes = data.subspan(begin, end - begin);
  return view;
}

// Nothing in a header is nested deeper than the numbers of a shape, and no name stands there twice.
nlohmann::json parse_header(const char* text, size_t length, const std::string& file) {
  constexpr int kDeepest = 4;
  using Event = nlohmann::json::parse_event_t;
  std::array<std::set<std::string>, kDeepest + 1> names;
  auto header = nlohmann::json::parse(
      text, text + length,
      [&](int depth, Event event, nlohmann::json& value) {
        if (depth > kDeepest) broken(file, "the header is nested too deep");
        if (event == Event::object_start) names[static_cast<size_t>(depth)].clear();
        if (event == Event::key &&
            !names[static_cast<size_t>(depth) - 1].insert(value.get<std::string>()).second) {
          broken(file, fmt::format("'{}' stands twice in the header", value.get<std::string>()));
        }
        return true;
      },
      /*allow_exceptions=*/false);
  if (!header.is_object()) broken(file, "the header is not a JSON object");
  return header;
}

}  // namespace

size_t size_of(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].size;
}
const char* name_of(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].name;
}

std::vector<TensorView> parse_tensor_file(std::span<const std::byte> bytes, const std::string& name,
                                          std::map<std::string, std::string>& metadata) {
  if (bytes.size() < 8) broken(name, "shorter than 8 bytes", fmt::format("{}", bytes.size()));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeader || length > bytes.size() - 8) {
    broken(name, "header length", fmt::format("{}", length),
           fmt::format("at most {}", std::min<uint64_t>(kMaxHeader, bytes.size() - 8)));
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data() + 8);
  const auto header = parse_header(text, length, name);
  const std::span<const std::byte> data = bytes.subspan(8 + length);
  std::vector<TensorView> tensors;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      if (!entry.is_object()) broken(name, "__metadata__ is not an object");
      for (const auto& [k, v] : entry.items()) {
        if (!v.is_string()) broken(name, fmt::format("__metadata__ '{}' is not text", k));
        metadata[k] = v;
      }
    } else {
      tensors.push_back(parse_entry(name, key, entry, data));
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorView& a, const TensorView& b) {
    return a.bytes.data() < b.bytes.data() ||
           (a.bytes.data() == b.bytes.data() && a.bytes.size() < b.bytes.size());
  });
  const std::byte* end = data.data();
  for (const TensorView& t : tensors) {
    if (t.bytes.data() != end) broken(name, fmt::format("gap or overlap before '{}'", t.name));
    end += t.bytes.size();
  }
  if (end != data.data() + data.size()) broken(name, "bytes after the last tensor");
  return tensors;
}

TensorFile::TensorFile(const std::filesystem::path& path) : path_(path.string()), file_(path) {
  tensors_ = parse_tensor_file(file_.bytes(), path_, metadata_);
}

const TensorView* TensorFile::find(const std::string& name) const {
  for (const TensorView& t : tensors_) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

const TensorView& TensorFile::at(const std::string& name) const {
  if (const TensorView* t = find(name)) return *t;
  throw Error(ErrorKind::data, {.what = fmt::format("{}: no tensor '{}'", path_, name)});
}

void write_tensor_file(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorView& t : tensors) {
    header[t.name] = {{"dtype", name_of(t.dtype)},
                      {"shape", t.shape},
                      {"data_offsets", {offset, offset + t.bytes.size()}}};
    offset += t.bytes.size();
  }
  std::string text = header.is_null() ? "{}" : header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // tensors start aligned to 8 bytes
  const uint64_t length = text.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  content.reserve(8 + length + offset);
  content += text;
  for (const TensorView& t : tensors) {
    content.append(reinterpret_cast<const char*>(t.bytes.data()), t.bytes.size());
  }
  write_file_atomic(path, content);
}

}  // namespace vistas
