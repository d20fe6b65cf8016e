#include "vistas/vision/sources/source.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

const SourceKind& kind_of(const fs::path& path) {
  for (const SourceKind* kind :
       {&kCifarKind, &kIdxKind, &kTarKind, &kPackKind, &kFolderKind, &kPictureKind, &kListKind}) {
    if (kind->matches(path)) return *kind;
  }
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) {
    const std::string why = error ? error.message() : "no such file or folder";
    throw Error(ErrorKind::data, {.what = path.string() + ": " + why});
  }
  throw Error(ErrorKind::data,
              {.what = path.string() + ": not a source of pictures",
               .expected = "a folder, a picture, a .txt list of paths, a tar file, a .vpack file, "
                           "CIFAR .bin or IDX files",
               .fix = "Unpack other archives first"});
}

class Subset : public ImageSource {
 public:
  Subset(std::shared_ptr<const ImageSource> source, std::vector<int64_t> indices)
      : source_(std::move(source)), indices_(std::move(indices)) {
    class_names_ = source_->class_names();
    where_ = source_->where();
    for (const int64_t i : indices_) {
      if (i < 0 || i >= source_->size()) {
        throw Error(ErrorKind::usage, {.what = where_ + ": no such sample",
                                       .got = std::to_string(i),
                                       .expected = fmt::format("0 .. {}", source_->size() - 1)});
      }
    }
  }

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  std::string name(int64_t i) const override { return source_->name(at(i)); }
  int64_t label(int64_t i) const override { return source_->label(at(i)); }
  int64_t stored_bytes(int64_t i) const override { return source_->stored_bytes(at(i)); }
  PictureInfo info(int64_t i) const override { return source_->info(at(i)); }
  ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage, Box& got) const override {
    return source_->read_part(at(i), choose, storage, got);
  }

 private:
  int64_t at(int64_t i) const { return indices_[static_cast<size_t>(i)]; }

  std::shared_ptr<const ImageSource> source_;
  std::vector<int64_t> indices_;
};

}  // namespace

void SourceOptions::fields(Fields& f) {
  f.add("split", split, "split of a data set that has train/ and test/ or val/ (empty: train)");
  f.add("channels", channels, "channels of every picture; auto: grey or rgb by a few pictures",
        {"auto", "keep", "rgb", "grey"});
  f.add("max_pixels", max_pixels, "a picture of more pixels counts as bad", {1, 1e12});
  f.add("scaled_side", scaled_side,
        "decode large JPEG files at 1/2, 1/4 or 1/8 while the shorter side stays this long (0: no)",
        {0, 65500});
  f.add("on_bad_image", on_bad_image, "what to do with files that cannot be decoded",
        {"skip", "fail"});
  f.add("cache_mb", cache_mb, "memory for decoded pictures, in MB", {0, 1e9});
}

ImageView ImageSource::read(int64_t i, const Box* needed, Image& storage, Box& got) const {
  if (needed == nullptr) return read_part(i, {}, storage, got);
  return read_part(
      i, [needed](const PictureInfo&) { return *needed; }, storage, got);
}

std::vector<std::string> splits_of(const fs::path& path) {
  return kind_of(path).splits(path);
}

std::unique_ptr<ImageSource> open_source(const fs::path& path, const SourceOptions& options) {
  const SourceKind& kind = kind_of(path);
  SourceOptions resolved = options;
  const std::vector<std::string> splits = kind.splits(path);
  if (options.split.empty() && !splits.empty()) {
    const bool train = std::count(splits.begin(), splits.end(), "train") > 0;
    resolved.split = train ? "train" : splits.front();
  } else if (!options.split.empty() &&
             std::count(splits.begin(), splits.end(), options.split) == 0) {
    throw Error(ErrorKind::usage,
                {.what = fmt::format("{}: no split '{}'", path.string(), options.split),
                 .expected = splits.empty() ? "no split, it has none"
                                            : fmt::format("{}", fmt::join(splits, ", "))});
  }
  std::unique_ptr<ImageSource> source = kind.open(path, resolved);
  if (source->size() == 0) {
    throw Error(ErrorKind::data,
                {.what = path.string() + ": no pictures in it",
                 .expected = "files named *.jpg, *.png, *.webp, *.tif, *.bmp, *.ppm ..."});
  }
  if (options.cache_mb > 0) source = cached(std::move(source), options.cache_mb);
  return source;
}

std::unique_ptr<ImageSource> subset(std::shared_ptr<const ImageSource> source,
                                    std::vector<int64_t> indices) {
  return std::make_unique<Subset>(std::move(source), std::move(indices));
}

void require_labels(const ImageSource& source, const std::string& purpose) {
  if (source.labelled()) return;
  throw Error(ErrorKind::data, {.what = source.where() + ": " + purpose + " needs labels",
                                .got = "pictures without labels",
                                .expected = "a folder for each class, or a source with labels"});
}

uint64_t fingerprint(const ImageSource& source) {
  uint64_t hash = mix(0, static_cast<uint64_t>(source.size()));
  for (int64_t i = 0; i < source.size(); ++i) {
    uint64_t name_hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : source.name(i)) {
      name_hash = (name_hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    hash = mix(hash, name_hash);
    hash = mix(hash, static_cast<uint64_t>(source.stored_bytes(i)));
    hash = mix(hash, static_cast<uint64_t>(source.label(i)));
  }
  return hash;
}

}  // namespace vistas::vision
