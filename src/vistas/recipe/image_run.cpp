#include "vistas/recipe/image_run.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/measure/knn.h"
#include "vistas/measure/labels.h"
#include "vistas/measure/splits.h"
#include "vistas/vision/tasks/bundle.h"
#include "vistas/vision/tasks/features.h"
#include "vistas/vision/tasks/image_batches.h"

namespace vistas::recipe {
namespace {

constexpr int64_t kScorePictures = 5000;  // the online score is a trend, not a result
constexpr int64_t kScoreNeighbours = 20;
constexpr double kHeldOut = 0.2;

// kNN accuracy on a fifth of some labelled pictures against the others; none without two pictures
// of a class.
std::function<double(learn::Encoder&)> online_score(
    const ImageConfig& config, const std::shared_ptr<vision::ImageEncoder>& encoder,
    const std::shared_ptr<const vision::ImageSource>& source) {
  if (source->class_names().size() < 2) return nullptr;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < source->size(); ++i) labels.push_back(source->label(i));
  const auto seed = static_cast<uint64_t>(config.train.seed);
  const auto share =
      std::min(1.0, static_cast<double>(kScorePictures) / static_cast<double>(source->size()));
  const auto drawn = measure::draw_labels(labels, {.fraction = share}, seed);
  std::vector<int64_t> drawn_labels;
  for (const int64_t i : drawn) drawn_labels.push_back(labels[static_cast<size_t>(i)]);
  if (measure::stratified_split(drawn_labels, kHeldOut, seed).test.empty()) return nullptr;
  const std::shared_ptr<const vision::ImageSource> pictures = vision::subset(source, drawn);
  const vision::Bundle bundle{config.encoder, encoder, config.preprocess()};
  vision::FeatureOptions options;
  options.device = config.train.device;
  options.precision = config.train.precision;
  const auto classes = static_cast<int64_t>(source->class_names().size());
  return [=](learn::Encoder&) {
    const auto features = vision::extract_features(bundle, pictures, options);
    std::vector<int64_t> kept;
    for (const int64_t sample : features.samples) kept.push_back(pictures->label(sample));
    const auto split = measure::stratified_split(kept, kHeldOut, seed);
    const auto rows = [](const at::Tensor& t, const std::vector<int64_t>& r) {
      return t.index_select(0, at::tensor(r));
    };
    const at::Tensor all = at::tensor(kept);
    measure::KnnOptions knn;
    knn.k = {kScoreNeighbours};
    const auto result =
        measure::knn_classify(rows(features.values, split.train), rows(all, split.train),
                              rows(features.values, split.test), classes, knn);
    return measure::accuracy(result.front().predicted, rows(all, split.test));
  };
}

std::shared_ptr<const vision::ImageSource> open_pictures(const ImageConfig& config) {
  if (config.data.path.empty()) {
    throw Error(ErrorKind::usage, {.what = "data.path is empty",
                                   .fix = "Say where the pictures are: --data photos/"});
  }
  return vision::open_source(config.data.path, config.data.source);
}

// Settings that were left to the data: channels and size of the encoder's pictures.
void settle(ImageConfig& config, const std::shared_ptr<const vision::ImageSource>& source) {
  if (config.encoder.channels == 0) {
    vision::Image storage;
    const vision::SampleReader reader(source, config.data.source.on_bad_image);
    config.encoder.channels = reader.read(0, {}, storage).view.channels;
  }
  if (config.encoder.image_size == 0) {
    config.encoder.image_size = config.views().views.front().height;
  }
}

}  // namespace

Value suitable_image_settings(const ImageConfig& wanted) {
  const auto opened = open_pictures(wanted);
  const vision::ImageSource& source = *opened;
  const MethodEntry& method = method_named(wanted.method_name, "method");
  const int64_t n = source.size();
  std::vector<int> sides;
  std::string problem;
  bool coloured = true;  // views that change colours know grey and RGB
  for (int64_t i = 0; i < std::min<int64_t>(n, 64); ++i) {
    try {
      const auto info = source.info(i * n / std::min<int64_t>(n, 64));
      sides.push_back(std::min(info.height, info.width));
      coloured = coloured && (info.channels == 1 || info.channels == 3);
    } catch (const Error& error) {
      problem = error.what();  // data.on_bad_image is for training to obey
    }
  }
  if (sides.empty()) {
    throw Error(ErrorKind::data,
                {.what = source.where() + ": none of the pictures can be read", .got = problem});
  }
  std::nth_element(sides.begin(), sides.begin() + static_cast<std::ptrdiff_t>(sides.size() / 2),
                   sides.end());
  const int side = sides[sides.size() / 2];
  const int size = side <= 40 ? 32 : side <= 80 ? 64 : side <= 160 ? 96 : 128;
  const int64_t batch = std::clamp<int64_t>(
      int64_t{1} << static_cast<int>(std::log2(std::max<double>(1, static_cast<double>(n) / 4))), 2,
      128);
  // As many pictures in all as take minutes to hours on a small machine.
  const int64_t epochs = std::clamp<int64_t>(300'000 / n, 5, 200);
  Value settings =
      parse_toml(fmt::format(R"([views]
recipe = "{}"
size = {}
strength = {}
[encoder]
name = "resnet18"
stem = "{}"
width = {}
[method]
name = "{}"
[optimizer]
name = "sgd"
momentum = 0.9
weight_decay = 5e-4
[schedule]
lr = 0.2
lr_scaling = "linear"
[train]
batch = {}
epochs = {}
score_every = {}
)",
                             coloured ? method.views : "light", size, size <= 32 ? 0.5 : 1.0,
                             size <= 64 ? "cifar" : "imagenet", size <= 64 ? 16 : 32, method.name,
                             batch, epochs, std::max<int64_t>(1, epochs / 10)),
                 "the settings for this data");
  merge_into(settings, parse_toml(method.settings, "the settings for " + method.name));
  // A queue holds no more than a quarter of the data: else samples meet their own old embeddings.
  const auto choice = method.choose();
  const Fields fields = fields_of(*choice);
  for (const Field& field : fields.all()) {
    if (field.name != "queue") continue;
    const auto queue = std::min(std::get<int64_t>(field.get().data), std::max<int64_t>(1, n / 4));
    merge_into(settings, parse_assignment(fmt::format("method.queue={}", queue)));
  }
  return settings;
}

ImageTraining::ImageTraining(ImageConfig& config)
    : config_(config), source_(open_pictures(config)) {
  settle(config, source_);
}

std::vector<std::pair<std::string, std::string>> ImageTraining::summary() const {
  const vision::ViewRecipe views = config_.views();
  return {{"data", fmt::format("{} ({} pictures)", config_.data.path, size())},
          {"views", fmt::format("{}, {} a picture, {} px", config_.view_options.recipe,
                                views.view_count(), views.views.front().height)},
          {"encoder", config_.encoder.name}};
}

learn::TrainParts ImageTraining::parts() {
  const auto seed = static_cast<uint64_t>(config_.train.seed);
  batches_ = std::make_shared<vision::ImageBatches>(
      source_, config_.views(), config_.data.source.on_bad_image, seed, config_.data.views_of);
  if (config_.regions.from != "none") {
    vision::PictureRegionOptions regions = config_.regions;
    const Value most = config_.setting("method.regions");
    if (const auto* count = std::get_if<int64_t>(&most.data)) regions.most = *count;
    batches_->add_regions(std::make_shared<vision::PictureRegions>(source_, regions));
  }
  learn::TrainParts parts;
  parts.method = config_.method->build(
      [&](uint64_t s) { return vision::make_encoder(config_.encoder, s); }, seed);
  parts.data = batches_;
  parts.train = config_.train;
  parts.optimizer = config_.optimizer;
  parts.schedule = config_.schedule;
  parts.encoder_files = {
      {"encoder.json", vision::bundle_json(config_.encoder, config_.preprocess())}};
  if (config_.train.score_every > 0) {
    const auto encoder = std::dynamic_pointer_cast<vision::ImageEncoder>(parts.method->encoder());
    parts.score = online_score(config_, encoder, source_);
    parts.score_name = "online kNN";
  }
  return parts;
}

LeftOut ImageTraining::left_out() const {
  const vision::BadImages bad = batches_->bad_images();
  return {.name = "bad_images", .count = bad.count, .first = bad.first, .summary = bad.summary()};
}

void ImageTraining::write_files(const RunFolder& run) const {
  write_file_atomic(run.path() / "views.toml", vision::to_toml(config_.views()));
}

}  // namespace vistas::recipe
