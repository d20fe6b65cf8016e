// Folders of Hugging Face and sentence-transformers: small models of every family against what the
// libraries say about them (tests/golden/text/make_models.py), and folders that are refused.
#include "vistas/text/tasks/huggingface.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/errors.h"
#include "support/torch_files.h"
#include "vistas/learn/tensors.h"
#include "vistas/text/encoders/packed.h"
#include "vistas/text/tasks/embed.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path kModels = fs::path(VISTAS_SOURCE_DIR) / "tests/golden/text";

void expect_near(const at::Tensor& got, const at::Tensor& want, const std::string& what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  EXPECT_LE((got - want).abs().max().item<double>(),
            1e-5 * std::max(1.0, want.abs().max().item<double>()))
      << what;
}

// A copy of one of the models that a test may change.
class Copy {
 public:
  explicit Copy(const std::string& name) : path(fs::path(testing::TempDir()) / ("copy-" + name)) {
    fs::remove_all(path);
    fs::copy(kModels / name, path, fs::copy_options::recursive);
  }
  ~Copy() { fs::remove_all(path); }

  void edit(const std::string& file, const Json& changes) const {
    Json json = Json::parse(read_file(path / file));
    json.merge_patch(changes);
    write_file_atomic(path / file, json.dump());
  }

  void rewrite(const std::function<void(learn::NamedTensors&)>& change) const {
    learn::NamedTensors tensors;
    {
      const TensorFile file(path / "model.safetensors");
      for (const TensorView& view : file.tensors()) {
        tensors.emplace_back(view.name, learn::to_tensor(view));
      }
    }
    change(tensors);
    learn::save_tensors(path / "model.safetensors", tensors);
  }

  at::Tensor encoded(const std::string& mode = "mean") const {
    HuggingFaceFolder folder = read_hugging_face(path);
    folder.options.pooling = {mode};
    const TensorFile expected(path / "expected.safetensors");
    return load_transformer(folder)->encode(learn::to_tensor(expected.at("ids")),
                                            learn::to_tensor(expected.at("length")));
  }

  at::Tensor expected(const std::string& name) const {
    return learn::to_tensor(TensorFile(path / "expected.safetensors").at(name));
  }

  const fs::path path;
};

class Family : public testing::TestWithParam<const char*> {};

TEST_P(Family, EncodesAsTheLibraryDoes) {
  const at::NoGradGuard no_grad;
  const Copy model(GetParam());
  for (const std::string& mode : pooling_names()) {
    expect_near(model.encoded(mode), model.expected("pool." + mode), mode);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Family,
                         testing::Values("bert", "distilbert", "roberta", "xlm-roberta", "mpnet"),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

TEST(HuggingFace, EmbedsAsSentenceTransformers) {
  const TextBundle bundle = load_text_bundle(kModels / "sentence");
  EXPECT_EQ(bundle.prompt, "the red : ");
  EXPECT_EQ(bundle.max_length, 12);
  EXPECT_EQ(bundle.encoder->dim(), 24);
  EXPECT_FALSE(bundle.encoder->is_training());
  const std::vector<std::string> texts =
      Json::parse(read_file(kModels / "sentence/texts.json")).get<std::vector<std::string>>();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const TextEmbeddings got = embed_texts(bundle, views, {.precision = "fp32"});
  const TensorFile expected(kModels / "sentence/expected.safetensors");
  expect_near(got.values, learn::to_tensor(expected.at("embedding")), "embedding");
  EXPECT_EQ(got.truncated, 2);
}

TEST(HuggingFace, ReadsEarlierLayouts) {
  const Copy model("sentence");
  const TextBundle want = load_text_bundle(model.path);
  fs::create_directory(model.path / "0_Transformer");
  for (const char* file : {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json",
                           "sentence_bert_config.json"}) {
    fs::rename(model.path / file, model.path / "0_Transformer" / file);
  }
  fs::remove(model.path / "tokenizer.json");
  Json modules = Json::parse(read_file(model.path / "modules.json"));
  modules[0]["path"] = "0_Transformer";
  modules[0]["type"] = "sentence_transformers.models.Transformer";
  write_file_atomic(model.path / "modules.json", modules.dump());
  write_file_atomic(model.path / "1_Pooling/config.json",
                    R"({"word_embedding_dimension": 32, "pooling_mode_cls_token": true,
                        "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false})");
  const TextBundle got = load_text_bundle(model.path);
  const std::vector<std::string_view> texts{"a man runs on grass", "Cat, dog."};
  EXPECT_TRUE(at::equal(embed_texts(got, texts).values, embed_texts(want, texts).values));
  EXPECT_EQ(got.max_length, want.max_length);
}

// The weights of a folder as torch.save writes them, in place of the others.
void convert(const fs::path& folder, bool earlier) {
  const TensorFile file(folder / "model.safetensors");
  test::Texts tensors, storages;
  for (const TensorView& view : file.tensors()) {
    ASSERT_EQ(view.dtype, DType::f32);
    const std::string key = std::to_string(storages.size());
    const auto count = static_cast<int64_t>(view.bytes.size() / sizeof(float));
    tensors.emplace_back(
        view.name, test::pickle::tensor(test::pickle::storage(key, count, earlier ? "N" : ""), 0,
                                        view.shape, at::empty(view.shape).strides().vec()));
    storages.emplace_back(
        key, std::string(reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()));
  }
  const std::string pickle = test::pickle::state(tensors);
  write_file_atomic(folder / "pytorch_model.bin", earlier
                                                      ? test::earlier_torch_file(pickle, storages)
                                                      : test::torch_archive(pickle, storages));
  fs::remove(folder / "model.safetensors");
}

TEST(HuggingFace, ReadsWeightsOfTorch) {
  const Copy model("sentence");
  const std::vector<std::string_view> texts{"a man runs on grass", "Cat, dog."};
  const at::Tensor want = embed_texts(load_text_bundle(model.path), texts).values;
  const auto embedded = [&] { return embed_texts(load_text_bundle(model.path), texts).values; };
  convert(model.path, false);
  convert(model.path / "2_Dense", true);
  EXPECT_TRUE(at::equal(embedded(), want));
  fs::rename(model.path / "pytorch_model.bin", model.path / "part.bin");
  test::expect_error([&] { embedded(); }, "no weights");
  write_file_atomic(model.path / "pytorch_model.bin.index.json",
                    R"({"weight_map": {"embeddings.LayerNorm.weight": "part.bin"}})");
  EXPECT_TRUE(at::equal(embedded(), want));
  write_file_atomic(model.path / "part.bin", test::zip_file({{"a/data.pkl", "cos\nsystem\n"}}));
  test::expect_error([&] { embedded(); }, "part.bin: os.system: not allowed");
}

TEST(HuggingFace, PlainFolderHasMeanPoolingAndTheSmallestLimit) {
  const Copy model("sentence");
  for (const char* file : {"modules.json", "sentence_bert_config.json"}) {
    fs::remove(model.path / file);
  }
  const HuggingFaceFolder folder = read_hugging_face(model.path);
  EXPECT_EQ(folder.options.pooling, std::vector<std::string>{"mean"});
  EXPECT_FALSE(folder.options.normalize);
  EXPECT_EQ(folder.options.projection, 0);
  EXPECT_EQ(folder.max_length, 12);
  model.edit("tokenizer_config.json", {{"model_max_length", 1e30}});
  EXPECT_EQ(read_hugging_face(model.path).max_length, 40);
  EXPECT_EQ(read_hugging_face(kModels / "roberta").max_length, 38);
}

TEST(HuggingFace, TakesOlderNamesAndOtherNumberFormats) {
  const at::NoGradGuard no_grad;
  const Copy model("bert");
  const at::Tensor want = model.encoded();
  model.rewrite([](learn::NamedTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name.ends_with("LayerNorm.weight")) name.replace(name.size() - 6, 6, "gamma");
      if (name.ends_with("LayerNorm.bias")) name.replace(name.size() - 4, 4, "beta");
    }
    tensors.emplace_back("bert.embeddings.position_ids", at::arange(40).unsqueeze(0));
  });
  expect_near(model.encoded(), want, "gamma and beta");
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    const Copy narrow("bert");
    narrow.rewrite([&](learn::NamedTensors& tensors) {
      for (auto& [name, tensor] : tensors) tensor = tensor.to(type);
    });
    const at::Tensor got = narrow.encoded();
    EXPECT_EQ(got.scalar_type(), at::kFloat);
    EXPECT_LE((got - want).abs().max().item<double>(), type == at::kHalf ? 0.01 : 0.1);
  }
}

TEST(HuggingFace, RefusesOtherArchitectures) {
  const Copy model("bert");
  const auto refused = [&](const Json& changes, const std::string& part) {
    const Copy one("bert");
    one.edit("config.json", changes);
    test::expect_error([&] { one.encoded(); }, part);
  };
  refused({{"model_type", "t5"}}, "t5");
  refused({{"hidden_act", "swish"}}, "swish");
  refused({{"position_embedding_type", "relative_key"}}, "position_embedding_type");
  refused({{"is_decoder", true}}, "is_decoder");
  refused({{"hidden_size", nullptr}}, "no hidden_size");
  refused({{"hidden_size", "32"}}, "a whole number");
  refused({{"hidden_size", -32}}, "hidden");
  refused({{"num_attention_heads", 5}}, "a divisor of the width");
  refused({{"layer_norm_eps", "small"}}, "a number");
}

TEST(HuggingFace, RefusesOtherModules) {
  const auto refused = [](const std::function<void(Json&)>& change, const std::string& part) {
    const Copy model("sentence");
    Json modules = Json::parse(read_file(model.path / "modules.json"));
    change(modules);
    write_file_atomic(model.path / "modules.json", modules.dump());
    test::expect_error([&] { read_hugging_face(model.path); }, part);
  };
  refused([](Json& m) { m[2]["type"] = "sentence_transformers.models.LSTM"; }, "LSTM");
  refused([](Json& m) { m.erase(1); }, "Transformer, Dense");
  refused([](Json& m) { std::swap(m[2], m[3]); }, "Normalize, Dense");
  refused([](Json& m) { m.push_back(m[3]); }, "Normalize, Normalize");
  refused([](Json& m) { m[0].erase("path"); }, "a type and a path");
  const Copy model("sentence");
  model.edit("1_Pooling/config.json", {{"pooling_mode", "median"}});
  test::expect_error([&] { read_hugging_face(model.path); }, "median");
}

TEST(HuggingFace, TensorsOfNoPartAreToldAndNotUsed) {
  const Copy model("bert");
  const at::Tensor want = model.encoded();
  model.rewrite([](learn::NamedTensors& all) {
    all.emplace_back("bert.encoder.layer.2.output.dense.bias", at::ones(32));
  });
  EXPECT_TRUE(at::equal(model.encoded(), want));
  std::vector<std::string> notes;
  load_transformer(read_hugging_face(model.path), &notes);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("tensor 'bert.encoder.layer.2.output.dense.bias'"), std::string::npos)
      << notes[0];
}

TEST(HuggingFace, NamesTensorsThatDoNotFit) {
  const auto refused = [](const std::function<void(learn::NamedTensors&)>& change,
                          const std::string& part) {
    const Copy model("bert");
    model.rewrite(change);
    test::expect_error([&] { model.encoded(); }, part);
  };
  const auto remove = [](learn::NamedTensors& all, const std::string& part) {
    std::erase_if(all, [&](const auto& t) { return t.first.find(part) != std::string::npos; });
  };
  refused([&](auto& all) { remove(all, "layer.1.output.dense.bias"); },
          "no tensor 'encoder.layer.1.output.dense.bias'");
  refused([&](auto& all) { remove(all, "layer.1.output"); }, "and 3 more");
  refused(
      [](auto& all) {
        for (auto& [name, t] : all) {
          if (name == "bert.encoder.layer.1.output.dense.bias") {
            name = "bert.encoder.layer.1.output.dense.shift";
          }
        }
      },
      "no tensor 'encoder.layer.1.output.dense.bias'; tensors of other names: "
      "'bert.encoder.layer.1.output.dense.shift'");
  refused([](auto& all) { all.emplace_back("embeddings.LayerNorm.bias", at::ones(32)); }, "twice");
  refused(
      [](auto& all) {
        for (auto& [name, t] : all) {
          if (name == "bert.embeddings.LayerNorm.bias") t = at::ones(31);
        }
      },
      "F32 [31]");
  refused(
      [](auto& all) {
        for (auto& [name, t] : all) {
          if (name == "bert.embeddings.LayerNorm.bias") t = at::ones(32, at::kLong);
        }
      },
      "I64 [32]");
}

TEST(HuggingFace, RefusesFilesOutsideTheFolder) {
  const Copy model("roberta");
  model.edit("model.safetensors.index.json",
             {{"weight_map", {{"pooler.dense.bias", "../elsewhere.safetensors"}}}});
  test::expect_error([&] { model.encoded(); }, "the name of a file beside it");
  fs::remove(model.path / "model.safetensors.index.json");
  test::expect_error([&] { model.encoded(); }, "no weights");
}

TEST(HuggingFace, RefusesATokenizerWithMoreIdsThanVectors) {
  const Copy model("sentence");
  std::string vocabulary = read_file(model.path / "vocab.txt");
  write_file_atomic(model.path / "vocab.txt", vocabulary + "one-more\n");
  fs::remove(model.path / "tokenizer.json");
  test::expect_error([&] { load_text_bundle(model.path); }, "vocabulary of the tokenizer");
  test::expect_error([&] { load_text_bundle(model.path / "1_Pooling"); }, "model_type");
  test::expect_error([&] { load_text_bundle(model.path / "nowhere"); }, "nothing there");
}

TEST(HuggingFace, LowerCasesOnlyWhereTheTokenizerDoes) {
  const Copy model("sentence");
  model.edit("sentence_bert_config.json", {{"do_lower_case", true}});
  load_text_bundle(model.path);
  fs::remove(model.path / "tokenizer.json");
  model.edit("tokenizer_config.json", {{"do_lower_case", false}});
  test::expect_error([&] { load_text_bundle(model.path); }, "do_lower_case");
}

}  // namespace
}  // namespace vistas::text
