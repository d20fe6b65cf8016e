#include "vistas/app/shared.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>

#include "vistas/base/clock.h"
#include "vistas/base/files.h"
#include "vistas/base/run_folder.h"
#include "vistas/learn/group.h"
#include "vistas/look/text.h"

namespace fs = std::filesystem;

namespace vistas::app {

void StatusLine::show(const std::string& text) {
  if (!context_.terminal) return;
  fmt::print(stderr, "\r\033[K{}", look::fit(text, context_.width - 1));
  std::fflush(stderr);
  open_ = true;
}

void StatusLine::clear() {
  if (open_) fmt::print(stderr, "\r\033[K");
  open_ = false;
}

vision::FeatureProgress counted_progress(StatusLine& status, const std::string& doing) {
  const auto start = Clock::now();
  return [&status, doing, start](int64_t done, int64_t all) {
    const double seconds = seconds_since(start);
    const double rate = static_cast<double>(done) / seconds;
    status.show(fmt::format("{} {} of {}  {:.{}f} a second  {} left", doing,
                            look::format_count(done), look::format_count(all), rate,
                            rate < 10 ? 1 : 0,
                            look::format_duration(static_cast<double>(all - done) / rate)));
  };
}

nlohmann::json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

void add_device_options(CLI::App& app, std::string& device, std::string& precision,
                        const std::vector<std::string>& precisions) {
  app.add_option("--device", device, "where to compute")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->group("Running");
  app.add_option("--precision", precision, "number format of the network")
      ->capture_default_str()
      ->check(CLI::IsMember(precisions))
      ->group("Running");
}

std::string shell_word(const std::string& text) {
  if (text.find_first_of(" \t\n'\"\\$`!*?[](){}<>|&;#~") == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

void add_fields(CLI::App& app, const Fields& fields, const std::string& group) {
  for (const Field& field : fields.all()) {
    const auto set = [field](const std::string& text) {
      Value value = parse_assignment(field.name + "=" + text).table().at(field.name);
      value.where = fmt::format("--{} {}", field.name, text);
      field.set(value);
    };
    std::string about = field.help;
    if (!field.range.empty()) about += fmt::format(" ({})", field.range);
    app.add_option_function<std::string>("--" + field.name, set, about)
        ->default_str(to_toml(field.get()))
        ->type_name(field.type)
        ->group(group);
  }
}

void add_feature_options(CLI::App& app, vision::FeatureOptions& o,
                         const std::vector<std::string>& precisions) {
  app.add_option("--batch", o.batch, "pictures embedded at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20))
      ->group("Running");
  app.add_option("--threads", o.threads, "threads that read pictures; 0: one a core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->group("Running");
  add_device_options(app, o.device, o.precision, precisions);
  app.add_option("--on-bad-image", o.on_bad_image, "leave out what cannot be read, or stop")
      ->capture_default_str()
      ->check(CLI::IsMember({"skip", "fail"}))
      ->group("Data");
}

std::string keep_result(const std::string& run, const std::string& name, const std::string& text) {
  if (!RunFolder::holds_run(run) || !learn::Group::current().first()) return "";
  const fs::path folder = fs::path(run) / "eval";
  fs::create_directories(folder);
  fs::path file = folder / (name + ".json");
  for (int n = 2; fs::exists(file) && read_file(file) != text; ++n) {
    file = folder / fmt::format("{}-{}.json", name, n);
  }
  write_file_atomic(file, text);
  return file.string();
}

void add_bad_images(nlohmann::json& result, const vision::BadImages& bad) {
  result["bad_images"] = bad.count;
  result["first_bad_images"] = bad.first;
}

void print_bad_images(const Context& context, const vision::BadImages& bad) {
  if (bad.count == 0) return;
  context.print(fmt::format("{} could not be read and {} left out:\n  {}\n",
                            look::counted(bad.count, "picture"), bad.count == 1 ? "was" : "were",
                            fmt::join(bad.first, "\n  ")));
}

}  // namespace vistas::app
