#include "vistas/learn/optimizer_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/vectorize.h"

namespace vistas::learn {
namespace {

// Threads take whole pieces, so results do not depend on their number.
constexpr int64_t kPiece = 1 << 14;

struct Piece {
  size_t row;
  int64_t begin, end;  // of the gradient; whole rows where there are ids
};

std::vector<Piece> pieces_of(const std::vector<Rows>& rows) {
  std::vector<Piece> pieces;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t width = rows[i].width;
    const int64_t step = rows[i].ids ? std::max<int64_t>(1, kPiece / width) * width : kPiece;
    for (int64_t begin = 0; begin < rows[i].size; begin += step) {
      pieces.push_back({i, begin, std::min(begin + step, rows[i].size)});
    }
  }
  return pieces;
}

// A stretch of memory in which value, gradient and state run beside each other.
template <class T>
struct Span {
  T* value;
  const T* grad;
  T* state[2];
  int64_t size;
};

// Calls update(span) for the stretches of a piece: itself, or each of its rows.
template <class T, class Update>
void for_spans(const Rows& row, const Piece& piece, const Update& update) {
  const int64_t width = row.ids ? row.width : piece.end - piece.begin;
  for (int64_t begin = piece.begin; begin < piece.end; begin += width) {
    const int64_t at = row.ids ? row.ids[begin / width] * width : begin;
    const auto moved = [&](void* p, int64_t by) { return p ? static_cast<T*>(p) + by : nullptr; };
    update(Span<T>{moved(row.value, at),
                   static_cast<const T*>(row.grad) + begin,
                   {moved(row.state[0], at), moved(row.state[1], at)},
                   width});
  }
}

// Calls work(index of the piece, piece) for all pieces.
template <class Work>
void for_pieces(const std::vector<Piece>& pieces, const Work& work) {
  at::parallel_for(0, static_cast<int64_t>(pieces.size()), 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto index = static_cast<size_t>(i);
      work(index, pieces[index]);
    }
  });
}

template <class T>
void sgd_span(const Span<T>& span, const SgdStep& step) {
  T* __restrict p = span.value;
  const T* __restrict g = span.grad;
  T* __restrict buffer = span.state[0];
  const T lr = static_cast<T>(step.lr), decay = static_cast<T>(step.weight_decay);
  const T momentum = static_cast<T>(step.momentum), gain = static_cast<T>(step.gain);
  const T scale = static_cast<T>(step.scale);
  vectorize([=, nesterov = step.nesterov, size = span.size] {
    if (buffer == nullptr) {
      for (int64_t i = 0; i < size; ++i) p[i] -= lr * ((g[i] + decay * p[i]) * scale);
    } else if (nesterov) {
      for (int64_t i = 0; i < size; ++i) {
        const T d = (g[i] + decay * p[i]) * scale;
        buffer[i] = momentum * buffer[i] + gain * d;
        p[i] -= lr * (d + momentum * buffer[i]);
      }
    } else {
      for (int64_t i = 0; i < size; ++i) {
        const T d = (g[i] + decay * p[i]) * scale;
        buffer[i] = momentum * buffer[i] + gain * d;
        p[i] -= lr * buffer[i];
      }
    }
  });
}

template <class T>
void adam_span(const Span<T>& span, const AdamStep& step) {
  T* __restrict p = span.value;
  const T* __restrict grad = span.grad;
  T* __restrict m = span.state[0];
  T* __restrict v = span.state[1];
  const T step_size = static_cast<T>(step.step_size), shrink = static_cast<T>(step.shrink);
  const T l2 = static_cast<T>(step.l2), eps = static_cast<T>(step.eps);
  const T beta1 = static_cast<T>(step.beta1), rest1 = static_cast<T>(1 - step.beta1);
  const T beta2 = static_cast<T>(step.beta2), rest2 = static_cast<T>(1 - step.beta2);
  const T correction = static_cast<T>(1 / step.root_correction);
  vectorize([=, size = span.size] {
    for (int64_t i = 0; i < size; ++i) {
      const T g = grad[i] + l2 * p[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      p[i] = shrink * p[i] - step_size * m[i] / (std::sqrt(v[i]) * correction + eps);
    }
  });
}

template <class T>
void adagrad_span(const Span<T>& span, const AdagradStep& step) {
  T* __restrict p = span.value;
  const T* __restrict grad = span.grad;
  T* __restrict sum = span.state[0];
  const T lr = static_cast<T>(step.lr), eps = static_cast<T>(step.eps);
  const T decay = static_cast<T>(step.weight_decay);
  vectorize([=, size = span.size] {
    for (int64_t i = 0; i < size; ++i) {
      const T g = grad[i] + decay * p[i];
      sum[i] += g * g;
      p[i] -= lr * g / (std::sqrt(sum[i]) + eps);
    }
  });
}

template <class Step, class Update>
void update_rows(const std::vector<Rows>& rows, const std::vector<Step>& steps,
                 const Update& update) {
  for_pieces(pieces_of(rows), [&](size_t, const Piece& piece) {
    const Rows& row = rows[piece.row];
    const auto one = [&](const auto& span) { update(span, steps[piece.row]); };
    row.is_double ? for_spans<double>(row, piece, one) : for_spans<float>(row, piece, one);
  });
}

template <class T>
Norms square_sums(const Rows& row, const Piece& piece, double row_decay) {
  constexpr int64_t kLanes = 32;  // independent sums, so that the loop vectorises
  const T* __restrict p = static_cast<const T*>(row.value) + piece.begin;
  const T* __restrict g = static_cast<const T*>(row.grad) + piece.begin;
  const int64_t n = piece.end - piece.begin;
  const T decay = static_cast<T>(row_decay);
  T values[kLanes] = {}, directions[kLanes] = {};
  vectorize([&, p, g, n, decay] {
    const auto add = [&](int64_t i, int64_t lane) {
      const T d = g[i] + decay * p[i];
      values[lane] += p[i] * p[i];
      directions[lane] += d * d;
    };
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
    }
    for (int64_t lane = 0; i + lane < n; ++lane) add(i + lane, lane);
  });
  Norms sums{0, 0};
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    sums.value += static_cast<double>(values[lane]);
    sums.direction += static_cast<double>(directions[lane]);
  }
  return sums;
}

}  // namespace

Rows::Rows(const at::Tensor& value_tensor, const at::Tensor& grad_tensor,
           const std::vector<at::Tensor>& state_tensors)
    : size(value_tensor.numel()),
      width(size),
      is_double(value_tensor.scalar_type() == at::kDouble),
      value(value_tensor.data_ptr()),
      grad(grad_tensor.const_data_ptr()) {
  for (size_t i = 0; i < state_tensors.size(); ++i) state[i] = state_tensors[i].data_ptr();
}

Rows::Rows(const at::Tensor& value_tensor, const at::Tensor& ids_tensor,
           const at::Tensor& grad_tensor, const std::vector<at::Tensor>& state_tensors)
    : Rows(value_tensor, grad_tensor, state_tensors) {
  size = grad_tensor.numel();
  width = grad_tensor.size(1);
  ids = ids_tensor.const_data_ptr<int64_t>();
}

bool Rows::can_hold(const at::Tensor& value) {
  return value.is_cpu() && value.is_non_overlapping_and_dense() &&
         (value.scalar_type() == at::kFloat || value.scalar_type() == at::kDouble);
}

void sgd_rows(const std::vector<Rows>& rows, const std::vector<SgdStep>& steps) {
  update_rows(rows, steps, [](const auto& span, const SgdStep& step) { sgd_span(span, step); });
}

void adam_rows(const std::vector<Rows>& rows, const std::vector<AdamStep>& steps) {
  update_rows(rows, steps, [](const auto& span, const AdamStep& step) { adam_span(span, step); });
}

void adagrad_rows(const std::vector<Rows>& rows, const std::vector<AdagradStep>& steps) {
  update_rows(rows, steps,
              [](const auto& span, const AdagradStep& step) { adagrad_span(span, step); });
}

void sgd_tensor(const SgdStep& step, const at::Tensor& value, const at::Tensor& grad,
                const std::vector<at::Tensor>& state) {
  at::Tensor d = grad.add(value, step.weight_decay).mul_(step.scale);
  if (!state.empty()) {
    const at::Tensor& buffer = state[0];
    buffer.mul_(step.momentum).add_(d, step.gain);
    d = step.nesterov ? d.add_(buffer, step.momentum) : buffer;
  }
  value.add_(d, -step.lr);
}

void adam_tensor(const AdamStep& step, const at::Tensor& value, const at::Tensor& grad,
                 const std::vector<at::Tensor>& state) {
  const at::Tensor &m = state[0], &v = state[1];
  const at::Tensor g = grad.add(value, step.l2);
  m.mul_(step.beta1).add_(g, 1 - step.beta1);
  v.mul_(step.beta2).addcmul_(g, g, 1 - step.beta2);
  const at::Tensor denominator = v.sqrt().div_(step.root_correction).add_(step.eps);
  value.mul_(step.shrink).addcdiv_(m, denominator, -step.step_size);
}

void adagrad_tensor(const AdagradStep& step, const at::Tensor& value, const at::Tensor& grad,
                    const std::vector<at::Tensor>& state) {
  const at::Tensor g = grad.add(value, step.weight_decay);
  state[0].addcmul_(g, g);
  value.addcdiv_(g, state[0].sqrt().add_(step.eps), -step.lr);
}

std::vector<Norms> norms_of(const std::vector<at::Tensor>& values,
                            const std::vector<at::Tensor>& grads,
                            const std::vector<double>& decays) {
  std::vector<Norms> norms(values.size(), Norms{0, 0});
  std::vector<Rows> rows;
  std::vector<size_t> of_row;
  for (size_t i = 0; i < values.size(); ++i) {
    if (Rows::can_hold(values[i])) {
      rows.push_back(Rows(values[i], grads[i], {}));
      of_row.push_back(i);
    } else {
      norms[i].value = at::linalg_vector_norm(values[i]).item<double>();
      norms[i].direction =
          at::linalg_vector_norm(grads[i].add(values[i], decays[i])).item<double>();
    }
  }
  const std::vector<Piece> pieces = pieces_of(rows);
  std::vector<Norms> sums(pieces.size());
  for_pieces(pieces, [&](size_t i, const Piece& piece) {
    const Rows& row = rows[piece.row];
    const auto sum = row.is_double ? square_sums<double> : square_sums<float>;
    sums[i] = sum(row, piece, decays[of_row[piece.row]]);
  });
  for (size_t i = 0; i < pieces.size(); ++i) {
    norms[of_row[pieces[i].row]].value += sums[i].value;
    norms[of_row[pieces[i].row]].direction += sums[i].direction;
  }
  for (const size_t i : of_row)
    norms[i] = {std::sqrt(norms[i].value), std::sqrt(norms[i].direction)};
  return norms;
}

}  // namespace vistas::learn
