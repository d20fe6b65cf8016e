#include "vistas/text/sources/column_names.h"

#include <algorithm>
#include <initializer_list>

#include "vistas/base/strings.h"

namespace vistas::text {

NameMeans meaning_of(const std::string& name) {
  const std::string lower = ascii_lower(name);
  const auto is_one_of = [&](std::initializer_list<const char*> names) {
    return std::ranges::find(names, lower) != names.end();
  };
  if (lower == "title") return NameMeans::title;
  if (is_one_of({"score", "scores", "similarity", "similarity_score", "relatedness",
                 "relatedness_score"})) {
    return NameMeans::score;
  }
  if (is_one_of({"label", "labels", "class", "category", "gold_label", "entailment_judgment",
                 "entailment_label", "is_duplicate", "quality"})) {
    return NameMeans::label;
  }
  if (is_one_of({"split",
                 "idx",
                 "index",
                 "old_index",
                 "genre",
                 "file",
                 "filename",
                 "year",
                 "label1",
                 "label2",
                 "label3",
                 "label4",
                 "label5",
                 "entailment_ab",
                 "entailment_ba",
                 "sentence_a_original",
                 "sentence_b_original",
                 "sentence_a_dataset",
                 "sentence_b_dataset",
                 "semeval_set"}) ||
      lower.ends_with("_parse")) {
    return NameMeans::other;
  }
  if (is_one_of({"anchor",    "positive",  "negative",  "negatives", "query",      "passage",
                 "sentence",  "sentence1", "sentence2", "sentence3", "sentence_a", "sentence_b",
                 "text",      "text1",     "text2",     "source",    "target",     "question",
                 "question1", "question2", "answer",    "premise",   "hypothesis", "document",
                 "body",      "#1 string", "#2 string"})) {
    return NameMeans::text;
  }
  const std::string letters = lower.substr(0, lower.find_last_not_of("0123456789") + 1);
  if (is_one_of({"item", "user", "asin", "isbn"})) return NameMeans::id;
  return letters.ends_with("id") ? NameMeans::id : NameMeans::nothing;
}

}  // namespace vistas::text
