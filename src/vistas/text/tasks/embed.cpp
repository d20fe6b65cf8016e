#include "vistas/text/tasks/embed.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "vistas/learn/group.h"
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

// All threads get the same number of batches, of about 1,000 to 2,000 ids: enough for products, and
// what lies between layers stays in the caches.
int64_t tokens_at_once(const TokenizedTexts& texts, const EmbedOptions& options, int64_t workers) {
  if (workers == 1) return options.batch_tokens;
  constexpr int64_t most = 2048, least = 256;
  const auto share = static_cast<int64_t>(texts.ids.size()) / workers + 1;
  const int64_t rounds = (share + most - 1) / most;
  // A little more than the share: the last text of a batch rarely ends at its end.
  return std::min(options.batch_tokens, std::max(least, share / rounds + share / rounds / 32));
}

std::vector<std::span<const int64_t>> cut(const TokenizedTexts& texts,
                                          std::span<const int64_t> order, int64_t tokens) {
  std::vector<std::span<const int64_t>> groups;
  for (size_t begin = 0; begin < order.size();) {
    const auto longest = std::max<int64_t>(1, static_cast<int64_t>(texts[order[begin]].size()));
    const auto rows = static_cast<size_t>(std::max<int64_t>(1, tokens / longest));
    groups.push_back(order.subspan(begin, std::min(rows, order.size() - begin)));
    begin += groups.back().size();
  }
  return groups;
}

TextEmbeddings embed_own(const TextBundle& bundle, std::span<const std::string_view> texts,
                         const EmbedOptions& options, const EmbedProgress& progress) {
  const at::Device device = learn::choose_device(options.device);
  const std::string precision = learn::choose_precision(options.precision, device);
  const TokenizedTexts ids = tokenized(bundle, texts, options.threads);
  const std::vector<int64_t> order = by_length(ids);
  TextEmbeddings out{at::empty({ids.size(), bundle.encoder->dim()}), ids.truncated};
  bundle.encoder->to(device);
  bundle.encoder->eval();
  const TextEncoder::Frozen encode = bundle.encoder->frozen(precision);
  const int64_t workers = device.is_cpu() ? at::get_num_threads() : 1;
  const auto groups = cut(ids, order, tokens_at_once(ids, options, workers));

  std::atomic<size_t> next = 0;
  std::mutex mutex;  // of progress
  int64_t done = 0;
  const auto work = [&] {
    const at::NoGradGuard no_grad;
    for (size_t i = next++; i < groups.size(); i = next++) {
      const PaddedIds batch = padded(ids, groups[i]);
      const at::Tensor values =
          encode(batch.ids.to(device), batch.length.to(device)).to(at::kCPU).contiguous();
      const float* row = values.const_data_ptr<float>();
      float* rows = out.values.mutable_data_ptr<float>();
      for (const int64_t text : groups[i]) {
        std::copy_n(row, values.size(1), rows + text * values.size(1));
        row += values.size(1);
      }
      if (!progress) continue;
      const std::lock_guard lock(mutex);
      progress(done += values.size(0), ids.size());
    }
  };
  // Each thread has batches of its own, which scales better than products cut in pieces; a batch
  // alone is left to the threads of LibTorch.
  at::parallel_for(0, std::min(workers, static_cast<int64_t>(groups.size())), 1,
                   [&](int64_t begin, int64_t end) {
                     if (begin < end) work();
                   });
  return out;
}

}  // namespace

TextEmbeddings embed_texts(const TextBundle& bundle, std::span<const std::string_view> texts,
                           const EmbedOptions& options, const EmbedProgress& progress) {
  const learn::Group& group = learn::Group::current();
  const auto size = static_cast<int64_t>(texts.size());
  if (group.alone() || size < group.size()) return embed_own(bundle, texts, options, progress);
  const auto [begin, end] = learn::share_of_rows(size, group.rank(), group.size());
  const TextEmbeddings own =
      embed_own(bundle, texts.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                options, progress);
  at::Tensor truncated = at::full({1}, own.truncated, at::kLong);
  group.sum_(truncated);
  return {group.gather_rows({own.values}).front().all, truncated.item<int64_t>()};
}

}  // namespace vistas::text
