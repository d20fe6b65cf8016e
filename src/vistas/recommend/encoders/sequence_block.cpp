#include "vistas/recommend/encoders/sequence_block.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::recommend {
namespace {

at::Tensor numbers(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

std::vector<int64_t> checked_lengths(const at::Tensor& item, const at::Tensor& length,
                                     int64_t most) {
  if (item.dim() != 2 || item.scalar_type() != at::kLong || length.dim() != 1 ||
      length.scalar_type() != at::kLong || length.size(0) != item.size(0) || item.size(0) == 0) {
    throw Error(
        ErrorKind::usage,
        {.what = "a batch of sequences",
         .got = fmt::format("item {} [{}], length {} [{}]", c10::toString(item.scalar_type()),
                            fmt::join(item.sizes(), ", "), c10::toString(length.scalar_type()),
                            fmt::join(length.sizes(), ", ")),
         .expected = "item [B, L] and length [B], both int64, B > 0"});
  }
  const at::Tensor host = length.to(at::kCPU).contiguous();
  const auto* values = host.const_data_ptr<int64_t>();
  most = std::min(most, item.size(1));
  std::vector<int64_t> lengths(values, values + host.size(0));
  for (const int64_t n : lengths) {
    if (n >= 1 && n <= most) continue;
    throw Error(ErrorKind::usage, {.what = "length of a sequence in a batch",
                                   .got = fmt::format("{}", n),
                                   .expected = fmt::format("1 .. {}", most)});
  }
  return lengths;
}

// Sequences whose lengths have as many binary digits lie in one group, those up to 4 too: less than
// half of the cells of a group are padding, and of four cells at most three.
int group_of(int64_t length) {
  return std::max(2, static_cast<int>(std::bit_width(static_cast<uint64_t>(length - 1))));
}

}  // namespace

PackedSequences pack_sequences(const at::Tensor& item, const at::Tensor& length, int64_t most) {
  const std::vector<int64_t> lengths = checked_lengths(item, length, most);
  const auto batch = static_cast<int64_t>(lengths.size());
  std::vector<int64_t> order(lengths.size()), begin(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  const auto length_of = [&](int64_t b) { return lengths[static_cast<size_t>(b)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return length_of(a) < length_of(b); });
  PackedSequences out;
  std::vector<int64_t> cell_in_batch, position, row, last, cell;
  int64_t rows = 0;
  for (size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() &&
           group_of(length_of(order[end])) == group_of(length_of(order[first]))) {
      ++end;
    }
    PackedSequences::Group group{.begin = rows,
                                 .count = static_cast<int64_t>(end - first),
                                 .longest = length_of(order[end - 1])};
    cell.clear();
    for (size_t k = first; k < end; ++k) {
      begin[static_cast<size_t>(order[k])] = rows;
      for (int64_t p = 0; p < length_of(order[k]); ++p, ++rows) {
        cell_in_batch.push_back(order[k] * item.size(1) + p);
        position.push_back(p);
        cell.push_back(static_cast<int64_t>(k - first) * group.longest + p);
      }
    }
    group.end = rows;
    if (rows - group.begin < group.count * group.longest) group.cell = numbers(cell, item.device());
    out.groups.push_back(std::move(group));
  }
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t p = 0; p < length_of(b); ++p) row.push_back(begin[static_cast<size_t>(b)] + p);
    last.push_back(row.back());
  }
  out.item = item.reshape({-1}).index_select(0, numbers(cell_in_batch, item.device()));
  out.position = numbers(position, item.device());
  out.row = numbers(row, item.device());
  out.last = numbers(last, item.device());
  return out;
}

SequenceBlock::SequenceBlock(int64_t dim, int64_t head_count, int64_t inner) : heads(head_count) {
  const auto linear = [&](const char* name, int64_t in, int64_t out) {
    return register_module(name, std::make_shared<learn::Linear>(in, out, /*with_bias=*/true));
  };
  const auto norm = [&](const char* name) {
    return register_module(name, std::make_shared<learn::LayerNorm>(dim, kSequenceNormEps));
  };
  query_key_value = linear("query_key_value", dim, 3 * dim);
  mix = linear("mix", dim, dim);
  attention_norm = norm("attention_norm");
  up = linear("up", dim, inner);
  down = linear("down", inner, dim);
  output_norm = norm("output_norm");
}

at::Tensor SequenceBlock::forward(const at::Tensor& x, const PackedSequences& sequences,
                                  Dropout dropout) {
  const int64_t dim = x.size(1);
  const at::Tensor rows = query_key_value->forward(x);
  std::vector<at::Tensor> mixed;
  for (const PackedSequences::Group& g : sequences.groups) {
    at::Tensor padded = rows.slice(0, g.begin, g.end);
    if (g.cell.defined()) {
      padded =
          at::zeros({g.count * g.longest, 3 * dim}, rows.options()).index_copy(0, g.cell, padded);
    }
    // What lies behind the end of a sequence is later than all of it: it needs no mask of its own.
    const at::Tensor parts =
        padded.view({g.count, g.longest, 3, heads, dim / heads}).permute({2, 0, 3, 1, 4});
    const at::Tensor seen =
        at::scaled_dot_product_attention(parts[0], parts[1], parts[2], std::nullopt,
                                         dropout.attention, /*is_causal=*/true)
            .transpose(1, 2)
            .reshape({g.count * g.longest, dim});
    mixed.push_back(g.cell.defined() ? seen.index_select(0, g.cell) : seen);
  }
  const auto dropped = [&](const at::Tensor& h) {
    return at::dropout(h, dropout.rows, dropout.rows > 0);
  };
  const at::Tensor y = attention_norm->forward(x + dropped(mix->forward(at::cat(mixed))));
  return output_norm->forward(y + dropped(down->forward(at::gelu(up->forward(y)))));
}

}  // namespace vistas::recommend
