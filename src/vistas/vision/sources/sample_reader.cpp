#include "vistas/vision/sources/sample_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

constexpr size_t kNamed = 10;

}  // namespace

void BadImages::add(const BadImages& other) {
  const auto append = [](std::vector<std::string>& lines, const std::vector<std::string>& more) {
    lines.insert(lines.end(), more.begin(), more.end());
    if (lines.size() > kNamed) lines.resize(kNamed);
  };
  count += other.count;
  append(first, other.first);
  damaged += other.damaged;
  append(damaged_names, other.damaged_names);
}

std::string BadImages::summary() const {
  std::string text;
  const auto add = [&](int64_t n, const char* what, const std::vector<std::string>& lines) {
    if (n == 0) return;
    text += fmt::format("{}{} {} {}:", text.empty() ? "" : "\n", n, n == 1 ? "picture" : "pictures",
                        what);
    for (const std::string& line : lines) text += "\n  " + line;
    if (n > static_cast<int64_t>(lines.size())) text += "\n  ...";
  };
  add(count, "could not be read and others took their place", first);
  add(damaged, "with damaged places, used nevertheless", damaged_names);
  return text;
}

SampleReader::SampleReader(std::shared_ptr<const ImageSource> source,
                           const std::string& on_bad_image)
    : source_(std::move(source)), skip_(on_bad_image == "skip") {}

void SampleReader::require(int channels, PixelType type) {
  channels_ = channels;
  type_ = type;
}

void SampleReader::check_kind(int64_t i, int channels, PixelType type) const {
  if (channels_ == 0 || (channels == channels_ && type == type_)) return;
  const auto kind = [](int c, PixelType t) {
    return fmt::format("{} channel{} of {} bit", c, c == 1 ? "" : "s", 8 * size_of(t));
  };
  throw Error(ErrorKind::data,
              {.what = source_->name(i) + ": of another kind than the first picture",
               .got = kind(channels, type),
               .expected = kind(channels_, type_)});
}

Sample SampleReader::read(int64_t i, const ChooseBox& choose, Image& storage) const {
  const int64_t n = source_->size();
  for (int64_t tries = 1;; ++tries, i = (i + 1) % n) {
    try {
      Sample sample{.index = i};
      take_decode_warnings();
      const auto checked = [&](const PictureInfo& picture) {
        check_kind(i, picture.channels, picture.type);
        return choose(picture);
      };
      // By reference: a copy would be an allocation for each sample.
      sample.view = source_->read_part(i, choose ? ChooseBox(std::ref(checked)) : ChooseBox(),
                                       storage, sample.part);
      check_kind(i, sample.view.channels, sample.view.type);
      if (take_decode_warnings() > 0) note(damaged_, i, source_->name(i));
      return sample;
    } catch (const Error& error) {
      if (!skip_ || error.kind() != ErrorKind::data) throw;
      note(bad_, i, error.what());
      if (n == 1) throw;
      if (tries == std::min(n, kGiveUp)) {
        throw Error(ErrorKind::data,
                    {.what = fmt::format("{}: {} pictures in a row cannot be read; the last: {}",
                                         source_->where(), tries, error.what())});
      }
    }
  }
}

void SampleReader::note(Notes& notes, int64_t i, const std::string& text) const {
  const std::lock_guard lock(mutex_);
  notes.try_emplace(i, text);
  if (notes.size() <= kNamed) return;
  const auto eleventh = std::next(notes.begin(), kNamed);
  (i > eleventh->first ? notes[i] : eleventh->second).clear();
}

BadImages SampleReader::bad_images() const {
  return noted([](int64_t) { return true; });
}

BadImages SampleReader::bad_images_among(const std::vector<int64_t>& samples) const {
  return noted([&](int64_t i) { return std::ranges::binary_search(samples, i); });
}

BadImages SampleReader::noted(const std::function<bool(int64_t)>& counts) const {
  const auto add = [&](const Notes& notes, int64_t& count, std::vector<std::string>& first) {
    for (const auto& [i, text] : notes) {
      if (!counts(i)) continue;
      ++count;
      if (first.size() < kNamed && !text.empty()) first.push_back(text);
    }
  };
  BadImages out;
  const std::lock_guard lock(mutex_);
  add(bad_, out.count, out.first);
  add(damaged_, out.damaged, out.damaged_names);
  return out;
}

}  // namespace vistas::vision
