// vistas segment: training, measuring and using a segmenter.
#include <fmt/format.h>

#include <optional>

#include "vistas/app/dense.h"
#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/look/masks.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::app {
namespace {

constexpr auto kMasks = learn::Modality::masks;

struct SegmentArguments {
  std::string run, data, out, indices;
  vision::AnnotationOptions annotations;
  vision::FeatureOptions features{.batch = 8};
};

int evaluate(const Context& context, SegmentArguments& a) {
  const vision::DenseBundle bundle = vision::load_dense_bundle(a.run, kMasks);
  if (a.annotations.split.empty()) a.annotations.split = measured_dense_split(kMasks, a.data);
  const auto& names = bundle.options.class_names;
  const auto data = with_classes_of(
      names, recipe::open_dense_data(kMasks, a.data, a.annotations, vision::options_for(bundle)));
  StatusLine status(context);
  const auto result =
      recipe::score_masks(bundle, data, a.features, counted_progress(status, "segmenting"));
  status.clear();
  const measure::SegmentationScores& s = result.scores;
  look::Table table({"class", "IoU", "accuracy"});
  table.add({"all (mean)", percent(s.miou), percent(s.mean_class_accuracy)}, true);
  nlohmann::json json = {{"mIoU", score_or_null(s.miou)},
                         {"pixel_accuracy", score_or_null(s.pixel_accuracy)},
                         {"mean_class_accuracy", score_or_null(s.mean_class_accuracy)}};
  for (size_t c = 0; c < names.size(); ++c) {
    table.add({names[c], percent(s.class_iou[c]), percent(s.class_accuracy[c])});
    json["classes"][names[c]] = {{"IoU", score_or_null(s.class_iou[c])},
                                 {"accuracy", score_or_null(s.class_accuracy[c])}};
  }
  const int64_t ignore = std::get<vision::MaskedPictures>(data.truth).ignore;
  context.print(table.str(context.color, context.width));
  context.print(
      fmt::format("in per cent: {}, split {}, {} pictures; pixel accuracy {}; pixels of index {} "
                  "do not count\n",
                  a.data, data.split().empty() ? "whole" : data.split(), data.source->size(),
                  percent(s.pixel_accuracy), ignore));
  print_problems(context, data);
  print_bad_images(context, result.bad);
  json["data"] = a.data;
  json["split"] = data.split();
  json["layout"] = data.layout();
  json["pictures"] = data.source->size();
  json["ignored_index"] = ignore;
  json["left_out"] = data.problems().count;
  add_bad_images(json, result.bad);
  const std::string kept = keep_result(a.run, "segmentation", json.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(json);
  return 0;
}

// The share of its pixels that each class has.
nlohmann::json shares(const vision::Image& mask, const std::vector<std::string>& names) {
  std::vector<int64_t> counts(names.size());
  for (size_t i = 0; i < mask.size_bytes(); ++i) ++counts[mask.row<uint8_t>(0)[i]];
  nlohmann::json json = nlohmann::json::object();
  for (size_t c = 0; c < names.size(); ++c) {
    if (counts[c] > 0) {
      json[names[c]] = static_cast<double>(counts[c]) / static_cast<double>(mask.size_bytes());
    }
  }
  return json;
}

int run(const Context& context, const SegmentArguments& a) {
  const vision::DenseBundle bundle = vision::load_dense_bundle(a.run, kMasks);
  const std::shared_ptr<const vision::ImageSource> source =
      vision::open_source(a.data, vision::options_for(bundle));
  const auto& names = bundle.options.class_names;
  std::optional<OutputFiles> files, indices;
  if (!a.out.empty() && !context.silent) files.emplace(a.out, a.data, *source);
  if (!a.indices.empty() && !context.silent) indices.emplace(a.indices, a.data, *source);
  nlohmann::json json = {{"pictures", nlohmann::json::array()}};
  StatusLine status(context);
  vision::Image storage;
  const auto bad = vision::segment(
      bundle, source, a.features,
      [&](int64_t i, const vision::Image& mask) {
        const std::string name = source->name(i);
        json["pictures"].push_back({{"picture", name}, {"classes", shares(mask, names)}});
        if (indices) vision::write_png(indices->of(i), mask.view());
        if (!files) return;
        vision::Box part;
        const auto picture =
            look::draw_mask(source->read(i, nullptr, storage, part), mask.view(), names);
        vision::write_png(files->of(i), picture.view());
      },
      counted_progress(status, "segmenting"));
  status.clear();
  const auto made = static_cast<int64_t>(json["pictures"].size());
  context.print(fmt::format("{} segmented{}{}\n", look::counted(made, "picture"),
                            a.out.empty() ? "" : ", drawn in " + a.out,
                            a.indices.empty() ? "" : ", classes in " + a.indices));
  print_bad_images(context, bad);
  add_bad_images(json, bad);
  context.write_json(json);
  return 0;
}

std::function<int(const Context&)> add_eval(CLI::App& app) {
  const auto a = std::make_shared<SegmentArguments>();
  app.add_option("run", a->run, "a run of `vistas segment train`")->required()->type_name("RUN");
  app.add_option("--data", a->data, "pictures with masks")->required()->type_name("DATA");
  app.add_option("--split", a->annotations.split, "what is measured [test, else val]");
  app.add_option("--on-bad-annotation", a->annotations.on_bad_annotation,
                 "leave it out and say so, or stop")
      ->capture_default_str()
      ->check(CLI::IsMember({"skip", "fail"}));
  add_feature_options(app, a->features);
  return [a](const Context& context) { return evaluate(context, *a); };
}

std::function<int(const Context&)> add_run(CLI::App& app) {
  const auto a = std::make_shared<SegmentArguments>();
  app.add_option("run", a->run, "a run of `vistas segment train`")->required()->type_name("RUN");
  app.add_option("pictures", a->data, "a picture, or a folder of them")
      ->required()
      ->type_name("PICTURES");
  app.add_option("-o,--out", a->out,
                 "the picture under the colours of its classes; for several a folder")
      ->type_name("FILE|FOLDER");
  app.add_option("--indices", a->indices,
                 "a grey PNG with the number of the class of every pixel; for several a folder")
      ->type_name("FILE|FOLDER");
  add_feature_options(app, a->features);
  return [a](const Context& context) { return run(context, *a); };
}

}  // namespace

Command segment_command() {
  return {"segment",
          "Trains a segmenter on pictures with masks, measures it, and finds classes with it.",
          {"vistas segment train scratch --data masked/ --out runs/seg --epochs 2",
           "vistas segment eval runs/seg --data masked/ --split val",
           "vistas segment run runs/seg query.png -o mask.png --json -"},
          [](CLI::App& app) {
            return add_actions(app,
                               {{"train", "Trains a segmenter on a backbone.",
                                 [](CLI::App& sub) { return add_dense_train(sub, kMasks); }},
                                {"eval", "Measures a segmenter by mIoU and accuracy.", add_eval},
                                {"run", "Finds the class of every pixel of pictures.", add_run}});
          },
          /*shares=*/true};
}

}  // namespace vistas::app
