// Small models of every family, written as transformers has them and read again.
#include "vistas/share/library_transformer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/temp_folder.h"
#include "vistas/text/tasks/huggingface.h"

namespace vistas::share {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using text::TransformerFamily;

const fs::path kModels = fs::path(VISTAS_SOURCE_DIR) / "tests/golden/text";

// What the encoder makes of a few ids, and what it makes of them once written and read.
struct Result {
  at::Tensor before, after;
  Json config;
  std::vector<std::string> names;
};

Result written(text::Transformer& encoder, int32_t pad) {
  const at::NoGradGuard no_grad;
  encoder.eval();
  const test::TempFolder folder;
  const LibraryTransformer library = library_transformer(encoder, {.pad = pad});
  folder.write("config.json", library.config);
  learn::save_tensors(folder.path() / "model.safetensors", library.tensors);
  text::HuggingFaceFolder read = text::read_hugging_face(folder.path());
  read.options.pooling = encoder.options().pooling;
  const at::Tensor ids = at::arange(2, 32, at::kLong).view({2, 15});
  const at::Tensor length = at::tensor({15, 9}, at::kLong);
  Result out{encoder.encode(ids, length),
             text::load_transformer(read)->encode(ids, length),
             Json::parse(library.config),
             {}};
  for (const auto& [name, tensor] : library.tensors) out.names.push_back(name);
  return out;
}

double difference(const Result& result) {
  return (result.before - result.after).abs().max().item<double>();
}

TEST(LibraryTransformer, OfEveryFamilyIsReadAsItWas) {
  const std::pair<const char*, const char*> tensors[] = {
      {"bert", "encoder.layer.1.attention.self.query.weight"},
      {"distilbert", "transformer.layer.1.attention.q_lin.weight"},
      {"roberta", "encoder.layer.1.output.LayerNorm.bias"},
      {"mpnet", "encoder.layer.1.attention.attn.o.weight"}};
  for (const auto& [family, name] : tensors) {
    const auto encoder = text::load_transformer(text::read_hugging_face(kModels / family));
    const Result result = written(*encoder, 1);
    EXPECT_EQ(result.config["model_type"], family);
    EXPECT_EQ(difference(result), 0) << family;
    EXPECT_TRUE(std::ranges::count(result.names, name)) << family;
    // All names of the file that the model came from, but those of its heads.
    const auto original = text::read_hugging_face(kModels / family);
    for (const std::string& one : result.names) {
      EXPECT_TRUE(one.starts_with("pooler.") ||
                  !text::transformer_tensor_name(one, original.options.family).empty())
          << one;
    }
  }
}

text::TransformerOptions small(TransformerFamily family) {
  return {.family = family,
          .vocabulary = 40,
          .layers = 2,
          .hidden = 16,
          .heads = 2,
          .intermediate = 24,
          .max_positions = 20,
          .normalize = false};
}

TEST(LibraryTransformer, IsBertWhereTheFamilyWouldComputeSomethingElse) {
  auto options = small(TransformerFamily::roberta);
  options.first_position = 2;
  text::Transformer moved(options, 1);
  Result result = written(moved, 0);
  EXPECT_EQ(result.config["model_type"], "bert");
  EXPECT_EQ(result.config["max_position_embeddings"], 18);
  EXPECT_LT(difference(result), 1e-6);

  options = small(TransformerFamily::distilbert);
  options.layer_norm_eps = 1e-5;
  text::Transformer other(options, 2);
  result = written(other, 0);
  EXPECT_EQ(result.config["model_type"], "bert");
  EXPECT_LT(difference(result), 1e-6);
}

TEST(LibraryTransformer, HasTokenTypesWhereTheFamilyHasThem) {
  text::Transformer with(small(TransformerFamily::distilbert), 3);
  Result result = written(with, 0);
  EXPECT_EQ(result.config["model_type"], "distilbert");
  EXPECT_LT(difference(result), 1e-6);

  auto options = small(TransformerFamily::bert);
  options.token_types = 0;
  options.activation = text::Activation::tanh;
  text::Transformer without(options, 4);
  result = written(without, 0);
  EXPECT_EQ(result.config["type_vocab_size"], 1);
  EXPECT_EQ(difference(result), 0);
}

TEST(LibraryTransformer, RefusesWhatTheLibraryHasNot) {
  auto options = small(TransformerFamily::mpnet);
  options.first_position = 2;
  const text::Transformer mpnet(options, 5);
  test::expect_error([&] { library_transformer(mpnet, {.pad = 0}); }, "padding token 0");
  const text::Transformer bert(small(TransformerFamily::bert), 5);
  test::expect_error([&] { library_transformer(bert, {}); }, "no token for padding");
}

}  // namespace
}  // namespace vistas::share
