#include "vistas/recipe/dense_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/learn/tensors.h"
#include "vistas/measure/splits.h"
#include "vistas/recipe/eval_rows.h"

namespace vistas::recipe {

namespace {

learn::Modality modality_of(const DenseConfig& config) {
  return config.boxes() ? learn::Modality::boxes : learn::Modality::masks;
}

vision::SourceOptions source_options(const DenseConfig& config, int64_t channels) {
  vision::SourceOptions options;
  options.channels = channels == 1 ? "grey" : channels == 3 ? "rgb" : "keep";
  options.on_bad_image = config.data.on_bad_image;
  options.cache_mb = config.data.cache_mb;
  return options;
}

// The classes that each picture shows; none for a mask that cannot be read, if it is to be skipped.
std::vector<std::vector<int64_t>> classes_shown(const DenseData& data, bool skip_bad) {
  std::vector<std::vector<int64_t>> shown;
  const auto add = [&](std::vector<int64_t> classes) {
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    shown.push_back(std::move(classes));
  };
  if (const auto* boxed = std::get_if<vision::BoxedPictures>(&data.truth)) {
    for (const auto& boxes : boxed->boxes) {
      std::vector<int64_t> classes;
      for (const vision::ObjectBox& box : boxes) classes.push_back(box.label);
      add(std::move(classes));
    }
    return shown;
  }
  const auto& masked = std::get<vision::MaskedPictures>(data.truth);
  vision::Image mask;
  for (const auto& file : masked.masks) {
    try {
      vision::read_mask(file, mask);
    } catch (const Error& error) {
      if (!skip_bad || error.kind() != ErrorKind::data) throw;
      add({});
      continue;
    }
    std::vector<bool> seen(256);
    for (size_t i = 0; i < mask.size_bytes(); ++i) seen[mask.row<uint8_t>(0)[i]] = true;
    std::vector<int64_t> classes;
    for (int64_t c = 0; c < static_cast<int64_t>(masked.class_names.size()); ++c) {
      if (seen[static_cast<size_t>(c)] && c != masked.ignore) classes.push_back(c);
    }
    add(std::move(classes));
  }
  return shown;
}

template <class T>
std::vector<T> pick(const std::vector<T>& from, const std::vector<int64_t>& rows) {
  std::vector<T> out;
  for (const int64_t i : rows) out.push_back(from[static_cast<size_t>(i)]);
  return out;
}

DenseData drawn(const DenseData& all, const DenseConfig& config) {
  const measure::LabelShare share = measure::parse_label_share(config.data.labels);
  if (share.per_class == 0 && share.fraction == 1) return all;
  std::vector<std::string> names = all.class_names();
  auto shown = classes_shown(all, config.data.annotations.on_bad_annotation == "skip");
  const auto* masked = std::get_if<vision::MaskedPictures>(&all.truth);
  if (masked != nullptr && masked->ignore < static_cast<int64_t>(names.size())) {
    // What does not count has a number among the classes, but no labels are asked of it.
    names.erase(names.begin() + masked->ignore);
    for (auto& classes : shown) {
      for (int64_t& c : classes) c -= c > masked->ignore ? 1 : 0;
    }
  }
  return subset(all, measure::draw_samples(shown, static_cast<int64_t>(names.size()), share,
                                           static_cast<uint64_t>(config.data.labels_seed), names));
}

}  // namespace

const std::vector<std::string>& DenseData::class_names() const {
  return std::visit(
      [](const auto& t) -> const auto& { return t.class_names; }, truth);
}
const vision::AnnotationProblems& DenseData::problems() const {
  return std::visit(
      [](const auto& t) -> const auto& { return t.problems; }, truth);
}
const std::string& DenseData::layout() const {
  return std::visit(
      [](const auto& t) -> const auto& { return t.layout; }, truth);
}
const std::string& DenseData::split() const {
  return std::visit(
      [](const auto& t) -> const auto& { return t.split; }, truth);
}

DenseData open_dense_data(learn::Modality modality, const std::string& path,
                          const vision::AnnotationOptions& annotations,
                          const vision::SourceOptions& source) {
  if (path.empty()) {
    throw Error(ErrorKind::usage, {.what = "data.path is empty",
                                   .fix = "Say where the annotated pictures are: --data photos/"});
  }
  DenseData data;
  if (modality == learn::Modality::boxes) {
    data.truth = vision::read_boxes(path, annotations);
  } else {
    data.truth = vision::read_mask_list(path, annotations);
  }
  const auto& pictures = std::visit(
      [](const auto& t) -> const auto& { return t.pictures; }, data.truth);
  data.source = vision::open_files(pictures, source);
  return data;
}

DenseData subset(const DenseData& data, const std::vector<int64_t>& rows) {
  DenseData out = data;
  out.source = vision::subset(data.source, rows);
  if (auto* boxed = std::get_if<vision::BoxedPictures>(&out.truth)) {
    boxed->pictures = pick(boxed->pictures, rows);
    boxed->boxes = pick(boxed->boxes, rows);
  } else {
    auto& masked = std::get<vision::MaskedPictures>(out.truth);
    masked.pictures = pick(masked.pictures, rows);
    masked.masks = pick(masked.masks, rows);
  }
  return out;
}

measure::DetectionScores score_boxes(const DenseData& data, const vision::Detections& found) {
  const auto& boxed = std::get<vision::BoxedPictures>(data.truth);
  std::vector<std::vector<measure::TrueBox>> truth;
  for (const auto& boxes : boxed.boxes) {
    auto& of_picture = truth.emplace_back();
    for (const vision::ObjectBox& b : boxes) {
      of_picture.push_back({.left = b.left,
                            .top = b.top,
                            .right = b.right,
                            .bottom = b.bottom,
                            .label = b.label,
                            .crowd = b.crowd,
                            .ignored = b.difficult});
    }
  }
  return measure::detection_scores(found.boxes, truth,
                                   static_cast<int64_t>(boxed.class_names.size()));
}

MaskScores score_masks(const vision::DenseBundle& bundle, const DenseData& data,
                       const vision::FeatureOptions& features,
                       const vision::FeatureProgress& progress) {
  const auto& masked = std::get<vision::MaskedPictures>(data.truth);
  measure::ConfusionMatrix matrix(static_cast<int64_t>(masked.class_names.size()),
                                  vision::kIgnored);
  vision::Image truth;
  MaskScores out;
  const vision::BadImages pictures = vision::segment(
      bundle, data.source, features,
      [&](int64_t sample, const vision::Image& mask) {
        try {
          vision::read_class_mask(masked, sample, {mask.height(), mask.width()}, truth);
        } catch (const Error& error) {
          if (features.on_bad_image == "fail" || error.kind() != ErrorKind::data) throw;
          out.bad.add({.count = 1, .first = {error.what()}});
          return;
        }
        const size_t n = mask.size_bytes();
        matrix.add({truth.row<uint8_t>(0), n}, {mask.row<uint8_t>(0), n});
      },
      progress);
  out.bad.add(pictures);
  out.scores = matrix.scores();
  return out;
}

DenseTraining::DenseTraining(DenseConfig& config) : config_(config) {
  if (!config.encoder.start.empty()) {
    start_ = vision::load_bundle(vision::find_bundle(config.encoder.start));
    config.encoder.network = start_->options;
  }
  data_ = drawn(open_dense_data(modality_of(config), config.data.path, config.data.annotations,
                                source_options(config, config.encoder.network.channels)),
                config);
}

uint64_t DenseTraining::fingerprint() const {
  uint64_t hash = vision::fingerprint(*data_.source);
  const auto add = [&](double x) { hash = mix(hash, std::hash<double>{}(x)); };
  if (const auto* boxed = std::get_if<vision::BoxedPictures>(&data_.truth)) {
    for (const auto& boxes : boxed->boxes) {
      for (const vision::ObjectBox& b : boxes) {
        for (const double x : {b.left, b.top, b.right, b.bottom}) add(x);
        add(static_cast<double>(b.label));
        add((b.crowd ? 1 : 0) + (b.difficult ? 2 : 0));
      }
    }
    return hash;
  }
  for (const auto& file : std::get<vision::MaskedPictures>(data_.truth).masks) {
    std::error_code ignored;
    add(static_cast<double>(std::filesystem::file_size(file, ignored)));
  }
  return hash;
}

std::vector<std::pair<std::string, std::string>> DenseTraining::summary() const {
  const size_t classes = data_.class_names().size();
  std::string what = fmt::format("{} ({}, split {}, {} pictures", config_.data.path, data_.layout(),
                                 data_.split(), size());
  if (config_.data.labels != "100%") what += fmt::format(", {} of the labels", config_.data.labels);
  if (const auto* boxed = std::get_if<vision::BoxedPictures>(&data_.truth)) {
    size_t boxes = 0;
    for (const auto& of_picture : boxed->boxes) boxes += of_picture.size();
    what += fmt::format(", {} boxes", boxes);
  }
  std::string backbone = config_.encoder.network.name;
  backbone += config_.encoder.start.empty() ? " from nothing" : " of " + config_.encoder.start;
  if (config_.encoder.frozen) backbone += ", frozen";
  return {{"data", fmt::format("{}, {} classes)", what, classes)},
          {"views", fmt::format("{} x {} px", config_.views.width, config_.views.height)},
          {"backbone", backbone}};
}

vision::DenseOptions DenseTraining::network_options() const {
  return {modality_of(config_), config_.encoder.network, config_.head, data_.class_names()};
}

std::shared_ptr<vision::DenseNetwork> DenseTraining::make_network(uint64_t seed) const {
  const auto network = vision::make_dense_network(network_options(), seed);
  if (start_) {
    const at::NoGradGuard no_grad;
    const auto from = learn::named_tensors(*start_->encoder);
    const auto to = learn::named_tensors(*network->backbone());
    for (size_t i = 0; i < to.size(); ++i) to[i].second.copy_(from[i].second);
  }
  if (config_.encoder.frozen) network->freeze_backbone();
  return network;
}

namespace {

vision::ViewSpec channels_of(const std::optional<vision::Bundle>& start) {
  return start ? start->preprocess.views.front() : vision::ViewSpec{};
}

}  // namespace

std::shared_ptr<const learn::BatchMaker> DenseTraining::make_batches(uint64_t seed) {
  vision::PlacedViews views(data_.source, config_.views.training(channels_of(start_)),
                            config_.data.on_bad_image, seed);
  if (config_.boxes()) {
    const auto batches = std::make_shared<vision::BoxBatches>(
        std::move(views), std::get<vision::BoxedPictures>(data_.truth).boxes,
        config_.data.min_visible);
    bad_images_ = [batches] { return batches->bad_images(); };
    return batches;
  }
  const auto batches = std::make_shared<vision::MaskBatches>(
      std::move(views), std::get<vision::MaskedPictures>(data_.truth),
      config_.data.annotations.on_bad_annotation);
  bad_images_ = [batches] { return batches->bad_images(); };
  return batches;
}

std::function<double(learn::Encoder&)> DenseTraining::online_score(
    const std::shared_ptr<vision::DenseNetwork>& network) const {
  const learn::Modality modality = modality_of(config_);
  const auto splits = modality == learn::Modality::boxes ? vision::box_splits(config_.data.path)
                                                         : vision::mask_splits(config_.data.path);
  if (!is_among(splits, "val") || data_.split() == "val") return nullptr;
  vision::AnnotationOptions annotations = config_.data.annotations;
  annotations.split = "val";
  const auto data = std::make_shared<DenseData>(
      open_dense_data(modality, config_.data.path, annotations,
                      source_options(config_, config_.encoder.network.channels)));
  vision::FeatureOptions features;
  features.batch = config_.train.batch;
  features.device = config_.train.device;
  features.precision = config_.train.precision;
  features.on_bad_image = config_.data.on_bad_image;
  const vision::DenseBundle used = bundle(network);
  return [=](learn::Encoder&) {
    if (modality == learn::Modality::masks) {
      return std::max(0.0, score_masks(used, *data, features).scores.miou);
    }
    const auto found = vision::detect(used, data->source, {}, features);
    return std::max(0.0, score_boxes(*data, found).ap50);
  };
}

vision::DenseBundle DenseTraining::bundle(const std::shared_ptr<learn::Encoder>& network) const {
  return {network_options(), std::dynamic_pointer_cast<vision::DenseNetwork>(network),
          config_.views.preprocess(channels_of(start_))};
}

learn::TrainParts DenseTraining::parts() {
  const auto seed = static_cast<uint64_t>(config_.train.seed);
  const auto network = make_network(seed);
  learn::TrainParts parts;
  parts.method = config_.method->build([&](uint64_t) { return network; }, seed);
  parts.data = make_batches(seed);
  parts.train = config_.train;
  parts.optimizer = config_.optimizer;
  parts.schedule = config_.schedule;
  parts.encoder_files = {
      {"encoder.json", vision::dense_bundle_json(network_options(),
                                                 config_.views.preprocess(channels_of(start_)))}};
  if (config_.train.score_every > 0) {
    parts.score = online_score(network);
    parts.score_name = config_.boxes() ? "AP50 of the split val" : "mIoU of the split val";
  }
  return parts;
}

LeftOut DenseTraining::left_out() const {
  const vision::BadImages bad = bad_images_();
  const vision::AnnotationProblems& problems = data_.problems();
  LeftOut out{.name = "bad_samples", .count = bad.count + problems.count, .first = problems.first};
  out.first.insert(out.first.end(), bad.first.begin(), bad.first.end());
  out.summary = problems.summary();
  if (!bad.summary().empty()) {
    out.summary += (out.summary.empty() ? "" : "\n") + bad.summary();
  }
  return out;
}

std::vector<std::string> DenseTraining::uses() const {
  if (config_.boxes()) {
    return {"detect eval RUN --data ANNOTATED", "detect run RUN photo.jpg -o boxes.png"};
  }
  return {"segment eval RUN --data ANNOTATED", "segment run RUN photo.jpg -o mask.png"};
}

void DenseTraining::write_files(const RunFolder& run) const {
  write_file_atomic(run.path() / "views.toml",
                    vision::to_toml(config_.views.training(channels_of(start_))));
}

namespace {

// A size that divides well, near to the picture's in its proportions, its long side at most `most`.
std::pair<int64_t, int64_t> view_size(int height, int width, int most) {
  const double scale = std::min(1.0, static_cast<double>(most) / std::max(height, width));
  const auto rounded = [&](int n) {
    return std::max<int64_t>(32, std::lround(std::ceil(n * scale / 32)) * 32);
  };
  return {rounded(height), rounded(width)};
}

}  // namespace

Value suitable_dense_settings(const DenseConfig& wanted) {
  const DenseData data = open_dense_data(modality_of(wanted), wanted.data.path,
                                         wanted.data.annotations, source_options(wanted, 3));
  const int64_t all = data.source->size();
  std::vector<std::pair<int, int>> sizes;
  for (int64_t i = 0; i < std::min<int64_t>(all, 64); ++i) {
    try {
      const auto info = data.source->info(i * all / std::min<int64_t>(all, 64));
      sizes.emplace_back(info.height, info.width);
    } catch (const Error&) {
      // data.on_bad_image is for training to obey.
    }
  }
  if (sizes.empty()) {
    throw Error(ErrorKind::data,
                {.what = data.source->where() + ": none of the pictures can be read"});
  }
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2),
                   sizes.end());
  const auto [height, width] = sizes[sizes.size() / 2];
  const auto [view_height, view_width] = view_size(height, width, 320);
  const auto share = measure::parse_label_share(wanted.data.labels);
  const auto n = share.per_class > 0
                     ? share.per_class * static_cast<int64_t>(data.class_names().size())
                     : std::llround(share.fraction * static_cast<double>(all));
  const int64_t batch = std::clamp<int64_t>(n / 4, 2, 8);
  // As many pictures in all as take some minutes of a small machine; few labels are seen more
  // often.
  const int64_t epochs = std::clamp<int64_t>(12'000 / std::max<int64_t>(n, 1), 4, 600);
  return parse_toml(
      fmt::format(R"([data]
modality = "{}"
[views]
height = {}
width = {}
[optimizer]
name = "adamw"
weight_decay = 0.05
[schedule]
lr = 1e-3
lr_scaling = "none"
warmup_epochs = {}
[train]
batch = {}
epochs = {}
score_every = {}
)",
                  wanted.data.modality, view_height, view_width, std::max<int64_t>(1, epochs / 20),
                  batch, epochs, std::max<int64_t>(1, epochs / 10)),
      "the settings for this data");
}

}  // namespace vistas::recipe
