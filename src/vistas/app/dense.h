// What `vistas detect` and `vistas segment` share.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "vistas/app/command.h"
#include "vistas/learn/bundle.h"
#include "vistas/recipe/dense_run.h"

namespace vistas::app {

// `train` of both commands: a backbone, annotated pictures, a run folder.
std::function<int(const Context&)> add_dense_train(CLI::App& app, learn::Modality modality);

// The split that is measured unless one is named: test, else val, else the only one.
std::string measured_dense_split(learn::Modality modality, const std::string& path);

// The data with the numbers of classes that `names` has; a class that is not among them is a data
// error.
recipe::DenseData with_classes_of(const std::vector<std::string>& names, recipe::DenseData data);

// Where the results for the pictures of a source go: `out` itself where `path` is one picture, else
// PNG files of that folder, called and nested as the pictures are. None lies outside of it, and no
// two are the same.
class OutputFiles {
 public:
  // A usage error where the pictures themselves would be overwritten.
  OutputFiles(const std::string& out, const std::string& path, const vision::ImageSource& source);
  // The file for picture `i`, its folder made.
  std::filesystem::path of(int64_t i) const;

 private:
  std::vector<std::filesystem::path> files_;
};

// A score of 0 .. 1 in per cent, and as JSON; below 0 there is none.
std::string percent(double score);
nlohmann::json score_or_null(double score);

// Prints what was left out of the annotations, if anything.
void print_problems(const Context& context, const recipe::DenseData& data);

// The subcommands of a command: their names and what each runs.
struct Action {
  std::string name, sentence;
  std::function<std::function<int(const Context&)>(CLI::App&)> setup;
};
std::function<int(const Context&)> add_actions(CLI::App& app, const std::vector<Action>& actions);

}  // namespace vistas::app
