#include "vistas/base/run_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "vistas/base/error.h"
#include "vistas/base/files.h"

namespace fs = std::filesystem;

namespace vistas {
namespace {

void append_line(const fs::path& path, const std::string& line) {
  std::ofstream out(path, std::ios::app | std::ios::binary);
  out << line << '\n';
  out.flush();
  if (!out) {
    throw Error(ErrorKind::resource, {.what = path.string() + ": cannot write",
                                      .fix = "Is the disk full, or the folder read-only?"});
  }
}

void replace_link(const fs::path& link, const std::string& target) {
  const fs::path temporary = link.string() + ".tmp";
  fs::remove(temporary);
  fs::create_directory_symlink(target, temporary);
  fs::rename(temporary, link);
}

std::string folder_name(int64_t step) {
  return fmt::format("step-{:06}", step);
}

// The step of "step-000500", or -1.
int64_t step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  int64_t step = -1;
  if (name.starts_with(kPrefix)) {
    const auto [end, error] =
        std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (error != std::errc{} || end != name.data() + name.size()) return -1;
  }
  return step;
}

void sync_tree(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) sync_path(entry.path());
  sync_path(folder);
}

}  // namespace

bool RunFolder::holds_run(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked into is no run
  return fs::exists(path / "config.toml", ignored);
}

void RunFolder::check_free(const fs::path& path) {
  if (!holds_run(path)) return;
  throw Error(ErrorKind::usage,
              {.what = path.string() + " holds a run already",
               .fix = fmt::format("Go on with it by `vistas train --resume {}`, or give another "
                                  "--out",
                                  path.string())});
}

RunFolder RunFolder::create(const fs::path& path) {
  check_free(path);
  std::error_code error;
  fs::create_directories(path / "checkpoints", error);
  if (error) throw_system_error(path.string() + ": cannot make the run folder", error.value());
  return RunFolder(path);
}

RunFolder RunFolder::open(const fs::path& path) {
  if (!holds_run(path)) {
    throw Error(ErrorKind::data,
                {.what = path.string() + " is no run folder",
                 .got = fs::exists(path) ? "no config.toml in it" : "nothing there",
                 .expected = "the --out folder of an earlier `vistas train`"});
  }
  return RunFolder(path);
}

void RunFolder::append_metrics(const std::string& line) const {
  append_line(path_ / "metrics.jsonl", line);
}

void RunFolder::cut_metrics(int64_t step) const {
  const fs::path path = path_ / "metrics.jsonl";
  if (!fs::exists(path)) return;
  const std::string content = read_file(path);
  std::string kept;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = content.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string line = content.substr(begin, end - begin);
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.value("step", int64_t{-1}) <= step) kept += line + '\n';
    begin = end + 1;
  }
  write_file_atomic(path, kept);
}

void RunFolder::log(const std::string& line) const {
  append_line(path_ / "log.txt", line);
}

void RunFolder::save_checkpoint(int64_t step, bool best,
                                const std::function<void(const fs::path&)>& write,
                                const std::function<bool(int64_t)>& keep) const {
  const fs::path folder = path_ / "checkpoints";
  const fs::path final = folder / folder_name(step);
  const fs::path temporary = final.string() + ".tmp";
  fs::remove_all(temporary);
  fs::create_directories(temporary);
  try {
    write(temporary);
    sync_tree(temporary);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  fs::remove_all(final);  // the remains of a run that was killed after this step's rename
  fs::rename(temporary, final);
  sync_path(folder);
  // `last` comes last: who resumes from it knows the score of `best`.
  if (best) replace_link(folder / "best", final.filename());
  replace_link(folder / "last", final.filename());
  sync_path(folder);

  std::vector<fs::path> linked;
  for (const char* name : {"last", "best"}) {
    if (fs::is_symlink(folder / name)) linked.push_back(fs::read_symlink(folder / name));
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const bool torn = name.ends_with(".tmp");
    const int64_t other = step_of(name);
    if (!torn && (other < 0 || keep(other) ||
                  std::find(linked.begin(), linked.end(), name) != linked.end())) {
      continue;
    }
    std::error_code ignored;  // an old checkpoint that stays costs space only
    fs::remove_all(entry.path(), ignored);
  }
}

bool RunFolder::has_checkpoint(const std::string& name) const {
  return fs::exists(path_ / "checkpoints" / name / "progress.json");
}

fs::path RunFolder::checkpoint(const std::string& name) const {
  if (has_checkpoint(name)) return path_ / "checkpoints" / name;
  std::vector<std::string> names;
  if (fs::exists(path_ / "checkpoints")) {
    for (const auto& entry : fs::directory_iterator(path_ / "checkpoints")) {
      names.push_back(entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  throw Error(ErrorKind::data,
              {.what = fmt::format("{}: no checkpoint '{}'", path_.string(), name),
               .got = names.empty() ? "none at all" : fmt::format("{}", fmt::join(names, ", ")),
               .fix = "The run may have ended before its first checkpoint"});
}

}  // namespace vistas
