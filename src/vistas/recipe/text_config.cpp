#include "vistas/recipe/text_config.h"

#include "vistas/recipe/text_run.h"

namespace vistas::recipe {

void TextDataOptions::fields(Fields& f) {
  f.add("modality", modality, "what the samples are", kModalities);
  f.add("path", path, "a file of texts: lines, TSV, CSV or JSONL, also with .gz");
  file.fields(f);
  f.add("columns", columns,
        "columns of texts by name or number, in the order anchor, positive, negatives; empty: as "
        "the file looks");
  f.add("score", score,
        "column that says how alike two texts are; empty: as the file looks, none beside columns");
  f.add("label", label, "column of classes; empty: as the file looks, none beside columns");
  f.add("exclude", exclude,
        "files of any layout, such as those of a test: rows with a text of theirs are left out, "
        "whatever its case and spaces");
  f.add("teacher", teacher,
        "an encoder (as encoder.start) whose embeddings of the texts are the guide of the method "
        "gist and the teacher of distill");
  f.add("positives", positives,
        "what belongs together: the columns of a row (one text: its views), views of its first "
        "text, the first text of a row and of the next, two consecutive sentences or paragraphs of "
        "the first text of a row (drawn anew each epoch)",
        {{"columns", text::Positives::columns},
         {"row", text::Positives::row},
         {"next_row", text::Positives::next_row},
         {"sentences", text::Positives::sentences},
         {"paragraphs", text::Positives::paragraphs}});
  f.add("sorted_batches", sorted_batches,
        "batches whose texts are sorted by length together, so that a batch has texts of like "
        "length; 0: order by chance alone",
        {0, 1e6});
  f.add("score_task", score_task,
        "a task of `vistas eval` (sts:dev.csv) whose first figure is the online score of "
        "train.score_every, once an epoch where that is not set");
}

namespace {

// Numbers of columns are names too: --set data.score=3.
void numbers_to_names(Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value.data)) value.data = std::to_string(*number);
  if (auto* list = std::get_if<ValueList>(&value.data)) {
    for (Value& item : *list) numbers_to_names(item);
  }
}

Value with_named_columns(Value values) {
  auto& groups = std::get<ValueTable>(values.data);
  const auto data = groups.find("data");
  if (data == groups.end() || !data->second.is_table()) return values;
  auto& members = std::get<ValueTable>(data->second.data);
  for (const char* name : {"columns", "score", "label"}) {
    if (const auto found = members.find(name); found != members.end()) {
      numbers_to_names(found->second);
    }
  }
  return values;
}

}  // namespace

TextConfig::TextConfig(const Value& values) : Config(values) {
  if (method_name.empty()) method_name = "ranking";
  method = method_named(method_name, "method").choose();
  fields().set_all(with_named_columns(values));
}

void TextConfig::own_fields(Fields& f) {
  f.group("data", data);
  f.group("tokenizer", tokenizer);
  f.group("views", views);
  f.group("encoder", encoder);
}

void TextConfig::settle_as(const Config& settled) {
  const auto* other = dynamic_cast<const TextConfig*>(&settled);
  if (other == nullptr) return;
  if (encoder.max_length == 0) encoder.max_length = other->encoder.max_length;
  if (encoder.vocabulary == 0) encoder.vocabulary = other->encoder.vocabulary;
  if (train.score_every == 0) train.score_every = other->train.score_every;
}

void TextConfig::continue_from(const RunFolder& run) {
  const auto find = [&](const char* name, std::string& place) {
    if (std::filesystem::exists(run.path() / name)) place = (run.path() / name).string();
  };
  find("tokenizer.model", learned_tokenizer);
  find("teacher.safetensors", teacher_embeddings);
}

std::unique_ptr<Training> TextConfig::open() {
  return std::make_unique<TextTraining>(*this);
}

}  // namespace vistas::recipe
