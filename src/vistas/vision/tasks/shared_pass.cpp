#include "vistas/vision/tasks/shared_pass.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "vistas/learn/group.h"

namespace vistas::vision {
namespace {

std::vector<std::string> gathered(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\0';
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), bytes.mutable_data_ptr<uint8_t>());
  const at::Tensor all = learn::Group::current().gather_rows({bytes}).front().all;
  const auto* begin = reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>());
  const auto* end = begin + all.numel();
  std::vector<std::string> out;
  for (const char* at = begin; at < end; at += out.back().size() + 1) out.emplace_back(at);
  return out;
}

}  // namespace

learn::Batch SomeSamples::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  std::vector<int64_t> of_all;
  for (const int64_t sample : samples) of_all.push_back(samples_[static_cast<size_t>(sample)]);
  return all_->make(of_all, epoch);
}

BadImages gathered(const BadImages& own) {
  at::Tensor counts = at::tensor({own.count, own.damaged}, at::kLong);
  learn::Group::current().sum_(counts);
  BadImages all;
  all.add({.count = counts[0].item<int64_t>(),
           .first = gathered(own.first),
           .damaged = counts[1].item<int64_t>(),
           .damaged_names = gathered(own.damaged_names)});
  return all;
}

}  // namespace vistas::vision
