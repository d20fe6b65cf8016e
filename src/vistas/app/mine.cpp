// vistas mine and vistas paraphrases: pairs of texts that belong together.
#include <fmt/format.h>

#include <algorithm>

#include "vistas/app/command.h"
#include "vistas/app/texts.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/search/bitext.h"
#include "vistas/search/paraphrases.h"

namespace vistas::app {
namespace {

constexpr size_t kShown = 10;

struct MineArguments {
  std::string run, first, second, out = "bitext.tsv", margin = "ratio", candidates = "max";
  double threshold = 0;
  search::BitextOptions options;
  text::ReadOptions read;
  text::EmbedOptions embed;
};

struct ParaphraseArguments {
  std::string run, texts, out = "paraphrases.tsv";
  search::ParaphraseOptions options{.threshold = 0.75};
  text::ReadOptions read;
  text::EmbedOptions embed;
};

template <typename T>
T value_of(const std::vector<std::pair<std::string, T>>& names, const std::string& name) {
  return std::ranges::find(names, name, &std::pair<std::string, T>::first)->second;
}

template <typename T>
std::vector<std::string> names_of(const std::vector<std::pair<std::string, T>>& all) {
  std::vector<std::string> names;
  for (const auto& [name, value] : all) names.push_back(name);
  return names;
}

// A text as a field of a TSV file.
std::string field(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

// Writes "score, text, text" lines, prints the best of them and the JSON result.
void hand_over(const Context& context, const std::string& out, const std::string& noun,
               const std::vector<search::MinedPair>& pairs, const std::vector<std::string>& first,
               const std::vector<std::string>& second, const text::Notes& notes,
               int64_t truncated) {
  std::string lines;
  look::Table table({"score", "cosine", "text", "text"});
  for (size_t i = 0; i < pairs.size(); ++i) {
    const std::string a = field(first[static_cast<size_t>(pairs[i].a)]);
    const std::string b = field(second[static_cast<size_t>(pairs[i].b)]);
    lines += fmt::format("{:.6f}\t{}\t{}\n", pairs[i].score, a, b);
    if (i < kShown) {
      table.add(
          {fmt::format("{:.4f}", pairs[i].score), fmt::format("{:.4f}", pairs[i].cosine), a, b});
    }
  }
  write_file_atomic(out, lines);
  if (!pairs.empty()) context.print(table.str(context.color, context.width));
  const auto count = static_cast<int64_t>(pairs.size());
  context.print(fmt::format("{}: {}\n", out, look::counted(count, noun)));
  print_notes(context, notes, truncated);
  context.write_json({{"file", out}, {"pairs", count}, {"truncated", truncated}, {"notes", notes}});
}

int mine(const Context& context, MineArguments& a) {
  if (a.first == "-" && a.second == "-") {
    throw Error(ErrorKind::usage, {.what = "both files from standard input",
                                   .expected = "one of them a file",
                                   .fix = "vistas mine RUN - B.txt"});
  }
  a.options.margin = value_of(search::margins(), a.margin);
  a.options.candidates = value_of(search::candidate_rules(), a.candidates);
  const text::TextBundle bundle = load_encoder(context, a.run);
  text::Corpus first = read_texts(a.first, a.read), second = read_texts(a.second, a.read);
  drop_repeated(first, a.first);
  drop_repeated(second, a.second);
  const auto x = embed_with_progress(context, bundle, first.texts, a.embed);
  const auto y = embed_with_progress(context, bundle, second.texts, a.embed);
  auto pairs = search::mine_bitext(x.values, y.values, a.options);
  std::erase_if(pairs, [&](const search::MinedPair& pair) { return pair.score < a.threshold; });
  text::Notes notes = first.notes;
  notes.insert(notes.end(), second.notes.begin(), second.notes.end());
  hand_over(context, a.out, "pair", pairs, first.texts, second.texts, notes,
            x.truncated + y.truncated);
  return 0;
}

int paraphrases(const Context& context, const ParaphraseArguments& a) {
  const text::TextBundle bundle = load_encoder(context, a.run);
  text::Corpus corpus = read_texts(a.texts, a.read);
  drop_repeated(corpus, a.texts);
  const auto x = embed_with_progress(context, bundle, corpus.texts, a.embed);
  const auto pairs = search::mine_paraphrases(x.values, a.options);
  hand_over(context, a.out, "pair", pairs, corpus.texts, corpus.texts, corpus.notes, x.truncated);
  return 0;
}

void add_run(CLI::App& app, std::string& run) {
  app.add_option("run", run, "a run of texts, a checkpoint, a bundle or a folder of Hugging Face")
      ->required()
      ->type_name("RUN");
}

}  // namespace

Command mine_command() {
  return {"mine",
          "Finds translations in two files of sentences, one a line, by their embeddings.",
          {"vistas mine runs/text english.txt other.txt --out bitext.tsv",
           "vistas mine runs/text english.txt other.txt --threshold 1.06 --candidates intersection",
           "vistas mine runs/text english.txt other.txt --margin distance -k 8 --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<MineArguments>();
            add_run(app, a->run);
            app.add_option("first", a->first, "sentences; - for standard input")
                ->required()
                ->type_name("A");
            app.add_option("second", a->second, "sentences in the other language")
                ->required()
                ->type_name("B");
            app.add_option("--out", a->out, "TSV file: score, sentence of A, sentence of B")
                ->capture_default_str()
                ->group("Output");
            app.add_option("--threshold", a->threshold,
                           "least score of a pair; by ratio 1.0 is as near as other neighbours")
                ->capture_default_str()
                ->check(CLI::Range(-1e6, 1e6))
                ->group("Search");
            app.add_option("--margin", a->margin,
                           "how a cosine is held against those of the nearest neighbours: their "
                           "ratio, their distance, or not at all")
                ->capture_default_str()
                ->check(CLI::IsMember(names_of(search::margins())))
                ->group("Search");
            app.add_option("--candidates", a->candidates,
                           "best partners of A (forward), of B (backward), those that are both, or "
                           "the best of both with each sentence once (max)")
                ->capture_default_str()
                ->check(CLI::IsMember(names_of(search::candidate_rules())))
                ->group("Search");
            app.add_option("-k", a->options.k, "nearest neighbours")
                ->capture_default_str()
                ->check(CLI::Range(1, 10000))
                ->group("Search");
            add_reading_options(app, a->read);
            add_text_options(app, a->embed);
            return [a](const Context& context) { return mine(context, *a); };
          }};
}

Command paraphrases_command() {
  return {"paraphrases",
          "Finds paraphrases and near-duplicates in one file of texts, by their embeddings.",
          {"vistas paraphrases runs/text english.txt",
           "vistas paraphrases runs/text english.txt --threshold 0.9 --top 100 --out same.tsv",
           "vistas paraphrases runs/text english.txt -k 5 --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<ParaphraseArguments>();
            add_run(app, a->run);
            app.add_option("texts", a->texts, "texts, one a line; - for standard input")
                ->required()
                ->type_name("TEXTS");
            app.add_option("--out", a->out, "TSV file: cosine and both texts, best first")
                ->capture_default_str()
                ->group("Output");
            app.add_option("--threshold", a->options.threshold, "least cosine of a pair")
                ->capture_default_str()
                ->check(CLI::Range(-1.0, 1.0))
                ->group("Search");
            app.add_option("--top", a->options.most, "pairs kept, the best")
                ->capture_default_str()
                ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
                ->group("Search");
            app.add_option("-k", a->options.k, "neighbours of a text that are looked at")
                ->capture_default_str()
                ->check(CLI::Range(1, 10000))
                ->group("Search");
            add_reading_options(app, a->read);
            add_text_options(app, a->embed);
            return [a](const Context& context) { return paraphrases(context, *a); };
          }};
}

}  // namespace vistas::app
