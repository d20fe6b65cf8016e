// The kinds of source that open_source() tells apart, and what they share. Private to the sources.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/vision/sources/source.h"

namespace vistas::vision {

struct SourceKind {
  bool (*matches)(const std::filesystem::path&);
  std::vector<std::string> (*splits)(const std::filesystem::path&);
  // `options.split` is empty or one of splits(path).
  std::unique_ptr<ImageSource> (*open)(const std::filesystem::path&, const SourceOptions& options);
};

extern const SourceKind kCifarKind, kIdxKind, kPackKind, kTarKind, kFolderKind, kPictureKind,
    kListKind;

std::vector<std::string> no_splits(const std::filesystem::path&);

// False also where it cannot be told.
bool is_folder(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);

// Calls `work` for each entry directly in `folder`; a data error if it cannot be listed.
void for_each_entry(const std::filesystem::path& folder,
                    const std::function<void(const std::filesystem::directory_entry&)>& work);

// The regular files directly in `folder` whose name passes `wanted`, sorted by bytes.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder,
                                            const std::function<bool(const std::string&)>& wanted);

// Extensions that mark a file as a picture, without looking into it (torchvision's and a few more).
bool has_picture_extension(const std::string& file_name);

std::string lower(std::string text);

// What read_part() does where the whole picture is at hand.
ImageView whole(const ImageView& view, const ChooseBox& choose, Box& got);

// Pictures as files in memory, on disk or in an archive.
class EncodedSource : public ImageSource {
 public:
  PictureInfo info(int64_t i) const override;
  ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage, Box& got) const override;

 protected:
  // Where the picture is, for errors: the source and the name within it.
  virtual std::string place(int64_t i) const { return where_ + ": " + name(i); }

  // The picture file; `buffer` may be used to hold it and only grows.
  virtual Bytes encoded(int64_t i, std::vector<std::byte>& buffer) const = 0;

  // To be called once the index stands; looks at a few pictures for channels = auto.
  void set_decoding(const SourceOptions& options);
  const DecodeOptions& decoding() const { return decoding_; }

 private:
  DecodeOptions decoding_{};
};

// 8-bit pictures of one size in memory.
class RawSource : public ImageSource {
 public:
  struct Part {
    std::string name;
    int64_t begin = 0;  // its first sample
  };

  // `pixels`: [labels.size(), height, width, channels]; `labels` are -1 where unknown.
  RawSource(std::string where, int height, int width, int channels, std::vector<uint8_t> pixels,
            std::vector<int64_t> labels, std::vector<std::string> class_names,
            std::vector<Part> parts, const SourceOptions& options);

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  std::string name(int64_t i) const override;
  int64_t label(int64_t i) const override { return labels_[static_cast<size_t>(i)]; }
  int64_t stored_bytes(int64_t) const override { return static_cast<int64_t>(picture_bytes()); }
  PictureInfo info(int64_t) const override { return info_; }
  ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage, Box& got) const override;

 private:
  size_t picture_bytes() const {
    return static_cast<size_t>(info_.height) * static_cast<size_t>(info_.width) *
           static_cast<size_t>(info_.channels);
  }

  PictureInfo info_;
  std::vector<uint8_t> pixels_;
  std::vector<int64_t> labels_;
  std::vector<Part> parts_;
};

// Reads a whole file, called `name` in errors, into `buffer`, which only grows.
Bytes read_into(const std::filesystem::path& path, const std::string& name,
                std::vector<std::byte>& buffer);

}  // namespace vistas::vision
