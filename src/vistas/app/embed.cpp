// vistas embed and vistas near: what an encoder makes of pictures, and search by example.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstring>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/tensors.h"
#include "vistas/look/gallery.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/search/top_k.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/views/maker.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct EmbedArguments {
  std::string run, data, out = "embeddings.safetensors";
  vision::SourceOptions source;
  vision::FeatureOptions features;
};

// Texts as bytes, each ended by a zero: safetensors has no text type.
at::Tensor text_tensor(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + '\0';
  at::Tensor out = at::empty({static_cast<int64_t>(all.size())}, at::kByte);
  std::memcpy(out.mutable_data_ptr(), all.data(), all.size());
  return out;
}

int embed(const Context& context, const EmbedArguments& a) {
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(a.run));
  const std::shared_ptr<const vision::ImageSource> source =
      vision::open_source(a.data, vision::options_for(bundle, a.source));
  StatusLine status(context);
  const auto features =
      vision::extract_features(bundle, source, a.features, counted_progress(status, "embedding"));
  status.clear();
  std::vector<std::string> paths;
  for (const int64_t sample : features.samples) paths.push_back(source->name(sample));
  learn::save_tensors(
      a.out, {{"embeddings", features.values}, {"paths", text_tensor(paths)}},
      {{"encoder", a.run}, {"data", a.data}, {"paths", "UTF-8, each ended by a zero"}});
  context.print(fmt::format("{}: {} of {} numbers\n", a.out,
                            look::counted(features.values.size(0), "embedding"),
                            features.values.size(1)));
  print_bad_images(context, features.bad);
  nlohmann::json json = {
      {"file", a.out}, {"embeddings", features.values.size(0)}, {"dim", features.values.size(1)}};
  add_bad_images(json, features.bad);
  context.write_json(json);
  return 0;
}

struct NearArguments {
  std::string run, query, in, html;
  int64_t k = 10;
  vision::SourceOptions source;
  vision::FeatureOptions features;
};

// A picture as it goes into a page: at most kThumbnail pixels a side, as PNG.
look::GalleryPicture thumbnail(const vision::ImageSource& source, int64_t i) {
  constexpr int64_t kThumbnail = 160;
  vision::Image storage;
  vision::Box part;
  const vision::ImageView whole = source.read(i, nullptr, storage, part);
  vision::RecipeOptions options;
  options.size = kThumbnail;
  const vision::ViewMaker maker(vision::builtin_recipe("eval", options), whole.channels,
                                whole.type);
  vision::ViewScratch scratch;
  maker.make_pixels(whole, {}, 0, scratch);
  const bool shows = whole.channels <= 4 && whole.type != vision::PixelType::f32;
  return {.path = source.name(i),
          .bytes = shows ? vision::encode_png(scratch.image.view()) : std::string()};
}

int near(const Context& context, const NearArguments& a) {
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(a.run));
  vision::FeatureOptions strict = a.features;
  strict.on_bad_image = "fail";
  const std::shared_ptr<const vision::ImageSource> query =
      vision::open_source(a.query, vision::options_for(bundle, a.source));
  const std::shared_ptr<const vision::ImageSource> bank =
      vision::open_source(a.in, vision::options_for(bundle, a.source));
  const auto q = vision::extract_features(bundle, query, strict);
  StatusLine status(context);
  const auto b =
      vision::extract_features(bundle, bank, a.features, counted_progress(status, "embedding"));
  status.clear();
  const auto found = search::top_k(q.values, b.values, a.k, search::Metric::cosine);
  const auto* indices = found.indices.const_data_ptr<int64_t>();
  const auto* scores = found.scores.const_data_ptr<float>();
  const int64_t k = found.indices.size(1);
  nlohmann::json json = nlohmann::json::array();
  std::vector<look::GalleryRow> rows;
  for (int64_t i = 0; i < query->size(); ++i) {
    look::Table table({"", "cosine", fmt::format("near {}", query->name(i))});
    nlohmann::json neighbours = nlohmann::json::array();
    look::GalleryRow row;
    if (!a.html.empty()) row.query = thumbnail(*query, i);
    for (int64_t j = 0; j < k; ++j) {
      const int64_t sample = b.samples[static_cast<size_t>(indices[i * k + j])];
      const double score = scores[i * k + j];
      table.add({fmt::format("{}", j + 1), fmt::format("{:.4f}", score), bank->name(sample)});
      neighbours.push_back({{"path", bank->name(sample)}, {"cosine", score}});
      if (a.html.empty()) continue;
      row.neighbours.push_back(thumbnail(*bank, sample));
      row.neighbours.back().score = score;
    }
    context.print(table.str(context.color, context.width));
    json.push_back({{"query", query->name(i)}, {"neighbours", neighbours}});
    rows.push_back(std::move(row));
  }
  print_bad_images(context, b.bad);
  if (!a.html.empty()) {
    write_file_atomic(
        a.html, look::gallery_page("Nearest pictures", fmt::format("{} in {}", a.run, a.in), rows));
    context.print(a.html + "\n");
  }
  context.write_json(json);
  return 0;
}

}  // namespace

Command embed_command() {
  return {"embed",
          "Writes the embedding of every picture, and the paths in the same order, to one file.",
          {"vistas embed runs/a photos/ -o photos.safetensors",
           "vistas embed runs/a photos/ -o photos.safetensors --precision fp32 --json -",
           "vistas embed runs/a/checkpoints/last photos/ --on-bad-image fail"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<EmbedArguments>();
            app.add_option("run", a->run, "a run folder, a checkpoint or a bundle")
                ->required()
                ->type_name("RUN");
            app.add_option("data", a->data, "a picture, a folder, or any other source")
                ->required()
                ->type_name("DATA");
            app.add_option("-o,--out", a->out, "safetensors file: embeddings [N, D] float32, paths")
                ->capture_default_str()
                ->group("Output");
            app.add_option("--split", a->source.split, "split of data that has splits [train]")
                ->group("Data");
            add_feature_options(app, a->features);
            return [a](const Context& context) { return embed(context, *a); };
          }};
}

Command near_command() {
  return {"near",
          "Finds the pictures most like a query picture, by cosine similarity of embeddings.",
          {"vistas near runs/a query.png --in photos/ -k 10",
           "vistas near runs/a query.png --in photos/ -k 5 --html near.html",
           "vistas near runs/a query.png --in photos/ --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<NearArguments>();
            app.add_option("run", a->run, "a run folder, a checkpoint or a bundle")
                ->required()
                ->type_name("RUN");
            app.add_option("query", a->query, "a picture, or several in a folder")
                ->required()
                ->type_name("QUERY");
            app.add_option("--in", a->in, "the pictures to search")->required()->group("Data");
            app.add_option("-k", a->k, "neighbours")
                ->capture_default_str()
                ->check(CLI::Range(1, 1000000))
                ->group("Search");
            app.add_option("--html", a->html, "also a page with the pictures themselves")
                ->type_name("FILE")
                ->group("Output");
            add_feature_options(app, a->features);
            return [a](const Context& context) { return near(context, *a); };
          }};
}

}  // namespace vistas::app
