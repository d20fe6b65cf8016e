// Queries and the passages that answer them: pairs, and the layout of BEIR.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "vistas/text/tasks/set_rows.h"

namespace fs = std::filesystem;

namespace vistas::text {
namespace {

// Numbers texts in the order of their first appearance.
class Numbering {
 public:
  explicit Numbering(std::vector<std::string>& texts) : texts_(texts) {}
  int64_t operator()(const std::string& text) {
    const auto [found, added] = numbers_.emplace(text, static_cast<int64_t>(texts_.size()));
    if (added) texts_.push_back(text);
    return found->second;
  }

 private:
  std::vector<std::string>& texts_;
  std::map<std::string, int64_t> numbers_;
};

// "_id" and a text, for passages behind the title if there is one.
std::map<std::string, std::string> read_beir_texts(const fs::path& path,
                                                   const TextFileOptions& options, Notes& notes) {
  const TextFile file(path, {.format = "jsonl", .on_bad_line = options.on_bad_line});
  const auto id = static_cast<size_t>(column_named(file, "_id"));
  const auto text = static_cast<size_t>(column_named(file, "text"));
  const int64_t title = column_named(file, "title", false);
  std::map<std::string, std::string> out;
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    std::string& value = out[fields[id]];
    if (title >= 0 && !is_blank(fields[static_cast<size_t>(title)])) {
      value = fields[static_cast<size_t>(title)] + " ";
    }
    value += fields[text];
  });
  tell_left_out(file, notes);
  return out;
}

RetrievalSet read_beir(const fs::path& folder, const TextFileOptions& options) {
  RetrievalSet out{.name = folder.filename().string()};
  const auto passages = read_beir_texts(folder / "corpus.jsonl", options, out.notes);
  const auto queries = read_beir_texts(folder / "queries.jsonl", options, out.notes);
  const TextFile judged(folder / "qrels/test.tsv",
                        {.header = "yes", .on_bad_line = options.on_bad_line});
  if (judged.columns().size() != 3) {
    throw Error(ErrorKind::data, {.what = judged.name() + ": its columns",
                                  .got = fmt::to_string(judged.columns().size()),
                                  .expected = "query-id, corpus-id and score"});
  }
  Numbering passage(out.passages), query(out.queries);
  std::map<std::string, int64_t> rows;
  for (const auto& [id, text] : passages) rows[id] = passage(text);
  SkippedRows skipped(judged.name(), options);
  for_each_row(judged, [&](const std::vector<std::string>& fields) {
    const auto asked = queries.find(fields[0]);
    const auto found = rows.find(fields[1]);
    if (asked == queries.end() || found == rows.end()) return skipped.add();
    const auto number = static_cast<size_t>(query(asked->second));
    out.relevant.resize(out.queries.size());
    if (number_in(fields[2]) > 0) out.relevant[number].push_back(found->second);
  });
  tell_left_out(judged, out.notes);
  skipped.tell(out.notes);
  return out;
}

RetrievalSet read_retrieval_pairs(const fs::path& path, const ReadOptions& options) {
  TextFile file(path, options.file);
  const Layout layout = layout_of(file, options.layout);
  if (layout.texts.size() < 2) {
    throw wrong_layout(file, layout, "a query and a passage that answers it");
  }
  RetrievalSet out{.name = stem_of(path)};
  Numbering passage(out.passages), query(out.queries);
  // Further passages may be missing.
  leave_out_unusable(file, {.texts = {layout.texts[0], layout.texts[1]}, .score = layout.score});
  tell_left_out(file, out.notes);
  for_each_row(file, [&](const std::vector<std::string>& fields) {
    const auto text = [&](size_t i) -> const std::string& {
      return fields[static_cast<size_t>(layout.texts[i])];
    };
    const auto number = static_cast<size_t>(query(text(0)));
    out.relevant.resize(out.queries.size());
    const bool answers =
        layout.score < 0 || number_in(fields[static_cast<size_t>(layout.score)]) > 0;
    const int64_t row = passage(text(1));
    if (answers) out.relevant[number].push_back(row);
    for (size_t i = 2; i < layout.texts.size(); ++i) {
      if (!is_blank(text(i))) passage(text(i));
    }
  });
  return out;
}

}  // namespace

RetrievalSet read_retrieval(const fs::path& path, const ReadOptions& options) {
  RetrievalSet out =
      fs::is_directory(path) ? read_beir(path, options.file) : read_retrieval_pairs(path, options);
  for (std::vector<int64_t>& rows : out.relevant) {
    std::ranges::sort(rows);
    const auto repeated = std::ranges::unique(rows);
    rows.erase(repeated.begin(), repeated.end());
  }
  if (out.queries.empty()) throw nothing_left(path, "query with a passage");
  return out;
}

}  // namespace vistas::text
