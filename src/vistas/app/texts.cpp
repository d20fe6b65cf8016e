#include "vistas/app/texts.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <unordered_set>

#include "vistas/base/error.h"
#include "vistas/learn/bundle.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/search/top_k.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

// Standard input as a file, for as long as it is read: a text file is read twice.
class InputFile {
 public:
  InputFile() {
    std::string place = (fs::temp_directory_path() / "vistas-input-XXXXXX").string();
    if (mkdtemp(place.data()) == nullptr) throw_system_error(place, errno);
    folder_ = place;
    std::ofstream out(path(), std::ios::binary);
    if (std::cin.peek() != std::istream::traits_type::eof()) out << std::cin.rdbuf();
    out.close();
    if (!out) throw_system_error(path().string(), errno);
  }
  ~InputFile() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  fs::path path() const { return folder_ / "standard-input.txt"; }

 private:
  fs::path folder_;
};

}  // namespace

bool is_of_texts(const fs::path& run) {
  return learn::modality_of(learn::find_bundle(run)) == learn::Modality::text;
}

text::TextBundle load_encoder(const Context& context, const fs::path& run) {
  text::TextBundle bundle = text::load_text_bundle(run);
  print_notes(context, bundle.notes, 0);
  return bundle;
}

text::EmbedOptions embed_options(const vision::FeatureOptions& features) {
  text::EmbedOptions options;
  options.threads = static_cast<int>(features.threads);
  options.device = features.device;
  options.precision = features.precision;
  return options;
}

void add_text_options(CLI::App& app, text::EmbedOptions& o) {
  app.add_option("--threads", o.threads, "threads that tokenize; 0: one a core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->group("Running");
  add_device_options(app, o.device, o.precision);
}

void add_reading_options(CLI::App& app, text::ReadOptions& o) {
  app.add_option("--columns", o.layout.columns,
                 "texts: the columns to use, by name or number; of pairs anchor, positive, "
                 "negatives [as the file looks]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->group("Data");
  app.add_option("--header", o.file.header,
                 "texts: whether the first row of a TSV or CSV file names the columns [auto]")
      ->check(CLI::IsMember({"auto", "yes", "no"}))
      ->group("Data");
  app.add_option("--on-bad-line", o.file.on_bad_line,
                 "texts: leave out lines that cannot be used, or stop [skip]")
      ->check(CLI::IsMember({"skip", "fail"}))
      ->group("Data");
}

text::Corpus read_texts(const std::string& path, text::ReadOptions options) {
  if (path != "-") return text::read_corpus(path, options);
  const InputFile input;
  options.name = "standard input";
  return text::read_corpus(input.path(), options);
}

void drop_repeated(text::Corpus& corpus, const std::string& path) {
  std::unordered_set<std::string> seen;
  std::vector<std::string> once;
  for (std::string& text : corpus.texts) {
    if (seen.insert(text).second) once.push_back(std::move(text));
  }
  const size_t repeated = corpus.texts.size() - once.size();
  if (repeated > 0) {
    corpus.notes.push_back(
        fmt::format("{}: {} an earlier one letter for letter and {} once", path,
                    repeated == 1 ? "1 text repeats" : fmt::format("{} texts repeat", repeated),
                    repeated == 1 ? "counts" : "count"));
  }
  corpus.texts = std::move(once);
}

text::TextEmbeddings embed_with_progress(const Context& context, const text::TextBundle& bundle,
                                         const std::vector<std::string>& texts,
                                         const text::EmbedOptions& options) {
  StatusLine status(context);
  return text::embed_texts(bundle, text::views_of(texts), options,
                           counted_progress(status, "embedding"));
}

void print_notes(const Context& context, const text::Notes& notes, int64_t truncated) {
  for (const std::string& note : notes) context.print(note + "\n");
  if (truncated > 0) {
    context.print(
        fmt::format("{} longer than the encoder takes and cut off\n",
                    truncated == 1 ? "1 text was" : fmt::format("{} texts were", truncated)));
  }
}

int near_texts(const Context& context, const NearTexts& a) {
  const bool file = fs::is_regular_file(a.query);
  if (a.query.find_first_not_of(" \t\n") == std::string::npos) {
    throw Error(ErrorKind::usage, {.what = "query", .got = "a text without a word"});
  }
  const text::TextBundle bundle = load_encoder(context, a.run);
  text::Corpus bank = read_texts(a.in, a.read);
  drop_repeated(bank, a.in);
  text::Corpus queries;
  if (file) {
    queries = text::read_corpus(a.query, a.read);
  } else {
    queries.texts = {a.query};
  }
  const auto q = text::embed_texts(bundle, text::views_of(queries.texts), a.embed);
  const auto b = embed_with_progress(context, bundle, bank.texts, a.embed);
  const auto found = search::top_k(q.values, b.values, a.k, search::Metric::cosine);
  const auto* indices = found.indices.const_data_ptr<int64_t>();
  const auto* scores = found.scores.const_data_ptr<float>();
  const int64_t k = found.indices.size(1);
  nlohmann::json json = nlohmann::json::array();
  for (size_t i = 0; i < queries.texts.size(); ++i) {
    look::Table table({"", "cosine", "near \"" + queries.texts[i] + "\""});
    nlohmann::json neighbours = nlohmann::json::array();
    for (int64_t j = 0; j < k; ++j) {
      const auto place = static_cast<int64_t>(i) * k + j;
      const std::string& text = bank.texts[static_cast<size_t>(indices[place])];
      const double score = scores[place];
      table.add({fmt::format("{}", j + 1), fmt::format("{:.4f}", score), text});
      neighbours.push_back({{"text", text}, {"cosine", score}});
    }
    context.print(table.str(context.color, context.width));
    json.push_back({{"query", queries.texts[i]}, {"neighbours", neighbours}});
  }
  print_notes(context, queries.notes, 0);
  print_notes(context, bank.notes, q.truncated + b.truncated);
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
