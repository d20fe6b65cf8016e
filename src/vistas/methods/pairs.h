// What methods that compare views two at a time share.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

// The mean of term(a, b) over the pairs a < b of so many views.
at::Tensor mean_over_pairs(size_t views, const std::function<at::Tensor(size_t, size_t)>& term);

// How a method feeds its views to the encoder: one after the other, so that batch norm sees each
// view apart, or as one batch.
enum class Feeding { apart, jointly };

// Methods of one encoder and one projector whose loss compares the embeddings of two views; with
// V > 2 views it is the mean over all pairs of views.
class PairMethod : public learn::Method {
 public:
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }

 protected:
  PairMethod(std::string name, Feeding feeding, std::shared_ptr<learn::Branch> student);

  // Embeddings [B, D] of two views; scalar.
  virtual at::Tensor compare(const at::Tensor& z_a, const at::Tensor& z_b,
                             const learn::Batch& batch) = 0;

 private:
  std::string name_;
  Feeding feeding_;
  std::shared_ptr<learn::Branch> student_;
};

}  // namespace vistas::methods
