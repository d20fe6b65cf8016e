// Token ids of all-MiniLM-L6-v2. VISTAS_MINILM names the folder with its vocabulary.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "support/golden.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

class MiniLm : public testing::TestWithParam<const char*> {};

TEST_P(MiniLm, IdsAreThoseOfTheLibrary) {
  const char* model = std::getenv("VISTAS_MINILM");
  if (!model) GTEST_SKIP() << "VISTAS_MINILM is not set: the folder of all-MiniLM-L6-v2";
  const fs::path golden = golden::folder_of("minilm-l6", false);
  if (golden.empty()) GTEST_SKIP() << "no golden file minilm-l6.json";
  const auto cases = nlohmann::json::parse(read_file(golden / "minilm-l6.json"));
  const auto tokenizer = load_tokenizer(fs::path(model) / GetParam());
  EXPECT_EQ(tokenizer->vocabulary_size(), 30522);
  std::vector<std::string> texts;
  for (const auto& item : cases.at("items")) texts.push_back(item.at("text"));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const TokenizedTexts got = tokenize(*tokenizer, views, cases.at("max_len").get<int64_t>());
  ASSERT_EQ(got.size(), static_cast<int64_t>(texts.size()));
  ASSERT_GT(got.size(), 30);
  int64_t full = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const auto& item = cases.at("items").at(static_cast<size_t>(i));
    const std::vector<int32_t> ids(got[i].begin(), got[i].end());
    EXPECT_EQ(ids, item.at("ids").get<std::vector<int32_t>>()) << item.at("text");
    full += ids.size() == 256;
  }
  EXPECT_EQ(full, 3);
  EXPECT_EQ(got.truncated, 2);  // one has just as many
}

INSTANTIATE_TEST_SUITE_P(Every, MiniLm, testing::Values("", "tokenizer.json", "vocab.txt"),
                         [](const auto& param) {
                           const std::string name = param.param;
                           return name.empty() ? "folder" : name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace vistas::text
