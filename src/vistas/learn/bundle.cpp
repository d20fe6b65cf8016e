#include "vistas/learn/bundle.h"

#include <string>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/base/value.h"

namespace fs = std::filesystem;

namespace vistas::learn {

std::string name_of(Modality modality) {
  switch (modality) {
    case Modality::image:
      return "pictures";
    case Modality::text:
      return "texts";
    case Modality::interactions:
      return "interactions";
    case Modality::boxes:
      return "pictures with boxes";
    case Modality::masks:
      return "pictures with masks";
  }
  return "";
}

std::optional<Modality> modality_named(const std::string& name) {
  if (name == "image") return Modality::image;
  if (name == "text") return Modality::text;
  if (name == "interactions") return Modality::interactions;
  if (name == "boxes") return Modality::boxes;
  if (name == "masks") return Modality::masks;
  return std::nullopt;
}

bool holds_encoder(const fs::path& path) {
  const auto holds = [&](const char* name) {
    std::error_code ignored;
    return fs::exists(path / name, ignored);
  };
  return holds("encoder.json") || holds("modules.json") || holds("config.json");
}

fs::path find_bundle(const fs::path& path) {
  if (fs::exists(path / "encoder.json")) return path;
  if (RunFolder::holds_run(path)) {
    const RunFolder run = RunFolder::open(path);
    return run.checkpoint(run.has_checkpoint("best") ? "best" : "last");
  }
  if (holds_encoder(path)) return path;
  throw Error(ErrorKind::data,
              {.what = path.string() + ": no trained encoder",
               .got = fs::exists(path)
                          ? "none of encoder.json, config.toml, config.json and modules.json in it"
                          : "nothing there",
               .expected = "a run folder of `vistas train`, one of its checkpoints, a bundle, or a "
                           "folder of Hugging Face"});
}

Modality modality_of(const fs::path& folder) {
  const fs::path file = folder / "encoder.json";
  if (!fs::exists(file)) return Modality::text;
  const Value json = parse_json(read_file(file), file.string());
  const auto& table = json.table();
  const auto found = table.find("modality");
  if (found == table.end()) return Modality::image;
  const auto* name = std::get_if<std::string>(&found->second.data);
  const std::optional<Modality> modality = name ? modality_named(*name) : std::nullopt;
  if (modality) return *modality;
  throw Error(ErrorKind::data, {.what = file.string() + ": modality",
                                .got = name ? *name : "no text",
                                .expected = "image, text, interactions, boxes or masks"});
}

}  // namespace vistas::learn
