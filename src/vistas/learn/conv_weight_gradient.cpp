#include "vistas/learn/conv_weight_gradient.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
// g++ 12 warns of its own headers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define VISTAS_BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#endif

namespace vistas::learn {

#ifdef VISTAS_BF16_TARGET
namespace {

// The instruction adds products of pairs: acc[i] += a[i].lo b[i].lo + a[i].hi b[i].hi. Pairs are
// neighbouring output pixels, lanes are 16 input channels, b is one output channel:
//   dW[o, kh, kw, i] += x[y s + kh - 1, p, i] g[y, q, o] + x[y s + kh - 1, p + s, i] g[y, q + 1, o]
// with q even and p = q s + kw - 1. So x and g are stored once as such pairs, 32 bits each.
constexpr int64_t kLanes = 16;
constexpr int64_t kOutputs = 8;  // output channels at a time: 8 x 3 columns of sums in registers
constexpr int64_t kGroups = 8;   // of images with sums of their own

struct Shape {
  int64_t in, out, stride;
  int64_t height, width;          // of x
  int64_t out_height, out_width;  // of g
  int64_t pairs;                  // of g in a row
  int64_t step;                   // between pairs of x in a row: 2, or 3 at stride 2
  int64_t row;                    // pairs of x in a row

  int64_t x_size() const { return height * row * in; }  // of an image, in pairs
  int64_t g_size() const { return out_height * pairs * out; }
};

// pair[c] = first[c] | second[c] << 16 for all channels; a null pointer stands for zeros.
VISTAS_BF16_TARGET void pack_pair(const uint16_t* first, const uint16_t* second, int64_t channels,
                                  uint32_t* pair) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    __m512i word = _mm512_setzero_si512();
    if (first != nullptr) {
      word = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + c)));
    }
    if (second != nullptr) {
      const __m512i high =
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(second + c)));
      word = _mm512_or_si512(word, _mm512_slli_epi32(high, 16));
    }
    _mm512_storeu_si512(pair + c, word);
  }
}

VISTAS_BF16_TARGET void pack_image(const Shape& s, const uint16_t* x, uint32_t* pairs) {
  for (int64_t y = 0; y < s.height; ++y, x += s.width * s.in) {
    for (int64_t i = 0; i < s.row; ++i, pairs += s.in) {
      const int64_t p = s.stride == 1 ? i - 1 : 4 * (i / 3) + i % 3 - 1;
      const int64_t q = p + s.stride;
      pack_pair(p >= 0 && p < s.width ? x + p * s.in : nullptr,
                q < s.width ? x + q * s.in : nullptr, s.in, pairs);
    }
  }
}

VISTAS_BF16_TARGET void pack_gradient(const Shape& s, const uint16_t* g, uint32_t* pairs) {
  for (int64_t y = 0; y < s.out_height; ++y, g += s.out_width * s.out) {
    for (int64_t i = 0; i < s.pairs; ++i, pairs += s.out) {
      const uint16_t* first = g + 2 * i * s.out;
      pack_pair(first, 2 * i + 1 < s.out_width ? first + s.out : nullptr, s.out, pairs);
    }
  }
}

// Adds to dW[o .. o + 7, kh, 0 .. 2, i .. i + 15] from some packed images.
VISTAS_BF16_TARGET void add_tile(const Shape& s, int64_t images, const uint32_t* x,
                                 const uint32_t* g, int64_t o, int64_t kh, int64_t i,
                                 float* weights) {
  __m512 sum[kOutputs][3];
  const auto place = [&](int64_t u, int64_t kw) {
    return weights + (((o + u) * 3 + kh) * 3 + kw) * s.in + i;
  };
  for (int64_t u = 0; u < kOutputs; ++u) {
    for (int64_t kw = 0; kw < 3; ++kw) sum[u][kw] = _mm512_loadu_ps(place(u, kw));
  }
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t y = 0; y < s.out_height; ++y) {
      const int64_t in_y = y * s.stride + kh - 1;
      if (in_y < 0 || in_y >= s.height) continue;
      const uint32_t* in = x + image * s.x_size() + in_y * s.row * s.in + i;
      const uint32_t* out = g + image * s.g_size() + y * s.pairs * s.out + o;
      for (int64_t p = 0; p < s.pairs; ++p, in += s.step * s.in, out += s.out) {
        const __m512bh a0 = (__m512bh)_mm512_loadu_si512(in);
        const __m512bh a1 = (__m512bh)_mm512_loadu_si512(in + s.in);
        const __m512bh a2 = (__m512bh)_mm512_loadu_si512(in + 2 * s.in);
        for (int64_t u = 0; u < kOutputs; ++u) {
          const __m512bh b = (__m512bh)_mm512_set1_epi32(static_cast<int>(out[u]));
          sum[u][0] = _mm512_dpbf16_ps(sum[u][0], a0, b);
          sum[u][1] = _mm512_dpbf16_ps(sum[u][1], a1, b);
          sum[u][2] = _mm512_dpbf16_ps(sum[u][2], a2, b);
        }
      }
    }
  }
  for (int64_t u = 0; u < kOutputs; ++u) {
    for (int64_t kw = 0; kw < 3; ++kw) _mm512_storeu_ps(place(u, kw), sum[u][kw]);
  }
}

// Adds the gradient of images [begin, end) to `weights` [O, 3, 3, I].
void add_images(const Shape& s, const uint16_t* x, const uint16_t* g, int64_t begin, int64_t end,
                float* weights) {
  // Small pictures are taken together, so that the sums stay in registers for a while.
  const int64_t together =
      std::clamp<int64_t>(256 / (s.out_height * s.out_width), 1, std::max<int64_t>(1, end - begin));
  std::vector<uint32_t> x_pairs(static_cast<size_t>(together * s.x_size()));
  std::vector<uint32_t> g_pairs(static_cast<size_t>(together * s.g_size()));
  for (int64_t first = begin; first < end; first += together) {
    const int64_t images = std::min(together, end - first);
    for (int64_t n = 0; n < images; ++n) {
      const int64_t image = first + n;
      pack_image(s, x + image * s.height * s.width * s.in, x_pairs.data() + n * s.x_size());
      pack_gradient(s, g + image * s.out_height * s.out_width * s.out,
                    g_pairs.data() + n * s.g_size());
    }
    for (int64_t o = 0; o < s.out; o += kOutputs) {
      for (int64_t kh = 0; kh < 3; ++kh) {
        for (int64_t i = 0; i < s.in; i += kLanes) {
          add_tile(s, images, x_pairs.data(), g_pairs.data(), o, kh, i, weights);
        }
      }
    }
  }
}

Shape shape_of(const at::Tensor& x, const at::Tensor& grad, int64_t stride) {
  const int64_t pairs = (grad.size(3) + 1) / 2;
  return {.in = x.size(1),
          .out = grad.size(1),
          .stride = stride,
          .height = x.size(2),
          .width = x.size(3),
          .out_height = grad.size(2),
          .out_width = grad.size(3),
          .pairs = pairs,
          .step = stride == 1 ? 2 : 3,
          .row = stride == 1 ? 2 * pairs + 1 : 3 * pairs};
}

const uint16_t* words(const at::Tensor& x) {
  return static_cast<const uint16_t*>(x.const_data_ptr());
}

}  // namespace

bool can_compute_weight_gradient(const at::Tensor& x, int64_t out_channels) {
  static const bool has_instruction =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return has_instruction && x.is_cpu() && x.scalar_type() == at::kBFloat16 && x.dim() == 4 &&
         x.numel() > 0 && x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         x.size(1) % kLanes == 0 && out_channels % kLanes == 0;
}

at::Tensor conv3x3_weight_gradient(const at::Tensor& x, const at::Tensor& grad, int64_t stride) {
  const Shape s = shape_of(x, grad, stride);
  const int64_t batch = x.size(0), groups = std::min(batch, kGroups);
  const at::Tensor sums = at::zeros({groups, s.out, 3, 3, s.in}, at::kFloat);
  float* const first = sums.mutable_data_ptr<float>();
  at::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      add_images(s, words(x), words(grad), group * batch / groups, (group + 1) * batch / groups,
                 first + group * s.out * 9 * s.in);
    }
  });
  return sums.sum(0).permute({0, 3, 1, 2});
}

#else

bool can_compute_weight_gradient(const at::Tensor&, int64_t) {
  return false;
}

at::Tensor conv3x3_weight_gradient(const at::Tensor& x, const at::Tensor& grad, int64_t stride) {
  const at::Tensor weight = at::empty({grad.size(1), x.size(1), 3, 3}, x.options());
  return std::get<1>(at::convolution_backward(grad, x, weight, std::nullopt, {stride, stride},
                                              {1, 1}, {1, 1}, false, {0, 0}, 1,
                                              {false, true, false}))
      .to(at::kFloat);
}

#endif

}  // namespace vistas::learn
