// Measures an encoder of texts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/recipe/eval_rows.h"
#include "vistas/text/tasks/embed.h"
#include "vistas/text/tasks/eval_sets.h"

namespace vistas::recipe {

// A task as the command line has it: "sts:stsb-test.csv".
struct TextTask {
  std::string kind, path;
};

const std::vector<EvalTask>& text_eval_tasks();         // sts, pairs, retrieval ...
const std::vector<std::string>& text_eval_baselines();  // "tfidf", "untrained"

// Whether a task is one of texts: a word and a colon before a path.
bool is_text_task(const std::string& task);

// Anything but a known kind, a colon and a path is a usage error.
TextTask parse_text_task(const std::string& task);

struct TextEvalOptions {
  std::vector<TextTask> tasks;
  std::vector<std::string> labels{"100%"};  // transfer: shares of the training labels
  int64_t seeds = 1;                        // label draws, k-means, weights of untrained encoders
  std::vector<std::string> baselines;       // of text_eval_baselines()
  text::ReadOptions read;                   // of the files of all tasks
  std::string idf_texts;  // a file whose texts give TF-IDF its words; "": those of the task
  text::EmbedOptions embed;
};

struct TextEvalResult {
  std::vector<EvalRow> rows;
  std::vector<std::string> notes;  // what was left out of the data
  int64_t truncated = 0;           // texts that the trained encoder saw the beginning of only
};

// Similarities are cosines. What every kind measures:
//   sts         Spearman's and Pearson's correlation with the scores: "all" over the pairs of all
//               files together, and the "mean" of the files where there are several; alignment of
//               the pairs in the upper fifth of the scale and uniformity (contrast/statistics.h)
//   pairs       pairs of label 1 and 0 told by cosine: best accuracy, best F1, average precision
//   retrieval   nDCG@10, MRR@10, recall@1, @10 and @100
//   bitext      nearest neighbours both ways, and the best F1 of mining by ratio margin
//   clustering  v-measure of k-means with as many clusters as labels
//   transfer    accuracy of logistic regression: unit rows, columns of the training rows to mean 0
//               and deviation 1, C = 0.01 of scikit-learn; for TF-IDF (sublinear counts, words of
//               three texts or more) C = 10. On the splits train and test of the file, otherwise
//               on a stratified 80/20 split by seed 0
// TF-IDF, with sublinear counts, is measured on sts, pairs, retrieval and transfer.
// All tasks are read before the first is measured, so that one that cannot be used costs nothing.
TextEvalResult evaluate_texts(const text::TextBundle& bundle, const TextEvalOptions& options,
                              const EvalProgress& progress);

}  // namespace vistas::recipe
