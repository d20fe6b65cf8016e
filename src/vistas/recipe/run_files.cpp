#include "vistas/recipe/run_files.h"

#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/recipe/environment.h"

namespace vistas::recipe {
namespace {

// A text in the run's env.json; empty if there is none.
std::string noted(const RunFolder& run, const std::string& key) {
  const std::string file = (run.path() / "env.json").string();
  const Value env = parse_json(read_file(file), file);
  const auto found = env.table().find(key);
  if (found == env.table().end()) return "";
  const auto* text = std::get_if<std::string>(&found->second.data);
  return text == nullptr ? "" : *text;
}

}  // namespace

void write_run_files(const RunFolder& run, const Config& config, const Training& training) {
  Value env = environment();
  auto& table = std::get<ValueTable>(env.data);
  table["data"] = Value{.data = config.data_path()};
  table["data_fingerprint"] = Value{.data = fmt::format("{:016x}", training.fingerprint())};
  table["samples"] = Value{.data = training.size()};
  table["config"] = Value{.data = config.to_toml()};
  write_file_atomic(run.path() / "env.json", to_json(env));
  training.write_files(run);
  write_file_atomic(run.config(), config.to_toml());  // last: from now on this is a run
}

std::unique_ptr<Config> began_with(const RunFolder& run) {
  const std::string text = noted(run, "config");
  auto config =
      read_config(text.empty() ? read_toml(run.config()) : parse_toml(text, "env.json: config"));
  config->continue_from(run);
  return config;
}

void check_same_data(const RunFolder& run, const Training& training) {
  const std::string stored = noted(run, "data_fingerprint");
  if (!stored.empty() && stored != fmt::format("{:016x}", training.fingerprint())) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{}: the {}s have changed since the run began",
                                     run.path().string(), training.unit()),
                 .got = fmt::format("{} {}s", training.size(), training.unit()),
                 .fix = "Restore them, or start a new run"});
  }
}

}  // namespace vistas::recipe
