// Training detectors and segmenters on data sets that the test writes.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>

#include "support/errors.h"
#include "support/processes.h"
#include "support/temp_folder.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/learn/tensors.h"
#include "vistas/recipe/dense_config.h"
#include "vistas/recipe/dense_run.h"
#include "vistas/recipe/run_files.h"
#include "vistas/vision/sources/encode.h"

namespace fs = std::filesystem;

namespace vistas::recipe {
namespace {

using test::expect_error;
using test::TempFolder;

// A square of a class' colour on grey.
struct Drawn {
  vision::Image picture{64, 64, 3}, mask{64, 64, 1};
  int left = 0, top = 0, side = 0;
};

Drawn draw(int64_t label, uint64_t seed) {
  Draws draws({seed, 0, 0, 0});
  Drawn d;
  d.side = static_cast<int>(16 + draws.below(20));
  d.left = static_cast<int>(draws.below(64 - d.side));
  d.top = static_cast<int>(draws.below(64 - d.side));
  std::fill_n(d.picture.row<uint8_t>(0), d.picture.size_bytes(), uint8_t{110});
  std::fill_n(d.mask.row<uint8_t>(0), d.mask.size_bytes(), uint8_t{0});
  for (int y = d.top; y < d.top + d.side; ++y) {
    for (int x = d.left; x < d.left + d.side; ++x) {
      d.picture.row<uint8_t>(y)[3 * x + label % 3] = 250;
      d.mask.row<uint8_t>(y)[x] = static_cast<uint8_t>(label + 1);
    }
  }
  return d;
}

struct Split {
  const char* name;
  int64_t pictures;
};
const std::vector<Split> kSplits{{"train", 8}, {"val", 4}};

// Pascal VOC's layout: a picture shows "cat" or "dog", the last of a split nothing.
void write_voc(const TempFolder& folder, const std::vector<Split>& splits = kSplits) {
  for (const auto& [split, count] : splits) {
    std::string list;
    for (int64_t i = 0; i < count; ++i) {
      const std::string stem = fmt::format("{}{}", split, i);
      const Drawn d = draw(i % 2, static_cast<uint64_t>(i));
      list += stem + "\n";
      folder.write("JPEGImages/" + stem + ".png", vision::encode_png(d.picture.view()));
      const std::string object = fmt::format(
          "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>"
          "<ymax>{}</ymax></bndbox></object>",
          i % 2 == 0 ? "cat" : "dog", d.left, d.top, d.left + d.side, d.top + d.side);
      folder.write("Annotations/" + stem + ".xml",
                   "<annotation><size><width>64</width><height>64</height></size>" +
                       (i + 1 < count ? object : "") + "</annotation>");
    }
    folder.write(fmt::format("ImageSets/Main/{}.txt", split), list);
  }
}

// CamVid's layout: ground, and a square of "cat" or "dog".
void write_camvid(const TempFolder& folder, const std::vector<Split>& splits = kSplits) {
  folder.write("classes.txt", "ground\ncat\ndog\n");
  for (const auto& [split, count] : splits) {
    for (int64_t i = 0; i < count; ++i) {
      const Drawn d = draw(i % 2, static_cast<uint64_t>(i));
      folder.write(fmt::format("{}/{}.png", split, i), vision::encode_png(d.picture.view()));
      folder.write(fmt::format("{}annot/{}.png", split, i), vision::encode_png(d.mask.view()));
    }
  }
}

enum class Kind { boxes, masks };

void write_data(Kind kind, const TempFolder& folder, const std::vector<Split>& splits = kSplits) {
  if (kind == Kind::boxes) return write_voc(folder, splits);
  write_camvid(folder, splits);
}

std::unique_ptr<Config> config_of(Kind kind, const fs::path& data, const std::string& more = "") {
  Value values = parse_toml(R"(
views = {height = 32, width = 32}
encoder = {width = 8}
head = {channels = 16, convolutions = 1, levels = 3}
train = {batch = 4, steps = 5, precision = "fp32", device = "cpu", log_every = 1}
schedule = {lr = 1e-3, lr_scaling = "none", warmup_epochs = 0}
optimizer.name = "adamw"
)",
                            "test");
  merge_into(values, parse_assignment("data.path=" + to_toml(Value{.data = data.string()})));
  merge_into(values, parse_assignment(std::string("data.modality=") +
                                      (kind == Kind::boxes ? "\"boxes\"" : "\"masks\"")));
  merge_into(values, parse_toml(more, "test"));
  return read_config(values);
}

learn::Modality modality_of(Kind kind) {
  return kind == Kind::boxes ? learn::Modality::boxes : learn::Modality::masks;
}

struct Watch : learn::TrainObserver {
  void on_report(const learn::StepReport& report) override {
    losses.push_back(report.loss);
    verdict += report.health.verdict;
    if (report.step == stop_at) stop = true;
  }
  std::vector<double> losses;
  std::string verdict;
  int64_t stop_at = 0;
  std::atomic<bool> stop{false};
};

struct Done {
  learn::TrainResult result;
  std::vector<double> losses;
};

// As `vistas detect train` does it.
Done train(Config& config, const RunFolder& run, int64_t stop_at = 0) {
  const auto training = config.open();
  learn::Trainer trainer(training->parts());
  write_run_files(run, config, *training);
  Watch watch;
  watch.stop_at = stop_at;
  const auto result = trainer.run(&run, watch, watch.stop);
  EXPECT_EQ(watch.verdict, "");
  return {result, watch.losses};
}

// As `vistas train --resume` does it.
void resume(const RunFolder& run) {
  const auto config = began_with(run);
  const auto training = config->open();
  check_same_data(run, *training);
  learn::Trainer trainer(training->parts());
  trainer.resume(run);
  Watch watch;
  trainer.run(&run, watch, watch.stop);
}

class DenseRuns : public testing::TestWithParam<Kind> {
 protected:
  DenseRuns() {
    at::set_num_threads(1);  // the networks are too small to share
    write_data(GetParam(), data_);
  }
  std::unique_ptr<Config> config(const std::string& more = "") const {
    return config_of(GetParam(), data_.path(), more);
  }
  RunFolder new_run(const std::string& name) const {
    return RunFolder::create(runs_.path() / name);
  }
  std::unique_ptr<Training> open(const std::string& more = "") {
    configs_.push_back(config(more));
    return configs_.back()->open();
  }

  TempFolder data_, runs_;
  std::vector<std::unique_ptr<Config>> configs_;  // of what is open
};

std::string weights(const RunFolder& run) {
  return read_file(run.checkpoint() / "encoder.safetensors");
}

TEST_P(DenseRuns, LeaveABundleThatIsUsed) {
  const RunFolder run = new_run("run");
  const Done done = train(*config("train.steps = 8"), run);
  EXPECT_EQ(done.losses.size(), 8u);
  for (const double loss : done.losses) EXPECT_TRUE(std::isfinite(loss));
  EXPECT_LT(done.losses.back(), done.losses.front());
  const auto bundle = vision::load_dense_bundle(run.path(), modality_of(GetParam()));
  EXPECT_EQ(bundle.options.class_names, GetParam() == Kind::boxes
                                            ? (std::vector<std::string>{"cat", "dog"})
                                            : (std::vector<std::string>{"ground", "cat", "dog"}));
  EXPECT_EQ(bundle.options.head.channels, 16);
  EXPECT_EQ(bundle.options.encoder.width, 8);
  EXPECT_EQ(bundle.preprocess.views.front().ops.front().name, "letterbox");
  EXPECT_NE(read_file(run.path() / "views.toml").find("scale_jitter"), std::string::npos);
}

// The score is taken in evaluation mode, with the network that is being trained.
TEST_P(DenseRuns, AreResumedToTheBitAndNotChangedByScores) {
  const RunFolder whole = new_run("whole"), split = new_run("split"), unscored = new_run("plain");
  const std::string scored = "train.score_every = 1\noptimizer.weight_decay = 0.01";
  const Done done = train(*config(scored), whole);
  EXPECT_GE(done.result.best_score, 0);
  EXPECT_TRUE(train(*config(scored), split, 2).result.stopped);
  EXPECT_NE(weights(split), weights(whole));
  resume(split);
  EXPECT_EQ(weights(split), weights(whole));
  EXPECT_EQ(read_file(split.checkpoint() / "state.safetensors"),
            read_file(whole.checkpoint() / "state.safetensors"));
  train(*config("optimizer.weight_decay = 0.01"), unscored);
  EXPECT_EQ(weights(unscored), weights(whole));
}

TEST_P(DenseRuns, DoNotDependOnTheNumberOfThreads) {
  const RunFolder one = new_run("one"), four = new_run("four"), other = new_run("other");
  train(*config("train = {loader_threads = 1, steps = 3}"), one);
  train(*config("train = {loader_threads = 4, steps = 3}"), four);
  EXPECT_EQ(weights(one), weights(four));
  train(*config("train = {loader_threads = 1, steps = 3, seed = 1}"), other);
  EXPECT_NE(weights(one), weights(other));
}

// The batches of another maker with pixels in float64.
class InFloat64 : public learn::BatchMaker {
 public:
  explicit InFloat64(std::shared_ptr<const learn::BatchMaker> maker) : maker_(std::move(maker)) {}
  int64_t size() const override { return maker_->size(); }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    learn::Batch batch = maker_->make(samples, epoch);
    for (auto& [name, tensor] : batch.views.front().tensors) {
      if (name == "pixels") tensor = tensor.to(at::kDouble);
    }
    return batch;
  }

 private:
  std::shared_ptr<const learn::BatchMaker> maker_;
};

// 4 samples: 2 each; 2, 1 and 1. Batch norm over so few places makes rounding large.
TEST_P(DenseRuns, ProcessesAreTheWholeBatch) {
  test::expect_same_in_processes(
      [this] {
        const auto settings = config("train = {loader_threads = 1, steps = 3}");
        learn::TrainParts parts = settings->open()->parts();
        parts.data = std::make_shared<InFloat64>(parts.data);
        return parts;
      },
      1e-6);
}

TEST_P(DenseRuns, OnlineScoreIsTheMeasureOnVal) {
  const auto training = open("train.score_every = 1\nviews = {height = 64, width = 64}");
  learn::TrainParts parts = training->parts();
  ASSERT_TRUE(parts.score);
  const auto kind = GetParam();
  EXPECT_EQ(parts.score_name,
            kind == Kind::boxes ? "AP50 of the split val" : "mIoU of the split val");
  Watch watch;
  parts.train.steps = 30;
  parts.schedule.lr = 0.01;
  learn::Trainer(parts).run(nullptr, watch, watch.stop);
  parts.method->eval();
  const double score = parts.score(*parts.method->encoder());
  EXPECT_GT(score, 0);
  // The same by hand.
  const auto& own = dynamic_cast<const DenseConfig&>(*configs_.front());
  const DenseData val =
      open_dense_data(modality_of(kind), data_.path(), {.split = "val"}, {.channels = "rgb"});
  EXPECT_EQ(val.source->size(), 4);
  const vision::DenseBundle bundle{
      {modality_of(kind), own.encoder.network, own.head, val.class_names()},
      std::dynamic_pointer_cast<vision::DenseNetwork>(parts.method->encoder()),
      own.views.preprocess({})};
  const vision::FeatureOptions features{.batch = 1, .device = "cpu", .precision = "fp32"};
  if (kind == Kind::boxes) {
    const auto found = vision::detect(bundle, val.source, {}, features);
    EXPECT_NEAR(score_boxes(val, found).ap50, score, 1e-3);
  } else {
    const MaskScores scores = score_masks(bundle, val, features);
    EXPECT_NEAR(scores.scores.miou, score, 1e-3);
    EXPECT_EQ(scores.bad.count, 0);
  }
}

TEST_P(DenseRuns, OnlineScoreWantsAnotherSplitVal) {
  EXPECT_FALSE(open()->parts().score);  // train.score_every is 0
  EXPECT_FALSE(open("train.score_every = 1\ndata.split = \"val\"")->parts().score);
  const TempFolder alone;
  write_data(GetParam(), alone, {{"train", 8}});
  const auto config = config_of(GetParam(), alone.path(), "train.score_every = 1");
  EXPECT_FALSE(config->open()->parts().score);
}

TEST_P(DenseRuns, LearnFromAShareOfTheLabels) {
  EXPECT_EQ(open()->size(), 8);
  EXPECT_EQ(open("data.labels = \"50%\"")->size(), 4);
  EXPECT_EQ(open("data.labels = \"1\"")->size(), 2);
  const auto two = open("data.labels = \"2\"");
  EXPECT_GE(two->size(), 4);
  EXPECT_NE(two->summary().front().second.find(", 2 of the labels"), std::string::npos);
  expect_error([&] { open("data.labels = \"5\""); },
               GetParam() == Kind::boxes ? "'dog': got 3" : "got 4");
  std::set<uint64_t> prints;
  for (const int seed : {0, 1, 2, 3, 4}) {
    prints.insert(
        open(fmt::format("data = {{labels = \"25%\", labels_seed = {}}}", seed))->fingerprint());
  }
  EXPECT_GT(prints.size(), 1u);
  EXPECT_EQ(open("data.labels = \"25%\"")->fingerprint(),
            open("data.labels = \"25%\"")->fingerprint());
}

TEST_P(DenseRuns, FingerprintTellsChangedData) {
  const uint64_t before = open()->fingerprint();
  EXPECT_EQ(open()->fingerprint(), before);
  if (GetParam() == Kind::boxes) {
    const fs::path file = data_.path() / "Annotations/train0.xml";
    const std::string text = read_file(file);
    std::string moved = text, difficult = text;
    moved.insert(moved.find("<xmin>") + 6, "1");
    data_.write("Annotations/train0.xml", moved);
    EXPECT_NE(open()->fingerprint(), before);
    difficult.insert(difficult.find("<bndbox>"), "<difficult>1</difficult>");
    data_.write("Annotations/train0.xml", difficult);
    EXPECT_NE(open()->fingerprint(), before);
    data_.write("Annotations/train0.xml", text);
  } else {
    const std::string text = read_file(data_.path() / "trainannot/0.png");
    data_.write("trainannot/0.png", text + " ");
    EXPECT_NE(open()->fingerprint(), before);
    data_.write("trainannot/0.png", text);
  }
  EXPECT_EQ(open()->fingerprint(), before);
}

// ---- the backbone of another run ----

vision::EncoderOptions start_options() {
  return {.name = "resnet18", .channels = 3, .width = 12, .stem = vision::Stem::cifar};
}

void write_start(const TempFolder& folder, const vision::EncoderOptions& options) {
  const vision::ViewRecipe view{{{.height = 32,
                                  .width = 32,
                                  .mean = {0.3, 0.4, 0.5},
                                  .std = {0.1, 0.2, 0.3},
                                  .ops = {{"resize"}}}}};
  const auto encoder = vision::make_encoder(options, 77);
  learn::save_tensors(folder.path() / "encoder.safetensors", learn::named_tensors(*encoder));
  folder.write("encoder.json", vision::bundle_json(options, view));
}

std::vector<at::Tensor> backbone_of(const learn::TrainParts& parts) {
  const auto network = std::dynamic_pointer_cast<vision::DenseNetwork>(parts.method->encoder());
  std::vector<at::Tensor> copies;
  for (const auto& [name, tensor] : learn::named_tensors(*network->backbone())) {
    copies.push_back(tensor.detach().clone());
  }
  return copies;
}

bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](const at::Tensor& x, const at::Tensor& y) { return at::equal(x, y); });
}

TEST_P(DenseRuns, BeginWithTheBackboneOfARun) {
  const TempFolder start;
  write_start(start, start_options());
  std::vector<at::Tensor> want;
  for (const auto& [name, tensor] :
       learn::named_tensors(*vision::make_encoder(start_options(), 77))) {
    want.push_back(tensor.detach().clone());
  }
  const std::string from = "encoder.start = \"" + start.path().string() + "\"\n";
  for (const bool frozen : {false, true}) {
    const auto training = open(from + (frozen ? "encoder.frozen = true" : ""));
    const auto& own = dynamic_cast<const DenseConfig&>(*configs_.back());
    EXPECT_EQ(own.encoder.network.width, 12);
    EXPECT_EQ(own.encoder.network.stem, vision::Stem::cifar);
    learn::TrainParts parts = training->parts();
    EXPECT_TRUE(equal(backbone_of(parts), want));
    parts.train.steps = 2;
    Watch watch;
    learn::Trainer(parts).run(nullptr, watch, watch.stop);
    EXPECT_EQ(equal(backbone_of(parts), want), frozen);
    // Pictures are seen with the means of that run.
    const std::string json = parts.encoder_files.front().second;
    EXPECT_NE(json.find("0.4"), std::string::npos) << json;
  }
  // A run goes on even where settings name another architecture.
  const RunFolder whole = new_run("whole"), split = new_run("split");
  train(*config(from + "train.steps = 4"), whole);
  train(*config(from + "train.steps = 4"), split, 2);
  resume(split);
  EXPECT_EQ(weights(split), weights(whole));
  EXPECT_EQ(vision::load_dense_bundle(split.path(), modality_of(GetParam())).options.encoder.width,
            12);
}

TEST_P(DenseRuns, RefuseOtherBeginnings) {
  const auto open_from = [&](const fs::path& path) {
    return [this, path] { open("encoder.start = \"" + path.string() + "\"")->parts(); };
  };
  expect_error(open_from("no/such/run"), "no/such/run: no trained encoder");
  const RunFolder run = new_run("run");
  train(*config("train.steps = 1"), run);
  expect_error(open_from(run.path()), "expected an encoder of pictures");
  const TempFolder vit;
  write_start(vit, {.name = "vit_tiny", .channels = 3, .image_size = 32, .depth = 1});
  expect_error(open_from(vit.path()), "resnet50 without a neck", ErrorKind::usage);
}

// ---- settings ----

TEST_P(DenseRuns, WantARangeOfScales) {
  for (const char* scale : {"[]", "[1.0, 2.0, 3.0]", "[2.0, 1.0]"}) {
    expect_error([&] { open(std::string("views.scale = ") + scale)->parts(); },
                 "expected one number or [low, high]", ErrorKind::usage);
  }
  EXPECT_NO_THROW(open("views.scale = [1.0]")->parts());
}

TEST_P(DenseRuns, SettingsSuitTheData) {
  const auto settings = [&](const std::string& more) {
    Value wanted = parse_toml("data.path = \"" + data_.path().string() + "\"", "test");
    merge_into(wanted, parse_assignment(std::string("data.modality=") +
                                        (GetParam() == Kind::boxes ? "\"boxes\"" : "\"masks\"")));
    merge_into(wanted, parse_toml(more, "test"));
    Value all = suitable_settings(wanted);
    merge_into(all, wanted);
    return read_config(all);
  };
  const auto config = settings("");
  const auto& dense = dynamic_cast<const DenseConfig&>(*config);
  EXPECT_EQ(dense.method_name, GetParam() == Kind::boxes ? "fcos" : "segmentation");
  EXPECT_EQ(dense.views.height, 64);
  EXPECT_EQ(dense.views.width, 64);
  EXPECT_LE(dense.train.batch, 8);
  EXPECT_GT(dense.train.score_every, 0);
  // Fewer labels are seen more often, in smaller batches.
  const auto few = settings("data.labels = \"25%\"");
  EXPECT_GE(few->train.epochs, config->train.epochs);
  EXPECT_EQ(few->train.batch, 2);
  EXPECT_EQ(few->open()->size(), 2);
  // And they come back from their text.
  EXPECT_TRUE(differences(*config, *read_config(parse_toml(config->to_toml(), "test"))).empty());
}

INSTANTIATE_TEST_SUITE_P(Of, DenseRuns, testing::Values(Kind::boxes, Kind::masks),
                         [](const auto& param) {
                           return param.param == Kind::boxes ? "Boxes" : "Masks";
                         });

// ---- what cannot be used ----

TEST(DenseData, WantsAPath) {
  expect_error([] { open_dense_data(learn::Modality::boxes, "", {}, {}); }, "data.path is empty",
               ErrorKind::usage);
}

TEST(DenseData, BadAnnotationsAreLeftOutByName) {
  const TempFolder data;
  write_voc(data);
  data.write("Annotations/train2.xml", "<annotation><object");
  const auto config = config_of(Kind::boxes, data.path());
  const auto training = config->open();
  training->parts();
  const LeftOut out = training->left_out();
  EXPECT_EQ(out.count, 1);
  EXPECT_NE(out.summary.find("train2.xml"), std::string::npos) << out.summary;
  const auto strict = config_of(Kind::boxes, data.path(), "data.on_bad_annotation = \"fail\"");
  expect_error([&] { strict->open(); }, "train2.xml");
}

TEST(DenseData, LeftOutMayBeAskedBeforeAnyBatch) {
  const TempFolder data;
  write_voc(data);
  const auto config = config_of(Kind::boxes, data.path());
  EXPECT_EQ(config->open()->left_out().count, 0);
}

TEST(DenseData, BadMasksAreLeftOutOfASmallShareToo) {
  const TempFolder data;
  write_camvid(data);
  data.write("trainannot/3.png", "no mask");
  const auto config = config_of(Kind::masks, data.path(), "data.labels = \"50%\"");
  EXPECT_EQ(config->open()->size(), 4);
  const auto strict = config_of(Kind::masks, data.path(),
                                "data = {labels = \"50%\", on_bad_annotation = \"fail\"}");
  expect_error([&] { strict->open(); }, "3.png");
}

// "void" keeps its number, and no mask shows it as a class.
TEST(DenseData, AnIgnoredClassNeedsNoLabels) {
  const TempFolder data;
  write_camvid(data);
  data.write("classes.txt", "void\ncat\ndog\n");
  const auto config = config_of(Kind::masks, data.path(), "data.labels = \"1\"");
  EXPECT_EQ(config->open()->size(), 2);
  const auto more = config_of(Kind::masks, data.path(), "data.labels = \"5\"");
  expect_error([&] { more->open(); }, "class 'cat': got 4, expected 5");
}

TEST(Scores, DifficultAndCrowdedBoxesDoNotCount) {
  DenseData data;
  vision::BoxedPictures truth;
  truth.class_names = {"cat"};
  truth.boxes = {{{.left = 0, .top = 0, .right = 10, .bottom = 10},
                  {.left = 20, .top = 0, .right = 30, .bottom = 10, .difficult = true},
                  {.left = 40, .top = 0, .right = 90, .bottom = 40, .crowd = true}}};
  data.truth = truth;
  vision::Detections found;
  found.boxes = {{{20, 0, 30, 10, 0, 0.9}, {41, 1, 51, 11, 0, 0.8}, {0, 0, 10, 10, 0, 0.7}}};
  EXPECT_EQ(score_boxes(data, found).ap, 1);
  found.boxes[0].push_back({60, 60, 70, 70, 0, 0.95});
  EXPECT_LT(score_boxes(data, found).ap, 0.6);
}

TEST(Scores, MasksThatCannotBeReadAreLeftOut) {
  const TempFolder data;
  write_camvid(data);
  data.write("valannot/1.png", "no mask");
  data.write("val/2.png", "no picture");
  const DenseData val =
      open_dense_data(learn::Modality::masks, data.path(), {.split = "val"}, {.channels = "rgb"});
  vision::DenseOptions options;
  options.modality = learn::Modality::masks;
  options.encoder = {.name = "resnet18", .channels = 3, .width = 8};
  options.class_names = val.class_names();
  const vision::DenseBundle bundle{options, vision::make_dense_network(options, 1),
                                   DenseViewOptions{.height = 64, .width = 64}.preprocess({})};
  bundle.network->eval();
  const MaskScores scores = score_masks(bundle, val, {.batch = 2, .precision = "fp32"});
  EXPECT_EQ(scores.bad.count, 2);
  EXPECT_GE(scores.scores.miou, 0);
  expect_error(
      [&] { score_masks(bundle, val, {.batch = 2, .precision = "fp32", .on_bad_image = "fail"}); },
      "no");
}

}  // namespace
}  // namespace vistas::recipe
