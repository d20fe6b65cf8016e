#include "vistas/vision/sources/sample_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

constexpr size_t kNamed = 10;

}  // namespace

std::string BadImages::summary() const {
  if (count == 0) return "";
  std::string text = fmt::format("{} {} could not be read and {} replaced by others:", count,
                                 count == 1 ? "picture" : "pictures", count == 1 ? "was" : "were");
  for (const std::string& error : first) text += "\n  " + error;
  if (count > static_cast<int64_t>(first.size())) text += "\n  ...";
  return text;
}

SampleReader::SampleReader(std::shared_ptr<const ImageSource> source,
                           const std::string& on_bad_image)
    : source_(std::move(source)), skip_(on_bad_image == "skip") {}

Sample SampleReader::read(int64_t i, const ChooseBox& choose, Image& storage) const {
  const int64_t n = source_->size();
  for (int64_t tries = 1;; ++tries, i = (i + 1) % n) {
    try {
      Sample sample{.index = i};
      sample.view = source_->read_part(i, choose, storage, sample.part);
      return sample;
    } catch (const Error& error) {
      if (!skip_ || error.kind() != ErrorKind::data) throw;
      note(i, error.what());
      if (tries == std::min(n, kGiveUp)) {
        throw Error(ErrorKind::data,
                    {.what = fmt::format("{}: {} pictures in a row cannot be read; the last: {}",
                                         source_->where(), tries, error.what())});
      }
    }
  }
}

void SampleReader::note(int64_t i, const std::string& error) const {
  const std::lock_guard lock(mutex_);
  bad_.try_emplace(i, error);
  if (bad_.size() <= kNamed) return;
  const auto eleventh = std::next(bad_.begin(), kNamed);
  (i > eleventh->first ? bad_[i] : eleventh->second).clear();
}

BadImages SampleReader::bad_images() const {
  const std::lock_guard lock(mutex_);
  BadImages result{.count = static_cast<int64_t>(bad_.size())};
  for (const auto& [i, error] : bad_) {
    if (result.first.size() == kNamed) break;
    result.first.push_back(error);
  }
  return result;
}

}  // namespace vistas::vision
