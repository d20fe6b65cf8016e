// vistas embed and vistas near: what an encoder makes of pictures or texts, and search by example.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstring>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/app/texts.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/learn/bundle.h"
#include "vistas/learn/tensors.h"
#include "vistas/look/gallery.h"
#include "vistas/look/heat.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/search/compact.h"
#include "vistas/search/top_k.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/tasks/region_search.h"
#include "vistas/vision/views/maker.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct EmbedArguments {
  std::string run, data, out = "embeddings.safetensors", store;
  int64_t dims = 0;
  text::ReadOptions read;
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

// Writes embeddings as --store and --truncate-dim say, with what they are of ("paths", "texts"),
// and their ids if there are any.
nlohmann::json save_embeddings(const Context& context, const EmbedArguments& a,
                               const at::Tensor& values, const std::string& what,
                               const std::vector<std::string>& names,
                               const std::vector<std::string>& ids = {}) {
  if (context.silent) return nlohmann::json::object();
  const at::Tensor x = a.dims > 0 ? search::truncate_dims(values, a.dims) : values;
  learn::NamedTensors tensors = {{what, text_tensor(names)}};
  if (!ids.empty()) tensors.emplace_back("ids", text_tensor(ids));
  if (a.store == "int8") {
    const search::Int8Rows rows = search::to_int8(x);
    tensors.insert(tensors.end(),
                   {{"embeddings", rows.values}, {"scale", rows.scale}, {"offset", rows.offset}});
  } else if (a.store == "binary") {
    tensors.emplace_back("embeddings", search::to_bits(x));
  } else {
    tensors.emplace_back("embeddings", a.store == "fp16" ? x.to(at::kHalf) : x);
  }
  learn::save_tensors(a.out, tensors,
                      {{"encoder", a.run},
                       {"data", a.data},
                       {"store", a.store},
                       {"dim", fmt::to_string(x.size(1))},
                       {what, "UTF-8, each ended by a zero"}});
  context.print(fmt::format("{}: {} of {} numbers{}\n", a.out,
                            look::counted(x.size(0), "embedding"), x.size(1),
                            a.store == "fp32" ? "" : " as " + a.store));
  return {{"file", a.out}, {"embeddings", x.size(0)}, {"dim", x.size(1)}, {"store", a.store}};
}

int embed_images(const Context& context, const EmbedArguments& a) {
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(a.run));
  const std::shared_ptr<const vision::ImageSource> source =
      vision::open_source(a.data, vision::options_for(bundle, a.source));
  StatusLine status(context);
  const auto features =
      vision::extract_features(bundle, source, a.features, counted_progress(status, "embedding"));
  status.clear();
  std::vector<std::string> paths;
  for (const int64_t sample : features.samples) paths.push_back(source->name(sample));
  nlohmann::json json = save_embeddings(context, a, features.values, "paths", paths);
  print_bad_images(context, features.bad);
  add_bad_images(json, features.bad);
  context.write_json(json);
  return 0;
}

int embed_corpus(const Context& context, const EmbedArguments& a) {
  const text::TextBundle bundle = load_encoder(context, a.run);
  const text::Corpus corpus = read_texts(a.data, a.read);
  const auto got = embed_with_progress(context, bundle, corpus.texts, embed_options(a.features));
  nlohmann::json json = save_embeddings(context, a, got.values, "texts", corpus.texts, corpus.ids);
  print_notes(context, corpus.notes, got.truncated);
  json["notes"] = corpus.notes;
  json["truncated"] = got.truncated;
  context.write_json(json);
  return 0;
}

int embed(const Context& context, EmbedArguments& a) {
  if (const std::string ending = fs::path(a.out).extension().string();
      !ending.empty() && ending != ".safetensors") {
    throw Error(ErrorKind::usage, {.what = "--out " + a.out,
                                   .got = "the ending " + ending,
                                   .expected = ".safetensors, the format that is written"});
  }
  if (a.features.precision == "int8") {
    if (!a.store.empty() && a.store != "int8") {
      throw Error(ErrorKind::usage, {.what = "--precision int8",
                                     .got = "--store " + a.store,
                                     .expected = "one of them: --precision int8 is --store int8"});
    }
    a.store = "int8";
    a.features.precision = "auto";
  }
  if (a.store.empty()) a.store = "fp32";
  return is_of_texts(a.run) ? embed_corpus(context, a) : embed_images(context, a);
}

struct NearArguments {
  std::string run, query, in, html;
  std::vector<int> region;  // left, top, width, height
  int64_t k = 10, side = 256;
  text::ReadOptions read;
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

// A picture under its heat map, as it goes into a page.
look::GalleryPicture heated(const vision::ImageSource& source, int64_t i,
                            const vision::HeatMap& heat, double high) {
  vision::Image storage;
  vision::Box part;
  const auto drawn =
      look::draw_heat(source.read(i, nullptr, storage, part), heat.values,
                      static_cast<int>(heat.height), static_cast<int>(heat.width), 0, high);
  return {.path = source.name(i), .bytes = vision::encode_png(drawn.view())};
}

int near_region(const Context& context, const NearArguments& a) {
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(a.run));
  const std::shared_ptr<const vision::ImageSource> query =
      vision::open_source(a.query, vision::options_for(bundle, a.source));
  const std::shared_ptr<const vision::ImageSource> bank =
      vision::open_source(a.in, vision::options_for(bundle, a.source));
  if (query->size() != 1) {
    throw Error(ErrorKind::usage, {.what = "--region of " + a.query,
                                   .got = fmt::format("{} pictures", query->size()),
                                   .expected = "one picture"});
  }
  StatusLine status(context);
  const vision::Box region{a.region[1], a.region[0], a.region[3], a.region[2]};
  const auto found = vision::search_region(bundle, query, region, bank, a.k, a.side, a.features,
                                           counted_progress(status, "searching"));
  status.clear();
  look::Table table({"", "cosine", "left", "top", "width", "height",
                     fmt::format("like the region of {}", query->name(0))});
  nlohmann::json hits = nlohmann::json::array();
  look::GalleryRow row;
  if (!a.html.empty()) row.query = thumbnail(*query, 0);
  for (const vision::RegionHit& hit : found.hits) {
    const vision::Box& b = hit.best;
    table.add({fmt::format("{}", hits.size() + 1), fmt::format("{:.4f}", hit.score),
               fmt::format("{}", b.left), fmt::format("{}", b.top), fmt::format("{}", b.width),
               fmt::format("{}", b.height), bank->name(hit.sample)});
    hits.push_back({{"path", bank->name(hit.sample)},
                    {"cosine", hit.score},
                    {"box", {b.left, b.top, b.width, b.height}}});
    if (a.html.empty()) continue;
    row.neighbours.push_back(heated(*bank, hit.sample, hit.heat, found.hits.front().score));
    row.neighbours.back().score = hit.score;
  }
  context.print(table.str(context.color, context.width));
  print_bad_images(context, found.bad);
  if (!a.html.empty() && !context.silent) {
    const std::string how =
        fmt::format("{} in {}: like {} x {} pixels from {}, {}; hot is alike", a.run, a.in,
                    region.width, region.height, region.left, region.top);
    write_file_atomic(a.html, look::gallery_page("Pictures that show the region", how, {row}));
    context.print(a.html + "\n");
  }
  nlohmann::json json = {{"query", query->name(0)}, {"region", a.region}, {"hits", hits}};
  add_bad_images(json, found.bad);
  context.write_json(json);
  return 0;
}

int near(const Context& context, const NearArguments& a) {
  if (is_of_texts(a.run)) {
    if (!a.html.empty() || !a.region.empty()) {
      throw Error(ErrorKind::usage, {.what = a.html.empty() ? "--region" : "--html",
                                     .got = "an encoder of texts",
                                     .expected = "an encoder of pictures"});
    }
    return near_texts(context, {a.run, a.query, a.in, a.k, a.read, embed_options(a.features)});
  }
  if (!a.region.empty()) return near_region(context, a);
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
  if (!a.html.empty() && !context.silent) {
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
          "Writes the embedding of every picture or text, and which they are of, to one file.",
          {"vistas embed runs/a photos/ -o photos.safetensors",
           "vistas embed runs/a/checkpoints/last photos/ --precision fp32 --json -",
           "vistas embed runs/text english.txt -o texts.safetensors --truncate-dim 8 --store int8"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<EmbedArguments>();
            app.add_option("run", a->run,
                           "a run folder, a checkpoint, a bundle, or a folder of Hugging Face")
                ->required()
                ->type_name("RUN");
            app.add_option("data", a->data,
                           "a picture, a folder, or any other source; a file of texts, - for "
                           "standard input")
                ->required()
                ->type_name("DATA");
            app.add_option("-o,--out", a->out,
                           "safetensors file: embeddings [N, D], paths or texts")
                ->capture_default_str()
                ->group("Output");
            app.add_option("--truncate-dim", a->dims,
                           "keep the first dimensions and make the rows unit vectors again; 0: all")
                ->capture_default_str()
                ->check(CLI::Range(0, 1 << 20))
                ->group("Output");
            app.add_option("--store", a->store,
                           "number format in the file; int8 has a scale and an offset for each "
                           "dimension beside it, binary a bit a dimension [fp32]")
                ->check(CLI::IsMember({"fp32", "fp16", "int8", "binary"}))
                ->group("Output");
            app.add_option("--split", a->source.split, "split of data that has splits [train]")
                ->group("Data");
            add_reading_options(app, a->read);
            app.add_option("--ids", a->read.id,
                           "texts: the column of ids, kept beside the embeddings: what "
                           "`vistas train --item-features` finds items by")
                ->type_name("COLUMN")
                ->group("Data");
            add_feature_options(app, a->features, {"auto", "fp32", "bf16", "int8"});
            app.get_option("--precision")
                ->description("number format of the network; int8 is short for --store int8");
            return [a](const Context& context) { return embed(context, *a); };
          },
          /*shares=*/true};
}

Command near_command() {
  return {
      "near",
      "Finds the pictures or texts most like a query, by cosine similarity of embeddings.",
      {"vistas near runs/a query.png --in photos/ -k 10",
       "vistas near runs/a query.png --region 4,4,20,20 --in photos/ -k 5 --html near.html --json "
       "-",
       "vistas near runs/text \"where is the station\" --in english.txt -k 5"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<NearArguments>();
        app.add_option("run", a->run,
                       "a run folder, a checkpoint, a bundle, or a folder of Hugging Face")
            ->required()
            ->type_name("RUN");
        app.add_option("query", a->query,
                       "a picture, or several in a folder; a text, or a file of them")
            ->required()
            ->type_name("QUERY");
        app.add_option("--in", a->in, "the pictures or texts to search")->required()->group("Data");
        app.add_option("-k", a->k, "neighbours")
            ->capture_default_str()
            ->check(CLI::Range(1, 1000000))
            ->group("Search");
        app.add_option("--region,--regions", a->region,
                       "pictures: search by this part of the query, in pixels, and say where each "
                       "picture shows something like it; with --html as a heat map")
            ->delimiter(',')
            ->expected(4)
            ->allow_extra_args(false)
            ->type_name("LEFT,TOP,WIDTH,HEIGHT")
            ->group("Search");
        app.add_option("--side", a->side,
                       "--region: long side of the pictures as the encoder sees them")
            ->capture_default_str()
            ->check(CLI::Range(32, 8192))
            ->group("Search");
        app.add_option("--html", a->html, "also a page with the pictures themselves")
            ->type_name("FILE")
            ->group("Output");
        add_reading_options(app, a->read);
        add_feature_options(app, a->features);
        return [a](const Context& context) { return near(context, *a); };
      },
      /*shares=*/true};
}

}  // namespace vistas::app
