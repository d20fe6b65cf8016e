// Small things that several commands need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/base/options.h"
#include "vistas/vision/tasks/features.h"

namespace vistas::app {

// One line on the terminal that says what is going on; nothing where there is no terminal.
class StatusLine {
 public:
  explicit StatusLine(const Context& context) : context_(context) {}
  ~StatusLine() { clear(); }
  void show(const std::string& text);
  void clear();

 private:
  const Context& context_;
  bool open_ = false;
};

// Progress of a pass over pictures, or of steps, on a status line: rate and time left.
vision::FeatureProgress counted_progress(StatusLine& status, const std::string& doing);

// JSON has no NaN.
nlohmann::json finite_or_null(double value);

// --device and --precision; `precisions` are those that it takes.
void add_device_options(CLI::App& app, std::string& device, std::string& precision,
                        const std::vector<std::string>& precisions = {"auto", "fp32", "bf16"});

// `text` as one word of a shell.
std::string shell_word(const std::string& text);

// An option of the command line for each of `fields`: --size for "size", with its help and range.
void add_fields(CLI::App& app, const Fields& fields, const std::string& group);

// --batch, --threads, --device, --precision, --on-bad-image of commands that embed pictures.
void add_feature_options(CLI::App& app, vision::FeatureOptions& options,
                         const std::vector<std::string>& precisions = {"auto", "fp32", "bf16"});

// Keeps a result in the eval folder of a run beside earlier ones of the same name: knn.json, then
// knn-2.json and so on. Returns the file, "" where `run` is no run folder.
std::string keep_result(const std::string& run, const std::string& name, const std::string& text);

// Stores how many pictures could not be read as "bad_images", and the first of them.
void add_bad_images(nlohmann::json& result, const vision::BadImages& bad);

// Prints how many pictures were left out, and the first of them.
void print_bad_images(const Context& context, const vision::BadImages& bad);

}  // namespace vistas::app
