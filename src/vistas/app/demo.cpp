// vistas demo: the main job in a few minutes, on drawings or sentences that come with the
// repository, or on interactions that it makes.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/app/demo_recommend.h"
#include "vistas/app/demo_text.h"
#include "vistas/app/one_shot.h"
#include "vistas/app/train.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/look/grid.h"
#include "vistas/look/text.h"
#include "vistas/search/top_k.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/tasks/features.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

constexpr const char* kImageRecipe = "recipes/vision/simclr-omniglot.toml";
constexpr const char* kTextRecipe = "recipes/text/static-tatoeba-demo.toml";

struct DemoArguments {
  std::string what = "images", out;
  int64_t seed = 0;
  std::vector<std::string> sets;
};

// Rows of one run: a drawing nobody has labelled, and the five examples most like it; the right
// character is framed.
vision::Image gallery(const vision::Bundle& bundle,
                      const std::shared_ptr<const vision::ImageSource>& source) {
  constexpr int64_t kRows = 10, kNeighbours = 5;
  const std::string run = "/run01/";
  std::vector<int64_t> queries, bank;
  for (int64_t i = 0; i < source->size(); ++i) {
    if (source->name(i).find(run + "test/") != std::string::npos) queries.push_back(i);
    if (source->name(i).find(run + "training/") != std::string::npos) bank.push_back(i);
  }
  queries.resize(std::min<size_t>(queries.size(), kRows));
  const auto features = vision::extract_features(bundle, source).values;
  const auto found = search::top_k(features.index_select(0, at::tensor(queries)),
                                   features.index_select(0, at::tensor(bank)), kNeighbours,
                                   search::Metric::cosine);
  const int64_t k = found.indices.size(1);
  const auto* indices = found.indices.const_data_ptr<int64_t>();
  const auto* scores = found.scores.const_data_ptr<float>();
  std::vector<vision::Image> images(queries.size() * static_cast<size_t>(k + 1));
  std::vector<look::GridCell> cells;
  const auto add = [&](int64_t sample, const std::string& caption) -> look::GridCell& {
    vision::Box part;
    vision::Image& storage = images[cells.size()];
    cells.push_back({source->read(sample, nullptr, storage, part), caption});
    return cells.back();
  };
  for (size_t q = 0; q < queries.size(); ++q) {
    add(queries[q], "new drawing");
    for (int64_t j = 0; j < k; ++j) {
      const auto at = static_cast<int64_t>(q) * k + j;
      const int64_t sample = bank[static_cast<size_t>(indices[at])];
      const bool right = source->label(sample) == source->label(queries[q]);
      auto& cell = add(sample, fmt::format("{:.2f}", scores[at]));
      if (right) cell.frame = look::kRight;
      if (!right && j == 0) cell.frame = look::kWrong;
    }
  }
  look::GridOptions options;
  options.columns = static_cast<int>(k + 1);
  options.cell = 84;
  options.title = "one example a character, the nearest first";
  return look::compose_grid(cells, options);
}

// An earlier demo on the same data makes room.
void clear(const fs::path& out, const std::string& data) {
  if (!RunFolder::holds_run(out)) return;
  const Value earlier = read_toml(RunFolder::open(out).config());
  if (recipe::read_config(earlier)->data_path() != data) {
    throw Error(ErrorKind::usage, {.what = out.string() + " holds a run that is not the demo's",
                                   .fix = "Give another --out"});
  }
  fs::remove_all(out);
}

int demo_images(const Context& context, recipe::Config& config, const fs::path& out) {
  context.print(
      "4,840 drawings of characters, no labels: an encoder learns which drawings are alike.\n"
      "Then it recognises 20 characters of other alphabets from one example each.\n\n");
  const auto result = train_into(context, config, out, {});
  if (result.stopped) return signal_exit_code();
  const vision::Bundle bundle = vision::load_bundle(vision::find_bundle(out));
  const auto source = one_shot_data(config.data_path());
  const auto rows = recipe::evaluate_one_shot(bundle, source, {});
  nlohmann::json json = one_shot_json(rows);
  json["seconds"] = result.seconds;
  fs::create_directories(out / "eval");
  write_file_atomic(out / "eval" / "one-shot.json", json.dump(2) + "\n");
  const fs::path picture = out / "gallery.png";
  vision::write_png(picture, gallery(bundle, source).view());
  context.print(one_shot_table(context, rows));
  context.print(
      fmt::format("chance is 5 %. Trained in {} ({:.0f} drawings/s).\n\n"
                  "the run       {}\n"
                  "the gallery   {}\n"
                  "go on with    build/vistas near {} {} --in {}\n"
                  "              build/vistas train YOUR_PICTURES/ --max-time 10m\n",
                  look::format_duration(result.seconds), result.samples_per_second, out.string(),
                  picture.string(), out.string(), "DRAWING.png", config.data_path()));
  context.write_json(json);
  return 0;
}

int demo_of_tastes(const Context& context, const DemoArguments& a) {
  const fs::path out = a.out.empty() ? "runs/demo-recommend" : a.out;
  const std::string data = out.lexically_normal().string() + ".tsv";
  clear(out, data);
  const recommend::TasteWorld world = demo_tastes();
  write_interactions(world, data);
  Value over = parse_assignment(fmt::format("train.seed={}", a.seed));
  for (const char* setting :
       {"encoder.graph.layers=3", "method.temperature=0.5", "train.epochs=5", "data.refit=false"}) {
    merge_into(over, parse_assignment(setting));
  }
  for (const std::string& set : a.sets) merge_into(over, parse_assignment(set));
  return demo_recommend(context, world, *config_for(data, over), out);
}

int demo(const Context& context, const DemoArguments& a) {
  if (a.what == "recommend") return demo_of_tastes(context, a);
  const bool texts = a.what == "text";
  const char* recipe = texts ? kTextRecipe : kImageRecipe;
  if (!fs::exists(recipe)) {
    throw Error(ErrorKind::usage, {.what = fmt::format("{} is not here", recipe),
                                   .fix = "Call the demo in the folder of the repository"});
  }
  Value values = read_toml(recipe);
  merge_into(values, parse_assignment(fmt::format("train.seed={}", a.seed)));
  for (const std::string& set : a.sets) merge_into(values, parse_assignment(set));
  const auto config = recipe::read_config(values);
  const fs::path out = !a.out.empty() ? a.out : texts ? "runs/demo-text" : "runs/demo";
  clear(out, config->data_path());
  return texts ? demo_text(context, *config, out) : demo_images(context, *config, out);
}

}  // namespace

Command demo_command() {
  return {
      "demo",
      "Learns from 4,840 unlabelled drawings and recognises new characters from one example; or "
      "learns to translate from 19,000 pairs of sentences; or the tastes of 3,000 users.",
      {"vistas demo --set train.epochs=1", "vistas demo text",
       "vistas demo recommend --out runs/tastes --set train.epochs=1 --json -"},
      [](CLI::App& app) -> std::function<int(const Context&)> {
        const auto a = std::make_shared<DemoArguments>();
        app.add_option("what", a->what, "images, text or recommend")
            ->capture_default_str()
            ->check(CLI::IsMember({"images", "text", "recommend"}))
            ->type_name("WHAT");
        app.add_option("--out", a->out,
                       "the run folder; an earlier demo there is replaced [runs/demo, "
                       "runs/demo-text, runs/demo-recommend]")
            ->group("Output");
        app.add_option("--seed", a->seed, "of weights, order and views")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber)
            ->group("Settings");
        app.add_option("--set", a->sets, "one setting, KEY=VALUE; may be given many times")
            ->type_name("KEY=VALUE")
            ->allow_extra_args(false)
            ->group("Settings");
        return [a](const Context& context) { return demo(context, *a); };
      }};
}

}  // namespace vistas::app
