#include "vistas/recipe/dense_config.h"

#include "vistas/recipe/dense_run.h"

namespace vistas::recipe {

void DenseDataOptions::fields(Fields& f) {
  f.add("modality", modality, "what the samples are", kModalities);
  f.add("path", path, "the annotated data set, its layout told by its content");
  annotations.fields(f);
  f.add("on_bad_image", on_bad_image, "a picture that cannot be read: take the next, or stop",
        {"skip", "fail"});
  f.add("cache_mb", cache_mb, "decoded pictures kept in memory", {0, 1e9});
  f.add("labels", labels,
        "share of the pictures that is learned from (\"10%\"), or pictures with every class "
        "(\"20\")");
  f.add("labels_seed", labels_seed, "which pictures those are", {0, 1e18});
  f.add("min_visible", min_visible,
        "boxes: an object of which the view shows less is not learned, nor its absence", {0, 1});
}

void DenseViewOptions::fields(Fields& f) {
  f.add("height", height, "of the view in pixels", {32, 8192});
  f.add("width", width, "of the view in pixels", {32, 8192});
  f.add("scale", scale, "of the picture in the view, drawn evenly; 1: as large as fits",
        {0.05, 20});
  f.add("hflip", hflip, "probability that a view is mirrored left to right", {0, 1});
  f.add("vflip", vflip, "probability that a view is turned upside down", {0, 1});
  f.add("colour", colour, "strength of the change of brightness, contrast and saturation", {0, 2});
}

namespace {

Value number(double x) {
  return Value{.data = x};
}

vision::ViewSpec empty_view(const DenseViewOptions& o, const vision::ViewSpec& like) {
  return {.height = static_cast<int>(o.height),
          .width = static_cast<int>(o.width),
          .mean = like.mean,
          .std = like.std};
}

}  // namespace

vision::ViewRecipe DenseViewOptions::training(const vision::ViewSpec& like) const {
  vision::ViewSpec spec = empty_view(*this, like);
  ValueList range;
  for (const double x : scale) range.push_back(number(x));
  spec.ops = {
      {"scale_jitter", 1.0, {{"scale", Value{.data = range}}}}, {"hflip", hflip}, {"vflip", vflip}};
  if (colour > 0) {
    spec.ops.push_back({"color_jitter",
                        0.8,
                        {{"brightness", number(colour)},
                         {"contrast", number(colour)},
                         {"saturation", number(colour)},
                         {"hue", number(colour / 10)}}});
  }
  return {{spec}};
}

vision::ViewRecipe DenseViewOptions::preprocess(const vision::ViewSpec& like) const {
  vision::ViewSpec spec = empty_view(*this, like);
  spec.ops = {{"letterbox"}};
  return {{spec}};
}

void DenseEncoderOptions::fields(Fields& f) {
  network.fields(f);
  f.add("start", start,
        "a run, checkpoint or bundle whose encoder is the backbone, with its architecture; empty: "
        "from nothing");
  f.add("frozen", frozen, "the backbone keeps its weights: only pyramid and head learn");
}

DenseConfig::DenseConfig(const Value& values) : Config(values) {
  data.modality = text_at(values, "data", "modality", "boxes");
  if (method_name.empty()) method_name = boxes() ? "fcos" : "segmentation";
  const MethodEntry& entry = method_named(method_name, "method");
  if (!entry.views.empty()) throw not_for("pictures with boxes or masks", entry.name);
  method = entry.choose();
  fields().set_all(values);
}

void DenseConfig::own_fields(Fields& f) {
  f.group("data", data);
  f.group("views", views);
  f.group("encoder", encoder);
  f.group("head", head);
}

void DenseConfig::settle_as(const Config& settled) {
  const auto* other = dynamic_cast<const DenseConfig*>(&settled);
  // The architecture of what a run began with counts, whatever is set beside it.
  if (other != nullptr && !encoder.start.empty()) encoder.network = other->encoder.network;
}

std::unique_ptr<Training> DenseConfig::open() {
  return std::make_unique<DenseTraining>(*this);
}

}  // namespace vistas::recipe
