// IDX files as MNIST has them, plain or gzip: two zero bytes, type 8 (bytes), number of
// dimensions, the dimensions as big-endian 32-bit numbers, the data.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "vistas/base/error.h"
#include "vistas/vision/sources/parsers.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void bad_idx(const std::string& name, const std::string& got,
                          const std::string& expected) {
  throw Error(ErrorKind::data, {.what = name + ": not a usable IDX file",
                                .got = got,
                                .expected = expected,
                                .fix = "It may be an incomplete download"});
}

// zlib hands files that are not gzip through.
std::vector<std::byte> unzipped(const fs::path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw_system_error(path.string() + ": cannot open", errno);
  constexpr unsigned kChunk = 1 << 22;
  std::vector<std::byte> content;
  size_t have = 0;
  int n = 0;
  do {
    content.resize(have + kChunk);
    n = gzread(file, content.data() + have, kChunk);
    if (n > 0) have += static_cast<size_t>(n);
  } while (n > 0);
  if (gzclose(file) != Z_OK || n < 0) bad_idx(path.string(), "damaged gzip data", "");
  content.resize(have);
  return content;
}

bool is_images_name(const std::string& name) {
  return name.find("images") != name.npos && name.find("idx") != name.npos;
}

std::string split_of_name(const std::string& name) {
  return name.find("t10k") != name.npos || name.find("test") != name.npos ? "test" : "train";
}

// Image files; of a plain and a compressed copy only the plain one.
std::vector<fs::path> image_files(const fs::path& path) {
  if (is_file(path)) {
    return is_images_name(path.filename()) ? std::vector{path} : std::vector<fs::path>{};
  }
  if (!is_folder(path)) return {};
  std::vector<fs::path> found = files_in(path, is_images_name);
  std::erase_if(found, [](const fs::path& file) {
    return file.extension() == ".gz" && is_file(fs::path(file).replace_extension());
  });
  return found;
}

// "train-images-idx3-ubyte" -> "train-labels-idx1-ubyte", compressed or not; empty if absent.
fs::path labels_of(const fs::path& images) {
  std::string name = images.filename();
  name.replace(name.rfind("images"), 6, "labels");
  if (const size_t at = name.rfind("idx3"); at != name.npos) name.replace(at, 4, "idx1");
  const fs::path labels = images.parent_path() / name;
  fs::path other = labels;
  labels.extension() == ".gz" ? other.replace_extension() : other += ".gz";
  return is_file(labels) ? labels : is_file(other) ? other : fs::path();
}

bool matches(const fs::path& path) {
  return !image_files(path).empty();
}

std::vector<std::string> splits(const fs::path& path) {
  if (!is_folder(path)) return {};
  std::set<std::string> found;
  for (const fs::path& file : image_files(path)) found.insert(split_of_name(file.filename()));
  return {found.rbegin(), found.rend()};  // train before test
}

std::unique_ptr<ImageSource> open(const fs::path& path, const SourceOptions& options) {
  std::vector<fs::path> files = image_files(path);
  std::erase_if(files, [&](const fs::path& file) {
    return !options.split.empty() && split_of_name(file.filename()) != options.split;
  });
  if (files.size() > 1) {
    throw Error(ErrorKind::data,
                {.what = path.string() + ": several IDX files of images",
                 .got = files[0].filename().string() + " and " + files[1].filename().string(),
                 .fix = "Name one of the files instead of the folder"});
  }
  const std::string shown = files[0].string();
  std::vector<std::byte> content = unzipped(files[0]);
  const IdxArray images = parse_idx(content, shown);
  const std::vector<int64_t>& shape = images.shape;
  if ((shape.size() != 3 && shape.size() != 4) || shape[1] < 1 || shape[2] < 1) {
    bad_idx(shown, fmt::format("an array of shape [{}]", fmt::join(shape, ", ")),
            "images [n, height, width] or [n, height, width, channels]");
  }
  std::vector<int64_t> labels(static_cast<size_t>(shape[0]), -1);
  std::vector<std::string> names;
  if (const fs::path file = labels_of(files[0]); !file.empty()) {
    const std::vector<std::byte> label_content = unzipped(file);
    const IdxArray array = parse_idx(label_content, file.string());
    if (array.data.size() != labels.size()) {
      bad_idx(file.string(), fmt::format("{} labels", array.data.size()),
              fmt::format("{}, one for each image", labels.size()));
    }
    std::transform(array.data.begin(), array.data.end(), labels.begin(),
                   [](std::byte b) { return std::to_integer<int64_t>(b); });
    const int64_t most = labels.empty() ? -1 : *std::max_element(labels.begin(), labels.end());
    for (int64_t c = 0; c <= most; ++c) names.push_back(std::to_string(c));
  }
  const int channels = shape.size() == 4 ? static_cast<int>(shape[3]) : 1;
  std::vector<uint8_t> pixels(images.data.size());
  std::transform(images.data.begin(), images.data.end(), pixels.begin(),
                 [](std::byte b) { return std::to_integer<uint8_t>(b); });
  return std::make_unique<RawSource>(
      path.string(), static_cast<int>(shape[1]), static_cast<int>(shape[2]), channels,
      std::move(pixels), std::move(labels), std::move(names),
      std::vector<RawSource::Part>{{files[0].filename().string(), 0}}, options);
}

}  // namespace

IdxArray parse_idx(Bytes bytes, const std::string& name) {
  const auto byte = [&](size_t i) { return std::to_integer<uint32_t>(bytes[i]); };
  if (bytes.size() < 4 || byte(0) != 0 || byte(1) != 0 || byte(2) != 8 || byte(3) < 1 ||
      byte(3) > 4) {
    bad_idx(name, "another beginning", "0 0 8 and 1 to 4 dimensions");
  }
  const size_t dimensions = byte(3);
  if (bytes.size() < 4 + 4 * dimensions) bad_idx(name, "a cut header", "");
  IdxArray array;
  int64_t size = 1;
  for (size_t at = 4; at < 4 + 4 * dimensions; at += 4) {
    array.shape.push_back(byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3));
    if (__builtin_mul_overflow(size, array.shape.back(), &size)) {
      bad_idx(name, fmt::format("shape [{}]", fmt::join(array.shape, ", ")), "a possible size");
    }
  }
  array.data = bytes.subspan(4 + 4 * dimensions);
  if (static_cast<int64_t>(array.data.size()) != size) {
    bad_idx(name, fmt::format("{} bytes of data", array.data.size()),
            fmt::format("{} for shape [{}]", size, fmt::join(array.shape, ", ")));
  }
  return array;
}

const SourceKind kIdxKind{matches, splits, open};

}  // namespace vistas::vision
