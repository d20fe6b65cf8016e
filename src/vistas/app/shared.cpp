#include "vistas/app/shared.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cmath>

#include "vistas/look/text.h"

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
  const auto start = std::chrono::steady_clock::now();
  return [&status, doing, start](int64_t done, int64_t all) {
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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

void add_feature_options(CLI::App& app, vision::FeatureOptions& o) {
  app.add_option("--batch", o.batch, "pictures embedded at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20))
      ->group("Running");
  app.add_option("--threads", o.threads, "threads that read pictures; 0: one a core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->group("Running");
  app.add_option("--device", o.device, "where to compute")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->group("Running");
  app.add_option("--precision", o.precision, "number format of the network")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}))
      ->group("Running");
  app.add_option("--on-bad-image", o.on_bad_image, "leave out what cannot be read, or stop")
      ->capture_default_str()
      ->check(CLI::IsMember({"skip", "fail"}))
      ->group("Data");
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
