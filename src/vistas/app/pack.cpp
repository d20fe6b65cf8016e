// vistas pack: a whole source in one memory-mapped file.
#include "vistas/vision/sources/pack.h"

#include <fmt/format.h>

#include <filesystem>

#include "vistas/app/command.h"
#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/look/text.h"
#include "vistas/vision/sources/source.h"

namespace vistas::app {
namespace {

struct PackArguments {
  std::string data, out = "pictures.vpack", on_bad_image = "skip";
  vision::SourceOptions source;
  vision::PackOptions options;
};

int pack(const Context& context, const PackArguments& a) {
  const auto source = vision::open_source(a.data, a.source);
  const auto result = vision::pack_source(*source, a.out, a.options, a.on_bad_image);
  if (result.pictures == 0) {
    std::filesystem::remove(a.out);
    throw Error(ErrorKind::data, {.what = a.data + ": none of the pictures can be read",
                                  .got = result.bad.first.front()});
  }
  context.print(fmt::format("{}: {}, {}\n", a.out, look::counted(result.pictures, "picture"),
                            look::format_bytes(static_cast<double>(result.bytes))));
  print_bad_images(context, result.bad);
  nlohmann::json json = {{"file", a.out}, {"pictures", result.pictures}, {"bytes", result.bytes}};
  add_bad_images(json, result.bad);
  context.write_json(json);
  return 0;
}

}  // namespace

Command pack_command() {
  return {"pack",
          "Decodes pictures once into one file that is memory-mapped and read at memory speed.",
          {"vistas pack photos/ -o photos.vpack --max-side 300",
           "vistas pack photos/ -o photos.vpack --max-side 64 --quality 90",
           "vistas pack labelled/ --split train -o train.vpack --on-bad-image fail"},
          [](CLI::App& app) -> std::function<int(const Context&)> {
            const auto a = std::make_shared<PackArguments>();
            app.add_option("data", a->data, "a folder or any other source of pictures")
                ->required()
                ->type_name("DATA");
            app.add_option("-o,--out", a->out, "the packed file")
                ->capture_default_str()
                ->group("Output");
            app.add_option("--max-side", a->options.max_side,
                           "a longer side is scaled down to "
                           "this; 0: never")
                ->capture_default_str()
                ->check(CLI::Range(0, 65500))
                ->group("Pictures");
            app.add_option("--quality", a->options.quality,
                           "keep JPEG files of this quality "
                           "instead of raw pixels; 0: raw, the fastest")
                ->capture_default_str()
                ->check(CLI::Range(0, 100))
                ->group("Pictures");
            app.add_option("--split", a->source.split, "split of data that has splits [train]")
                ->group("Data");
            app.add_option("--on-bad-image", a->on_bad_image,
                           "leave out what cannot be read, or "
                           "stop")
                ->capture_default_str()
                ->check(CLI::IsMember({"skip", "fail"}))
                ->group("Data");
            app.add_option("--threads", a->options.threads, "0: one a core")
                ->capture_default_str()
                ->check(CLI::Range(0, 1024))
                ->group("Running");
            return [a](const Context& context) { return pack(context, *a); };
          }};
}

}  // namespace vistas::app
