// vistas demo text: a bilingual encoder from nothing, in a minute.
#include "vistas/app/demo_text.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/app/train.h"
#include "vistas/base/files.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/measure/bitext.h"
#include "vistas/search/top_k.h"
#include "vistas/text/sources/text_file.h"
#include "vistas/text/tasks/embed.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr const char* kHeldOut = "examples/data/tatoeba-held-out.tsv.gz";

// Sentences of which neither side was learned from; english[i] means german[i].
struct Sentences {
  std::vector<std::string> english, german;
};

Sentences held_out() {
  const text::TextFile file(kHeldOut);
  Sentences out;
  std::vector<std::string> fields;
  for (int64_t i = 0; i < file.size(); ++i) {
    file.read(i, fields);
    out.english.push_back(fields.at(0));
    out.german.push_back(fields.at(1));
  }
  return out;
}

at::Tensor embed(const text::TextBundle& bundle, const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return text::embed_texts(bundle, views).values;
}

std::string percent(double share) {
  return fmt::format("{:.1f}", 100 * share);
}

// Sentences across the file, with what the encoder takes for their translation.
std::string examples(const Context& context, const Sentences& sentences, const at::Tensor& english,
                     const at::Tensor& german) {
  constexpr int64_t kRows = 5;
  const auto found = search::top_k(english, german, 1, search::Metric::cosine);
  look::Table table({"English", "nearest of the German sentences", "cosine", ""});
  const auto count = static_cast<int64_t>(sentences.english.size());
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t row = i * count / kRows;
    const auto nearest = found.indices[row][0].item<int64_t>();
    table.add({sentences.english[static_cast<size_t>(row)],
               sentences.german[static_cast<size_t>(nearest)],
               fmt::format("{:.2f}", found.scores[row][0].item<float>()),
               nearest == row ? "right" : "wrong"});
  }
  return table.str(context.color, context.width);
}

}  // namespace

int demo_text(const Context& context, recipe::Config& config, const fs::path& out) {
  context.print(
      "19,000 pairs of English and German sentences, and nothing else: an encoder learns a "
      "vocabulary "
      "and\nwhich sentences mean the same. Then it looks for the translations of 1,000 new "
      "ones.\n\n");
  const TrainOutcome result = train_into(context, config, out, {});
  if (result.stopped) return signal_exit_code();
  const Sentences sentences = held_out();
  const text::TextBundle bundle = text::load_text_bundle(out);
  look::Table table({"encoder", "German for English (%)", "English for German (%)"});
  nlohmann::json json = {{"seconds", result.seconds}};
  at::Tensor english, german;
  const auto measure = [&](const std::string& name, const text::TextBundle& encoder) {
    english = embed(encoder, sentences.english);
    german = embed(encoder, sentences.german);
    const auto accuracy = measure::bitext_accuracy(english, german);
    table.add({name, percent(accuracy.forward), percent(accuracy.backward)}, name == "trained");
    json[name] = {{"forward", accuracy.forward}, {"backward", accuracy.backward}};
  };
  measure("untrained", text::untrained(bundle, 0));
  measure("trained", bundle);
  context.print(table.str(context.color, context.width));
  context.print(fmt::format("chance is 0.1 %. Trained in {} ({:.0f} pairs/s).\n\n",
                            look::format_duration(result.seconds), result.samples_per_second));
  context.print(examples(context, sentences, english, german));
  context.print(
      fmt::format("\nthe run       {}\n"
                  "go on with    build/vistas near {} \"Where is the station?\" --in {}\n"
                  "              build/vistas train YOUR_TEXTS.tsv --out runs/mine\n",
                  out.string(), out.string(), kHeldOut));
  fs::create_directories(out / "eval");
  write_file_atomic(out / "eval" / "bitext.json", json.dump(2) + "\n");
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
