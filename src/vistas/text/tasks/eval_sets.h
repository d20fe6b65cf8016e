// Evaluation sets of texts, read whole: pairs, labelled texts, translations, queries and passages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/text/sources/layout.h"
#include "vistas/text/sources/text_file.h"

namespace vistas::text {

// Views of texts that stay where they are, as encoders take them.
std::vector<std::string_view> views_of(std::span<const std::string> texts);

// Rows without a text or a value where one is needed are left out everywhere, or refused as
// on_bad_line says; `notes` say how many were left out, and what else a reader of the result must
// know: lines that could not be used, files passed over.
using Notes = std::vector<std::string>;

struct ReadOptions {
  TextFileOptions file{};
  LayoutOptions layout{};
  std::string name{};  // of the file in errors and notes; "": its path
  std::string id{};    // read_corpus: the column that names the row's one text; "": none
};

struct Corpus {
  std::vector<std::string> texts{};
  std::vector<std::string> ids{};  // of the texts, where asked for
  Notes notes{};
};

// The texts of a file of any layout; where a row has several, one after another. With a column of
// ids a usage error unless one other column is the text.
Corpus read_corpus(const std::filesystem::path& path, const ReadOptions& options = {});

struct ScoredPairs {
  std::string name;  // of the file, without folder and ending
  std::vector<std::string> first{}, second{};
  std::vector<double> scores{};
  Notes notes{};
};

// Two texts and a number: CSV, TSV or JSONL with or without a header, SICK's tab layout among them.
// Data errors: other columns, no row.
ScoredPairs read_scored_pairs(const std::filesystem::path& path, const ReadOptions& options = {});

// The subsets of a task of semantic similarity, each a file.
struct SimilarityTask {
  std::string name;
  std::vector<ScoredPairs> parts{};
  Notes notes{};
};

// A file of scored pairs, or a folder in SentEval's layout: "STS.input.X.txt" with two texts a line
// and "STS.gs.X.txt" with a score a line, empty where the pair has none. Gold files without their
// input are named in the notes and passed over.
SimilarityTask read_similarity(const std::filesystem::path& path, const ReadOptions& options = {});

struct LabelledTexts {
  std::string name;
  std::vector<std::string> texts{};
  std::vector<int64_t> labels{};       // of `classes`
  std::vector<std::string> splits{};   // of each row; empty if no column says
  std::vector<std::string> classes{};  // sorted
  Notes notes{};
};

// A text and its label a row, and the column "split" where there is one.
LabelledTexts read_labelled(const std::filesystem::path& path, const ReadOptions& options = {});

struct Bitext {
  std::string name{}, first_name{}, second_name{};  // "por-eng", "por", "eng"
  std::vector<std::string> first{}, second{};
  Notes notes{};
};

// Translations side by side: a file with two columns of texts, or the prefix of two files with as
// many lines: "data/por-eng" for data/por-eng.por and data/por-eng.eng.
Bitext read_bitext(const std::filesystem::path& path, const ReadOptions& options = {});

struct RetrievalSet {
  std::string name;
  std::vector<std::string> queries{}, passages{};
  std::vector<std::vector<int64_t>> relevant{};  // passages of each query, ascending
  Notes notes{};
};

// Pairs (a query and a passage that answers it; further columns are passages that do not; with a
// score the pair is relevant above 0), or a folder in the layout of BEIR: corpus.jsonl,
// queries.jsonl and qrels/test.tsv. Equal texts are one query or passage.
RetrievalSet read_retrieval(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace vistas::text
