// vistas info: what is in a run, an encoder or a source of samples.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include "vistas/app/command.h"
#include "vistas/app/interactions.h"
#include "vistas/app/texts.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/learn/bundle.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/config.h"
#include "vistas/recipe/recommend_run.h"
#include "vistas/recipe/text_run.h"
#include "vistas/text/tasks/bundle.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

nlohmann::json describe_encoder(const std::string& name, const learn::Encoder& encoder,
                                look::Table& table) {
  int64_t parameters = 0;
  for (const auto& p : encoder.parameters()) parameters += p.numel();
  table.add({"encoder", fmt::format("{}, {} parameters, {} features", name,
                                    look::format_count(parameters), encoder.dim())});
  return {{"encoder", name}, {"parameters", parameters}, {"dim", encoder.dim()}};
}

nlohmann::json describe_image_bundle(const fs::path& folder, look::Table& table) {
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(folder));
  const auto& view = bundle.preprocess.views.front();
  nlohmann::json json = describe_encoder(bundle.options.name, *bundle.encoder, table);
  table.add({"pictures", fmt::format("{} channels, {} x {}", bundle.options.channels, view.height,
                                     view.width)});
  json["height"] = view.height;
  json["width"] = view.width;
  json["channels"] = bundle.options.channels;
  return json;
}

nlohmann::json describe_text_bundle(const fs::path& folder, look::Table& table) {
  const text::TextBundle bundle = text::load_text_bundle(folder);
  nlohmann::json json = describe_encoder(bundle.options.name, *bundle.encoder, table);
  if (bundle.options.name == "transformer") {
    const text::TransformerOptions& o = bundle.options.transformer;
    table.add({"layers", fmt::format("{} of width {}, {} heads", o.layers, o.hidden, o.heads)});
    table.add({"pooling", fmt::format("{}{}", fmt::join(o.pooling, " + "),
                                      o.normalize ? ", then length 1" : "")});
  }
  table.add({"tokenizer", fmt::format("{} pieces", bundle.tokenizer->vocabulary_size())});
  table.add({"texts", fmt::format("at most {} tokens", bundle.max_length)});
  if (!bundle.prompt.empty()) table.add({"prompt", bundle.prompt});
  for (const std::string& note : bundle.notes) table.add({"note", note});
  json["vocabulary"] = bundle.tokenizer->vocabulary_size();
  json["max_length"] = bundle.max_length;
  json["prompt"] = bundle.prompt;
  return json;
}

nlohmann::json describe_dense_bundle(const fs::path& folder, learn::Modality modality,
                                     look::Table& table) {
  const vision::DenseBundle bundle = vision::load_dense_bundle(folder, modality);
  const auto& view = bundle.preprocess.views.front();
  const vision::DenseOptions& o = bundle.options;
  const std::string kind = modality == learn::Modality::boxes ? "detector" : "segmenter";
  int64_t parameters = 0;
  for (const auto& p : bundle.network->parameters()) parameters += p.numel();
  table.add(
      {kind, fmt::format("on {}, {} parameters", o.encoder.name, look::format_count(parameters))});
  table.add({"classes", fmt::format("{}", fmt::join(o.class_names, ", "))});
  table.add({"pictures",
             fmt::format("{} channels, {} x {}", o.encoder.channels, view.height, view.width)});
  return {{"encoder", o.encoder.name},     {"parameters", parameters}, {"network", kind},
          {"classes", o.class_names},      {"height", view.height},    {"width", view.width},
          {"channels", o.encoder.channels}};
}

nlohmann::json describe_bundle(const fs::path& folder, look::Table& table) {
  if (is_of_texts(folder)) return describe_text_bundle(folder, table);
  const learn::Modality modality = learn::modality_of(learn::find_bundle(folder));
  const bool dense = modality == learn::Modality::boxes || modality == learn::Modality::masks;
  return dense ? describe_dense_bundle(folder, modality, table)
               : describe_image_bundle(folder, table);
}

int info_run(const Context& context, const std::string& path) {
  const RunFolder run = RunFolder::open(path);
  const auto config = recipe::read_config(read_toml(run.config()));
  look::Table table({"run", path});
  table.add({"data", config->data_path()});
  table.add({"method", config->method_name});
  nlohmann::json json = {{"kind", "run"}, {"data", config->data_path()}};
  std::vector<double> losses;
  std::ifstream metrics(run.path() / "metrics.jsonl");
  nlohmann::json last, score;
  for (std::string line; std::getline(metrics, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (entry.contains("loss")) {
      losses.push_back(entry["loss"]);
      last = entry;
    } else if (entry.contains("online_score")) {
      score = entry["online_score"];
    }
  }
  if (!losses.empty()) {
    constexpr int kColumns = 40;
    table.add(
        {"progress", fmt::format("step {} of {}", int64_t{last["step"]}, config->train.steps)});
    table.add({"loss", fmt::format("{} {:.4f} -> {:.4f}", look::sparkline(losses, kColumns),
                                   losses.front(), losses.back())});
    // 0 where no embeddings are compared.
    if (last["std_expected"] > 0) {
      table.add(
          {"health", fmt::format("std {:.4f} (even spread {:.4f}), effective rank {:.1f}",
                                 last["std"].get<double>(), last["std_expected"].get<double>(),
                                 last["effective_rank"].get<double>())});
    }
    json["last"] = last;
  }
  if (!score.is_null()) {
    table.add({"online score", fmt::format("{:.2f} %", 100 * score.get<double>())});
    json["online_score"] = score;
  }
  if (run.has_checkpoint()) {
    const fs::path folder = learn::find_bundle(path);
    table.add({"checkpoint", folder.string()});
    json["checkpoint"] = folder.string();
    json["bundle"] = learn::modality_of(folder) == learn::Modality::interactions
                         ? describe_recommender(path, table)
                         : describe_bundle(folder, table);
  } else {
    table.add({"checkpoint", "none yet"});
  }
  context.print(table.str(context.color, context.width));
  context.write_json(json);
  return 0;
}

int info_source(const Context& context, const std::string& path) {
  const auto splits = vision::splits_of(path);
  nlohmann::json json = {{"kind", "pictures"}};
  std::vector<std::string> parts = splits;
  if (parts.empty()) parts.push_back("");
  for (const std::string& split : parts) {
    vision::SourceOptions options;
    options.split = split;
    const auto source = vision::open_source(path, options);
    int64_t bad = 0, bytes = 0;
    int low = std::numeric_limits<int>::max(), high = 0;
    std::map<std::string, int64_t> kinds, labels;
    std::vector<std::string> first_bad;
    constexpr size_t kNamed = 10;
    for (int64_t i = 0; i < source->size(); ++i) {
      bytes += source->stored_bytes(i);
      try {
        const auto info = source->info(i);
        low = std::min({low, info.height, info.width});
        high = std::max({high, info.height, info.width});
        const int bits = 8 * static_cast<int>(vision::size_of(info.type));
        ++kinds[fmt::format("{}, {} of {} bit{}", vision::name_of(info.format),
                            look::counted(info.channels, "channel"), bits,
                            info.type == vision::PixelType::f32 ? " float" : "")];
      } catch (const std::exception& error) {
        ++bad;
        if (first_bad.size() < kNamed) first_bad.push_back(error.what());
      }
      if (source->label(i) >= 0) {
        ++labels[source->class_names()[static_cast<size_t>(source->label(i))]];
      }
    }
    look::Table table({split.empty() ? "pictures" : "split " + split, path});
    table.add({"pictures", look::format_count(source->size())});
    table.add({"stored", look::format_bytes(static_cast<double>(bytes))});
    if (high > 0) table.add({"sides", fmt::format("{} to {} pixels", low, high)});
    for (const auto& [kind, count] : kinds) table.add({kind, look::format_count(count)});
    if (bad > 0) table.add({"bad", fmt::format("{} cannot be read, by their headers", bad)});
    if (labels.empty()) {
      table.add({"classes", "no labels"});
    } else {
      int64_t least = std::numeric_limits<int64_t>::max(), most = 0;
      for (const auto& [name, count] : labels) {
        least = std::min(least, count);
        most = std::max(most, count);
      }
      const std::string each =
          least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
      table.add({"classes", fmt::format("{}, {} pictures each", labels.size(), each)});
    }
    context.print(table.str(context.color, context.width) + "\n");
    for (const std::string& text : first_bad) context.print("  " + text + "\n");
    if (bad > static_cast<int64_t>(first_bad.size()) && bad > 0) context.print("  ...\n");
    json[split.empty() ? "all" : split] = {
        {"pictures", source->size()}, {"bytes", bytes}, {"bad", bad},
        {"first_bad", first_bad},     {"kinds", kinds}, {"labels", labels}};
  }
  context.write_json(json);
  return 0;
}

int info(const Context& context, const std::string& path) {
  if (RunFolder::holds_run(path)) return info_run(context, path);
  if (recipe::holds_interactions(path)) return info_interactions(context, path);
  if (recipe::holds_texts(path)) return info_texts(context, path);
  if (learn::holds_encoder(path)) {
    look::Table table({"bundle", path});
    nlohmann::json json = describe_bundle(path, table);
    json["kind"] = "bundle";
    context.print(table.str(context.color, context.width));
    context.write_json(json);
    return 0;
  }
  return info_source(context, path);
}

}  // namespace

Command info_command() {
  return {
      "info",
      "Tells what is in a run folder, an encoder, pictures, texts or interactions.",
      {"vistas info runs/a", "vistas info photos/", "vistas info runs/a/checkpoints/last --json -"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto path = std::make_shared<std::string>();
        app.add_option("path", *path,
                       "a run folder, a checkpoint, a bundle, a folder of Hugging Face, "
                       "pictures, a file of texts, interactions")
            ->required()
            ->type_name("PATH");
        return [path](const Context& context) { return info(context, *path); };
      }};
}

}  // namespace vistas::app
