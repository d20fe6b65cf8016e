#include "vistas/measure/splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "vistas/base/error.h"
#include "vistas/base/random.h"

namespace vistas::measure {
namespace {

enum class Purpose : uint32_t { labels = 1, split = 2, samples = 3 };

// The rows of each class in a random order of its own.
std::map<int64_t, std::vector<int64_t>> shuffled_classes(std::span<const int64_t> labels,
                                                         uint64_t seed, Purpose purpose) {
  std::map<int64_t, std::vector<int64_t>> classes;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0) classes[labels[i]].push_back(static_cast<int64_t>(i));
  }
  if (classes.empty()) {
    throw Error(ErrorKind::data,
                {.what = "labels",
                 .got = fmt::format("{} rows, none with a label", labels.size()),
                 .fix = "Give a data set with labels, for example a folder for each class"});
  }
  for (auto& [label, rows] : classes) {
    Draws draws({seed, 0, static_cast<uint64_t>(label), static_cast<uint32_t>(purpose)});
    std::vector<int64_t> order = draws.permutation(static_cast<int64_t>(rows.size()));
    for (int64_t& place : order) place = rows[static_cast<size_t>(place)];
    rows = std::move(order);
  }
  return classes;
}

// round(fraction * n) with halves up; the tiny push keeps 0.07 * 50 at 3.5.
size_t rounded_share(double fraction, size_t n) {
  return static_cast<size_t>(std::floor(fraction * static_cast<double>(n) + 0.5 + 1e-9));
}

}  // namespace

LabelShare parse_label_share(const std::string& text) {
  const auto refuse = [&] {
    return Error(ErrorKind::usage,
                 {.what = "labels",
                  .got = "\"" + text + "\"",
                  .expected = "a share of every class as \"1%\" (above 0, up to 100%), or a number "
                              "of rows from every class as \"5\""});
  };
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (text.ends_with('%')) {
    double percent = 0;
    const auto [stop, error] = std::from_chars(begin, end - 1, percent);
    if (error != std::errc{} || stop != end - 1 || !(percent > 0 && percent <= 100)) throw refuse();
    return {.fraction = percent / 100};
  }
  int64_t count = 0;
  const auto [stop, error] = std::from_chars(begin, end, count);
  if (error != std::errc{} || stop != end || count < 1) throw refuse();
  return {.per_class = count};
}

std::string to_string(const LabelShare& share) {
  if (share.per_class > 0) return fmt::to_string(share.per_class);
  return fmt::format("{:.6g}%", share.fraction * 100);
}

namespace {

Error too_few_rows(int64_t label, std::span<const std::string> class_names, size_t got,
                   int64_t wanted) {
  const std::string name = class_names.empty()
                               ? fmt::to_string(label)
                               : "'" + class_names[static_cast<size_t>(label)] + "'";
  return {ErrorKind::data,
          {.what = "rows of class " + name,
           .got = fmt::to_string(got),
           .expected = fmt::format("{}, the labels per class", wanted),
           .fix = "Ask for fewer labels per class, or for a share as 10%"}};
}

// Samples lined up so that every beginning of the line shows the classes in the same shares as all
// samples do, as nearly as it goes.
std::vector<int64_t> even_line(const std::vector<std::vector<int64_t>>& shown, int64_t classes,
                               uint64_t seed) {
  const auto n = static_cast<int64_t>(shown.size());
  Draws draws({seed, 0, 0, static_cast<uint32_t>(Purpose::samples)});
  const std::vector<int64_t> order = draws.permutation(n);
  // Those that show nothing are a class too.
  const auto none = static_cast<size_t>(classes);
  std::vector<std::vector<int64_t>> waiting(none + 1);  // by class, in the order drawn
  const auto classes_of = [&](int64_t i) {
    const auto& own = shown[static_cast<size_t>(i)];
    return own.empty() ? std::vector<int64_t>{classes} : own;
  };
  for (const int64_t i : order) {
    for (const int64_t c : classes_of(i)) waiting[static_cast<size_t>(c)].push_back(i);
  }
  std::vector<size_t> drawn(none + 1), next(none + 1);
  std::vector<bool> taken(shown.size());
  std::vector<int64_t> line;
  while (static_cast<int64_t>(line.size()) < n) {
    size_t least = none + 1;
    for (size_t c = 0; c <= none; ++c) {
      while (next[c] < waiting[c].size() && taken[static_cast<size_t>(waiting[c][next[c]])]) {
        ++next[c];
      }
      if (next[c] == waiting[c].size()) continue;
      if (least > none || drawn[c] * waiting[least].size() < drawn[least] * waiting[c].size()) {
        least = c;
      }
    }
    const int64_t sample = waiting[least][next[least]];
    taken[static_cast<size_t>(sample)] = true;
    line.push_back(sample);
    for (const int64_t c : classes_of(sample)) ++drawn[static_cast<size_t>(c)];
  }
  return line;
}

// The shortest beginning of the line in which every class is shown `wanted` times.
size_t length_with(const std::vector<int64_t>& line, const std::vector<std::vector<int64_t>>& shown,
                   int64_t classes, int64_t wanted, std::span<const std::string> class_names) {
  std::vector<int64_t> times(static_cast<size_t>(classes));
  int64_t missing = classes;
  for (size_t i = 0; i < line.size(); ++i) {
    for (const int64_t c : shown[static_cast<size_t>(line[i])]) {
      if (++times[static_cast<size_t>(c)] == wanted) --missing;
    }
    if (missing == 0) return i + 1;
  }
  const auto rarest = std::min_element(times.begin(), times.end());
  throw too_few_rows(rarest - times.begin(), class_names, static_cast<size_t>(*rarest), wanted);
}

}  // namespace

std::vector<int64_t> draw_samples(const std::vector<std::vector<int64_t>>& shown, int64_t classes,
                                  const LabelShare& share, uint64_t seed,
                                  std::span<const std::string> class_names) {
  std::vector<int64_t> line = even_line(shown, classes, seed);
  line.resize(share.per_class > 0
                  ? length_with(line, shown, classes, share.per_class, class_names)
                  : std::clamp<size_t>(rounded_share(share.fraction, line.size()), 1, line.size()));
  std::sort(line.begin(), line.end());
  return line;
}

std::vector<int64_t> draw_labels(std::span<const int64_t> labels, const LabelShare& share,
                                 uint64_t seed, std::span<const std::string> class_names) {
  std::vector<int64_t> drawn;
  for (const auto& [label, rows] : shuffled_classes(labels, seed, Purpose::labels)) {
    const auto wanted = static_cast<size_t>(share.per_class);
    if (wanted > rows.size()) {
      throw too_few_rows(label, class_names, rows.size(), share.per_class);
    }
    const size_t count =
        wanted > 0 ? wanted
                   : std::clamp<size_t>(rounded_share(share.fraction, rows.size()), 1, rows.size());
    drawn.insert(drawn.end(), rows.begin(), rows.begin() + static_cast<int64_t>(count));
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

Split stratified_split(std::span<const int64_t> labels, double test_fraction, uint64_t seed) {
  if (!(test_fraction > 0 && test_fraction < 1)) {
    throw Error(ErrorKind::usage, {.what = "held-out share",
                                   .got = fmt::to_string(test_fraction),
                                   .expected = "a number between 0 and 1"});
  }
  Split split;
  for (const auto& [label, rows] : shuffled_classes(labels, seed, Purpose::split)) {
    const size_t most = rows.size() - 1;
    const size_t held =
        std::min(std::max<size_t>(rounded_share(test_fraction, rows.size()), 1), most);
    const auto middle = rows.begin() + static_cast<int64_t>(held);
    split.test.insert(split.test.end(), rows.begin(), middle);
    split.train.insert(split.train.end(), middle, rows.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.test.begin(), split.test.end());
  return split;
}

}  // namespace vistas::measure
