// What the names of columns say that data sets use.
#pragma once

#include <string>

namespace vistas::text {

enum class NameMeans {
  nothing,  // a name like any other
  text,
  title,  // a text where there is little else
  score,  // how alike two texts are
  label,  // a class; beside two texts, in numbers, a score
  id,     // where its values are no texts
  other,  // neither text nor value: a split, a file
};

// In any case: those of sentence-transformers, SICK, GLUE (QQP, MRPC, STS-B), SNLI, MultiNLI ...
NameMeans meaning_of(const std::string& name);

}  // namespace vistas::text
