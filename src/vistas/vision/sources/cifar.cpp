// CIFAR-10 and CIFAR-100 binary files (Krizhevsky 2009): records of one (CIFAR-10) or two label
// bytes (CIFAR-100: coarse, fine) and 32 x 32 pixels as three planes R, G, B.
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/parsers.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 32;
constexpr size_t kPlane = kSide * kSide;

bool is_cifar10_name(const std::string& name) {
  return name == "test_batch.bin" || (name.starts_with("data_batch_") && name.ends_with(".bin"));
}
bool is_cifar100_name(const std::string& name) {
  return name == "train.bin" || name == "test.bin";
}

std::string split_of_name(const std::string& name) {
  return name.starts_with("test") ? "test" : "train";
}

int label_bytes_of(const fs::path& file) {
  const bool named = is_cifar10_name(file.filename()) || is_cifar100_name(file.filename());
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error || size == 0 || (!named && file.extension() != ".bin")) return 0;
  if (size % (3 * kPlane + 1) == 0 && !is_cifar100_name(file.filename())) return 1;
  if (size % (3 * kPlane + 2) == 0 && !is_cifar10_name(file.filename())) return 2;
  return named ? (is_cifar100_name(file.filename()) ? 2 : 1) : 0;
}

std::vector<fs::path> batches_in(const fs::path& path) {
  if (is_file(path)) {
    return label_bytes_of(path) > 0 ? std::vector{path} : std::vector<fs::path>{};
  }
  if (!is_folder(path)) return {};
  std::vector<fs::path> found = files_in(path, is_cifar10_name);
  if (found.empty()) found = files_in(path, is_cifar100_name);
  return found;
}

bool matches(const fs::path& path) {
  return !batches_in(path).empty();
}

std::vector<std::string> splits(const fs::path& path) {
  std::vector<std::string> found;
  if (!is_folder(path)) return found;
  for (const char* split : {"train", "test"}) {
    const auto batches = batches_in(path);
    if (std::any_of(batches.begin(), batches.end(), [&](const fs::path& file) {
          return split_of_name(file.filename()) == split;
        })) {
      found.push_back(split);
    }
  }
  return found;
}

std::vector<std::string> class_names(const fs::path& folder, int label_bytes) {
  const fs::path file = folder / (label_bytes == 1 ? "batches.meta.txt" : "fine_label_names.txt");
  const size_t count = label_bytes == 1 ? 10 : 100;
  std::vector<std::string> names;
  if (is_file(file)) {
    std::string line;
    for (const char c : read_file(file) + "\n") {
      if (c != '\n') {
        if (c != '\r') line += c;
        continue;
      }
      if (!line.empty()) names.push_back(line);
      line.clear();
    }
  } else if (label_bytes == 1) {
    names = {"airplane", "automobile", "bird",  "cat",  "deer",
             "dog",      "frog",       "horse", "ship", "truck"};
  }
  if (names.size() == count) return names;
  names.clear();
  for (size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::unique_ptr<ImageSource> open(const fs::path& path, const SourceOptions& options) {
  CifarRecords records;
  std::vector<RawSource::Part> parts;
  std::vector<std::string> names;
  for (const fs::path& file : batches_in(path)) {
    if (!options.split.empty() && split_of_name(file.filename()) != options.split) continue;
    const int label_bytes = label_bytes_of(file);
    if (names.empty()) names = class_names(file.parent_path(), label_bytes);
    parts.push_back({file.filename().string(), static_cast<int64_t>(records.labels.size())});
    const MappedFile mapped(file);
    parse_cifar(mapped.bytes(), file.string(), label_bytes, static_cast<int64_t>(names.size()),
                records);
  }
  return std::make_unique<RawSource>(path.string(), kSide, kSide, 3, std::move(records.pixels),
                                     std::move(records.labels), std::move(names), std::move(parts),
                                     options);
}

}  // namespace

void parse_cifar(Bytes mapped, const std::string& name, int label_bytes, int64_t classes,
                 CifarRecords& to) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(mapped.data());
  const size_t record = static_cast<size_t>(label_bytes) + 3 * kPlane;
  const size_t count = mapped.size() / record;
  if (mapped.size() % record != 0) {
    throw Error(ErrorKind::data, {.what = name + ": not a whole CIFAR binary file",
                                  .got = fmt::format("{} bytes", mapped.size()),
                                  .expected = fmt::format("a multiple of {}", record),
                                  .fix = "It may be an incomplete download"});
  }
  const size_t before = to.pixels.size();
  to.pixels.resize(before + count * 3 * kPlane);
  uint8_t* out = to.pixels.data() + before;
  for (size_t i = 0; i < count; ++i, bytes += record) {
    const int64_t label = bytes[label_bytes - 1];
    if (label >= classes) {
      throw Error(ErrorKind::data, {.what = fmt::format("{}: record {}", name, i),
                                    .got = fmt::format("label {}", label),
                                    .expected = fmt::format("less than {}", classes)});
    }
    to.labels.push_back(label);
    const uint8_t* planes = bytes + label_bytes;
    for (size_t p = 0; p < kPlane; ++p, out += 3) {
      out[0] = planes[p];
      out[1] = planes[p + kPlane];
      out[2] = planes[p + 2 * kPlane];
    }
  }
}

const SourceKind kCifarKind{matches, splits, open};

}  // namespace vistas::vision
