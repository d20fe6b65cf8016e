// vistas views: a grid of the views that training would see.
#include <fmt/format.h>

#include "vistas/app/explain_views.h"
#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/look/grid.h"
#include "vistas/look/text.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/sample_reader.h"
#include "vistas/vision/sources/source.h"
#include "vistas/vision/views/maker.h"

namespace vistas::app {
namespace {

struct ViewsArguments {
  std::string data, recipe = "simclr", explained, run, out = "views.png";
  int64_t draws = 6, pictures = 0, seed = 0;
  vision::RecipeOptions options;
};

int views(const Context& context, const ViewsArguments& a) {
  const std::shared_ptr<const vision::ImageSource> source = vision::open_source(a.data);
  const vision::ViewRecipe recipe = recipe_views(a.recipe, a.options).views;
  std::vector<vision::Image> images;  // keeps the pixels that the cells look at
  std::vector<std::string> captions;
  const vision::SampleReader reader(source, "skip");
  const int64_t wanted = std::min<int64_t>(a.pictures > 0 ? a.pictures : 4, source->size());
  int64_t pictures = 0, columns = 0;
  constexpr int64_t kMaxColumns = 9;
  for (int64_t i = 0; i < source->size() && pictures < wanted; ++i) {
    vision::Image storage;
    const vision::Sample sample = reader.read(i, {}, storage);
    if (sample.index < i) break;  // those that can be read are all shown
    i = sample.index;
    ++pictures;
    const vision::ImageView picture = sample.view;
    const vision::ViewMaker maker(recipe, picture.channels, picture.type);
    columns = 1 + a.draws * maker.view_count();
    const auto keep = [&](const vision::ImageView& view, const std::string& caption) {
      vision::Image copy(view.height, view.width, view.channels, view.type);
      for (int y = 0; y < view.height; ++y) {
        std::copy_n(view.row<std::byte>(y), copy.row_bytes(), copy.row<std::byte>(y));
      }
      images.push_back(std::move(copy));
      captions.push_back(caption);
    };
    keep(picture, source->name(i));
    vision::ViewScratch scratch;
    for (int64_t draw = 0; draw < a.draws; ++draw) {
      const DrawKey key{static_cast<uint64_t>(a.seed), static_cast<uint64_t>(draw),
                        static_cast<uint64_t>(i), 0};
      for (int v = 0; v < maker.view_count(); ++v) {
        const auto trace = maker.make_pixels(picture, key, v, scratch);
        keep(scratch.image.view(), fmt::format("view {}  {}x{}{}", v + 1, trace.box.width,
                                               trace.box.height, trace.hflip ? " flip" : ""));
      }
    }
    // The next picture begins a row.
    for (int64_t c = columns; c > kMaxColumns && c % kMaxColumns != 0; ++c) {
      images.emplace_back();
      captions.emplace_back();
    }
  }
  std::vector<look::GridCell> cells;
  for (size_t i = 0; i < images.size(); ++i) cells.push_back({images[i].view(), captions[i]});
  look::GridOptions options;
  options.columns = static_cast<int>(std::min(columns, kMaxColumns));
  options.title = fmt::format("{}: views of {}", a.recipe, a.data);
  vision::write_png(a.out, look::compose_grid(cells, options).view());
  context.print(fmt::format("{}: {}, {}{}\n", a.out, look::counted(pictures, "picture"),
                            look::counted(columns - 1, "view"), pictures == 1 ? "" : " of each"));
  print_bad_images(context, reader.bad_images());
  nlohmann::json json = {{"file", a.out}, {"pictures", pictures}, {"views_of_each", columns - 1}};
  add_bad_images(json, reader.bad_images());
  context.write_json(json);
  return 0;
}

int explain(const Context& context, const ViewsArguments& a) {
  ExplainArguments e;
  e.recipe = a.explained;
  e.data = a.data;
  e.run = a.run;
  e.out = a.out;
  e.views = a.options;
  if (a.pictures > 0) e.options.pictures = a.pictures;
  e.options.draws = a.draws;
  e.options.seed = static_cast<uint64_t>(a.seed);
  return explain_views(context, e);
}

}  // namespace

Command views_command() {
  return {
      "views",
      "Draws the views that training would see as a grid, or explains what each operation does.",
      {"vistas views photos/cat.jpg --recipe simclr -o views.png",
       "vistas views --explain recipes/vision/simclr-cifar10.toml photos/ -o explained.png",
       "vistas views photos/ --recipe dino --size 96 --draws 1 -o views.png --json -"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<ViewsArguments>();
        std::string names;
        for (const std::string& name : vision::builtin_recipe_names()) {
          names += (names.empty() ? "" : ", ") + name;
        }
        app.add_option("data", a->data, "a picture, or a source whose first pictures are shown")
            ->required()
            ->type_name("DATA");
        app.add_option("--recipe", a->recipe, "a file, or one of " + names)
            ->capture_default_str()
            ->group("Views");
        app.add_option("--explain", a->explained,
                       "of this recipe: how far each operation moves a picture, pairs that are "
                       "compared, what cannot be meant; a page beside the PNG file")
            ->type_name("RECIPE")
            ->excludes("--recipe")
            ->group("Views");
        app.add_option("--run", a->run, "with --explain: the encoder [an untrained one]")
            ->needs("--explain")
            ->group("Views");
        app.add_option("--size", a->options.size, "side of the views of a named recipe")
            ->capture_default_str()
            ->check(CLI::Range(1, 65500))
            ->group("Views");
        app.add_option("--strength", a->options.strength, "of colour jitter in a named recipe")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 10.0))
            ->group("Views");
        app.add_option("--draws", a->draws, "times the views of a picture are made")
            ->capture_default_str()
            ->check(CLI::Range(1, 100))
            ->group("Views");
        app.add_option("--pictures", a->pictures, "of a source [4; 16 with --explain]")
            ->check(CLI::Range(1, 1000))
            ->group("Data");
        app.add_option("--seed", a->seed, "of the draws")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber)
            ->group("Views");
        app.add_option("-o,--out", a->out, "PNG file")->capture_default_str()->group("Output");
        return [a](const Context& context) {
          return a->explained.empty() ? views(context, *a) : explain(context, *a);
        };
      }};
}

}  // namespace vistas::app
