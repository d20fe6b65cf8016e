#include "vistas/learn/batch.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"

namespace vistas::learn {

const at::Tensor& Inputs::at(const std::string& name) const {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return tensor;
  }
  std::string names;
  for (const auto& [key, tensor] : tensors) names += (names.empty() ? "" : ", ") + key;
  throw Error(ErrorKind::usage, {.what = "the encoder wants an input '" + name + "'",
                                 .got = names,
                                 .fix = "The data and the encoder belong to different modalities"});
}

Inputs Inputs::slice(int64_t begin, int64_t end) const {
  Inputs out;
  for (const auto& [key, tensor] : tensors)
    out.tensors.emplace_back(key, tensor.slice(0, begin, end));
  return out;
}

Inputs Inputs::select(const at::Tensor& rows) const {
  Inputs out;
  for (const auto& [key, tensor] : tensors) {
    out.tensors.emplace_back(key, tensor.index_select(0, rows));
  }
  return out;
}

Inputs Inputs::to(at::Device device) const {
  Inputs out;
  for (const auto& [key, tensor] : tensors) out.tensors.emplace_back(key, tensor.to(device));
  return out;
}

bool Inputs::fits(const Inputs& other) const {
  if (tensors.size() != other.tensors.size()) return false;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [a_name, a] = tensors[i];
    const auto& [b_name, b] = other.tensors[i];
    if (a_name != b_name || a.dtype() != b.dtype() || a.sizes().slice(1) != b.sizes().slice(1)) {
      return false;
    }
  }
  return true;
}

Inputs cat(const std::vector<Inputs>& parts) {
  if (parts.size() == 1) return parts.front();
  Inputs out;
  for (size_t i = 0; i < parts.front().tensors.size(); ++i) {
    std::vector<at::Tensor> rows;
    for (const Inputs& part : parts) rows.push_back(part.tensors[i].second);
    out.tensors.emplace_back(parts.front().tensors[i].first, at::cat(rows));
  }
  return out;
}

Batch Batch::to(at::Device device) const {
  Batch out{{}, index, label, group, score, key};
  for (const Inputs& view : views) out.views.push_back(view.to(device));
  if (index.defined()) out.index = index.to(device);
  if (label.defined()) out.label = label.to(device);
  if (group.defined()) out.group = group.to(device);
  if (score.defined()) out.score = score.to(device);
  return out;
}

const at::Tensor& labels_of(const Batch& batch, const std::string& method) {
  if (!batch.label.defined()) {
    throw Error(ErrorKind::data,
                {.what = method + " learns from labels",
                 .got = "data without labels",
                 .fix = "Give a labelled source, such as a folder with a sub-folder for each "
                        "class, or use a method that needs no labels, such as simclr"});
  }
  return batch.label;
}

const at::Tensor& scores_of(const Batch& batch, const std::string& method) {
  if (!batch.score.defined()) {
    throw Error(ErrorKind::data, {.what = method + " learns from the scores of pairs",
                                  .got = "data without scores",
                                  .fix = "Give pairs with a column of scores, or use a method of "
                                         "plain pairs, such as ranking"});
  }
  return batch.score;
}

std::vector<at::Tensor> teacher_embeddings(const Batch& batch, const std::string& method) {
  std::vector<at::Tensor> out;
  for (const Inputs& view : batch.views) {
    for (const auto& [key, tensor] : view.tensors) {
      if (key == "teacher") out.push_back(tensor);
    }
  }
  if (out.size() != batch.views.size()) {
    throw Error(ErrorKind::data,
                {.what = method + " learns from the embeddings of a teacher",
                 .got = "data without them",
                 .fix = "Name an encoder that makes them (texts: data.teacher), or "
                        "use a method that needs none, such as ranking"});
  }
  return out;
}

at::Tensor masked_groups(const Batch& batch, bool mask_groups) {
  if (!mask_groups) return {};
  if (!batch.group.defined()) {
    throw Error(ErrorKind::usage,
                {.what = "method.mask_groups",
                 .got = "data in which no two samples are the same thing",
                 .fix = "Pictures of one class are with --set data.views_of=class"});
  }
  return batch.group;
}

}  // namespace vistas::learn
