// What the columns of a text file are: texts that belong together, a score, a label.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/text/sources/text_file.h"

namespace vistas::text {

enum class LayoutKind {
  texts,         // one text a row
  pairs,         // anchor, positive
  scored_pairs,  // two texts and how alike they are
  tuples,        // anchor, positive, negatives
  labelled,      // a text and its class
};

struct Layout {
  LayoutKind kind = LayoutKind::texts;
  std::vector<int64_t> texts;  // columns, in the order anchor, positive, negatives
  int64_t score = -1;          // column of scored_pairs
  int64_t label = -1;          // column of labelled
};

// From the names of the columns where the file gives them (label, score, similarity; anchor,
// positive, negative, query, passage ...), otherwise from the first rows: a column of numbers
// beside two texts is a score; beside one text a column of numbers or of few short values is a
// label. A name that stands for neither (split, id, genre) is left out where the others make a
// layout.
Layout detect_layout(const TextFile& file);

// The columns chosen by the user, by name or by number from 1: texts in order, then the optional
// column of a score or a label ("" for none). Unknown ones are usage errors with the nearest names.
Layout choose_layout(const TextFile& file, const std::vector<std::string>& texts,
                     const std::string& score, const std::string& label);

// "pairs of column 1, column 2", "scored pairs of a, b, score in c" ...
std::string describe(const Layout& layout, const TextFile& file);

}  // namespace vistas::text
