#include "vistas/text/tasks/text_batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/text/views/segments.h"

namespace vistas::text {
namespace {

constexpr uint32_t kPartStream = 0xFFFF0002;  // beyond every view number

}  // namespace

// The ids of one view of all samples of a batch, one after the other.
struct TextBatches::ViewIds {
  std::vector<int32_t> ids;
  std::vector<int64_t> ends;

  int64_t longest() const {
    int64_t most = 0, begin = 0;
    for (const int64_t end : ends) most = std::max(most, end - std::exchange(begin, end));
    return most;
  }

  learn::Inputs padded_to(int64_t longest, int32_t pad) const {
    const auto rows = static_cast<int64_t>(ends.size());
    const at::Tensor all = at::full({rows, longest}, int64_t{std::max(pad, 0)}, at::kLong);
    const at::Tensor length = at::empty({rows}, at::kLong);
    auto* out = all.mutable_data_ptr<int64_t>();
    auto* lengths = length.mutable_data_ptr<int64_t>();
    int64_t begin = 0;
    for (const int64_t end : ends) {
      std::copy(ids.begin() + begin, ids.begin() + end, out);
      out += longest;
      *lengths++ = end - std::exchange(begin, end);
    }
    return {{{"ids", all}, {"length", length}}};
  }
};

std::vector<std::string> column_texts(const TextFile& file, int64_t column) {
  std::vector<std::string> texts, fields;
  for (int64_t row = 0; row < file.size(); ++row) {
    file.read(row, fields);
    texts.push_back(std::move(fields[static_cast<size_t>(column)]));
  }
  return texts;
}

TextBatches::TextBatches(std::shared_ptr<const TextFile> file, const Layout& layout,
                         std::shared_ptr<const Tokenizer> tokenizer, const TextViewOptions& views,
                         const TextBatchOptions& options)
    : file_(std::move(file)),
      layout_(layout),
      tokenizer_(std::move(tokenizer)),
      views_(views, *tokenizer_),
      options_(options) {
  if (layout_.label >= 0) find_classes();
  if (options_.groups) find_groups();
}

size_t TextBatches::view_count() const {
  switch (options_.positives) {
    case Positives::row:
      return static_cast<size_t>(views_.count());
    case Positives::columns:
      return layout_.texts.size();
    case Positives::next_row:
    case Positives::sentences:
    case Positives::paragraphs:
      return 2;
  }
  return 0;
}

std::pair<int64_t, size_t> TextBatches::place_of(int64_t sample, size_t view) const {
  switch (options_.positives) {
    case Positives::columns:
      return {sample, view};
    case Positives::next_row:
      // The last row has no next one; the one before it is as near.
      if (view == 1) sample += sample + 1 < size() ? 1 : -1;
      return {sample, 0};
    case Positives::row:
    case Positives::sentences:
    case Positives::paragraphs:
      return {sample, 0};
  }
  return {sample, 0};
}

at::Tensor TextBatches::teacher_of(const std::vector<int64_t>& samples, size_t view) const {
  std::vector<int64_t> rows;
  size_t column = 0;
  for (const int64_t sample : samples) {
    const auto place = place_of(sample, view);
    rows.push_back(place.first);
    column = place.second;
  }
  return options_.teacher[static_cast<int64_t>(column)].index_select(0,
                                                                     at::tensor(rows, at::kLong));
}

// The ids of one view of a text, between marks where the encoder wants them; at least one.
void TextBatches::append_view(std::span<const int32_t> whole, const DrawKey& key, size_t view,
                              std::vector<int32_t>& out) const {
  thread_local std::vector<int32_t> changed;
  views_.make(whole, key, static_cast<int>(view) % views_.count(), changed);
  const SpecialTokens& special = tokenizer_->special();
  const bool begins = options_.marks && special.begin >= 0,
             ends = options_.marks && special.end >= 0;
  const size_t first = out.size();
  if (begins) out.push_back(special.begin);
  out.insert(out.end(), changed.begin(), changed.end());
  const auto most = first + static_cast<size_t>(options_.max_length - ends);
  if (out.size() > most) {
    out.resize(most);
    ++truncated_;
  }
  if (ends) out.push_back(special.end);
  if (out.size() == first) out.push_back(std::max(special.unknown, 0));
  ++made_;
}

// Reads each row once.
std::vector<std::string_view> TextBatches::texts_of(int64_t sample, uint64_t epoch,
                                                    double& score) const {
  thread_local std::array<std::vector<std::string>, 2> rows;
  std::vector<std::string_view> texts;
  int64_t last = -1;
  size_t read = 0;
  for (size_t v = 0; v < view_count(); ++v) {
    const auto [row, column] = place_of(sample, v);
    if (row != std::exchange(last, row)) file_->read(row, rows.at(read++));
    texts.push_back(rows.at(read - 1)[static_cast<size_t>(layout_.texts[column])]);
  }
  if (layout_.score >= 0) score = number_in(rows[0][static_cast<size_t>(layout_.score)]);
  const bool sentences = options_.positives == Positives::sentences;
  if (sentences || options_.positives == Positives::paragraphs) {
    const auto parts = sentences ? sentences_of(texts[0]) : paragraphs_of(texts[0]);
    Draws draws({options_.seed, epoch, static_cast<uint64_t>(sample), kPartStream});
    if (parts.size() > 1) {
      const int64_t first = draws.below(static_cast<int64_t>(parts.size()) - 1);
      std::copy_n(parts.begin() + first, 2, texts.begin());
    }
  }
  return texts;
}

// Appends the views of a sample to those of the batch; returns its score, where rows have one. What
// several views show is tokenized once.
double TextBatches::append_sample(int64_t sample, uint64_t epoch,
                                  std::vector<ViewIds>& views) const {
  thread_local std::vector<int32_t> whole;
  double score = 0;
  const std::vector<std::string_view> texts = texts_of(sample, epoch, score);
  for (size_t v = 0; v < views.size(); ++v) {
    if (v == 0 || texts[v].data() != texts[v - 1].data()) {
      whole.clear();
      tokenizer_->append(texts[v], whole);
    }
    append_view(whole, {options_.seed, epoch, static_cast<uint64_t>(sample), 0}, v, views[v].ids);
    views[v].ends.push_back(static_cast<int64_t>(views[v].ids.size()));
  }
  return score;
}

std::vector<int64_t> TextBatches::costs(const std::vector<int64_t>& samples, uint64_t epoch) const {
  std::vector<int64_t> costs;
  for (const int64_t sample : samples) {
    std::vector<ViewIds> views(view_count());
    append_sample(sample, epoch, views);
    int64_t& tokens = costs.emplace_back(0);
    for (const ViewIds& view : views) tokens += view.ends.back();
  }
  return costs;
}

std::vector<int64_t> TextBatches::order(Draws& draws, int64_t batch) const {
  std::vector<int64_t> rows = draws.permutation(size());
  if (options_.sorted_batches == 0) return rows;
  const int64_t batches = size() / batch, together = options_.sorted_batches * batch;
  for (int64_t begin = 0; begin < batches * batch; begin += together) {
    std::stable_sort(
        rows.begin() + begin, rows.begin() + std::min(begin + together, batches * batch),
        [&](int64_t a, int64_t b) { return file_->row_bytes(a) < file_->row_bytes(b); });
  }
  std::vector<int64_t> out;
  out.reserve(rows.size());
  for (const int64_t number : draws.permutation(batches)) {
    const auto begin = rows.begin() + number * batch;
    out.insert(out.end(), begin, begin + batch);
  }
  out.insert(out.end(), rows.begin() + batches * batch, rows.end());
  return out;
}

learn::Batch TextBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  std::vector<ViewIds> views(view_count());
  learn::Batch batch;
  batch.index = at::tensor(samples, at::kLong);
  const at::Tensor scores = at::empty({batch.index.size(0)}, at::kFloat);
  for (size_t i = 0; i < samples.size(); ++i) {
    scores.mutable_data_ptr<float>()[i] =
        static_cast<float>(append_sample(samples[i], epoch, views));
  }
  if (layout_.score >= 0) batch.score = scores;
  int64_t longest = 1;
  for (const ViewIds& view : views) longest = std::max(longest, view.longest());
  for (size_t v = 0; v < views.size(); ++v) {
    batch.views.push_back(views[v].padded_to(longest, tokenizer_->special().pad));
    if (options_.teacher.defined()) {
      batch.views[v].tensors.emplace_back("teacher", teacher_of(samples, v));
    }
  }
  const auto of_rows = [&](const auto& values) {
    at::Tensor out = at::empty({batch.index.size(0)}, at::kLong);
    for (size_t i = 0; i < samples.size(); ++i) {
      out.mutable_data_ptr<int64_t>()[i] = values[static_cast<size_t>(samples[i])];
    }
    return out;
  };
  if (!groups_.empty()) batch.group = of_rows(groups_);
  if (!classes_.empty()) batch.label = of_rows(classes_);
  return batch;
}

// Connected components of rows that share a text, as the number of their first row.
void TextBatches::find_groups() {
  groups_.resize(static_cast<size_t>(size()));
  std::iota(groups_.begin(), groups_.end(), int64_t{0});
  const auto root = [&](int64_t row) {
    while (groups_[static_cast<size_t>(row)] != row) {
      auto& parent = groups_[static_cast<size_t>(row)];
      row = parent = groups_[static_cast<size_t>(parent)];
    }
    return row;
  };
  std::unordered_map<uint64_t, int64_t> first_with;
  std::vector<std::string> fields;
  for (int64_t row = 0; row < size(); ++row) {
    file_->read(row, fields);
    for (const int64_t column : layout_.texts) {
      const uint64_t hash = std::hash<std::string>{}(fields[static_cast<size_t>(column)]);
      const auto [found, is_new] = first_with.try_emplace(hash, row);
      if (is_new) continue;
      const int64_t a = root(found->second), b = root(row);
      groups_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
    }
  }
  for (int64_t row = 0; row < size(); ++row) groups_[static_cast<size_t>(row)] = root(row);
}

void TextBatches::find_classes() {
  std::unordered_map<std::string, int32_t> numbers;
  std::vector<std::string> fields;
  for (int64_t row = 0; row < size(); ++row) {
    file_->read(row, fields);
    const auto next = static_cast<int32_t>(numbers.size());
    classes_.push_back(
        numbers.try_emplace(fields[static_cast<size_t>(layout_.label)], next).first->second);
  }
}

}  // namespace vistas::text
