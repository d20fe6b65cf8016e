// vistas vocab: a SentencePiece vocabulary of texts.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/app/texts.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/text/sources/layout.h"
#include "vistas/text/tasks/set_rows.h"
#include "vistas/text/tokenizers/sentence_piece.h"
#include "vistas/text/tokenizers/token_counts.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr int64_t kRowsToCount = 10000;

struct VocabArguments {
  std::vector<std::string> texts;
  text::ReadOptions read;
  std::string out;
  text::VocabularyOptions options;
};

// Learning may take minutes: what would only fail when it is done fails before.
void check_out(const fs::path& out) {
  if (out.extension() != ".model") {
    throw Error(ErrorKind::usage, {.what = "--out",
                                   .got = out.string(),
                                   .expected = "a name that ends in .model, by which it is known "
                                               "where a tokenizer is expected"});
  }
  if (out.has_parent_path() && !fs::is_directory(out.parent_path())) {
    throw Error(ErrorKind::data, {.what = "--out " + out.string(),
                                  .got = "no folder " + out.parent_path().string(),
                                  .fix = "Make it first"});
  }
}

double ratio(int64_t a, int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

void print_counts(const Context& context, const VocabArguments& a, const text::Vocabulary& made,
                  const text::TokenCounts& counts) {
  const bool fewer = made.size < a.options.size;
  look::Table table({"vocabulary", a.out});
  table.add({"texts", look::format_count(made.texts) + (made.sampled ? ", drawn at random" : "")});
  table.add({"pieces", look::format_count(made.size) +
                           (fewer ? fmt::format(" of {}: the texts have no more",
                                                look::format_count(a.options.size))
                                  : "")});
  table.add({"measured on", look::counted(counts.texts, "text")});
  table.add({"tokens a word", fmt::format("{:.2f}", ratio(counts.tokens, counts.words))});
  table.add({"characters a token", fmt::format("{:.2f}", ratio(counts.characters, counts.tokens))});
  table.add(
      {"unknown tokens", fmt::format("{:.3f} %", 100 * ratio(counts.unknown, counts.tokens))});
  context.print(table.str(context.color, context.width) + "\n");
}

std::string training_with(const VocabArguments& a) {
  std::string line = "vistas train " + shell_word(a.texts.front());
  if (!a.read.layout.columns.empty()) {
    line += " --columns " + shell_word(fmt::format("{}", fmt::join(a.read.layout.columns, ",")));
  }
  return line + " --set " + shell_word("tokenizer.path=" + a.out);
}

int vocab(const Context& context, VocabArguments& a) {
  if (a.out.empty()) a.out = text::stem_of(a.texts.front()) + ".model";
  check_out(a.out);
  std::vector<std::unique_ptr<text::TextFile>> files;
  std::vector<text::TextColumns> columns;
  text::Notes notes;
  StatusLine status(context);
  status.show("reading the texts");
  for (const std::string& path : a.texts) {
    const auto& file = files.emplace_back(std::make_unique<text::TextFile>(path, a.read.file));
    columns.push_back({file.get(), text::layout_of(*file, a.read.layout).texts});
    if (a.read.file.on_bad_line == "fail") {
      text::leave_out_unusable(*file, {.texts = columns.back().columns});
    }
    text::tell_left_out(*file, notes);
  }
  status.show(fmt::format("learning {} pieces", look::format_count(a.options.size)));
  const text::Vocabulary made = text::train_vocabulary(columns, a.options);
  write_file_atomic(a.out, made.model);
  const auto counts =
      text::count_tokens(text::SentencePiece(made.model, a.out), columns, kRowsToCount);
  status.clear();
  print_counts(context, a, made, counts);
  print_notes(context, notes, 0);
  context.print(fmt::format("train with it:\n  {}\n", training_with(a)));
  context.write_json({{"file", a.out},
                      {"texts", made.texts},
                      {"sampled", made.sampled},
                      {"pieces", made.size},
                      {"tokens_a_word", ratio(counts.tokens, counts.words)},
                      {"characters_a_token", ratio(counts.characters, counts.tokens)},
                      {"unknown", ratio(counts.unknown, counts.tokens)},
                      {"counted_texts", counts.texts},
                      {"notes", notes}});
  return 0;
}

}  // namespace

Command vocab_command() {
  return {"vocab",
          "Learns a SentencePiece vocabulary from texts, for the tokenizer of an encoder.",
          {"vistas vocab english.txt --size 8000 -o vocab.model",
           "vistas vocab pairs.tsv --size 4000 --kind bpe --lowercase false",
           "vistas vocab english.txt other.txt --size 16000 --coverage 1 --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<VocabArguments>();
            app.add_option("texts", a->texts,
                           "files of texts: a text a line, TSV, CSV or JSONL, also packed by gzip")
                ->required()
                ->type_name("TEXTS");
            app.add_option("-o,--out", a->out, "the SentencePiece model [NAME.model of NAME.txt]")
                ->type_name("FILE")
                ->group("Output");
            add_reading_options(app, a->read);
            add_fields(app, fields_of(a->options), "Vocabulary");
            return [a](const Context& context) { return vocab(context, *a); };
          }};
}

}  // namespace vistas::app
