#include "vistas/vision/sources/source_kinds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

// channels = auto. Pictures that cannot be read have no say.
Channels channels_of(const ImageSource& source) {
  constexpr int64_t kLooks = 32;
  const int64_t looks = std::min(kLooks, source.size());
  int most = 0;
  for (int64_t k = 0; k < looks; ++k) {
    try {
      most = std::max(most, source.info(k * source.size() / looks).channels);
    } catch (const Error&) {
    }
  }
  if (most == 0) return Channels::rgb;  // none could be read
  return most > 4 ? Channels::keep : most > 2 ? Channels::rgb : Channels::grey;
}

Channels channels_by_name(const std::string& name) {
  return name == "rgb" ? Channels::rgb : name == "grey" ? Channels::grey : Channels::keep;
}

}  // namespace

std::vector<std::string> no_splits(const std::filesystem::path&) {
  return {};
}

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool has_picture_extension(const std::string& file_name) {
  constexpr std::array kExtensions{"jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp",
                                   "pbm", "pgm",  "ppm", "pnm",  "pam", "pfm"};
  const size_t dot = file_name.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string extension = lower(file_name.substr(dot + 1));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool is_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

void for_each_entry(const std::filesystem::path& folder,
                    const std::function<void(const std::filesystem::directory_entry&)>& work) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    work(*entry);
  }
  if (error) {
    throw Error(ErrorKind::data, {.what = folder.string() + ": cannot list: " + error.message()});
  }
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder,
                                            const std::function<bool(const std::string&)>& wanted) {
  std::vector<std::filesystem::path> found;
  for_each_entry(folder, [&](const std::filesystem::directory_entry& entry) {
    if (wanted(entry.path().filename().string()) && is_file(entry.path())) {
      found.push_back(entry.path());
    }
  });
  std::sort(found.begin(), found.end());
  return found;
}

ImageView whole(const ImageView& view, const ChooseBox& choose, Box& got) {
  const PictureInfo info{view.height, view.width, view.channels, view.type, PictureFormat::raw};
  if (choose) choose(info);
  got = info.whole();
  return view;
}

Bytes read_into(const std::filesystem::path& path, const std::string& name,
                std::vector<std::byte>& buffer) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw_system_error(name + ": cannot open", errno);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw_system_error(name + ": cannot stat", errno);
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorKind::data, {.what = name + ": not a regular file"});
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (buffer.size() < size) buffer.resize(size);
  size_t have = 0;
  while (have < size) {
    const ssize_t n = ::read(fd, buffer.data() + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_system_error(name + ": cannot read", errno);
    if (n == 0) break;  // it has become shorter
    have += static_cast<size_t>(n);
  }
  return {buffer.data(), have};
}

void EncodedSource::set_decoding(const SourceOptions& options) {
  decoding_.max_pixels = options.max_pixels;
  decoding_.scaled_side = static_cast<int>(options.scaled_side);
  decoding_.channels = channels_by_name(options.channels);
  if (options.channels == "auto") decoding_.channels = channels_of(*this);
}

PictureInfo EncodedSource::info(int64_t i) const {
  thread_local std::vector<std::byte> buffer;
  return probe(encoded(i, buffer), place(i), decoding_);
}

ImageView EncodedSource::read_part(int64_t i, const ChooseBox& choose, Image& storage,
                                   Box& got) const {
  thread_local std::vector<std::byte> buffer;
  const Bytes bytes = encoded(i, buffer);
  const std::string shown = place(i);
  if (choose) {
    const Box needed = choose(probe(bytes, shown, decoding_));
    return decode_crop(bytes, shown, decoding_, needed, storage, got);
  }
  decode(bytes, shown, decoding_, storage);
  got = {0, 0, storage.height(), storage.width()};
  return storage.view();
}

RawSource::RawSource(std::string where, int height, int width, int channels,
                     std::vector<uint8_t> pixels, std::vector<int64_t> labels,
                     std::vector<std::string> class_names, std::vector<Part> parts,
                     const SourceOptions& options)
    : info_{height, width, channels, PixelType::u8, PictureFormat::raw},
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      parts_(std::move(parts)) {
  where_ = std::move(where);
  class_names_ = std::move(class_names);
  const Channels wanted = channels_by_name(options.channels);
  const int after = channels_after(channels, wanted, where_);
  if (after == channels) return;
  const size_t before = picture_bytes();
  const std::vector<uint8_t> original = std::move(pixels_);
  info_.channels = after;
  pixels_.resize(labels_.size() * picture_bytes());
  Image image;
  for (size_t i = 0; i < labels_.size(); ++i) {
    image.reset(height, width, channels);
    std::copy_n(original.data() + i * before, before, image.row<uint8_t>(0));
    convert_channels(image, wanted, where_);
    std::copy_n(image.row<uint8_t>(0), picture_bytes(), pixels_.data() + i * picture_bytes());
  }
}

std::string RawSource::name(int64_t i) const {
  const auto part =
      std::find_if(parts_.rbegin(), parts_.rend(), [&](const Part& p) { return p.begin <= i; });
  return part->name + "#" + std::to_string(i - part->begin);
}

ImageView RawSource::read_part(int64_t i, const ChooseBox& choose, Image&, Box& got) const {
  const auto* data = reinterpret_cast<const std::byte*>(pixels_.data());
  const ImageView view{data + static_cast<size_t>(i) * picture_bytes(),
                       info_.height,
                       info_.width,
                       info_.channels,
                       PixelType::u8,
                       static_cast<size_t>(info_.width) * static_cast<size_t>(info_.channels)};
  return whole(view, choose, got);
}

}  // namespace vistas::vision
