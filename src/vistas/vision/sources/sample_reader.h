// Reading samples when some files of a data set are bad.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vistas/vision/sources/source.h"

namespace vistas::vision {

// The bad pictures met so far.
struct BadImages {
  int64_t count = 0;                         // could not be read
  std::vector<std::string> first{};          // the errors of the first ten, by index
  int64_t damaged = 0;                       // JPEG files with damaged places, used nevertheless
  std::vector<std::string> damaged_names{};  // of the first ten

  void add(const BadImages& other);  // those of another source after these

  // "3 pictures could not be read and were replaced: ..."; empty if there are none.
  std::string summary() const;
};

struct Sample {
  int64_t index = 0;  // differs from the one asked for if that one is bad
  ImageView view{};
  Box part{};  // of the picture, that `view` shows
};

// Applies a policy to bad pictures. "fail": the error of the file. "skip": the next good sample
// (i + 1, i + 2, ..., from the start after the last) takes its place, so that what is read is a
// function of (i, choose) alone, whatever thread asks; after kGiveUp bad ones in a row the last
// error is thrown. Safe for many threads.
class SampleReader {
 public:
  static constexpr int64_t kGiveUp = 100;

  SampleReader(std::shared_ptr<const ImageSource> source, const std::string& on_bad_image);

  // From now on a picture of other channels or another type counts as bad.
  void require(int channels, PixelType type);

  // `choose` sees the picture that is read in the end; empty: whole pictures.
  Sample read(int64_t i, const ChooseBox& choose, Image& storage) const;

  BadImages bad_images() const;
  // Only those among these samples, ascending.
  BadImages bad_images_among(const std::vector<int64_t>& samples) const;
  const ImageSource& source() const { return *source_; }

 private:
  // Texts by index; only the first ten are kept, the others are empty.
  using Notes = std::map<int64_t, std::string>;

  void check_kind(int64_t i, int channels, PixelType type) const;
  void note(Notes& notes, int64_t i, const std::string& text) const;
  BadImages noted(const std::function<bool(int64_t)>& counts) const;

  std::shared_ptr<const ImageSource> source_;
  bool skip_;
  int channels_ = 0;  // 0: any kind
  PixelType type_ = PixelType::u8;
  mutable std::mutex mutex_;
  mutable Notes bad_, damaged_;
};

}  // namespace vistas::vision
