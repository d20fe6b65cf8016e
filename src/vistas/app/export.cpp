// vistas export: an encoder in the files of another library.
#include <fmt/format.h>

#include <filesystem>

#include "vistas/app/command.h"
#include "vistas/app/texts.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/learn/bundle.h"
#include "vistas/recipe/config.h"
#include "vistas/share/sentence_transformers.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct ExportArguments {
  std::string run, to, out;
};

// What the run says that the encoder is of: a run folder, or a checkpoint in one.
share::ModelCard card_of(const ExportArguments& a) {
  const auto absolute = [](const std::string& path) {
    const fs::path normal = fs::absolute(path).lexically_normal();
    return normal.has_filename() ? normal : normal.parent_path();
  };
  share::ModelCard card;
  card.name = absolute(a.out).filename().string();
  const fs::path path = absolute(a.run);
  for (const fs::path& folder : {path, path.parent_path().parent_path()}) {
    if (!RunFolder::holds_run(folder)) continue;
    const auto config = recipe::read_config(read_toml(RunFolder::open(folder).config()));
    card.data = config->data_path();
    card.method = config->method_name;
    break;
  }
  return card;
}

int export_encoder(const Context& context, const ExportArguments& a) {
  check_empty(a.out);
  const learn::Modality modality = learn::modality_of(learn::find_bundle(a.run));
  if (modality != learn::Modality::text) {
    throw Error(
        ErrorKind::usage,
        {.what = a.run + ": cannot be exported to " + a.to,
         .got = "an encoder of " + learn::name_of(modality),
         .expected = "an encoder of texts",
         .fix = modality == learn::Modality::image
                    ? "The encoder.safetensors of a checkpoint has torchvision's tensor names"
                    : ""});
  }
  const text::TextBundle bundle = load_encoder(context, a.run);
  const share::ModelCard card = card_of(a);
  write_folder_atomic(a.out, [&](const fs::path& folder) {
    share::write_sentence_transformers(bundle, card, folder);
  });
  context.print(fmt::format("{}: {} encoder, embeddings of {} numbers, for {}\n", a.out,
                            bundle.options.name, bundle.encoder->dim(), a.to));
  context.write_json({{"folder", a.out},
                      {"to", a.to},
                      {"encoder", bundle.options.name},
                      {"dim", bundle.encoder->dim()},
                      {"max_length", bundle.max_length}});
  return 0;
}

}  // namespace

Command export_command() {
  return {"export",
          "Writes an encoder of texts as a folder that another library loads.",
          {"vistas export runs/text --to sentence-transformers models/text",
           "vistas export runs/text/checkpoints/last --to sentence-transformers models/last",
           "vistas export models/text --to sentence-transformers models/again --json -"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<ExportArguments>();
            app.add_option("run", a->run,
                           "a run of texts, a checkpoint, a bundle or a folder of Hugging Face")
                ->required()
                ->type_name("RUN");
            app.add_option("out", a->out, "the folder to write, new or empty")
                ->required()
                ->type_name("OUT");
            app.add_option("--to", a->to, "the library")
                ->required()
                ->check(CLI::IsMember({"sentence-transformers"}))
                ->group("Output");
            return [a](const Context& context) { return export_encoder(context, *a); };
          }};
}

}  // namespace vistas::app
