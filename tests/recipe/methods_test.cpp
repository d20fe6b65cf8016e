// What every registered method must do, on small pictures of four kinds with noise.
#include "vistas/recipe/methods.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>
#include <ostream>

#include "support/errors.h"
#include "support/options_round_trip.h"
#include "support/other_device.h"
#include "support/processes.h"
#include "vistas/base/files.h"
#include "vistas/base/random.h"
#include "vistas/learn/gradient_cache.h"
#include "vistas/learn/layers.h"
#include "vistas/learn/tensors.h"
#include "vistas/learn/trainer.h"
#include "vistas/recipe/image_config.h"
#include "vistas/vision/encoders/encoders.h"

namespace fs = std::filesystem;

namespace vistas::recipe {
namespace {

constexpr int64_t kKinds = 4, kBatch = 16, kSamples = 64, kLarge = 24, kSmall = 16;

// A wave of a direction for each kind, its phase by view, in noise. Beside the pixels the kind as
// another encoder would tell it. With `scores` the second view is of another kind for most samples,
// and a pair of one kind has the higher score.
class Waves : public learn::BatchMaker {
 public:
  explicit Waves(int64_t small, bool scores = false) : small_(small), scores_(scores) {}
  int64_t size() const override { return kSamples; }
  learn::Batch make(const std::vector<int64_t>& samples, uint64_t epoch) const override {
    learn::Batch batch;
    batch.index = at::tensor(samples);
    batch.label = batch.index.remainder(kKinds);
    if (scores_) batch.score = shift(batch.index).eq(0).to(at::kFloat);
    for (int64_t view = 0; view < 2 + small_; ++view) {
      const int64_t side = view < 2 ? kLarge : kSmall;
      const at::Tensor along = at::arange(side).to(at::kFloat);
      std::vector<at::Tensor> pictures;
      for (const int64_t sample : samples) {
        Draws draws({1, epoch, static_cast<uint64_t>(sample), static_cast<uint32_t>(view)});
        const int64_t kind = scores_ && view == 1 ? sample + sample / kKinds : sample;
        const double angle = 0.785 * static_cast<double>(kind % kKinds);
        const double phase = draws.uniform(0, 6.28);
        const at::Tensor wave =
            (along.unsqueeze(1) * std::cos(angle) + along.unsqueeze(0) * std::sin(angle) + phase)
                .sin();
        at::Generator noise = learn::initial_values(draws.bits());
        pictures.push_back(wave + at::empty({3, side, side}).normal_(0, 0.2, noise));
      }
      const at::Tensor told = at::one_hot(batch.label, kKinds).to(at::kFloat) +
                              0.1 * (batch.index.to(at::kFloat) + view).sin().unsqueeze(1);
      // The left and the right half, for the method that compares regions.
      const at::Tensor regions =
          at::arange(side).ge(side / 2).to(at::kByte).expand({batch.index.size(0), side, side});
      batch.views.push_back({{{"pixels", at::stack(pictures)},
                              {"teacher", told},
                              {"regions", regions.contiguous()}}});
    }
    return batch;
  }

 private:
  // By how many kinds the second view differs.
  static at::Tensor shift(const at::Tensor& sample) {
    return sample.floor_divide(kKinds).remainder(kKinds);
  }

  int64_t small_;
  bool scores_;
};

// A method and settings that use more of it.
struct Variant {
  std::string name, method, settings{};
  std::string without{};  // settings that differ in what is used only
};

void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.name;
}

const Variant kVariants[] = {
    {"siamese_memory", "siamese", "method = {loss = 'contrastive', memory = 40}",
     "method.loss = 'contrastive'"},
    {"swav_queue", "swav", "method.queue_from_epoch = 0"},
    {"mocov2_symmetric", "mocov2", "method.symmetric = true"},
    {"dcl_weighted", "dcl", "method.weighted = true"},
    {"ranking_more", "ranking",
     "method = {symmetric = true, margin = 0.2, matryoshka.dims = [8, 4]}"},
    {"gist_relative", "gist",
     "method = {margin_kind = 'relative', margin = 0.1, matryoshka.dims = [8, 4]}"},
    {"scored_angle", "scored", "method = {loss = 'angle', matryoshka.dims = [8, 4]}"},
    {"distill_ranking", "distill", "method.loss = 'ranking'"},
};

// Small heads, prototypes and queues for the methods that have them.
ImageConfig config_of(const std::string& method, const std::string& settings = "") {
  Value values = parse_toml("method.name = \"" + method + "\"", "test");
  merge_into(values, parse_toml(settings, "test"));
  ImageConfig config(values);
  const Fields fields = config.fields();
  for (const Field& field : fields.all()) {
    const auto set = [&](const std::string& name, int64_t value) {
      if (field.name == "method." + name) field.set(Value{.data = value});
    };
    set("projector.hidden", 32);
    set("projector.out", 16);
    set("predictor.hidden", 32);
    set("prototypes", 12);
    set("freeze_steps", 1);
    set("queue", kSamples / 4);
    set("batch_norm_splits", 4);
    if (field.name == "method.teacher.momentum") field.set(Value{.data = 0.9});
    if (field.name == "method.teacher.final_momentum") field.set(Value{.data = 0.99});
  }
  // Two compare places of a map.
  config.encoder.name = method == "densecl" || method == "detcon" ? "resnet18" : "conv4";
  config.encoder.stem = vision::Stem::cifar;
  config.encoder.width = 8;
  config.encoder.channels = 3;
  config.encoder.image_size = kSmall;
  return config;
}

learn::TrainParts parts_of(const ImageConfig& config, int64_t steps,
                           const std::string& device = "cpu") {
  const std::string& method = config.method_name;
  learn::TrainParts parts;
  parts.method = config.method->build(
      [&](uint64_t seed) { return vision::make_encoder(config.encoder, seed); }, 3);
  const bool multi_crop = method == "swav" || method == "dino";
  parts.data = std::make_shared<Waves>(multi_crop ? 2 : 0, method == "scored");
  parts.train.steps = steps;
  parts.train.batch = kBatch;
  parts.train.precision = "fp32";
  parts.train.device = device;
  parts.train.loader_threads = 2;
  parts.train.log_every = 1;
  parts.optimizer.weight_decay = 1e-4;
  // Twelve large steps would flatten these before they learn.
  const bool gently = method == "barlow" || method == "dino";
  parts.schedule.lr = gently ? 0.005 : 0.05;
  parts.schedule.lr_scaling = learn::LrScaling::none;
  parts.schedule.warmup_epochs = 0;
  parts.encoder_files = {{"encoder.json", "{}"}};
  return parts;
}

struct Watch : learn::TrainObserver {
  void on_report(const learn::StepReport& report) override {
    reports.push_back(report);
    if (stop_at == report.step) stop = true;
  }
  std::vector<learn::StepReport> reports;
  int64_t stop_at = 0;
  std::atomic<bool> stop{false};
};

double mean_loss(const std::vector<learn::StepReport>& reports, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += reports[i].loss;
  return sum / static_cast<double>(end - begin);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const MethodEntry& entry : methods()) {
    if (!entry.views.empty()) out.push_back(entry.name);  // others are not for pictures
  }
  return out;
}

// These want an encoder of sequences; tests/recommend/next_item_test.cpp trains and resumes them.
TEST(SequenceMethods, HaveOptionsARecipeAndAPage) {
  const std::string page = read_file(fs::path(VISTAS_SOURCE_DIR) / "docs" / "recommend.md");
  const fs::path recipes = fs::path(VISTAS_SOURCE_DIR) / "recipes" / "recommend";
  std::map<std::string, std::string> found;
  for (const auto& file : fs::directory_iterator(recipes)) {
    found[read_config(read_toml(file.path()))->method_name] = file.path().filename().string();
  }
  int count = 0;
  for (const MethodEntry& entry : methods()) {
    if (entry.sequences.empty()) continue;
    SCOPED_TRACE(entry.name);
    ++count;
    expect_options_round_trip(entry.choose);
    EXPECT_NE(page.find("| `" + entry.name + "` |"), std::string::npos);
    EXPECT_TRUE(found.contains(entry.name));
  }
  EXPECT_EQ(count, 3);
}

// These want networks of their own; tests/recipe/dense_test.cpp trains and resumes them.
TEST(PlacedMethods, HaveOptionsAndAPage) {
  const std::string page = read_file(fs::path(VISTAS_SOURCE_DIR) / "docs" / "methods.md");
  for (const char* name : {"fcos", "segmentation"}) {
    SCOPED_TRACE(name);
    expect_options_round_trip(method_named(name, "test").choose);
    EXPECT_NE(page.find("`" + std::string(name) + "`"), std::string::npos);
  }
}

TEST(Methods, AreRefusedForDataTheyDoNotLearnFrom) {
  const auto config = [](const std::string& modality, const std::string& method) {
    return [=] {
      read_config(parse_toml(
          "data.modality = \"" + modality + "\"\nmethod.name = \"" + method + "\"", "test"));
    };
  };
  for (const MethodEntry& entry : methods()) {
    SCOPED_TRACE(entry.name);
    const bool of_pictures = !entry.views.empty();
    const std::string wrong = of_pictures ? "boxes" : "image";
    test::expect_error(config(wrong, entry.name), "method.name: got " + entry.name,
                       ErrorKind::usage);
    EXPECT_NO_THROW(config(of_pictures ? "image" : "masks", entry.name)());
  }
}

std::vector<Variant> methods_and_variants() {
  std::vector<Variant> out;
  for (const std::string& name : names()) out.push_back({name, name});
  out.insert(out.end(), std::begin(kVariants), std::end(kVariants));
  return out;
}

class Contract : public testing::TestWithParam<std::string> {};

class VariantContract : public testing::TestWithParam<Variant> {
 protected:
  VariantContract()
      : root_(fs::temp_directory_path() / ("vistas-methods-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~VariantContract() override { fs::remove_all(root_); }
  RunFolder make_run(const std::string& name) {
    const RunFolder run = RunFolder::create(root_ / name);
    write_file_atomic(run.config(), "");
    return run;
  }
  fs::path root_;
};

TEST_P(Contract, LearnsWithoutCollapse) {
  // DINO's head, which has no batch norm, would spread the embeddings of an untrained network this
  // small over hardly two dimensions; that is no verdict on the method. GIST's temperature is one
  // for encoders that have learned before.
  const std::map<std::string, std::string> gentler{{"dino", "method.projector.norm = true"},
                                                   {"gist", "method.temperature = 0.1"}};
  const auto found = gentler.find(GetParam());
  const std::string settings = found == gentler.end() ? "" : found->second;
  Watch watch;
  learn::Trainer(parts_of(config_of(GetParam(), settings), 12)).run(nullptr, watch, watch.stop);
  ASSERT_EQ(watch.reports.size(), 12U);
  for (const auto& report : watch.reports) EXPECT_TRUE(std::isfinite(report.loss));
  // A queue is full after two steps; before, negatives are easier.
  EXPECT_LT(mean_loss(watch.reports, 9, 12), mean_loss(watch.reports, 2, 4));
  const learn::Health &first = watch.reports.front().health, &last = watch.reports.back().health;
  EXPECT_EQ(last.verdict, "");
  EXPECT_GT(last.std, first.std / 4);
}

TEST_P(VariantContract, RunsAreRepeatedAndResumedToTheBit) {
  const Variant& variant = GetParam();
  const auto trainer = [&](const std::string& settings) {
    return learn::Trainer(parts_of(config_of(variant.method, settings), 8));
  };
  const RunFolder whole = make_run("whole"), split = make_run("split");
  Watch all, some, rest;
  trainer(variant.settings).run(&whole, all, all.stop);
  some.stop_at = 3;
  EXPECT_TRUE(trainer(variant.settings).run(&split, some, some.stop).stopped);
  learn::Trainer again = trainer(variant.settings);
  again.resume(split);
  again.run(&split, rest, rest.stop);
  for (const char* file : {"encoder.safetensors", "state.safetensors"}) {
    EXPECT_EQ(read_file(whole.checkpoint() / file), read_file(split.checkpoint() / file)) << file;
  }
  if (variant.settings.empty()) return;
  Watch plain;
  trainer(variant.without).run(nullptr, plain, plain.stop);
  EXPECT_NE(plain.reports.back().loss, all.reports.back().loss) << "the settings change nothing";
}

// Takes pictures of any size, and is as precise as its weights.
class NoBatchNorm : public vision::MapEncoder {
 public:
  explicit NoBatchNorm(uint64_t seed, double dropout = 0) : dropout_(dropout) {
    at::Generator generator = learn::initial_values(seed);
    linear_ = register_module("linear",
                              std::make_shared<learn::Linear>(3 * 8 * 8, dim(), true, generator));
  }
  using vision::MapEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override {
    return features_of(at::adaptive_avg_pool2d(pixels, {8, 8}));
  }
  // Of the left and of the right half alone.
  at::Tensor map(const at::Tensor& pixels) override {
    const at::Tensor small = at::adaptive_avg_pool2d(pixels, {8, 8});
    const at::Tensor left = at::arange(8, small.options()).lt(4).to(small.scalar_type());
    return at::stack({features_of(small * left), features_of(small * (1 - left))}, 2).unsqueeze(2);
  }
  int64_t dim() const override { return 16; }

 private:
  at::Tensor features_of(const at::Tensor& small) {
    const at::Tensor x =
        linear_->forward(small.flatten(1).to(linear_->weight.scalar_type())).tanh();
    return at::dropout(x, dropout_, dropout_ > 0 && is_training());
  }

  double dropout_;
  std::shared_ptr<learn::Linear> linear_;
};

using Gradients = std::map<std::string, at::Tensor>;

ImageConfig without_batch_norm(const Variant& variant) {
  ImageConfig config = config_of(variant.method, variant.settings);
  const Fields fields = config.fields();
  for (const Field& field : fields.all()) {
    const bool norm =
        field.name == "method.projector.norm" || field.name == "method.projector.last_norm";
    if (norm) field.set(Value{.data = false});
    // One layer has no norm.
    if (field.name == "method.predictor.layers") field.set(Value{.data = int64_t{1}});
    // The last layer has gradients from the start.
    if (field.name == "method.freeze_epochs") field.set(Value{.data = int64_t{0}});
  }
  return config;
}

Gradients take_gradients(learn::Method& method) {
  Gradients out;
  for (auto& item : method.named_parameters()) {
    if (!item.value().grad().defined()) continue;
    out[item.key()] = item.value().grad();
    item.value().mutable_grad().reset();
  }
  return out;
}

double largest_of(const Gradients& gradients) {
  double largest = 0;
  for (const auto& [name, gradient] : gradients) {
    largest = std::max(largest, gradient.abs().max().item<double>());
  }
  return largest;
}

learn::TrainParts in_float64(const ImageConfig& config, int64_t steps) {
  learn::TrainParts parts = parts_of(config, steps);
  parts.method =
      config.method->build([](uint64_t seed) { return std::make_shared<NoBatchNorm>(seed); }, 3);
  for (auto& [name, tensor] : learn::named_tensors(*parts.method)) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(at::kDouble));
  }
  return parts;
}

// Of the second step, which meets what the first one left in queues, teachers and centres. Without
// batch norm, which sees micro-batches apart, and in float64: biases that a loss hardly sees have
// gradients of little more than float32's noise.
Gradients gradients_of(const Variant& variant, int64_t micro_batch) {
  const ImageConfig config = without_batch_norm(variant);
  learn::TrainParts parts = in_float64(config, 2);
  parts.train.micro_batch = micro_batch;
  for (const auto& module : parts.method->modules()) {
    EXPECT_EQ(std::dynamic_pointer_cast<learn::BatchNorm>(module), nullptr);
  }
  Watch watch;
  learn::Trainer(parts).run(nullptr, watch, watch.stop);
  return take_gradients(*parts.method);
}

TEST_P(VariantContract, MicroBatchesHaveTheGradientsOfTheWholeBatch) {
  const Gradients whole = gradients_of(GetParam(), 0);
  const double largest = largest_of(whole);
  EXPECT_GT(largest, 1e-4);
  for (const int64_t micro_batch : {4, 1}) {  // few and many parts
    const Gradients parts = gradients_of(GetParam(), micro_batch);
    ASSERT_EQ(parts.size(), whole.size());
    for (const auto& [name, gradient] : whole) {
      const double error = (parts.at(name) - gradient).abs().max().item<double>();
      EXPECT_LE(error, 1e-12 * largest) << name << " in parts of " << micro_batch;
    }
  }
}

// Of the third step, which meets what the first ones left in queues, teachers and centres; the
// second is the first whose gradients travel in buckets. With the batch norm of the heads.
struct ThirdStep {
  double loss = 0;
  Gradients gradients;
  std::map<std::string, at::Tensor> buffers;
};

ThirdStep third_step(const Variant& variant, const at::Device& device) {
  ImageConfig config = config_of(variant.method, variant.settings);
  const Fields fields = config.fields();
  for (const Field& field : fields.all()) {
    if (field.name == "method.batch_norm_splits") field.set(Value{.data = int64_t{1}});
    if (field.name == "method.freeze_epochs") field.set(Value{.data = int64_t{0}});
  }
  learn::TrainParts parts = in_float64(config, 3);
  parts.train.device = device.str();
  Watch watch;
  learn::Trainer(parts).run(nullptr, watch, watch.stop);
  ThirdStep out{
      .loss = watch.reports.back().loss, .gradients = take_gradients(*parts.method), .buffers = {}};
  for (auto& [name, gradient] : out.gradients) gradient = gradient.cpu();
  for (const auto& item : parts.method->named_buffers()) {
    out.buffers[item.key()] = item.value().cpu();
  }
  return out;
}

TEST_P(VariantContract, ProcessesHaveTheLossAndGradientsOfTheWholeBatch) {
  const ThirdStep whole = third_step(GetParam(), at::kCPU);
  const double largest = largest_of(whole.gradients);
  EXPECT_GT(largest, 1e-4);
  const auto compare = [&](int64_t processes, bool elsewhere) {
    test::in_processes(processes, [&](int64_t rank) {
      const ThirdStep part =
          third_step(GetParam(), elsewhere ? test::other_device_of(rank) : at::kCPU);
      const std::string who = " in " + std::to_string(rank) + " of " + std::to_string(processes) +
                              (elsewhere ? " that have a device each" : "");
      EXPECT_NEAR(part.loss, whole.loss, 1e-8 * std::abs(whole.loss)) << who;
      ASSERT_EQ(part.gradients.size(), whole.gradients.size()) << who;
      for (const auto& [name, gradient] : whole.gradients) {
        const double error = (part.gradients.at(name) - gradient).abs().max().item<double>();
        EXPECT_LE(error, 1e-8 * largest) << name << who;
      }
      for (const auto& [name, buffer] : whole.buffers) {
        const double error =
            (part.buffers.at(name) - buffer).to(at::kDouble).abs().max().item<double>();
        EXPECT_LE(error, 1e-8) << name << who;
      }
    });
  };
  compare(2, false);  // 16 samples: 8 each
  compare(3, false);  // 6, 5 and 5
  compare(2, true);
}

// Against every micro-batch embedded with a graph and one loss over all, in float32.
TEST_P(VariantContract, MicroBatchesWithDropoutHaveTheGradientsOfOneGraph) {
  constexpr int64_t kParts = 4;
  const ImageConfig config = without_batch_norm(GetParam());
  const auto method = config.method->build(
      [](uint64_t seed) { return std::make_shared<NoBatchNorm>(seed, 0.2); }, 3);
  const auto data = parts_of(config, 1).data;
  std::vector<learn::Batch> parts;
  for (int64_t part = 0; part < kParts; ++part) {
    std::vector<int64_t> samples(kBatch / kParts);
    std::iota(samples.begin(), samples.end(), part * kBatch / kParts);
    parts.push_back(data->make(samples, 0));
    parts.back().key = 100 + static_cast<uint64_t>(part);
  }
  const auto embed = [&](const learn::Batch& batch, uint64_t extra) {
    at::manual_seed(batch.key + extra);
    return method->embed(batch);
  };
  size_t turn = 0;
  learn::MicroBatches micro{.count = kParts,
                            .next = [&] { return parts[turn++ % parts.size()]; },
                            .embed = [&](const learn::Batch& b) { return embed(b, 0); }};
  const auto cached = [&](uint64_t extra) {
    turn = 0;
    learn::EmbeddedBatch whole = learn::embed_micro_batches(micro);
    method->loss(whole.embeddings, whole.batch).backward();
    learn::MicroBatches again = micro;
    again.embed = [&](const learn::Batch& b) { return embed(b, extra); };
    learn::replay_micro_batches(*method, again, whole);
    return std::pair(take_gradients(*method), std::move(whole.batch));
  };
  const auto [got, batch] = cached(0);
  learn::Embeddings all;
  for (const learn::Batch& part : parts) {
    const learn::Embeddings z = embed(part, 0);
    all.live.resize(z.live.size());
    all.fixed.resize(z.fixed.size());
    const auto below = [](at::Tensor& rows, const at::Tensor& more) {
      rows = rows.defined() ? at::cat({rows, more}) : more;
    };
    for (size_t i = 0; i < z.live.size(); ++i) below(all.live[i], z.live[i]);
    for (size_t i = 0; i < z.fixed.size(); ++i) below(all.fixed[i], z.fixed[i]);
  }
  method->loss(all, batch).backward();
  const Gradients want = take_gradients(*method), other = cached(1).first;
  ASSERT_EQ(got.size(), want.size());
  const double largest = largest_of(want);
  double moved = 0;
  for (const auto& [name, gradient] : want) {
    EXPECT_LE((got.at(name) - gradient).abs().max().item<double>(), 1e-6 * largest) << name;
    moved = std::max(moved, (other.at(name) - gradient).abs().max().item<double>());
  }
  EXPECT_GT(moved, 1e-3 * largest) << "dropout is not active";
}

TEST_P(Contract, OptionsComeBackFromTheirText) {
  ImageConfig config = config_of(GetParam());
  const ImageConfig again(parse_toml(config.to_toml(), "test"));
  EXPECT_EQ(differences(config, again), std::vector<std::string>{});
  EXPECT_FALSE(config.fields().all().empty());
  expect_options_round_trip(method_named(GetParam(), "test").choose);
}

TEST_P(Contract, SettingsForDataWithoutARecipeAreOptions) {
  const MethodEntry& entry = method_named(GetParam(), "test");
  Value values = parse_toml("method.name = \"" + entry.name + "\"", "test");
  merge_into(values, parse_toml(entry.settings, entry.name));
  const ImageConfig config(values);
  EXPECT_EQ(config.view_options.recipe, entry.views);
}

TEST_P(Contract, IsDocumented) {
  const std::string page = read_file(fs::path(VISTAS_SOURCE_DIR) / "docs" / "methods.md");
  EXPECT_NE(page.find("| `" + GetParam() + "` |"), std::string::npos);
}

TEST_P(Contract, HasRecipes) {
  for (const char* of_texts : {"ranking", "gist", "scored", "distill"}) {
    if (GetParam() == of_texts) GTEST_SKIP() << "published for texts, not for pictures";
  }
  const fs::path folder = fs::path(VISTAS_SOURCE_DIR) / "recipes" / "vision";
  int cifar10 = 0, pictures = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with(GetParam() + "-")) continue;
    SCOPED_TRACE(name);
    const ImageConfig config(read_toml(file.path()));
    EXPECT_EQ(config.method_name, GetParam());
    EXPECT_TRUE(config.train.micro_batch == 0 ||
                config.train.batch % config.train.micro_batch == 0);
    cifar10 += name.ends_with("-cifar10-" + std::to_string(config.train.steps) + ".toml");
    pictures += name.ends_with("-folder.toml");
  }
  const bool of_places = GetParam() == "densecl" || GetParam() == "detcon";
  EXPECT_TRUE(cifar10 >= 1 || of_places) << "METHOD-cifar10-STEPS.toml";
  EXPECT_TRUE(!of_places || fs::exists(folder / (GetParam() + "-camvid.toml")));
  EXPECT_GE(pictures, 1) << "METHOD-folder.toml";
}

TEST_P(Contract, GpuLearnsAsTheCpuDoes) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  Watch cpu, cuda;
  learn::Trainer(parts_of(config_of(GetParam()), 12)).run(nullptr, cpu, cpu.stop);
  learn::Trainer(parts_of(config_of(GetParam()), 12, "cuda")).run(nullptr, cuda, cuda.stop);
  ASSERT_EQ(cuda.reports.size(), 12U);
  // Rounding grows from step to step.
  EXPECT_NEAR(cuda.reports[0].loss, cpu.reports[0].loss, 1e-3 * std::abs(cpu.reports[0].loss));
  EXPECT_LT(mean_loss(cuda.reports, 9, 12), mean_loss(cuda.reports, 2, 4));
}

TEST_P(VariantContract, OtherDevicesLearnAndResumeAsTheCpuDoes) {
  const auto trainer = [&](const std::string& device) {
    return learn::Trainer(parts_of(config_of(GetParam().method, GetParam().settings), 3, device));
  };
  Watch cpu, some, rest;
  trainer("cpu").run(nullptr, cpu, cpu.stop);
  const RunFolder run = make_run("elsewhere");
  some.stop_at = 2;
  EXPECT_TRUE(trainer(test::kOtherDevice).run(&run, some, some.stop).stopped);
  learn::Trainer again = trainer(test::kOtherDevice);
  again.resume(run);
  again.run(&run, rest, rest.stop);
  // Rounding grows from step to step.
  const auto near = [](double a, double b, double close) {
    EXPECT_NEAR(a, b, close * std::abs(b));
  };
  near(some.reports[0].loss, cpu.reports[0].loss, 1e-4);
  near(some.reports[1].loss, cpu.reports[1].loss, 1e-2);
  near(rest.reports[0].loss, cpu.reports[2].loss, 1e-2);
}

TEST(OtherDevice, LearnsInBfloat16AsTheCpuDoes) {
  std::vector<double> losses;
  for (const std::string& device : {std::string("cpu"), test::kOtherDevice}) {
    learn::TrainParts parts = parts_of(config_of("simclr"), 3, device);
    parts.train.precision = "bf16";
    Watch watch;
    learn::Trainer(parts).run(nullptr, watch, watch.stop);
    losses.push_back(watch.reports.back().loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 0.02 * losses[0]);
}

INSTANTIATE_TEST_SUITE_P(Every, Contract, testing::ValuesIn(names()),
                         [](const auto& param) { return param.param; });
INSTANTIATE_TEST_SUITE_P(Every, VariantContract, testing::ValuesIn(methods_and_variants()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace vistas::recipe
