#include "vistas/text/encoders/packed.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"

namespace vistas::text {
namespace {

void check(const at::Tensor& ids, const at::Tensor& length) {
  if (ids.dim() != 2 || ids.scalar_type() != at::kLong || length.dim() != 1 ||
      length.scalar_type() != at::kLong || length.size(0) != ids.size(0) || ids.size(0) == 0) {
    throw Error(
        ErrorKind::usage,
        {.what = "a batch of texts",
         .got = fmt::format("ids {} [{}], length {} [{}]", c10::toString(ids.scalar_type()),
                            fmt::join(ids.sizes(), ", "), c10::toString(length.scalar_type()),
                            fmt::join(length.sizes(), ", ")),
         .expected = "ids [B, L] and length [B], both int64, B > 0"});
  }
}

// sum over every text of the rows of x, each times its weight (undefined: 1).
at::Tensor sum_of(const at::Tensor& x, const PackedTexts& texts, const at::Tensor& weight) {
  const at::Tensor all = at::arange(texts.tokens(), texts.ids.options());
  constexpr int64_t kSum = 0;
  return std::get<0>(at::embedding_bag(x, all, texts.offset, /*scale_grad_by_freq=*/false, kSum,
                                       /*sparse=*/false, weight));
}

at::Tensor pool_one(const at::Tensor& x, const PackedTexts& texts, const std::string& mode) {
  const at::Tensor count = texts.length.to(x.scalar_type()).unsqueeze(1);
  if (mode == "cls") return x.index_select(0, texts.offset);
  if (mode == "lasttoken") return x.index_select(0, texts.offset + texts.length - 1);
  if (mode == "mean") return sum_of(x, texts, {}) / count;
  if (mode == "mean_sqrt_len") return sum_of(x, texts, {}) / count.sqrt();
  if (mode == "max") {
    return std::get<0>(to_padded(x, texts, -std::numeric_limits<double>::infinity()).max(1));
  }
  const at::Tensor weight = (texts.position + 1).to(x.scalar_type());
  return sum_of(x, texts, weight) / (count * (count + 1) / 2);
}

}  // namespace

PackedTexts pack_texts(const at::Tensor& ids, const at::Tensor& length) {
  check(ids, length);
  const int64_t batch = ids.size(0), columns = ids.size(1);
  const at::Tensor host = length.to(at::kCPU).contiguous();
  int64_t longest = 0;
  for (const int64_t n : at::ArrayRef<int64_t>(host.const_data_ptr<int64_t>(), batch)) {
    if (n < 1 || n > columns) {
      throw Error(ErrorKind::usage, {.what = "length of a text in a batch",
                                     .got = fmt::format("{}", n),
                                     .expected = fmt::format("1 .. {}", columns)});
    }
    longest = std::max(longest, n);
  }
  PackedTexts texts;
  texts.batch = batch;
  texts.longest = longest;
  texts.length = length;
  texts.offset = length.cumsum(0) - length;
  texts.cell = token_mask(texts).flatten().nonzero().squeeze(1);
  texts.position = texts.cell.remainder(longest);
  texts.ids = to_packed(ids.slice(1, 0, longest), texts);
  return texts;
}

at::Tensor token_mask(const PackedTexts& texts) {
  return at::arange(texts.longest, texts.length.options()).unsqueeze(0) < texts.length.unsqueeze(1);
}

at::Tensor to_padded(const at::Tensor& rows, const PackedTexts& texts, double fill) {
  std::vector<int64_t> shape = rows.sizes().vec();
  shape.front() = texts.longest;
  shape.insert(shape.begin(), texts.batch);
  if (texts.same_length()) return rows.reshape(shape);
  std::vector<int64_t> flat = rows.sizes().vec();
  flat.front() = texts.batch * texts.longest;
  return at::full(flat, fill, rows.options()).index_copy(0, texts.cell, rows).view(shape);
}

at::Tensor to_packed(const at::Tensor& padded, const PackedTexts& texts) {
  const at::Tensor flat = padded.flatten(0, 1);
  return texts.cell.size(0) == flat.size(0) ? flat : flat.index_select(0, texts.cell);
}

const std::vector<std::string>& pooling_names() {
  static const std::vector<std::string> names{"cls",           "max",          "mean",
                                              "mean_sqrt_len", "weightedmean", "lasttoken"};
  return names;
}

at::Tensor pool(const at::Tensor& x, const PackedTexts& texts,
                const std::vector<std::string>& modes) {
  std::vector<at::Tensor> parts;
  for (const std::string& mode : modes) parts.push_back(pool_one(x, texts, mode));
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
}

}  // namespace vistas::text
