#include "vistas/app/explain_views.h"

#include <fmt/format.h>

#include <filesystem>

#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/look/gallery.h"
#include "vistas/look/grid.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/recipe/image_config.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::app {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The run's encoder, or that of the recipe with new weights for pictures of the source.
vision::Bundle bundle_for(const ExplainArguments& a, const RecipeViews& recipe) {
  if (!a.run.empty()) return vision::load_bundle(vision::find_bundle(a.run));
  vision::Bundle bundle{recipe.encoder, nullptr, {{recipe.views.views.front()}}};
  if (bundle.options.channels == 0) {
    const vision::SampleReader reader(vision::open_source(a.data), "skip");
    vision::Image storage;
    bundle.options.channels = reader.read(0, {}, storage).view.channels;
  }
  if (bundle.options.image_size == 0) {
    bundle.options.image_size = recipe.views.views.front().height;
  }
  bundle.encoder = vision::make_encoder(bundle.options, a.options.seed);
  bundle.encoder->eval();
  return bundle;
}

std::string number(double value, double unit) {
  if (!std::isfinite(value)) return "-";
  return std::isfinite(unit) && unit > 0
             ? fmt::format("{:.4f} ({:.0f} %)", value, 100 * value / unit)
             : fmt::format("{:.4f}", value);
}

Rows rows_of(const vision::Explanation& e) {
  Rows rows = {{"", "applied", "pixels", "embedding"}};
  const auto add = [&](const std::string& name, const std::string& p, const vision::Distances& d) {
    rows.push_back(
        {name, p, number(d.pixels, e.negative.pixels), number(d.embedding, e.negative.embedding)});
  };
  for (const auto& op : e.operations) add(op.name, fmt::format("{:g}", op.p), op.moved);
  add("two views of a picture", "", e.positive);
  add("views of two pictures", "", e.negative);
  return rows;
}

nlohmann::json to_json(const vision::Distances& d) {
  return {{"pixels", finite_or_null(d.pixels)}, {"embedding", finite_or_null(d.embedding)}};
}

nlohmann::json to_json(const vision::Explanation& e) {
  nlohmann::json operations = nlohmann::json::array();
  for (const auto& op : e.operations) {
    nlohmann::json row = to_json(op.moved);
    row["operation"] = op.name;
    row["p"] = op.p;
    operations.push_back(row);
  }
  nlohmann::json json = {{"pictures", e.pictures},
                         {"operations", operations},
                         {"positive", to_json(e.positive)},
                         {"negative", to_json(e.negative)},
                         {"overlap", e.overlap},
                         {"apart", e.apart},
                         {"identical", e.identical},
                         {"warnings", e.warnings}};
  add_bad_images(json, e.bad);
  return json;
}

std::string caption(const vision::ExampleView& v) {
  const char* kind = !v.positive ? "" : *v.positive ? "positive " : "negative ";
  return fmt::format("{}{:.3f}", kind, v.cosine);
}

// Rows of one length: what is compared first, then what it is compared with.
void write_grid(const ExplainArguments& a, const std::vector<const vision::Example*>& examples) {
  size_t columns = 0;
  for (const auto* e : examples) columns = std::max(columns, 1 + e->others.size());
  std::vector<look::GridCell> cells;
  for (const auto* e : examples) {
    cells.push_back({e->image.view(), e->name});
    for (const auto& other : e->others) {
      look::GridCell& cell = cells.emplace_back();
      cell.picture = other.image.view();
      cell.caption = caption(other);
      if (other.positive) cell.frame = *other.positive ? look::kRight : look::kWrong;
    }
    while (cells.size() % columns != 0) cells.push_back({});
  }
  look::GridOptions options;
  options.columns = static_cast<int>(columns);
  options.title = fmt::format("{}: views of {}", a.recipe, a.data);
  vision::write_png(a.out, look::compose_grid(cells, options).view());
}

std::vector<look::GalleryRow> gallery_of(const std::vector<const vision::Example*>& examples) {
  std::vector<look::GalleryRow> rows;
  for (const auto* e : examples) {
    look::GalleryRow& row = rows.emplace_back();
    row.query = {.path = e->name, .bytes = vision::encode_png(e->image.view())};
    for (const auto& other : e->others) {
      row.neighbours.push_back({.path = !other.positive   ? e->name
                                        : *other.positive ? "the same picture"
                                                          : "another picture",
                                .bytes = vision::encode_png(other.image.view()),
                                .score = other.cosine,
                                .right = other.positive});
    }
  }
  return rows;
}

}  // namespace

RecipeViews recipe_views(const std::string& recipe, const vision::RecipeOptions& options) {
  if (!recipe.ends_with(".toml")) {
    vision::EncoderOptions encoder;
    encoder.width = 32;
    if (options.size <= 64) encoder.stem = vision::Stem::cifar;
    return {vision::builtin_recipe(recipe, options), encoder};
  }
  const auto config = recipe::read_config(read_toml(recipe));
  const auto* images = dynamic_cast<const recipe::ImageConfig*>(config.get());
  if (images == nullptr) {
    throw Error(ErrorKind::usage,
                {.what = recipe + ": views of pictures",
                 .got = "data.modality = " + to_toml(config->setting("data.modality")),
                 .expected = "a recipe for pictures"});
  }
  return {images->views(), images->encoder};
}

int explain_views(const Context& context, const ExplainArguments& a) {
  const RecipeViews recipe = recipe_views(a.recipe, a.views);
  const vision::Bundle bundle = bundle_for(a, recipe);
  const std::shared_ptr<const vision::ImageSource> source =
      vision::open_source(a.data, vision::options_for(bundle));
  const auto e = vision::explain_views(recipe.views, source, bundle, a.options);
  const std::string encoder =
      a.run.empty() ? fmt::format(
                          "an untrained {}, which tells large changes from small ones only; "
                          "--run RUN takes a trained encoder",
                          bundle.options.name)
                    : fmt::format("the encoder of {}", a.run);
  const std::string how = fmt::format(
      "Means over {} and {} of each: pixels by the root mean square difference, white 1; embedding "
      "by 1 - cosine, of {}. In brackets: of the distance of two pictures. An operation is always "
      "applied here, alone, to the whole picture.",
      look::counted(e.pictures, "picture"), look::counted(a.options.draws, "draw"), encoder);
  std::vector<const vision::Example*> examples;
  for (const auto& pair : e.pairs) examples.push_back(&pair);
  for (const auto& operation : e.examples) examples.push_back(&operation);
  const std::string page = std::filesystem::path(a.out).replace_extension(".html").string();
  write_grid(a, examples);
  const Rows rows = rows_of(e);
  write_file_atomic(page, look::gallery_page(fmt::format("{}: views of {}", a.recipe, a.data), how,
                                             gallery_of(examples), {e.warnings, rows}));
  look::Table table(rows.front());
  for (size_t i = 1; i < rows.size(); ++i) {
    if (i + 2 == rows.size()) table.add_rule();
    table.add(rows[i]);
  }
  context.print(table.str(context.color, context.width) + how + "\n");
  if (recipe.views.view_count() > 1) {
    context.print(fmt::format(
        "Two views share {:.0f} % of the smaller one's part of the picture on average.\n",
        100 * e.overlap));
  }
  for (const std::string& warning : e.warnings) context.print("warning: " + warning + "\n");
  print_bad_images(context, e.bad);
  context.print(fmt::format("pictures in {}, the page is {}\n", a.out, page));
  nlohmann::json json = to_json(e);
  json["file"] = a.out;
  json["page"] = page;
  json["encoder"] = a.run.empty() ? "untrained" : a.run;
  context.write_json(json);
  return 0;
}

}  // namespace vistas::app
