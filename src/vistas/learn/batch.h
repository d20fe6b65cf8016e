// What travels from the loader to the encoder: batches of views of samples of any modality.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vistas::learn {

// One view of a batch: named tensors with a row for each sample (pixels; token ids and mask ...).
struct Inputs {
  std::vector<std::pair<std::string, at::Tensor>> tensors;

  const at::Tensor& at(const std::string& name) const;  // throws if there is no such tensor
  int64_t rows() const { return tensors.front().second.size(0); }
  Inputs slice(int64_t begin, int64_t end) const;
  Inputs select(const at::Tensor& rows) const;  // rows [N] int64
  Inputs to(at::Device device) const;
  // Whether rows of both can stand in one Inputs: same names, types and row shapes.
  bool fits(const Inputs& other) const;
};

// The rows of all parts below each other; every part must fit() the first.
Inputs cat(const std::vector<Inputs>& parts);

struct Batch {
  std::vector<Inputs> views;  // row i of every view comes from sample index[i]
  at::Tensor index;           // [B] int64
  at::Tensor label;           // [B] int64, undefined without labels
  at::Tensor group;           // [B] int64, equal for rows that are the same thing; may be undefined
  at::Tensor score;           // [B] float32, of the pair of views; undefined without scores
  uint64_t key = 0;           // what randomness inside networks is derived from

  Batch to(at::Device device) const;
};

// The labels of a batch; a data error that names the method if there are none.
const at::Tensor& labels_of(const Batch& batch, const std::string& method);

// The scores of a batch; a data error that names the method if there are none.
const at::Tensor& scores_of(const Batch& batch, const std::string& method);

// What another encoder made of each view, its input "teacher" [B, T]; a data error that names the
// method if a view has none.
std::vector<at::Tensor> teacher_embeddings(const Batch& batch, const std::string& method);

// What a loss takes for method.mask_groups: nothing where it is off, otherwise the groups of a
// batch; a usage error if it has none.
at::Tensor masked_groups(const Batch& batch, bool mask_groups);

}  // namespace vistas::learn
