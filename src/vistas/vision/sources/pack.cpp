#include "vistas/vision/sources/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/threads.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/parsers.h"
#include "vistas/vision/sources/shrink.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "VISPACK1";
constexpr size_t kHeaderSize = 24, kAlign = 64;

// ---- reading ----

class Cursor {
 public:
  Cursor(Bytes bytes, const std::string& name) : rest_(bytes), name_(name) {}

  template <class T>
  T number() {
    std::make_unsigned_t<T> value = 0;
    const Bytes bytes = take(sizeof(T));
    for (size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<std::make_unsigned_t<T>>(
          value | static_cast<uint64_t>(std::to_integer<uint8_t>(bytes[i])) << (8 * i));
    }
    return static_cast<T>(value);
  }

  std::string text() {
    const Bytes bytes = take(number<uint32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::data, {.what = name_ + ": not a usable packed file: " + why,
                                  .fix = "It may be an incomplete copy; pack the pictures again"});
  }

 private:
  Bytes take(size_t count) {
    if (count > rest_.size()) fail("its index is cut off");
    const Bytes bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }

  Bytes rest_;
  const std::string& name_;
};

PackEntry read_entry(Cursor& index, Bytes pictures, int64_t classes) {
  PackEntry entry;
  entry.name = index.text();
  entry.label = index.number<int64_t>();
  const uint32_t height = index.number<uint32_t>(), width = index.number<uint32_t>();
  const int channels = index.number<uint8_t>(), type = index.number<uint8_t>();
  entry.encoded = index.number<uint8_t>() != 0;
  const uint64_t place = index.number<uint64_t>(), size = index.number<uint64_t>();
  if (entry.label < -1 || entry.label >= classes) index.fail("a label without a class");
  if (height < 1 || width < 1 || height > 1 << 28 || width > 1 << 28 || channels < 1 || type > 2) {
    index.fail("an impossible picture");
  }
  if (place > pictures.size() || size > pictures.size() - place || place % kAlign != 0) {
    index.fail("a picture outside the file");
  }
  entry.info = {static_cast<int>(height), static_cast<int>(width), channels,
                static_cast<PixelType>(type), PictureFormat::raw};
  if (!entry.encoded && size != uint64_t{height} * width * static_cast<uint64_t>(channels) *
                                    size_of(entry.info.type)) {
    index.fail("a picture of the wrong size");
  }
  entry.content = pictures.subspan(place, size);
  return entry;
}

class PackedSource : public EncodedSource {
 public:
  PackedSource(const fs::path& path, const SourceOptions& options) : file_(path) {
    where_ = path.string();
    PackIndex index = parse_pack(file_.bytes(), where_);
    class_names_ = std::move(index.class_names);
    entries_ = std::move(index.entries);
    set_decoding(options);
  }

  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }
  std::string name(int64_t i) const override { return at(i).name; }
  int64_t label(int64_t i) const override { return at(i).label; }
  int64_t stored_bytes(int64_t i) const override {
    return static_cast<int64_t>(at(i).content.size());
  }

  PictureInfo info(int64_t i) const override {
    if (at(i).encoded) return EncodedSource::info(i);
    PictureInfo info = at(i).info;
    info.channels = channels_after(info.channels, decoding().channels, place(i));
    return info;
  }

  ImageView read_part(int64_t i, const ChooseBox& choose, Image& storage, Box& got) const override {
    const PackEntry& entry = at(i);
    if (entry.encoded) return EncodedSource::read_part(i, choose, storage, got);
    const PictureInfo& stored = entry.info;
    const ImageView raw{
        entry.content.data(), stored.height,
        stored.width,         stored.channels,
        stored.type,          entry.content.size() / static_cast<size_t>(stored.height)};
    if (info(i).channels == stored.channels) return whole(raw, choose, got);
    storage.reset(stored.height, stored.width, stored.channels, stored.type);
    std::copy(entry.content.begin(), entry.content.end(), storage.data());
    convert_channels(storage, decoding().channels, place(i));
    return whole(storage.view(), choose, got);
  }

 protected:
  Bytes encoded(int64_t i, std::vector<std::byte>&) const override { return at(i).content; }

 private:
  const PackEntry& at(int64_t i) const { return entries_[static_cast<size_t>(i)]; }

  MappedFile file_;
  std::vector<PackEntry> entries_;
};

bool matches(const fs::path& path) {
  if (!is_file(path)) return false;
  std::ifstream in(path, std::ios::binary);
  std::string start(kMagic.size(), '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == kMagic || path.extension() == ".vpack";
}

std::unique_ptr<ImageSource> open(const fs::path& path, const SourceOptions& options) {
  return std::make_unique<PackedSource>(path, options);
}

// ---- writing ----

template <class T>
void put(std::string& to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    to += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
  }
}

void put_text(std::string& to, const std::string& text) {
  put(to, static_cast<uint32_t>(text.size()));
  to += text;
}

// One picture as it goes into the file.
struct Packed {
  PictureInfo info{};
  bool encoded = false;
  std::string content{};
  std::optional<std::string> error{};
};

Packed pack_picture(const ImageSource& source, int64_t i, const PackOptions& options, bool skip) {
  thread_local Image storage, smaller;
  Packed packed;
  try {
    Box got;
    ImageView view = source.read(i, nullptr, storage, got);
    const int side = std::max(view.height, view.width);
    if (options.max_side > 0 && side > options.max_side) {
      const double scale = static_cast<double>(options.max_side) / side;
      shrink(view, std::max(1, static_cast<int>(view.height * scale + 0.5)),
             std::max(1, static_cast<int>(view.width * scale + 0.5)), smaller);
      view = smaller.view();
    }
    packed.info = {view.height, view.width, view.channels, view.type, PictureFormat::raw};
    packed.encoded = options.quality > 0 && view.type == PixelType::u8 &&
                     (view.channels == 1 || view.channels == 3);
    if (packed.encoded) {
      packed.content = encode_jpeg(view, static_cast<int>(options.quality));
    } else {
      const size_t row =
          static_cast<size_t>(view.width) * static_cast<size_t>(view.channels) * size_of(view.type);
      for (int y = 0; y < view.height; ++y) packed.content.append(view.row<char>(y), row);
    }
  } catch (const Error& error) {
    if (!skip || error.kind() != ErrorKind::data) throw;
    packed.error = error.what();
  }
  return packed;
}

// A file that takes its name only once it is complete.
class Output {
 public:
  explicit Output(const fs::path& path)
      : path_(path), temporary_(path.string() + ".tmp"), out_(temporary_, std::ios::binary) {
    check();
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (done_) return;
    out_.close();
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }

  uint64_t place() const { return place_; }
  void write(std::string_view bytes) {
    out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    place_ += bytes.size();
    check();
  }
  void align() { write(std::string((kAlign - place_ % kAlign) % kAlign, '\0')); }

  void finish(std::string_view header) {
    out_.seekp(0);
    out_.write(header.data(), static_cast<std::streamsize>(header.size()));
    out_.close();
    check();
    sync_path(temporary_);
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) throw_system_error(path_.string() + ": cannot rename", error.value());
    done_ = true;
    sync_path(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
  }

 private:
  void check() {
    if (!out_) throw_system_error(temporary_.string() + ": cannot write", errno);
  }

  fs::path path_, temporary_;
  std::ofstream out_;
  uint64_t place_ = 0;
  bool done_ = false;
};

}  // namespace

void PackOptions::fields(Fields& f) {
  f.add("max_side", max_side, "scale longer sides down to this many pixels (0: keep the size)",
        {0, 65500});
  f.add("quality", quality, "JPEG quality of 8-bit grey and RGB pictures (0: raw pixels)",
        {0, 100});
  f.add("threads", threads, "threads (0: all cores)", {0, 1024});
}

PackIndex parse_pack(Bytes bytes, const std::string& name) {
  Cursor header(bytes.first(std::min(bytes.size(), kHeaderSize)), name);
  for (const char c : kMagic) {
    if (header.number<char>() != c) header.fail("another beginning");
  }
  const uint64_t place = header.number<uint64_t>(), size = header.number<uint64_t>();
  if (place > bytes.size() || size != bytes.size() - place)
    header.fail("its index is not at its end");
  Cursor cursor(bytes.subspan(place), name);
  PackIndex index;
  for (uint32_t n = cursor.number<uint32_t>(); n > 0; --n) {
    index.class_names.push_back(cursor.text());
  }
  for (uint64_t n = cursor.number<uint64_t>(); n > 0; --n) {
    index.entries.push_back(
        read_entry(cursor, bytes.first(place), static_cast<int64_t>(index.class_names.size())));
  }
  return index;
}

PackResult pack_source(const ImageSource& source, const fs::path& path, const PackOptions& options,
                       const std::string& on_bad_image) {
  PackResult result;
  std::string entries;
  Output out(path);
  out.write(std::string(kHeaderSize, '\0'));
  const int threads = options.threads > 0 ? static_cast<int>(options.threads) : available_cores();
  const int64_t batch = 16 * threads;
  std::vector<Packed> packed(static_cast<size_t>(batch));
  for (int64_t begin = 0; begin < source.size(); begin += batch) {
    const int64_t count = std::min(batch, source.size() - begin);
    parallel_for(count, threads, [&](int64_t k, int) {
      packed[static_cast<size_t>(k)] =
          pack_picture(source, begin + k, options, on_bad_image == "skip");
    });
    for (int64_t k = 0; k < count; ++k) {
      const Packed& one = packed[static_cast<size_t>(k)];
      if (one.error) {
        if (result.bad.count++ < 10) result.bad.first.push_back(*one.error);
        continue;
      }
      out.align();
      put_text(entries, source.name(begin + k));
      put(entries, source.label(begin + k));
      put(entries, static_cast<uint32_t>(one.info.height));
      put(entries, static_cast<uint32_t>(one.info.width));
      put(entries, static_cast<uint8_t>(one.info.channels));
      put(entries, static_cast<uint8_t>(one.info.type));
      put(entries, static_cast<uint8_t>(one.encoded));
      put(entries, out.place());
      put(entries, static_cast<uint64_t>(one.content.size()));
      out.write(one.content);
      ++result.pictures;
    }
  }
  std::string index;
  put(index, static_cast<uint32_t>(source.class_names().size()));
  for (const std::string& name : source.class_names()) put_text(index, name);
  put(index, static_cast<uint64_t>(result.pictures));
  std::string header(kMagic);
  put(header, out.place());
  put(header, static_cast<uint64_t>(index.size() + entries.size()));
  out.write(index);
  out.write(entries);
  result.bytes = static_cast<int64_t>(out.place());
  out.finish(header);
  return result;
}

const SourceKind kPackKind{matches, no_splits, open};

}  // namespace vistas::vision
