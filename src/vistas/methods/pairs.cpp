#include "vistas/methods/pairs.h"

#include <ATen/ATen.h>

namespace vistas::methods {

at::Tensor mean_over_pairs(size_t views, const std::function<at::Tensor(size_t, size_t)>& term) {
  at::Tensor sum;
  int64_t pairs = 0;
  for (size_t a = 0; a < views; ++a) {
    for (size_t b = a + 1; b < views; ++b, ++pairs) {
      sum = sum.defined() ? sum + term(a, b) : term(a, b);
    }
  }
  return sum / pairs;
}

PairMethod::PairMethod(std::string name, Feeding feeding, std::shared_ptr<learn::Branch> student)
    : name_(std::move(name)),
      feeding_(feeding),
      student_(register_module("student", std::move(student))) {}

learn::Embeddings PairMethod::embed(const learn::Batch& batch) {
  return {
      feeding_ == Feeding::apart ? student_->apart(batch.views) : student_->jointly(batch.views),
      {}};
}

at::Tensor PairMethod::loss(const learn::Embeddings& embeddings, const learn::Batch& batch) {
  const auto& z = embeddings.live;
  learn::require_views(z.size(), 2, name_);
  return mean_over_pairs(z.size(), [&](size_t a, size_t b) { return compare(z[a], z[b], batch); });
}

}  // namespace vistas::methods
