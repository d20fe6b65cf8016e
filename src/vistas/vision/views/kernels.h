// The vector kernels behind the operations on 8-bit pixels. Each exists for several instruction
// sets (Highway) and the best one that the processor has is chosen at run time; all give the same
// bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vistas::vision::kernels {

// `rows` rows of 3-channel pixels, one-dimensional resize: weights are 22-bit fixed point, `count`
// for each output, applied from pixel first[i] on. Reads nothing outside the rows; `copy` is memory
// that calls reuse.
struct AcrossTaps {
  const int32_t* first = nullptr;
  const int32_t* weights = nullptr;
  int count = 0;
  int outputs = 0;
};
void resize_across_rgb(const uint8_t* in, size_t in_row, int in_width, int rows,
                       const AcrossTaps& taps, std::vector<uint8_t>& copy, uint8_t* out,
                       size_t out_row);

// The same for grey pixels.
struct GreyMemory {
  std::vector<uint8_t> line{}, result{};
  std::vector<int32_t> first{}, weights{};
};
void resize_across_grey(const uint8_t* in, size_t in_row, int in_width, int rows,
                        const AcrossTaps& taps, GreyMemory& memory, uint8_t* out, size_t out_row);

// One output row: the weighted sum of `count` rows of n values.
void resize_down(const uint8_t* in, size_t in_row, const int32_t* weights, int count, size_t n,
                 uint8_t* out);

// One output row of an extended box filter: (inner * (sum of the 2 radius + 1 middle lines) +
// outer * (first line + last line) + 2^23) >> 24; lines has 2 radius + 3 entries, radius <= 63.
void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
              uint8_t* out);

// out[i] = sum over k < count of weights[k] * lines[k][i], added up in that order, not fused.
void weighted_sum(const float* const* lines, const float* weights, size_t count, size_t n,
                  float* out);

// A picture as planes of bytes, one a channel; the pixels at the border are repeated around it.
struct Planes {
  const uint8_t* first = nullptr;  // pixel (0, 0) of channel 0
  int32_t row = 0;                 // bytes from row to row
  size_t plane = 0;                // bytes from channel to channel
  int height = 0, width = 0, channels = 0;
};
Planes split_planes(const uint8_t* in, size_t in_row, int height, int width, int channels,
                    std::vector<uint8_t>& memory);

// One row of a warp: interleaved output pixel i < n shows the place (x[i], y[i]), or `fill` where
// that is outside. x and y hold kWarpStep numbers more than n, which do not matter.
inline constexpr size_t kWarpStep = 8;
void warp_bilinear(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                   uint8_t* out);
void warp_bicubic(const Planes& in, const double* x, const double* y, size_t n, uint8_t fill,
                  uint8_t* out);

// table[value], 256 entries.
void apply_table(const uint8_t* in, size_t n, const uint8_t* table, uint8_t* out);

// degenerate + factor (value - degenerate), truncated and clipped.
void blend_constant(const uint8_t* in, size_t n, float degenerate, float factor, uint8_t* out);
void solarize(const uint8_t* in, size_t n, int threshold, uint8_t* out);

// On interleaved RGB pixels; in == out is allowed.
uint64_t sum_grey(const uint8_t* in, size_t pixels);
void grey(const uint8_t* in, size_t pixels, uint8_t* out);
void saturate(const uint8_t* in, size_t pixels, float factor, uint8_t* out);
void turn_hue(const uint8_t* in, size_t pixels, int shift, uint8_t* out);  // shift 0..255

// value * scale[channel] + shift[channel]; scale and shift hold one number a channel, repeated up
// to `period` numbers, a multiple of channels and of kNormalisePeriod.
inline constexpr size_t kNormalisePeriod = 16;
void normalise(const uint8_t* in, size_t n, const float* scale, const float* shift, size_t period,
               float* out);

}  // namespace vistas::vision::kernels
