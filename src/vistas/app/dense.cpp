#include "vistas/app/dense.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "vistas/app/shared.h"
#include "vistas/app/train.h"
#include "vistas/base/error.h"
#include "vistas/recipe/eval_rows.h"

namespace fs = std::filesystem;

namespace vistas::app {
namespace {

struct TrainArguments {
  std::string backbone, data, out, split, labels, on_bad, device = "auto", precision = "auto";
  LimitArguments limits;
  int64_t seed = 0, epochs = 0, batch = 0;
  bool frozen = false;
  std::vector<std::string> sets;
};

Value overrides(const TrainArguments& a, learn::Modality modality) {
  Value values{.data = ValueTable{}};
  const auto text = [&](const std::string& key, const std::string& value) {
    if (value.empty()) return;
    merge_into(values, parse_assignment(key + "=" + to_toml(Value{.data = value})));
  };
  text("data.modality", modality == learn::Modality::boxes ? "boxes" : "masks");
  text("data.path", a.data);
  text("data.split", a.split);
  text("data.labels", a.labels);
  text("data.on_bad_annotation", a.on_bad);
  if (a.backbone != "scratch") text("encoder.start", a.backbone);
  if (a.frozen) merge_into(values, parse_assignment("encoder.frozen=true"));
  text("train.device", a.device);
  text("train.precision", a.precision);
  const auto number = [&](const std::string& key, int64_t value) {
    merge_into(values, parse_assignment(fmt::format("{}={}", key, value)));
  };
  number("train.seed", a.seed);
  number("data.labels_seed", a.seed);
  if (a.epochs > 0) number("train.epochs", a.epochs);
  if (a.batch > 0) number("train.batch", a.batch);
  for (const std::string& set : a.sets) merge_into(values, parse_assignment(set));
  return values;
}

int train(const Context& context, const TrainArguments& a, learn::Modality modality) {
  const Limits limits = a.limits.limits();
  const auto config = config_for(a.data, overrides(a, modality));
  if (a.limits.dry_run) return dry_run(context, *config, limits);
  return report_training(context, a.out, train_into(context, *config, a.out, limits));
}

}  // namespace

std::function<int(const Context&)> add_dense_train(CLI::App& app, learn::Modality modality) {
  const auto a = std::make_shared<TrainArguments>();
  app.add_option("backbone", a->backbone,
                 "a run, checkpoint or bundle whose encoder is the backbone; or scratch: a new one")
      ->required()
      ->type_name("RUN|scratch");
  app.add_option("--data", a->data,
                 modality == learn::Modality::boxes
                     ? "pictures with boxes: Pascal VOC, COCO JSON or YOLO, told by the content"
                     : "pictures with masks: lists or folders as CamVid's, Pascal VOC, or folders "
                       "images and masks")
      ->required()
      ->type_name("DATA");
  app.add_option("--out", a->out, "the run folder to make")->required()->type_name("RUN");
  app.add_option("--split", a->split, "what is learned from [train]")->type_name("NAME");
  app.add_option("--labels", a->labels,
                 "share of the pictures to learn from, as 10%, or pictures with every class, as 20 "
                 "[100%]")
      ->type_name("SHARE|N");
  app.add_flag("--frozen", a->frozen, "leave the backbone as it is");
  app.add_option("--epochs", a->epochs, "passes over the data [by the number of pictures]")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  app.add_option("--batch", a->batch, "pictures a step [by their number]")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 20));
  app.add_option("--seed", a->seed, "of weights, order, views and of the pictures with labels")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 60))
      ->capture_default_str();
  a->limits.add_options(app);
  app.add_option("--on-bad-annotation", a->on_bad, "leave it out and say so, or stop [skip]")
      ->check(CLI::IsMember({"skip", "fail"}));
  add_device_options(app, a->device, a->precision);
  app.add_option("--set", a->sets, "one setting, KEY=VALUE; may be given many times")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  return [a, modality](const Context& context) { return train(context, *a, modality); };
}

std::string measured_dense_split(learn::Modality modality, const std::string& path) {
  const auto splits =
      modality == learn::Modality::boxes ? vision::box_splits(path) : vision::mask_splits(path);
  for (const char* name : {"test", "val"}) {
    if (recipe::is_among(splits, name)) return name;
  }
  return "";
}

recipe::DenseData with_classes_of(const std::vector<std::string>& names, recipe::DenseData data) {
  const std::vector<std::string> own = data.class_names();
  std::vector<int64_t> number;
  for (const std::string& name : own) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      throw Error(ErrorKind::data, {.what = "the data has a class that the run has not learned",
                                    .got = name,
                                    .expected = fmt::format("some of {}", fmt::join(names, ", "))});
    }
    number.push_back(found - names.begin());
  }
  if (own == names) return data;
  auto* boxed = std::get_if<vision::BoxedPictures>(&data.truth);
  if (boxed == nullptr) {
    throw Error(ErrorKind::data,
                {.what = "the masks number the classes in another way than the run",
                 .got = fmt::format("{}", fmt::join(own, ", ")),
                 .expected = fmt::format("{}", fmt::join(names, ", "))});
  }
  for (auto& boxes : boxed->boxes) {
    for (auto& box : boxes) box.label = number[static_cast<size_t>(box.label)];
  }
  boxed->class_names = names;
  return data;
}

namespace {

// A name within a source as a path that leads nowhere else.
fs::path within(const std::string& name) {
  fs::path out;
  for (const fs::path& part : fs::path(name).relative_path()) {
    if (part != ".." && part != ".") out /= part;
  }
  return out;
}

bool same_place(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return fs::equivalent(a, b, ignored);
}

}  // namespace

OutputFiles::OutputFiles(const std::string& out, const std::string& path,
                         const vision::ImageSource& source) {
  const bool one = source.size() == 1 && !fs::is_directory(path) && !fs::is_directory(out);
  const bool beside = !one && !fs::is_directory(path);  // files where the pictures are
  if (same_place(out, path) || (beside && same_place(out, fs::absolute(path).parent_path()))) {
    throw Error(ErrorKind::usage, {.what = "the results would overwrite the pictures",
                                   .got = out,
                                   .expected = one ? "another file" : "another folder"});
  }
  if (one) {
    files_.emplace_back(out);
    return;
  }
  std::map<fs::path, int> times;
  for (int64_t i = 0; i < source.size(); ++i) {
    ++times[within(source.name(i)).replace_extension(".png")];
  }
  std::set<fs::path> taken;
  for (int64_t i = 0; i < source.size(); ++i) {
    const fs::path name = within(source.name(i));
    fs::path file = fs::path(name).replace_extension(".png");
    if (times[file] > 1) file = name.string() + ".png";  // a.jpg and a.tif
    while (!taken.insert(file).second) file += ".png";
    files_.push_back(out / file);
  }
}

fs::path OutputFiles::of(int64_t i) const {
  const fs::path& file = files_[static_cast<size_t>(i)];
  if (file.has_parent_path()) fs::create_directories(file.parent_path());
  return file;
}

std::string percent(double score) {
  return score < 0 ? "-" : fmt::format("{:.1f}", 100 * score);
}

nlohmann::json score_or_null(double score) {
  return score < 0 ? nlohmann::json() : nlohmann::json(score);
}

void print_problems(const Context& context, const recipe::DenseData& data) {
  const std::string summary = data.problems().summary();
  if (!summary.empty()) context.print(summary + "\n");
}

std::function<int(const Context&)> add_actions(CLI::App& app, const std::vector<Action>& actions) {
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<int(const Context&)>>> made;
  for (const Action& action : actions) {
    CLI::App* sub = app.add_subcommand(action.name, action.sentence);
    sub->fallthrough();
    made.emplace_back(sub, action.setup(*sub));
  }
  return [made](const Context& context) {
    const auto chosen =
        std::ranges::find_if(made, [](const auto& action) { return action.first->parsed(); });
    return chosen->second(context);
  };
}

}  // namespace vistas::app
