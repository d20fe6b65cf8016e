#include "vistas/text/tasks/embed.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "vistas/learn/precision.h"

namespace vistas::text {
namespace {

// Numbers of texts, longest first.
std::vector<int64_t> by_length(const TokenizedTexts& texts) {
  std::vector<int64_t> order(static_cast<size_t>(texts.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return texts[a].size() > texts[b].size(); });
  return order;
}

struct PaddedIds {
  at::Tensor ids, length;
};

PaddedIds padded(const TokenizedTexts& texts, std::span<const int64_t> rows) {
  const auto batch = static_cast<int64_t>(rows.size());
  const auto longest = std::max<int64_t>(1, static_cast<int64_t>(texts[rows.front()].size()));
  PaddedIds out{at::zeros({batch, longest}, at::kLong), at::empty({batch}, at::kLong)};
  for (int64_t i = 0; i < batch; ++i) {
    const auto ids = texts[rows[static_cast<size_t>(i)]];
    std::copy(ids.begin(), ids.end(), out.ids.mutable_data_ptr<int64_t>() + i * longest);
    out.length.mutable_data_ptr<int64_t>()[i] = static_cast<int64_t>(ids.size());
  }
  return out;
}

TokenizedTexts tokenized(const TextBundle& bundle, std::span<const std::string_view> texts,
                         int threads) {
  const bool marks = bundle.encoder->wants_marks();
  if (bundle.prompt.empty()) {
    return tokenize(*bundle.tokenizer, texts, bundle.max_length, threads, marks);
  }
  std::vector<std::string> prompted;
  for (const std::string_view text : texts) prompted.push_back(bundle.prompt + std::string(text));
  const std::vector<std::string_view> views(prompted.begin(), prompted.end());
  return tokenize(*bundle.tokenizer, views, bundle.max_length, threads, marks);
}

}  // namespace

TextEmbeddings embed_texts(const TextBundle& bundle, std::span<const std::string_view> texts,
                           const EmbedOptions& options, const EmbedProgress& progress) {
  const at::NoGradGuard no_grad;
  const at::Device device = learn::choose_device(options.device);
  const std::string precision = learn::choose_precision(options.precision, device);
  const TokenizedTexts ids = tokenized(bundle, texts, options.threads);
  const std::vector<int64_t> order = by_length(ids);
  TextEmbeddings out{at::empty({ids.size(), bundle.encoder->dim()}), ids.truncated};
  bundle.encoder->to(device);
  for (size_t begin = 0; begin < order.size();) {
    const auto longest = std::max<int64_t>(1, static_cast<int64_t>(ids[order[begin]].size()));
    const auto rows = static_cast<size_t>(std::max<int64_t>(1, options.batch_tokens / longest));
    const auto group = std::span(order).subspan(begin, std::min(rows, order.size() - begin));
    const PaddedIds batch = padded(ids, group);
    const learn::AutocastScope autocast(device, precision);
    const at::Tensor values = bundle.encoder->encode(batch.ids.to(device), batch.length.to(device))
                                  .to(at::kCPU, at::kFloat);
    const at::Tensor places =
        at::tensor(at::ArrayRef<int64_t>(group.data(), group.size()), at::kLong);
    out.values.index_copy_(0, places, values);
    begin += group.size();
    if (progress) progress(static_cast<int64_t>(begin), ids.size());
  }
  return out;
}

}  // namespace vistas::text
