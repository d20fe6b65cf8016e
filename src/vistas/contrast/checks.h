// What losses ask of their arguments. Every failure is a usage error that begins with `loss`.
#pragma once

#include <ATen/core/Tensor.h>

namespace vistas::contrast {

// x is a floating-point matrix [N, D] with at least one row and one column.
void check_rows(const char* loss, const at::Tensor& x);

// x [N, D] and y [M, D] can be compared: the same width, type and device.
void check_comparable(const char* loss, const at::Tensor& x, const at::Tensor& y);

// x and y can be compared row by row: the same shape, type and device.
void check_pair(const char* loss, const at::Tensor& x, const at::Tensor& y);

// ids (labels, groups) are int64 [N], one for each row of x, on its device.
void check_ids(const char* loss, const char* name, const at::Tensor& ids, const at::Tensor& x);

// value is one floating-point number on the device of x.
void check_scalar(const char* loss, const char* name, const at::Tensor& value, const at::Tensor& x);

// value is finite and above 0.
void check_positive(const char* loss, const char* name, double value);

}  // namespace vistas::contrast
