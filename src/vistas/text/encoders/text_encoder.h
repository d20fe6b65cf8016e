// Encoders of texts: from token ids to one feature row a text.
#pragma once

#include <functional>
#include <string>

#include "vistas/learn/encoder.h"

namespace vistas::text {

// A view of texts is "ids" [B, L] int64 and "length" [B] int64, 1 <= length <= L: what stands
// beyond a row's length is never looked at.
class TextEncoder : public learn::Encoder {
 public:
  at::Tensor forward(const learn::Inputs& inputs) final {
    return encode(inputs.at("ids"), inputs.at("length"));
  }
  virtual at::Tensor encode(const at::Tensor& ids, const at::Tensor& length) = 0;  // [B, dim()]

  // encode() in evaluation mode for inference alone: from the values that the encoder has now,
  // without gradients, in "fp32" or "bf16", float32 [B, dim()]. It may have been made faster; its
  // results differ from those of encode() by rounding. Safe for several threads at once.
  using Frozen = std::function<at::Tensor(const at::Tensor& ids, const at::Tensor& length)>;
  virtual Frozen frozen(const std::string& precision);

  // Whether texts come between the tokens that mark their begin and end ([CLS] and [SEP]).
  virtual bool wants_marks() const = 0;
  // The most ids of a text that the encoder takes, marks among them.
  virtual int64_t max_length() const = 0;
};

}  // namespace vistas::text
