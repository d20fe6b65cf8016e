#include "vistas/text/encoders/static_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/learn/layers.h"

namespace vistas::text {
namespace {

// The parameter is embedding.weight, as files of static embeddings have it.
struct Table : torch::nn::Module {
  explicit Table(const at::Tensor& initial) { weight = register_parameter("weight", initial); }
  at::Tensor weight;
};

}  // namespace

StaticEncoder::StaticEncoder(int64_t vocabulary, const StaticOptions& options, uint64_t seed)
    : vocabulary_(vocabulary), options_(options) {
  at::Generator generator = learn::initial_values(seed);
  const at::Tensor initial = at::empty({vocabulary + options.buckets, options.dim})
                                 .normal_(0, options.init_std, generator);
  weight_ = register_module("embedding", std::make_shared<Table>(initial))->weight;
}

// Row numbers of the ids of each text, then of its n-grams.
learn::Bags StaticEncoder::bags_of(const at::Tensor& ids, const at::Tensor& length) const {
  const at::Tensor all = ids.cpu().contiguous(), lengths = length.cpu().contiguous();
  const int64_t texts = all.size(0), width = all.size(1);
  const int64_t* from = all.const_data_ptr<int64_t>();
  const int64_t* counts = lengths.const_data_ptr<int64_t>();
  const int64_t longest = options_.buckets > 0 ? options_.ngrams : 1;
  const at::Tensor offsets = at::zeros({texts + 1}, at::kLong);
  auto* offset = offsets.data_ptr<int64_t>();
  for (int64_t b = 0; b < texts; ++b) {
    offset[b + 1] = offset[b];
    for (int64_t n = 1; n <= longest; ++n) offset[b + 1] += std::max<int64_t>(0, counts[b] - n + 1);
  }
  const at::Tensor rows = at::empty({offset[texts]}, at::kLong);
  auto* row = rows.data_ptr<int64_t>();
  for (int64_t b = 0; b < texts; ++b) {
    const int64_t* id = from + b * width;
    row = std::copy(id, id + counts[b], row);
    for (int64_t n = 2; n <= longest; ++n) {
      for (int64_t i = 0; i + n <= counts[b]; ++i) {
        uint64_t hash = static_cast<uint64_t>(n);
        for (int64_t k = i; k < i + n; ++k) hash = mix(hash, static_cast<uint64_t>(id[k]));
        *row++ = vocabulary_ + static_cast<int64_t>(hash % static_cast<uint64_t>(options_.buckets));
      }
    }
  }
  return {rows, offsets};
}

at::Tensor StaticEncoder::encode(const at::Tensor& ids, const at::Tensor& length) {
  const at::Tensor means = learn::bag_means(weight_, bags_of(ids, length));
  return options_.normalize ? means / means.norm(2, 1, true).clamp_min(1e-12) : means;
}

}  // namespace vistas::text
