// What the columns of a text file are: texts that belong together, a score, a label.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/text/sources/text_file.h"

namespace vistas::text {

enum class LayoutKind {
  texts,           // one text a row
  pairs,           // anchor, positive
  scored_pairs,    // two texts and how alike they are
  tuples,          // anchor, positive, negatives
  labelled,        // a text and its class
  labelled_pairs,  // two texts and the class of what they are to each other
};

struct Layout {
  LayoutKind kind = LayoutKind::texts;
  std::vector<int64_t> texts;  // columns, in the order anchor, positive, negatives
  int64_t score = -1;          // column of scored_pairs
  int64_t label = -1;          // column of labelled and labelled_pairs
};

// From the names of the columns where the file gives them (column_names.h), and from the first
// rows: columns of numbers, of ids or without a value are no texts. `title` is a text where there
// is one other at most and neither score nor label. Beside two texts numbers of a score or label
// are a score, words of one are classes; beside one text a column of numbers or of few short values
// is a label. What has no part in that is left out in a file with names, and unclear in one
// without.
Layout detect_layout(const TextFile& file);

// The columns chosen by the user, by name or by number from 1: texts in order, then the optional
// column of a score or a label ("" for none). Unknown ones are usage errors with the nearest names.
Layout choose_layout(const TextFile& file, const std::vector<std::string>& texts,
                     const std::string& score, const std::string& label);

// What a user says of the columns of a file; as it looks where nothing is said.
struct LayoutOptions {
  std::vector<std::string> columns{};
  std::string score{}, label{};
};
Layout layout_of(const TextFile& file, const LayoutOptions& options);

// Leaves out, or refuses as on_bad_line says, the rows without one of the texts, without a number
// as score or without a label.
void leave_out_unusable(TextFile& file, const Layout& layout);

// "pairs of column 1, column 2", "scored pairs of a, b, score in c (not used: d)" ...
std::string describe(const Layout& layout, const TextFile& file);

}  // namespace vistas::text
