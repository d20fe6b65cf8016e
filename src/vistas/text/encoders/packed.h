// Texts of a batch one after the other, without the padding between them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace vistas::text {

// T = sum of the lengths. Tensors are int64 on the device of the ids.
struct PackedTexts {
  at::Tensor ids;       // [T]
  at::Tensor cell;      // [T], where each stood in the padded batch: text * L + position
  at::Tensor position;  // [T], from 0 in every text
  at::Tensor length;    // [B]
  at::Tensor offset;    // [B], where each text begins
  int64_t batch = 0;    // B
  int64_t longest = 0;  // at most L: columns that no text reaches are left out

  int64_t tokens() const { return ids.size(0); }
  bool same_length() const { return tokens() == batch * longest; }
};

// ids [B, L] int64, length [B] int64. A usage error unless 1 <= length <= L.
PackedTexts pack_texts(const at::Tensor& ids, const at::Tensor& length);

// Rows [T, ...] in their places of [B, longest, ...], `fill` elsewhere; and back.
at::Tensor to_padded(const at::Tensor& rows, const PackedTexts& texts, double fill = 0);
at::Tensor to_packed(const at::Tensor& padded, const PackedTexts& texts);

// [B, longest], true where a text has a token.
at::Tensor token_mask(const PackedTexts& texts);

// The names of pool(), in the order in which sentence-transformers joins several.
const std::vector<std::string>& pooling_names();

// From token features x [T, H] to text features [B, modes * H]; several modes stand side by side
// in the order given. For a text of n tokens, begin and end among them:
//   cls: x_1          lasttoken: x_n        max: the largest of every feature
//   mean: sum x / n   mean_sqrt_len: sum x / sqrt(n)   weightedmean: sum i x_i / sum i
// Reimers and Gurevych, "Sentence-BERT", 2019; Muennighoff, "SGPT", 2022 (weightedmean).
at::Tensor pool(const at::Tensor& x, const PackedTexts& texts,
                const std::vector<std::string>& modes);

}  // namespace vistas::text
