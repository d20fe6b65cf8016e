// Networks with an answer for every place: sizes, order, frozen backbones, and their files.
#include "vistas/vision/encoders/dense_network.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/base/files.h"
#include "vistas/learn/tensors.h"
#include "vistas/vision/tasks/dense_bundle.h"

namespace vistas::vision {
namespace {

using test::expect_error;

DenseOptions tiny(learn::Modality modality) {
  return {.modality = modality,
          .encoder = {.name = "resnet18", .channels = 3, .width = 8},
          .head = {.channels = 16, .convolutions = 1, .levels = 5},
          .class_names = {"cat", "größe 猫", "\"dog\"\n"}};
}

const DenseOptions kBoxes = tiny(learn::Modality::boxes), kMasks = tiny(learn::Modality::masks);

at::Tensor noise(int64_t rows, int64_t height, int64_t width) {
  at::Generator generator = learn::initial_values(2);
  return at::randn({rows, 3, height, width}, generator);
}

// As after some training: batch norms have seen pictures.
std::shared_ptr<DenseNetwork> used_network(const DenseOptions& options) {
  const at::NoGradGuard no_grad;
  const auto network = make_dense_network(options, 3);
  for (int i = 0; i < 3; ++i) network->forward(noise(2, 64, 96));
  network->eval();
  return network;
}

std::vector<std::vector<float>> copies_of(const torch::nn::Module& module) {
  std::vector<std::vector<float>> values;
  for (const auto& [name, tensor] : learn::named_tensors(module)) {
    const at::Tensor flat = tensor.detach().to(at::kFloat).contiguous();
    values.emplace_back(flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
  }
  return values;
}

TEST(Detector, PlacesAreThoseOfItsLevelsForAnySize) {
  const at::NoGradGuard no_grad;
  for (const Stem stem : {Stem::imagenet, Stem::cifar}) {
    DenseOptions options = kBoxes;
    options.encoder.stem = stem;
    const auto network = make_dense_network(options, 1);
    network->eval();
    const auto& detector = dynamic_cast<const Detector&>(*network);
    for (const auto& [height, width] :
         {std::pair<int64_t, int64_t>{64, 64}, {75, 101}, {33, 32}, {1, 130}, {129, 127}}) {
      const auto levels = detector.levels(height, width);
      ASSERT_EQ(levels.size(), 5u);
      int64_t places = 0;
      for (size_t i = 0; i < levels.size(); ++i) {
        EXPECT_EQ(levels[i].stride, (stem == Stem::imagenet ? 8 : 2) << i);
        places += levels[i].height * levels[i].width;
      }
      const at::Tensor answers = network->forward(noise(2, height, width));
      EXPECT_EQ(answers.sizes(), at::IntArrayRef({2, places, 8})) << height << " x " << width;
      EXPECT_EQ(answers.scalar_type(), at::kFloat);
      EXPECT_GE(answers.slice(2, 3, 7).min().item<float>(), 0);
    }
  }
}

TEST(Detector, LevelsOfAnOddSize) {
  const auto network = make_dense_network(kBoxes, 1);
  std::vector<std::vector<int64_t>> got;
  for (const Level& l : dynamic_cast<const Detector&>(*network).levels(75, 101)) {
    got.push_back({l.stride, l.height, l.width});
  }
  EXPECT_EQ(got, (std::vector<std::vector<int64_t>>{
                     {8, 10, 13}, {16, 5, 7}, {32, 3, 4}, {64, 2, 2}, {128, 1, 1}}));
}

// With convolutions that are means an answer depends most on the pixels around its place, or a
// little above: every convolution of stride 2 begins at the first pixel.
TEST(Detector, PlacesAreInTheOrderOfRowsAndColumns) {
  const auto network = make_dense_network(kBoxes, 1);
  network->eval();
  for (auto& item : network->named_parameters()) {
    const at::NoGradGuard no_grad;
    at::Tensor w = item.value();
    if (w.dim() == 4) w.fill_(1 / static_cast<double>(w[0].numel()));
    if (item.key().starts_with("sides")) w.zero_();  // nothing to be exponentiated
  }
  constexpr int64_t kHeight = 192, kWidth = 384;
  const auto levels = dynamic_cast<const Detector&>(*network).levels(kHeight, kWidth);
  const auto expect_around = [&](size_t level, int64_t row, int64_t column) {
    int64_t place = row * levels[level].width + column;
    for (size_t l = 0; l < level; ++l) place += levels[l].height * levels[l].width;
    at::Tensor pixels = at::ones({1, 3, kHeight, kWidth});
    pixels.set_requires_grad(true);
    network->forward(pixels)[0][place][0].backward();
    const int64_t stride = levels[level].stride;
    const at::Tensor weight = at::avg_pool2d(pixels.grad().sum(1, true), stride)[0][0];
    const int64_t most = weight.argmax().item<int64_t>();
    EXPECT_NEAR(static_cast<double>(most / weight.size(1)), static_cast<double>(row), 3);
    EXPECT_NEAR(static_cast<double>(most % weight.size(1)), static_cast<double>(column), 3);
  };
  expect_around(0, 5, 40);
  expect_around(0, 20, 9);
  expect_around(1, 3, 20);
  expect_around(1, 10, 4);
}

TEST(Detector, BeginsWithHardlyAnyObject) {
  const auto network = make_dense_network(kBoxes, 1);
  const at::Tensor answers = network->forward(noise(4, 64, 64));
  EXPECT_NEAR(answers.slice(2, 0, 3).sigmoid().mean().item<double>(), 0.01, 0.002);
  // Boxes begin as large as two strides of their level.
  const at::Tensor finest = answers.slice(1, 0, 64).slice(2, 3, 7);
  EXPECT_NEAR(finest.mean().item<double>(), 8, 1);
}

TEST(Segmenter, HasALogitForEveryClassAtAQuarterOfAnySize) {
  const at::NoGradGuard no_grad;
  const auto network = make_dense_network(kMasks, 1);
  network->eval();
  for (const auto& [height, width] :
       {std::pair<int64_t, int64_t>{64, 64}, {75, 101}, {33, 32}, {1, 130}}) {
    const at::Tensor logits = network->forward(noise(2, height, width));
    EXPECT_EQ(logits.sizes(), at::IntArrayRef({2, 3, (height + 3) / 4, (width + 3) / 4}));
    EXPECT_EQ(logits.scalar_type(), at::kFloat);
  }
}

TEST(DenseNetwork, IsAFunctionOfTheSeed) {
  for (const DenseOptions& options : {kBoxes, kMasks}) {
    const auto one = copies_of(*make_dense_network(options, 1));
    EXPECT_EQ(one, copies_of(*make_dense_network(options, 1)));
    EXPECT_NE(one, copies_of(*make_dense_network(options, 2)));
  }
}

TEST(DenseNetwork, FrozenBackboneStaysAsItIs) {
  for (const DenseOptions& options : {kBoxes, kMasks}) {
    for (const bool frozen : {true, false}) {
      const auto network = make_dense_network(options, 1);
      if (frozen) network->freeze_backbone();
      network->eval();
      network->train();
      const auto backbone = copies_of(*network->backbone()), all = copies_of(*network);
      network->forward(noise(2, 64, 64)).sum().backward();
      EXPECT_EQ(copies_of(*network->backbone()) == backbone, frozen);
      EXPECT_NE(copies_of(*network), all);  // batch norms of the pyramid
      for (const auto& item : network->named_parameters()) {
        const bool of_backbone = item.key().starts_with("backbone.");
        EXPECT_EQ(item.value().grad().defined(), !(frozen && of_backbone)) << item.key();
      }
    }
  }
}

TEST(DenseNetwork, WantsAResNetWithoutNeck) {
  for (DenseOptions options : {kBoxes, kMasks}) {
    const auto expect_refused = [&] {
      expect_error([&] { make_dense_network(options, 1); }, "resnet50 without a neck",
                   ErrorKind::usage);
    };
    options.encoder.neck.layers = 1;
    expect_refused();
    options.encoder = {.name = "vit_tiny", .channels = 3, .image_size = 32, .depth = 1};
    expect_refused();
    options.encoder = {.name = "conv4", .channels = 3, .width = 8, .image_size = 32};
    expect_refused();
  }
}

// ---- files ----

const ViewRecipe kView{
    {{.height = 64, .width = 96, .mean = {0.1, 0.2, 0.3}, .ops = {{"letterbox"}}}}};

void write_bundle(const std::filesystem::path& folder, const DenseOptions& options,
                  const DenseNetwork& network) {
  std::filesystem::create_directories(folder);
  learn::save_tensors(folder / "encoder.safetensors", learn::named_tensors(network));
  write_file_atomic(folder / "encoder.json", dense_bundle_json(options, kView));
}

TEST(DenseBundle, GivesTheSameAnswersAfterItsFiles) {
  const at::NoGradGuard no_grad;
  for (DenseOptions options : {kBoxes, kMasks}) {
    options.head.levels = 4;
    const test::TempFolder folder;
    const auto network = used_network(options);
    write_bundle(folder.path(), options, *network);
    const DenseBundle bundle = load_dense_bundle(folder.path(), options.modality);
    const at::Tensor pixels = noise(2, 75, 101);
    EXPECT_TRUE(at::equal(bundle.network->forward(pixels), network->forward(pixels)));
    EXPECT_FALSE(bundle.network->is_training());
    EXPECT_EQ(bundle.options.modality, options.modality);
    EXPECT_EQ(bundle.options.class_names, options.class_names);
    EXPECT_EQ(bundle.options.head.levels, 4);
    EXPECT_EQ(bundle.options.encoder.width, 8);
    EXPECT_EQ(to_toml(bundle.preprocess), to_toml(kView));
    EXPECT_EQ(options_for(bundle).channels, "rgb");
  }
}

TEST(DenseBundle, OfAnotherKindIsADataError) {
  const test::TempFolder folder;
  write_bundle(folder.path() / "boxes", kBoxes, *make_dense_network(kBoxes, 1));
  write_bundle(folder.path() / "masks", kMasks, *make_dense_network(kMasks, 1));
  folder.write("image/encoder.json", bundle_json(kBoxes.encoder, kView));
  const auto load = [&](const char* name, learn::Modality wanted) {
    return [=, &folder] { load_dense_bundle(folder.path() / name, wanted); };
  };
  expect_error(load("boxes", learn::Modality::masks),
               "boxes: its encoder: got one of pictures with boxes, expected a segmenter");
  expect_error(load("masks", learn::Modality::boxes),
               "masks: its encoder: got one of pictures with masks, expected a detector");
  expect_error(load("image", learn::Modality::boxes), "`vistas detect train`");
  expect_error(load("image", learn::Modality::masks), "`vistas segment train`");
  expect_error(load("absent", learn::Modality::masks), "nothing there");
  for (const char* name : {"boxes", "masks"}) {
    expect_error([&] { find_bundle(folder.path() / name); }, "expected an encoder of pictures");
  }
}

TEST(DenseBundle, NamesWhatItsFilesLack) {
  const test::TempFolder folder;
  const auto load = [&] { load_dense_bundle(folder.path(), learn::Modality::boxes); };
  folder.write("encoder.json", R"({"modality": "boxes", "encoder": {}, "preprocess": []})");
  expect_error(load, "encoder.json: lacks 'head'");
  DenseOptions fewer = kBoxes;
  fewer.class_names.pop_back();
  write_bundle(folder.path(), kBoxes, *make_dense_network(fewer, 1));
  expect_error(load, "class_");
}

}  // namespace
}  // namespace vistas::vision
