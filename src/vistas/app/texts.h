// What commands do with encoders of texts.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/text/tasks/embed.h"
#include "vistas/text/tasks/eval_sets.h"

namespace vistas::app {

// Whether the encoder of a run, a bundle or a folder of Hugging Face is one of texts.
bool is_of_texts(const std::filesystem::path& run);

// load_text_bundle() that prints the notes.
text::TextBundle load_encoder(const Context& context, const std::filesystem::path& run);

// How texts are embedded, from the options that all embedding commands have.
text::EmbedOptions embed_options(const vision::FeatureOptions& features);

// --threads, --device and --precision of commands that embed texts alone.
void add_text_options(CLI::App& app, text::EmbedOptions& options);

// --columns, --header and --on-bad-line of commands that read files of texts.
void add_reading_options(CLI::App& app, text::ReadOptions& options);

// The texts of a file, "-" for standard input.
text::Corpus read_texts(const std::string& path, text::ReadOptions options);

// Every text once, in the order of first appearance; notes say how many were repeated.
void drop_repeated(text::Corpus& corpus, const std::string& path);

// Embeddings with progress on a status line.
text::TextEmbeddings embed_with_progress(const Context& context, const text::TextBundle& bundle,
                                         const std::vector<std::string>& texts,
                                         const text::EmbedOptions& options);

// Prints what was left out, and how many texts were too long for the encoder.
void print_notes(const Context& context, const text::Notes& notes, int64_t truncated);

// vistas info of a file of texts.
int info_texts(const Context& context, const std::string& path);

// vistas near for texts: `query` is a text or a file of texts.
struct NearTexts {
  std::string run, query, in;
  int64_t k = 10;
  text::ReadOptions read;
  text::EmbedOptions embed;
};
int near_texts(const Context& context, const NearTexts& a);

}  // namespace vistas::app
