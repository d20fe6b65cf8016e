// vistas detect: training, measuring and using a detector.
#include <fmt/format.h>

#include <optional>

#include "vistas/app/dense.h"
#include "vistas/app/shared.h"
#include "vistas/base/error.h"
#include "vistas/look/boxes.h"
#include "vistas/look/table.h"
#include "vistas/look/text.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::app {
namespace {

constexpr auto kBoxes = learn::Modality::boxes;

struct DetectArguments {
  std::string run, data, out;
  vision::AnnotationOptions annotations;
  vision::DetectOptions detect;
  vision::FeatureOptions features{.batch = 8};
};

nlohmann::json to_json(const measure::DetectionScores& s, const std::vector<std::string>& names) {
  nlohmann::json json = {{"AP", score_or_null(s.ap)},
                         {"AP50", score_or_null(s.ap50)},
                         {"AP75", score_or_null(s.ap75)},
                         {"AP_small", score_or_null(s.ap_small)},
                         {"AP_medium", score_or_null(s.ap_medium)},
                         {"AP_large", score_or_null(s.ap_large)},
                         {"AR1", score_or_null(s.ar1)},
                         {"AR10", score_or_null(s.ar10)},
                         {"AR100", score_or_null(s.ar100)}};
  for (size_t c = 0; c < names.size(); ++c) {
    json["classes"][names[c]] = {{"AP", score_or_null(s.class_ap[c])},
                                 {"AP50", score_or_null(s.class_ap50[c])},
                                 {"AP75", score_or_null(s.class_ap75[c])},
                                 {"AR100", score_or_null(s.class_ar100[c])}};
  }
  return json;
}

look::Table table_of(const measure::DetectionScores& s, const std::vector<std::string>& names) {
  look::Table table({"class", "AP", "AP50", "AP75", "AR100"});
  table.add({"all", percent(s.ap), percent(s.ap50), percent(s.ap75), percent(s.ar100)}, true);
  for (size_t c = 0; c < names.size(); ++c) {
    table.add({names[c], percent(s.class_ap[c]), percent(s.class_ap50[c]), percent(s.class_ap75[c]),
               percent(s.class_ar100[c])});
  }
  return table;
}

int evaluate(const Context& context, DetectArguments& a) {
  const vision::DenseBundle bundle = vision::load_dense_bundle(a.run, kBoxes);
  if (a.annotations.split.empty()) a.annotations.split = measured_dense_split(kBoxes, a.data);
  const auto data = with_classes_of(
      bundle.options.class_names,
      recipe::open_dense_data(kBoxes, a.data, a.annotations, vision::options_for(bundle)));
  StatusLine status(context);
  const auto found = vision::detect(bundle, data.source, a.detect, a.features,
                                    counted_progress(status, "detecting"));
  status.clear();
  const auto scores = recipe::score_boxes(data, found);
  const auto& names = bundle.options.class_names;
  context.print(table_of(scores, names).str(context.color, context.width));
  const std::string how = fmt::format(
      "COCO's measures in per cent: {}, {}, split {}, {} pictures; small / medium / large AP "
      "{} / {} / {}; AR of 1 / 10 boxes {} / {}",
      a.data, data.layout(), data.split().empty() ? "whole" : data.split(), data.source->size(),
      percent(scores.ap_small), percent(scores.ap_medium), percent(scores.ap_large),
      percent(scores.ar1), percent(scores.ar10));
  context.print(how + "\n");
  print_problems(context, data);
  print_bad_images(context, found.bad);
  nlohmann::json json = to_json(scores, names);
  json["data"] = a.data;
  json["split"] = data.split();
  json["layout"] = data.layout();
  json["pictures"] = data.source->size();
  json["left_out"] = data.problems().count;
  add_bad_images(json, found.bad);
  const std::string kept = keep_result(a.run, "detection", json.dump(2) + "\n");
  if (!kept.empty()) context.print("kept in " + kept + "\n");
  context.write_json(json);
  return 0;
}

nlohmann::json boxes_json(const std::vector<measure::FoundBox>& boxes,
                          const std::vector<std::string>& names) {
  nlohmann::json list = nlohmann::json::array();
  for (const measure::FoundBox& b : boxes) {
    list.push_back({{"class", names[static_cast<size_t>(b.label)]},
                    {"score", b.score},
                    {"box", {b.left, b.top, b.right - b.left, b.bottom - b.top}}});
  }
  return list;
}

int run(const Context& context, const DetectArguments& a) {
  const vision::DenseBundle bundle = vision::load_dense_bundle(a.run, kBoxes);
  const std::shared_ptr<const vision::ImageSource> source =
      vision::open_source(a.data, vision::options_for(bundle));
  const auto& names = bundle.options.class_names;
  std::optional<OutputFiles> files;
  if (!a.out.empty() && !context.silent) files.emplace(a.out, a.data, *source);
  StatusLine status(context);
  const auto found =
      vision::detect(bundle, source, a.detect, a.features, counted_progress(status, "detecting"));
  status.clear();
  nlohmann::json json = {{"pictures", nlohmann::json::array()}};
  vision::Image storage;
  int64_t count = 0;
  for (const int64_t i : found.read) {
    const auto& boxes = found.boxes[static_cast<size_t>(i)];
    count += static_cast<int64_t>(boxes.size());
    json["pictures"].push_back({{"picture", source->name(i)}, {"boxes", boxes_json(boxes, names)}});
    if (!files) continue;
    std::vector<look::DrawnBox> drawn;
    for (const auto& b : boxes) {
      drawn.push_back({b.left, b.top, b.right, b.bottom, b.label, b.score});
    }
    vision::Box part;
    const auto picture = look::draw_boxes(source->read(i, nullptr, storage, part), drawn, names);
    vision::write_png(files->of(i), picture.view());
  }
  context.print(fmt::format("{} in {}{}\n", look::counted(count, "object"),
                            look::counted(static_cast<int64_t>(found.read.size()), "picture"),
                            a.out.empty() ? "" : ", drawn in " + a.out));
  print_bad_images(context, found.bad);
  add_bad_images(json, found.bad);
  context.write_json(json);
  return 0;
}

std::function<int(const Context&)> add_eval(CLI::App& app) {
  const auto a = std::make_shared<DetectArguments>();
  app.add_option("run", a->run, "a run of `vistas detect train`")->required()->type_name("RUN");
  app.add_option("--data", a->data, "pictures with boxes")->required()->type_name("DATA");
  app.add_option("--split", a->annotations.split, "what is measured [test, else val]");
  app.add_option("--on-bad-annotation", a->annotations.on_bad_annotation,
                 "leave it out and say so, or stop")
      ->capture_default_str()
      ->check(CLI::IsMember({"skip", "fail"}));
  add_fields(app, fields_of(a->detect), "Boxes");
  add_feature_options(app, a->features);
  return [a](const Context& context) { return evaluate(context, *a); };
}

std::function<int(const Context&)> add_run(CLI::App& app) {
  const auto a = std::make_shared<DetectArguments>();
  a->detect.score = 0.4;
  app.add_option("run", a->run, "a run of `vistas detect train`")->required()->type_name("RUN");
  app.add_option("pictures", a->data, "a picture, or a folder of them")
      ->required()
      ->type_name("PICTURES");
  app.add_option("-o,--out", a->out, "the picture with its boxes; for several a folder")
      ->type_name("FILE|FOLDER");
  add_fields(app, fields_of(a->detect), "Boxes");
  add_feature_options(app, a->features);
  return [a](const Context& context) { return run(context, *a); };
}

}  // namespace

Command detect_command() {
  return {"detect",
          "Trains a detector on pictures with boxes, measures it, and finds objects with it.",
          {"vistas detect train scratch --data boxed/ --out runs/det --epochs 2",
           "vistas detect eval runs/det --data boxed/ --split val",
           "vistas detect run runs/det query.png -o boxes.png --json -"},
          [](CLI::App& app) {
            return add_actions(app,
                               {{"train", "Trains a detector (FCOS) on a backbone.",
                                 [](CLI::App& sub) { return add_dense_train(sub, kBoxes); }},
                                {"eval", "Measures a detector with COCO's measures.", add_eval},
                                {"run", "Finds the objects in pictures.", add_run}});
          },
          /*shares=*/true};
}

}  // namespace vistas::app
