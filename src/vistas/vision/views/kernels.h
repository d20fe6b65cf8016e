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

// One output row: the weighted sum of `count` rows of n values.
void resize_down(const uint8_t* in, size_t in_row, const int32_t* weights, int count, size_t n,
                 uint8_t* out);

// One output row of an extended box filter: (inner * (sum of the 2 radius + 1 middle lines) +
// outer * (first line + last line) + 2^23) >> 24; lines has 2 radius + 3 entries, radius <= 63.
void box_line(const uint8_t* const* lines, int radius, uint32_t inner, uint32_t outer, size_t n,
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
