// Pictures in memory: interleaved rows of channels, 8 bit, 16 bit or float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vistas::vision {

enum class PixelType : uint8_t { u8, u16, f32 };

inline size_t size_of(PixelType type) {
  return type == PixelType::u8 ? 1 : type == PixelType::u16 ? 2 : 4;
}

// A rectangle in pixels.
struct Box {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Box&) const = default;
};

// A picture somebody else owns: element (y, x, c) is at data + y * row_bytes +
// (x * channels + c) * size_of(type). u8 and u16 span the whole range of the type, f32 is 0..1.
struct ImageView {
  const std::byte* data = nullptr;
  int height = 0, width = 0, channels = 0;
  PixelType type = PixelType::u8;
  size_t row_bytes = 0;

  template <class T>
  const T* row(int y) const {
    return reinterpret_cast<const T*>(data + static_cast<size_t>(y) * row_bytes);
  }
  ImageView crop(const Box& box) const {
    ImageView v = *this;
    v.data += static_cast<size_t>(box.top) * row_bytes +
              static_cast<size_t>(box.left) * static_cast<size_t>(channels) * size_of(type);
    v.height = box.height;
    v.width = box.width;
    return v;
  }
};

// A picture that owns its pixels, rows without padding. reset() keeps the memory it has, so that a
// reused Image allocates nothing in the steady state.
class Image {
 public:
  Image() = default;
  Image(int height, int width, int channels, PixelType type = PixelType::u8) {
    reset(height, width, channels, type);
  }
  // The content is unspecified afterwards.
  void reset(int height, int width, int channels, PixelType type = PixelType::u8) {
    height_ = height;
    width_ = width;
    channels_ = channels;
    type_ = type;
    if (bytes_.size() < size_bytes()) bytes_.resize(size_bytes());
  }

  int height() const { return height_; }
  int width() const { return width_; }
  int channels() const { return channels_; }
  PixelType type() const { return type_; }
  size_t row_bytes() const {
    return static_cast<size_t>(width_) * static_cast<size_t>(channels_) * size_of(type_);
  }
  size_t size_bytes() const { return row_bytes() * static_cast<size_t>(height_); }
  std::byte* data() { return bytes_.data(); }
  const std::byte* data() const { return bytes_.data(); }
  template <class T>
  T* row(int y) {
    return reinterpret_cast<T*>(bytes_.data() + static_cast<size_t>(y) * row_bytes());
  }
  template <class T>
  const T* row(int y) const {
    return reinterpret_cast<const T*>(bytes_.data() + static_cast<size_t>(y) * row_bytes());
  }
  ImageView view() const { return {bytes_.data(), height_, width_, channels_, type_, row_bytes()}; }

 private:
  int height_ = 0, width_ = 0, channels_ = 0;
  PixelType type_ = PixelType::u8;
  std::vector<std::byte> bytes_;
};

}  // namespace vistas::vision
