// Encoders of users and items.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "vistas/learn/encoder.h"
#include "vistas/recommend/sources/interactions.h"

namespace vistas::recommend {

// Embeddings of all; the score of an item for a user is their dot product.
struct NodeEmbeddings {
  at::Tensor users;  // [U, d]
  at::Tensor items;  // [I, d]
};

// A table [rows, columns] of Glorot's uniform values, of variance 2 / (rows + columns).
at::Tensor glorot_uniform(int64_t rows, int64_t columns, const at::Generator& generator);

class NodeEncoder : public learn::Encoder {
 public:
  // Of all users and items, without gradients. Encoders that read what a user had read `history`;
  // others know their users from training.
  virtual NodeEmbeddings embed(const Interactions& history) const = 0;

  // [1, d]: a user never seen who had these items [N] int64, in this order; `items` is embed()'s.
  virtual at::Tensor new_user(const at::Tensor& had, const at::Tensor& items) const = 0;
};

}  // namespace vistas::recommend
