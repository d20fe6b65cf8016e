// How two rows of numbers go together: Pearson's and Spearman's correlation.
#pragma once

#include <span>
#include <vector>

namespace vistas::measure {

// Places from 1 in ascending order; equal values share the mean of their places.
std::vector<double> average_ranks(std::span<const double> values);

// sum (x - mean x)(y - mean y) / sqrt(sum (x - mean x)^2 sum (y - mean y)^2), -1 .. 1; NaN where
// one of them is constant. Two values or more of each, as many of one as of the other (data error
// otherwise), all finite (numeric error).
double pearson(std::span<const double> x, std::span<const double> y);

// Pearson's correlation of the average ranks; errors as there.
double spearman(std::span<const double> x, std::span<const double> y);

}  // namespace vistas::measure
