#include "vistas/recipe/text_run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <span>
#include <sstream>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/strings.h"
#include "vistas/base/tensor_file.h"
#include "vistas/learn/tensors.h"
#include "vistas/recipe/text_eval.h"
#include "vistas/text/tasks/embed.h"
#include "vistas/text/tasks/exclude.h"
#include "vistas/text/tokenizers/train_vocabulary.h"
#include "vistas/text/views/segments.h"

namespace fs = std::filesystem;

namespace vistas::recipe {
namespace {

constexpr int64_t kMaxLength = 256;

std::shared_ptr<text::TextFile> open_texts(const TextConfig& config) {
  if (config.data.path.empty()) {
    throw Error(ErrorKind::usage, {.what = "data.path is empty",
                                   .fix = "Say where the texts are: --data corpus.txt"});
  }
  return std::make_shared<text::TextFile>(config.data.path, config.data.file);
}

text::Layout layout_of(const TextConfig& config, const text::TextFile& file) {
  return text::layout_of(file, {config.data.columns, config.data.score, config.data.label});
}

// What the method takes, before anything is done that takes time. `views` are those of one text.
void check_method(const TextConfig& config, const text::TextFile& file, const text::Layout& layout,
                  bool views) {
  const std::string& method = config.method_name;
  const auto refuse = [&](const std::string& expected, const std::string& fix) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{}: the columns for method {}", file.name(), method),
                 .got = text::describe(layout, file),
                 .expected = expected,
                 .fix = fix});
  };
  if (method == "scored" && layout.score < 0) {
    refuse("two texts and a number that says how alike they are",
           "Name the column: --set data.score=NAME; or learn without scores: --method ranking");
  }
  if (method == "clip" && views) {
    refuse("two columns of texts, one for each encoder", "Learn from views: --method ranking");
  }
  if (method == "supcon" && layout.label < 0) {
    refuse("texts and their labels", "Name the column: --set data.label=NAME");
  }
  if (!views && config.data.positives == text::Positives::columns &&
      layout.kind == text::LayoutKind::labelled_pairs) {
    refuse("texts that belong together, or a number that says how alike they are",
           "To learn that all of these pairs belong together, name the columns of texts: --columns "
           "A,B; otherwise train on a file of the rows of one class");
  }
  if ((method == "gist" || method == "distill") && config.data.teacher.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "method " + method,
                 .got = "no data.teacher",
                 .expected = "an encoder whose embeddings of the texts it learns from",
                 .fix = "Name one: --set data.teacher=FOLDER"});
  }
}

// A vocabulary of the texts to learn from.
text::TextBundle learned_tokenizer(const TextConfig& config, const text::TextFile& file,
                                   const text::Layout& layout) {
  const text::TextColumns columns{&file, layout.texts};
  return text::tokenizer_bundle(
      {{"tokenizer.model",
        text::train_vocabulary(std::span(&columns, 1), config.tokenizer.learned).model}});
}

// Texts that fill the encoder and no more.
void check_max_length(const text::TextEncoderOptions& wanted, const text::TextBundle& start) {
  int64_t most = wanted.max_length;
  if (!wanted.start.empty()) {
    most = start.encoder->max_length();
  } else if (wanted.name == "transformer") {
    most = wanted.transformer.max_positions - wanted.transformer.first_position;
  }
  if (wanted.max_length <= most) return;
  throw Error(ErrorKind::usage,
              {.what = "encoder.max_length",
               .got = fmt::format("{} tokens", wanted.max_length),
               .expected = fmt::format("at most {}, the positions of the encoder", most)});
}

// Another tokenizer than that of encoder.start must give the ids whose rows were learned for its
// pieces; a few, such as marks, may have other names.
void check_pieces(const text::Tokenizer& own, const text::Tokenizer& chosen,
                  const TextConfig& config) {
  const int64_t shared = std::min(own.vocabulary_size(), chosen.vocabulary_size());
  int64_t differing = 0, first = -1;
  for (int64_t id = 0; id < shared; ++id) {
    const auto i = static_cast<int32_t>(id);
    if (own.token(i) == chosen.token(i)) continue;
    ++differing;
    if (first < 0) first = id;
  }
  if (differing * 100 <= shared) return;
  const auto i = static_cast<int32_t>(first);
  throw Error(ErrorKind::usage,
              {.what = fmt::format("tokenizer.path: the vocabulary of {} is not that of {}",
                                   config.tokenizer.path, config.encoder.start),
               .got = fmt::format("{} of {} pieces differ, the first is id {}: '{}' and '{}'",
                                  differing, shared, first, chosen.token(i), own.token(i)),
               .expected = "the pieces that the rows of the encoder were learned for",
               .fix = "Leave tokenizer.path empty: the encoder has its own"});
}

// A row for every id of the tokenizer.
void check_vocabulary(const text::TextEncoderOptions& wanted, const text::TextBundle& start) {
  const int64_t rows = wanted.start.empty() ? wanted.vocabulary : start.options.vocabulary;
  const int64_t ids = start.tokenizer->vocabulary_size();
  if (ids <= rows) return;
  throw Error(
      ErrorKind::usage,
      {.what = "the vocabulary does not fit the encoder",
       .got = fmt::format("a tokenizer of {} pieces", ids),
       .expected = fmt::format("at most {}, the rows of {}", rows,
                               wanted.start.empty() ? "encoder.vocabulary" : wanted.start),
       .fix = wanted.start.empty() ? "Leave encoder.vocabulary at 0"
                                   : "Leave tokenizer.path empty: the encoder has its own"});
}

void check_score_task(TextConfig& config) {
  double& every = config.train.score_every;
  if (config.data.score_task.empty()) {
    if (every == 0) return;
    throw Error(ErrorKind::usage, {.what = "train.score_every without data.score_task",
                                   .fix = "Say what to measure: --set "
                                          "data.score_task=sts:SCORED_PAIRS.csv"});
  }
  parse_text_task(config.data.score_task);
  if (every == 0) every = 1;
}

// UTF-8 without control characters; the last character may be cut off. A portable pixmap in letters
// is a picture.
bool looks_like_text(std::string_view start) {
  if (start.empty() || (start.size() > 2 && start[0] == 'P' && start[1] >= '1' && start[1] <= '7' &&
                        text::is_blank(start.substr(2, 1)))) {
    return false;
  }
  const bool control = std::ranges::any_of(start, [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f';
  });
  const size_t bad = find_invalid_utf8(start);
  return !control && (bad == std::string_view::npos || bad + 4 > start.size());
}

bool is_path(const std::string& line) {
  std::error_code too_long;
  return fs::exists(line, too_long);
}

// The first figure of data.score_task. `bundle` holds the encoder that is being trained.
std::function<double(learn::Encoder&)> online_score(const text::TextBundle& bundle,
                                                    const TextConfig& config) {
  TextEvalOptions options;
  options.tasks = {parse_text_task(config.data.score_task)};
  options.embed.device = config.train.device;
  options.embed.precision = config.train.precision;
  return [bundle, options](learn::Encoder&) {
    return evaluate_texts(bundle, options, [](auto&&...) {}).rows.front().summary.mean;
  };
}

}  // namespace

TextTraining::TextTraining(TextConfig& config) : config_(config) {
  const auto file = open_texts(config);
  file_ = file;
  layout_ = layout_of(config, *file);
  check_method(config, *file, layout_, views_of_row());
  leave_out_rows(*file);
  excluded_ = text::exclude_texts(*file, layout_, config.data.exclude);
  const std::string& start = config.encoder.start;
  if (!start.empty()) start_ = text::load_text_bundle(start);
  const auto own = start_.tokenizer;
  if (!config.learned_tokenizer.empty()) {
    start_ = text::tokenizer_bundle(text::read_tokenizer_files(config.learned_tokenizer));
  } else if (!config.tokenizer.path.empty()) {
    const auto chosen = text::tokenizer_bundle(text::read_tokenizer_files(config.tokenizer.path));
    start_.tokenizer = chosen.tokenizer;
    start_.tokenizer_files = chosen.tokenizer_files;
  } else if (start.empty()) {
    start_ = learned_tokenizer(config, *file_, layout_);
    is_learned_ = true;
  }
  if (config.encoder.max_length == 0) {
    config.encoder.max_length = start.empty() ? kMaxLength : start_.max_length;
  }
  if (config.encoder.vocabulary == 0) {
    config.encoder.vocabulary = start_.tokenizer->vocabulary_size();
  }
  check_max_length(config.encoder, start_);
  check_vocabulary(config.encoder, start_);
  if (own != nullptr && own != start_.tokenizer) check_pieces(*own, *start_.tokenizer, config);
  check_score_task(config);
  check_views_differ();
  if (!config.data.teacher.empty()) teacher_ = teacher_embeddings();
}

void TextTraining::leave_out_rows(text::TextFile& file) const {
  if (parts_of_row() && !config_.data.teacher.empty()) {
    throw Error(ErrorKind::usage,
                {.what = "data.teacher with parts of texts",
                 .got = std::get<std::string>(config_.setting("data.positives").data),
                 .expected = "whole texts, of which the teacher makes embeddings once"});
  }
  const bool by_label = config_.method_name == "supcon" || config_.method_name == "siamese";
  text::Layout used = layout_;
  if (views_of_row() || config_.data.positives != text::Positives::columns) used.texts.resize(1);
  if (config_.method_name != "scored") used.score = -1;
  if (!by_label) used.label = -1;
  text::leave_out_unusable(file, used);
  if (!parts_of_row()) return;
  const bool sentences = config_.data.positives == text::Positives::sentences;
  const auto column = static_cast<size_t>(layout_.texts[0]);
  file.leave_out([&](const std::vector<std::string>& fields) {
    const auto parts =
        sentences ? text::sentences_of(fields[column]) : text::paragraphs_of(fields[column]);
    if (parts.size() > 1) return std::string();
    return fmt::format("one {} alone, no two that follow each other",
                       sentences ? "sentence" : "paragraph");
  });
}

at::Tensor TextTraining::teacher_embeddings() const {
  if (!config_.teacher_embeddings.empty()) {
    return learn::to_tensor(*TensorFile(config_.teacher_embeddings).find("embeddings"));
  }
  const text::TextBundle teacher = text::load_text_bundle(config_.data.teacher);
  std::vector<at::Tensor> columns;
  for (const int64_t column : layout_.texts) {
    const std::vector<std::string> texts = text::column_texts(*file_, column);
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    columns.push_back(text::embed_texts(teacher, views).values);
    if (views_of_row() || config_.data.positives == text::Positives::next_row) break;
  }
  return at::stack(columns);
}

std::string TextTraining::unit() const {
  if (views_of_row() || parts_of_row()) return "text";
  return layout_.texts.size() > 2 ? "row" : "pair";
}

int64_t TextTraining::hard_negatives(int64_t batch) const {
  const bool ranked = config_.method_name == "ranking" || config_.method_name == "gist";
  if (!ranked || config_.data.positives != text::Positives::columns) return 0;
  return batch * std::max<int64_t>(std::ssize(layout_.texts) - 2, 0);
}

bool TextTraining::views_of_row() const {
  return config_.data.positives == text::Positives::row ||
         (config_.data.positives == text::Positives::columns && layout_.texts.size() == 1);
}

bool TextTraining::parts_of_row() const {
  return config_.data.positives == text::Positives::sentences ||
         config_.data.positives == text::Positives::paragraphs;
}

// Two views of one text by a static encoder are the same unless the views change it.
void TextTraining::check_views_differ() const {
  if (!views_of_row() || config_.views.recipe != text::TextRecipe::dropout) return;
  const bool has_dropout = config_.encoder.start.empty() ? config_.encoder.name == "transformer"
                                                         : start_.options.name == "transformer";
  if (has_dropout || config_.method_name == "distill") return;
  throw Error(
      ErrorKind::usage,
      {.what = "both views of a text would be the same",
       .got = fmt::format("{}: {}; a static encoder, views.recipe = \"dropout\"", file_->name(),
                          text::describe(layout_, *file_)),
       .expected = "pairs (two columns of texts), a transformer, or views that change the text",
       .fix = "For example --set views.recipe=crop"});
}

std::vector<std::pair<std::string, std::string>> TextTraining::summary() const {
  std::string views = std::get<std::string>(config_.setting("views.recipe").data) + ", " +
                      std::to_string(config_.views.count) + " a text";
  if (!views_of_row()) {
    const text::Positives positives = config_.data.positives;
    views = positives == text::Positives::next_row     ? "a row and the next"
            : positives == text::Positives::sentences  ? "two consecutive sentences of a text"
            : positives == text::Positives::paragraphs ? "two consecutive paragraphs of a text"
                                                       : "the columns of a row";
  }
  const std::string tokenizer =
      is_learned_
          ? fmt::format("learned from the data ({})", config_.tokenizer.learned.kind)
          : (config_.tokenizer.path.empty() ? config_.encoder.start : config_.tokenizer.path);
  const std::string& start = config_.encoder.start;
  std::vector<std::pair<std::string, std::string>> lines = {
      {"data", fmt::format("{} ({} rows)", config_.data.path, size())},
      {"columns", text::describe(layout_, *file_)},
      {"views", views},
      {"tokenizer", fmt::format("{} pieces, {}", start_.tokenizer->vocabulary_size(), tokenizer)},
      {"encoder",
       fmt::format("{}, at most {} tokens a text", start.empty() ? config_.encoder.name : start,
                   config_.encoder.max_length)}};
  if (views_of_row() && start.empty() && config_.encoder.name == "static") {
    lines.emplace_back("",
                       "static: dropout (SimCSE) wants a trained transformer, --encoder FOLDER");
  }
  return lines;
}

text::TextBatchOptions TextTraining::batch_options() const {
  const Value mask = config_.setting("method.mask_groups");
  const auto* groups = std::get_if<bool>(&mask.data);
  return {.positives = views_of_row() ? text::Positives::row : config_.data.positives,
          .max_length = config_.encoder.max_length,
          .sorted_batches = config_.data.sorted_batches,
          .groups = groups != nullptr && *groups,
          .seed = static_cast<uint64_t>(config_.train.seed),
          .teacher = teacher_};
}

// Every encoder of a method begins anew: with random weights, or with those of encoder.start.
std::shared_ptr<text::TextEncoder> TextTraining::make_encoder(uint64_t seed) const {
  if (!config_.encoder.start.empty()) return text::load_text_bundle(config_.encoder.start).encoder;
  return text::make_text_encoder(config_.encoder, seed);
}

learn::TrainParts TextTraining::parts() {
  learn::TrainParts parts;
  text::TextBatchOptions options = batch_options();
  std::shared_ptr<text::TextEncoder> encoder;
  parts.method = config_.method->build(
      [&](uint64_t seed) {
        encoder = make_encoder(seed);
        return encoder;
      },
      static_cast<uint64_t>(config_.train.seed));
  options.marks = encoder->wants_marks();
  batches_ =
      std::make_shared<text::TextBatches>(file_, layout_, start_.tokenizer, config_.views, options);
  parts.data = batches_;
  parts.train = config_.train;
  parts.optimizer = config_.optimizer;
  parts.schedule = config_.schedule;
  text::TextBundle bundle = start_;
  bundle.max_length = config_.encoder.max_length;
  if (config_.encoder.start.empty()) bundle.options = config_.encoder;
  if (!config_.data.score_task.empty()) {
    bundle.encoder = std::dynamic_pointer_cast<text::TextEncoder>(parts.method->encoder());
    parts.score = online_score(bundle, config_);
    parts.score_name = config_.data.score_task;
  }
  parts.encoder_files = text::bundle_files(bundle);
  return parts;
}

LeftOut TextTraining::left_out() const {
  const BadLines& bad = file_->bad();
  LeftOut out{
      .name = "bad_lines", .count = bad.count, .first = bad.first, .summary = file_->left_out()};
  const auto add = [&](const std::string& line) {
    out.summary += (out.summary.empty() ? "" : "\n") + line;
  };
  for (const std::string& note : start_.notes) add(note);
  if (excluded_ > 0)
    add(fmt::format("{} rows were left out: they hold a text of data.exclude", excluded_));
  if (batches_->truncated() > 0) {
    add(fmt::format(
        "{:.2f} % of the texts were cut at {} tokens (encoder.max_length)",
        100 * static_cast<double>(batches_->truncated()) / static_cast<double>(batches_->made()),
        config_.encoder.max_length));
  }
  return out;
}

std::vector<std::string> TextTraining::uses() const {
  return {"near RUN \"a sentence\" --in CORPUS", "eval RUN --tasks sts:SCORED_PAIRS.csv"};
}

// What was made of the data is kept, so that a resumed run has the same.
void TextTraining::write_files(const RunFolder& run) const {
  if (teacher_.defined()) {
    learn::save_tensors(run.path() / "teacher.safetensors", {{"embeddings", teacher_}});
  }
  if (!is_learned_) return;
  for (const auto& [name, content] : start_.tokenizer_files) {
    write_file_atomic(run.path() / name, content);
  }
}

bool holds_texts(const std::string& path) {
  fs::path name = fs::path(path).filename();
  const bool packed = name.extension() == ".gz";
  if (packed) name = name.stem();
  const std::string extension = name.extension().string();
  for (const char* known : {".tsv", ".csv", ".jsonl", ".ndjson"}) {
    if (extension == known) return true;
  }
  if (!fs::is_regular_file(path)) return false;
  if (packed) return extension == ".txt";
  std::ifstream file(path, std::ios::binary);
  std::string start(4096, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<size_t>(file.gcount()));
  if (extension != ".txt" && !looks_like_text(start)) return false;
  std::istringstream lines(start);
  std::string line;
  while (line.empty() && std::getline(lines, line)) {
  }
  if (line.ends_with('\r')) line.pop_back();
  return !is_path(line) && !is_path((fs::path(path).parent_path() / line).string());
}

// `values` with the method that suits the columns, where they name none.
Value with_method(const Value& values) {
  Value data = values;
  std::get<ValueTable>(data.data).erase("method");  // whose settings are those of the method
  const TextConfig config(data);
  const auto file = open_texts(config);
  const bool scored = layout_of(config, *file).kind == text::LayoutKind::scored_pairs;
  Value named = parse_assignment(scored ? "method.name=scored" : "method.name=ranking");
  merge_into(named, values);
  return named;
}

Value suitable_text_settings(const Value& values) {
  const TextConfig wanted(with_method(values));
  const auto file = open_texts(wanted);
  const text::Layout layout = layout_of(wanted, *file);
  const bool single =
      layout.texts.size() == 1 && (wanted.data.positives == text::Positives::columns ||
                                   wanted.data.positives == text::Positives::row);
  const bool scored = layout.kind == text::LayoutKind::scored_pairs;
  const bool transformer =
      wanted.encoder.name == "transformer" ||
      (!wanted.encoder.start.empty() &&
       text::load_text_bundle(wanted.encoder.start).options.name == "transformer");
  const auto rows = static_cast<double>(file->size());
  const double most = transformer ? 64 : scored ? 256 : 2048;
  // A power of two of which the data make four batches or more.
  const double batch =
      std::clamp(std::exp2(std::floor(std::log2(std::max(rows / 4, 2.0)))), 2.0, most);
  // As many texts in all as take minutes on a small machine.
  const double epochs =
      transformer ? std::clamp(20'000 / rows, 1.0, 10.0) : std::clamp(600'000 / rows, 1.0, 20.0);
  Value settings =
      parse_toml(fmt::format(R"([data]
modality = "text"
[views]
recipe = "{}"
[method]
name = "{}"
[optimizer]
name = "{}"
weight_decay = 0
[schedule]
name = "linear"
lr = {}
warmup_epochs = {}
lr_scaling = "none"
[train]
batch = {}
epochs = {}
)",
                             single && !transformer ? "crop" : "dropout",
                             scored ? "scored" : "ranking", transformer ? "adamw" : "adagrad",
                             transformer ? 3e-5
                             : single    ? 0.1
                                         : 0.5,
                             0.1 * static_cast<double>(static_cast<int64_t>(epochs)),
                             static_cast<int64_t>(batch), static_cast<int64_t>(epochs)),
                 "the settings for this data");
  // Of a static encoder without a beginning: see docs/text.md.
  const auto set = [&](const std::string& assignment) {
    merge_into(settings, parse_assignment(assignment));
  };
  if (!transformer && wanted.encoder.start.empty() && single) set("encoder.static.init_std=0.1");
  if (!transformer && !scored && wanted.method_name == "ranking") {
    set(single ? "method.temperature=0.2" : "method.temperature=0.1");
  }
  return settings;
}

}  // namespace vistas::recipe
