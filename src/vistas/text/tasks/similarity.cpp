// Semantic similarity: files of scored pairs, and SentEval's folders of them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/strings.h"
#include "vistas/text/tasks/set_rows.h"

namespace fs = std::filesystem;

namespace vistas::text {
namespace {

// The two texts of a line of SentEval's input and its score; false for a pair without one.
bool add_pair(const std::string& line, const std::string& gold, ScoredPairs& out) {
  std::vector<std::string> fields;
  if (find_invalid_utf8(line) != std::string_view::npos) return false;
  split_record(line, TextFormat::tsv, fields);
  const double score = number_in(gold);
  if (fields.size() < 2 || is_blank(fields[0]) || is_blank(fields[1]) || !std::isfinite(score)) {
    return false;
  }
  out.first.push_back(fields[0]);
  out.second.push_back(fields[1]);
  out.scores.push_back(score);
  return true;
}

ScoredPairs read_senteval_part(const fs::path& input, const fs::path& gold, const std::string& name,
                               const TextFileOptions& options) {
  const std::vector<std::string> pairs = lines_of(input), scores = lines_of(gold);
  if (pairs.size() != scores.size()) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{} and {}", input.string(), gold.string()),
                 .got = fmt::format("{} and {} lines", pairs.size(), scores.size()),
                 .expected = "a line of scores for each line of texts"});
  }
  ScoredPairs out{.name = name};
  SkippedRows skipped(input.string(), options);
  for (size_t i = 0; i < pairs.size(); ++i) {
    // Pairs that nobody scored are part of the layout.
    if (!is_blank(scores[i]) && !add_pair(pairs[i], scores[i], out)) skipped.add();
  }
  skipped.tell(out.notes);
  if (out.scores.empty()) throw nothing_left(input, "pair of texts with a score");
  return out;
}

// The X of "STS.gs.X.txt"; "" for another name.
std::string gold_name(const std::string& file) {
  const std::string begin = "STS.gs.", end = ".txt";
  if (!file.starts_with(begin) || !file.ends_with(end)) return "";
  return file.substr(begin.size(), file.size() - begin.size() - end.size());
}

SimilarityTask read_senteval(const fs::path& folder, const TextFileOptions& options) {
  SimilarityTask task{.name = fs::canonical(folder).filename().string()};
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = gold_name(entry.path().filename().string());
    if (!name.empty()) names.push_back(name);
  }
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const fs::path gold = folder / ("STS.gs." + name + ".txt");
    const fs::path input = folder / ("STS.input." + name + ".txt");
    if (!fs::exists(input)) {
      task.notes.push_back(gold.string() + ": passed over, there is no " +
                           input.filename().string());
      continue;
    }
    task.parts.push_back(read_senteval_part(input, gold, name, options));
  }
  if (task.parts.empty()) {
    throw Error(
        ErrorKind::data,
        {.what = folder.string(),
         .got = fmt::format("{} files STS.gs.X.txt, none with its STS.input.X.txt", names.size()),
         .expected = "SentEval's layout: STS.input.X.txt and STS.gs.X.txt"});
  }
  return task;
}

}  // namespace

ScoredPairs read_scored_pairs(const fs::path& path, const ReadOptions& options) {
  TextFile file(path, options.file);
  const Layout layout = layout_of(file, options.layout);
  if (layout.kind != LayoutKind::scored_pairs) {
    throw wrong_layout(file, layout, "two texts and a number that says how alike they are");
  }
  ScoredPairs out{.name = stem_of(path)};
  leave_out_unusable(file, layout);
  tell_left_out(file, out.notes);
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    out.first.push_back(fields[static_cast<size_t>(layout.texts[0])]);
    out.second.push_back(fields[static_cast<size_t>(layout.texts[1])]);
    out.scores.push_back(number_in(fields[static_cast<size_t>(layout.score)]));
  });
  return out;
}

SimilarityTask read_similarity(const fs::path& path, const ReadOptions& options) {
  if (fs::is_directory(path)) return read_senteval(path, options.file);
  ScoredPairs pairs = read_scored_pairs(path, options);
  return {.name = pairs.name, .parts = {std::move(pairs)}, .notes = {}};
}

}  // namespace vistas::text
