// Folders for sentence-transformers, read again here. tests/cli/export_test.py loads them with the
// library itself.
#include "vistas/share/sentence_transformers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/learn/tensors.h"
#include "vistas/text/tasks/embed.h"

namespace vistas::share {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kModels = fs::path(VISTAS_SOURCE_DIR) / "tests/golden/text";
const std::vector<std::string_view> kTexts = {"A man is playing the guitar.",
                                              "the dog runs",
                                              "",
                                              "Red, blue and red houses on the grass, on the grass",
                                              "[CLS] cat [SEP]",
                                              "caf\u00e9"};

at::Tensor embedded(const text::TextBundle& bundle) {
  return text::embed_texts(bundle, kTexts, {.precision = "fp32"}).values;
}

text::TextBundle static_bundle(const text::StaticOptions& options, int64_t max_length) {
  text::TextBundle bundle =
      text::tokenizer_bundle({{"vocab.txt", read_file(kModels / "sentence/vocab.txt")}});
  bundle.options.vocabulary = bundle.tokenizer->vocabulary_size();
  bundle.options.bag = options;
  bundle.encoder = text::make_text_encoder(bundle.options, 1);
  bundle.max_length = max_length;
  return bundle;
}

TEST(SentenceTransformers, ATransformerIsReadAsItWas) {
  const test::TempFolder folder;
  const text::TextBundle bundle = text::load_text_bundle(kModels / "sentence");
  write_sentence_transformers(bundle, {.name = "a model", .data = "", .method = ""}, folder.path());
  const text::TextBundle read = text::load_text_bundle(folder.path());
  EXPECT_TRUE(at::equal(embedded(read), embedded(bundle)));
  EXPECT_EQ(read.prompt, bundle.prompt);
  EXPECT_EQ(read.max_length, bundle.max_length);
  const std::string page = read_file(folder.path() / "README.md");
  EXPECT_NE(page.find("# a model\n"), std::string::npos);
  EXPECT_EQ(page.find("trained on"), std::string::npos);
}

TEST(SentenceTransformers, AStaticEncoderIsReadAsItWas) {
  for (const bool normalize : {false, true}) {
    const test::TempFolder folder;
    text::TextBundle bundle = static_bundle({.dim = 8, .normalize = normalize}, 5);
    bundle.prompt = "the red ";
    write_sentence_transformers(bundle, {}, folder.path());
    const text::TextBundle read = text::load_text_bundle(folder.path());
    EXPECT_TRUE(at::equal(embedded(read), embedded(bundle)));
    EXPECT_EQ(read.max_length, 5);
    EXPECT_EQ(read.prompt, "the red ");
    EXPECT_EQ(read.options.bag.normalize, normalize);
  }
}

TEST(SentenceTransformers, RefusesWhatTheModulesCannotExpress) {
  const test::TempFolder folder;
  test::expect_error(
      [&] {
        write_sentence_transformers(static_bundle({.dim = 8, .buckets = 10}, 5), {}, folder.path());
      },
      "10 rows for n-grams");
  text::TextBundle bundle = text::load_text_bundle(kModels / "sentence");
  text::TransformerOptions& options = bundle.options.transformer;
  options.projection_activation = text::Activation::gelu_tanh;
  bundle.encoder = std::make_shared<text::Transformer>(options, 1);
  test::expect_error([&] { write_sentence_transformers(bundle, {}, folder.path()); }, "gelu_tanh");
}

class StaticFolders : public testing::Test {
 protected:
  void SetUp() override {
    bundle_ = static_bundle({.dim = 8}, 5);
    write_sentence_transformers(bundle_, {}, folder_.path());
  }
  fs::path module() const { return folder_.path() / "0_StaticEmbedding"; }
  at::Tensor table() const { return learn::named_tensors(*bundle_.encoder).front().second; }
  void save(const learn::NamedTensors& tensors) const {
    learn::save_tensors(module() / "model.safetensors", tensors);
  }
  void edit(const Json& changes) const {
    Json json = Json::parse(read_file(module() / "tokenizer.json"));
    json.merge_patch(changes);
    write_file_atomic(module() / "tokenizer.json", json.dump());
  }
  void refused(const std::string& part) const {
    test::expect_error([&] { text::load_text_bundle(folder_.path()); }, part);
  }

  test::TempFolder folder_;
  text::TextBundle bundle_;
};

TEST_F(StaticFolders, MayBeLaidOutInOtherWays) {
  // As model2vec writes them: in the folder itself, another name, narrow numbers.
  save({{"embeddings", table().to(at::kHalf)}});
  for (const char* name : {"model.safetensors", "tokenizer.json"}) {
    fs::rename(module() / name, folder_.path() / name);
  }
  write_file_atomic(folder_.path() / "modules.json",
                    R"([{"idx": 0, "name": "0", "path": ".", "type":
                     "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding"},
                    {"idx": 1, "name": "1", "path": "1_Normalize", "type":
                     "sentence_transformers.models.Normalize"}])");
  const text::TextBundle read = text::load_text_bundle(folder_.path());
  const at::Tensor want = embedded(bundle_);
  const at::Tensor unit = want / want.norm(2, 1, true).clamp_min(1e-12);
  EXPECT_LT((embedded(read) - unit).abs().max().item<double>(), 1e-3);
}

TEST_F(StaticFolders, AreCutWhereTheTokenizerSays) {
  edit({{"truncation", nullptr}});
  EXPECT_EQ(text::load_text_bundle(folder_.path()).max_length, 1 << 20);
  edit({{"truncation", {{"max_length", 7}, {"direction", "Right"}}}});
  EXPECT_EQ(text::load_text_bundle(folder_.path()).max_length, 7);
  edit({{"truncation", {{"direction", "Left"}}}});
  refused("cut at their end");
  edit({{"truncation", {{"direction", "Right"}, {"max_length", 0}}}});
  refused("max_length");
}

TEST_F(StaticFolders, AreRefusedWithOtherTensors) {
  save({{"embedding.weight", table()}, {"mapping", at::arange(4)}});
  refused("mapping [4]");
  save({{"embedding.weight", table().slice(0, 0, 9)}});
  refused("9 vectors");
  save({{"embedding.weight", table().to(at::kLong)}});
  refused("I64");
  write_file_atomic(
      folder_.path() / "modules.json",
      R"([{"path": "", "type": "a.StaticEmbedding"}, {"path": "", "type": "a.Dense"}])");
  refused("StaticEmbedding, Dense");
}

}  // namespace
}  // namespace vistas::share
