// Which rows have labels and which are held out: pure functions of (labels, share, seed), so that
// every encoder is measured on the same rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace vistas::measure {

// How many labels a task may use: a fraction of every class, or a count from every class.
struct LabelShare {
  double fraction = 1;    // in (0, 1]; used when per_class is 0
  int64_t per_class = 0;  // 0: use the fraction
};

// "1%", "0.5%", "100%": a share of every class; "5": that many of every class. Anything else is a
// usage error.
LabelShare parse_label_share(const std::string& text);

// "1%" or "5", as parse_label_share reads it.
std::string to_string(const LabelShare& share);

// Rows that keep their label, ascending. From each class with n rows: round(fraction * n), at
// least one, or per_class. Negative labels mean "unknown" and are never drawn. The draw of a class
// depends on (seed, class, its rows) only, and a larger share contains every smaller one. A class
// with fewer rows than per_class is a data error, which names it by `class_names` if given.
std::vector<int64_t> draw_labels(std::span<const int64_t> labels, const LabelShare& share,
                                 uint64_t seed, std::span<const std::string> class_names = {});

// The same for samples that show several classes at once, or none, as pictures with objects do:
// shown[i] are the classes of sample i. Samples are lined up so that the class of which the
// smallest share has been drawn comes next, each time with a sample drawn from `seed`; what is
// drawn are the first round(fraction * n), at least one, or the first with which every class is
// shown by per_class samples (a data error if one never is). A larger share contains every smaller
// one.
std::vector<int64_t> draw_samples(const std::vector<std::vector<int64_t>>& shown, int64_t classes,
                                  const LabelShare& share, uint64_t seed,
                                  std::span<const std::string> class_names = {});

struct Split {
  std::vector<int64_t> train, test;  // rows, ascending
};

// Holds out round(test_fraction * n) rows of each class, at least one, and leaves at least one to
// train; a class with a single row stays in train whole. Rows with negative labels are in neither.
Split stratified_split(std::span<const int64_t> labels, double test_fraction, uint64_t seed);

}  // namespace vistas::measure
