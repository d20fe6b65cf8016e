#include "vistas/text/tasks/text_batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <unordered_map>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::text {
namespace {

// What one thread keeps from batch to batch.
struct Scratch {
  std::vector<std::string> fields;
  std::vector<std::vector<int32_t>> ids;  // of a view: all rows, one after the other
  std::vector<std::vector<int64_t>> ends;
};

learn::Inputs padded(const std::vector<int32_t>& ids, const std::vector<int64_t>& ends,
                     int64_t longest, int32_t pad) {
  const auto rows = static_cast<int64_t>(ends.size());
  const at::Tensor all = at::full({rows, longest}, int64_t{std::max(pad, 0)}, at::kLong);
  const at::Tensor length = at::empty({rows}, at::kLong);
  auto* out = all.mutable_data_ptr<int64_t>();
  auto* lengths = length.mutable_data_ptr<int64_t>();
  int64_t begin = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t end = ends[static_cast<size_t>(row)];
    std::copy(ids.begin() + begin, ids.begin() + end, out + row * longest);
    lengths[row] = end - begin;
    begin = end;
  }
  return {{{"ids", all}, {"length", length}}};
}

double number_in(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

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
      return 2;
  }
  return 0;
}

std::pair<int64_t, size_t> TextBatches::place_of(int64_t sample, size_t view) const {
  switch (options_.positives) {
    case Positives::row:
      return {sample, 0};
    case Positives::columns:
      return {sample, view};
    case Positives::next_row:
      // The last row has no next one; the one before it is as near.
      if (view == 1) sample += sample + 1 < size() ? 1 : -1;
      return {sample, 0};
  }
  return {sample, 0};
}

const std::string& TextBatches::text_of(int64_t sample, size_t view,
                                        std::vector<std::string>& fields) const {
  const auto [row, column] = place_of(sample, view);
  file_->read(row, fields);
  return fields[static_cast<size_t>(layout_.texts[column])];
}

at::Tensor TextBatches::given_of(const std::vector<int64_t>& samples, size_t view) const {
  std::vector<int64_t> rows;
  size_t column = 0;
  for (const int64_t sample : samples) {
    const auto place = place_of(sample, view);
    rows.push_back(place.first);
    column = place.second;
  }
  return options_.given[static_cast<int64_t>(column)].index_select(0, at::tensor(rows, at::kLong));
}

// The ids of one view, between marks where the encoder wants them; at least one.
void TextBatches::append_ids(const std::string& text, const DrawKey& key, size_t view,
                             std::vector<int32_t>& out) const {
  thread_local std::vector<int32_t> whole, changed;
  whole.clear();
  tokenizer_->append(text, whole);
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

learn::Batch TextBatches::make(const std::vector<int64_t>& samples, uint64_t epoch) const {
  thread_local Scratch scratch;
  const size_t views = view_count();
  scratch.ids.resize(views);
  scratch.ends.resize(views);
  int64_t longest = 1;
  for (size_t v = 0; v < views; ++v) {
    auto& ids = scratch.ids[v];
    auto& ends = scratch.ends[v];
    ids.clear();
    ends.clear();
    for (const int64_t sample : samples) {
      const auto before = static_cast<int64_t>(ids.size());
      append_ids(text_of(sample, v, scratch.fields),
                 {options_.seed, epoch, static_cast<uint64_t>(sample), 0}, v, ids);
      ends.push_back(static_cast<int64_t>(ids.size()));
      longest = std::max(longest, ends.back() - before);
    }
  }
  learn::Batch batch;
  for (size_t v = 0; v < views; ++v) {
    batch.views.push_back(
        padded(scratch.ids[v], scratch.ends[v], longest, tokenizer_->special().pad));
  }
  for (size_t v = 0; v < views && options_.given.defined(); ++v) {
    batch.views[v].tensors.emplace_back(options_.given_name, given_of(samples, v));
  }
  batch.index = at::tensor(samples, at::kLong);
  const auto of_rows = [&](const auto& values) {
    at::Tensor out = at::empty({batch.index.size(0)}, at::kLong);
    for (size_t i = 0; i < samples.size(); ++i) {
      out.mutable_data_ptr<int64_t>()[i] = values[static_cast<size_t>(samples[i])];
    }
    return out;
  };
  if (!groups_.empty()) batch.group = of_rows(groups_);
  if (!classes_.empty()) batch.label = of_rows(classes_);
  if (layout_.score >= 0) {
    batch.score = at::empty({batch.index.size(0)}, at::kFloat);
    for (size_t i = 0; i < samples.size(); ++i) {
      file_->read(samples[i], scratch.fields);
      batch.score.mutable_data_ptr<float>()[i] =
          static_cast<float>(number_in(scratch.fields[static_cast<size_t>(layout_.score)]));
    }
  }
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
