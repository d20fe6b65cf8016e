// Texts to ids with the vocabulary of all-MiniLM-L6-v2 (VISTAS_MINILM), 256 ids at most. Texts are
// the lines of VISTAS_DATA_BUILD/texts/<name>.txt, which ./dev bench writes.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "vistas/base/files.h"
#include "vistas/text/tokenizers/load.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

void tokenize_lines(benchmark::State& state, const std::string& name) {
  const char *data = std::getenv("VISTAS_DATA_BUILD"), *model = std::getenv("VISTAS_MINILM");
  const fs::path file = fs::path(data ? data : "") / "texts" / (name + ".txt");
  if (!model || !fs::exists(file)) return state.SkipWithError("no VISTAS_MINILM or no texts");
  const auto tokenizer = load_tokenizer(model);
  const std::string content = read_file(file);
  std::vector<std::string_view> texts;
  for (std::string_view rest = content; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    texts.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  int64_t ids = 0;
  for (auto _ : state) {
    ids = static_cast<int64_t>(
        tokenize(*tokenizer, texts, 256, static_cast<int>(state.range(0))).ids.size());
  }
  const auto texts_done = state.iterations() * static_cast<int64_t>(texts.size());
  state.SetItemsProcessed(texts_done);
  state.counters["ids"] = static_cast<double>(ids);
}

BENCHMARK_CAPTURE(tokenize_lines, stsb, "stsb")->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(tokenize_lines, imdb, "imdb")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace vistas::text
