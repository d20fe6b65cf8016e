// The folder of one run: everything that crosses from training to use.
//
//   config.toml  env.json  metrics.jsonl  log.txt
//   checkpoints/step-000500/...   checkpoints/last, checkpoints/best: symbolic links
//   eval/*.json  embeddings/*.safetensors
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace vistas {

class RunFolder {
 public:
  // Makes the folder; a folder that holds a run already is a usage error.
  static RunFolder create(const std::filesystem::path& path);
  // Opens a run; a folder without config.toml is a data error.
  static RunFolder open(const std::filesystem::path& path);
  static bool holds_run(const std::filesystem::path& path);
  // The usage error of create(), before anything is made.
  static void check_free(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config() const { return path_ / "config.toml"; }

  // Appends one JSON line that has a number "step".
  void append_metrics(const std::string& json_line) const;
  // Drops lines of later steps and a torn last line, as a resumed run needs it.
  void cut_metrics(int64_t step) const;
  // Appends a line to log.txt.
  void log(const std::string& line) const;

  // Writes checkpoints/step-N: `write` fills "step-N.tmp", which is synced and renamed; then the
  // link `best` where it is one, and `last`, are replaced by rename. A failure on the way leaves
  // all earlier checkpoints as they were. Checkpoints that no link names and `keep` does not hold
  // are removed.
  void save_checkpoint(int64_t step, bool best,
                       const std::function<void(const std::filesystem::path&)>& write,
                       const std::function<bool(int64_t step)>& keep) const;

  bool has_checkpoint(const std::string& name = "last") const;
  // "last", "best" or "step-000500"; a data error lists what there is.
  std::filesystem::path checkpoint(const std::string& name = "last") const;

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace vistas
