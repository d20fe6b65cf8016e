#include "vistas/look/progress.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "vistas/look/text.h"

namespace vistas::look {
namespace {

constexpr int kBarWidth = 12;

struct Part {
  std::string text, brief;
  int keep;  // parts with the smallest number are left out first
};

// "2:13", "1 h 02"
std::string brief_duration(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{} h {:02}", whole / 3600, whole / 60 % 60);
}

std::string joined(const std::vector<Part>& parts, int dropped, bool brief) {
  std::string line;
  for (const Part& part : parts) {
    if (part.keep > dropped) line += (line.empty() ? "" : "  ") + (brief ? part.brief : part.text);
  }
  return line;
}

}  // namespace

std::string progress_line(const Progress& p, int width) {
  const double done = p.steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.steps) : 0;
  const std::string gauge = "▕" + bar(done, kBarWidth) + "▏";
  const std::string epoch = fmt::format("{}/{}", p.epoch, p.epochs);
  const std::string step = fmt::format("{}/{}", p.step, p.steps);
  std::vector<Part> parts = {
      {"epoch " + epoch, "ep " + epoch, 2}, {gauge, gauge, 1}, {"step " + step, step, 9}};
  if (!std::isnan(p.loss)) {
    parts.push_back({fmt::format("loss {:.4f}", p.loss), fmt::format("loss {:.3f}", p.loss), 8});
  }
  if (!std::isnan(p.learning_rate)) {
    const std::string rate = fmt::format("lr {:.3g}", p.learning_rate);
    parts.push_back({rate, rate, 3});
  }
  if (p.samples_per_second > 0) {
    const std::string rate = format_count(static_cast<int64_t>(std::llround(p.samples_per_second)));
    parts.push_back({rate + " " + p.unit + "s/s", rate + "/s", 4});
  }
  parts.push_back({fmt::format("waiting {:.0f} %", p.waiting * 100),
                   fmt::format("wait {:.0f}%", p.waiting * 100), 5});
  if (p.seconds_left >= 0) {
    parts.push_back(
        {format_duration(p.seconds_left) + " left", brief_duration(p.seconds_left) + " left", 7});
  }
  if (!p.health.empty()) parts.push_back({p.health, p.health, 6});

  for (int dropped = 0; dropped <= 1; ++dropped) {
    const std::string line = joined(parts, dropped, false);
    if (display_width(line) <= width) return line;
  }
  for (int dropped = 1;; ++dropped) {
    const std::string line = joined(parts, dropped, true);
    if (display_width(line) <= width || dropped == 8) return fit(line, width);
  }
}

}  // namespace vistas::look
