// Texts to embeddings with all-MiniLM-L6-v2 (VISTAS_MINILM), tokenizing included, in fp32 and bf16.
// Texts are the lines of VISTAS_DATA_BUILD/texts/<name>.txt, which ./dev bench writes.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "vistas/base/files.h"
#include "vistas/text/tasks/embed.h"

namespace vistas::text {
namespace {

namespace fs = std::filesystem;

// As the peers: an evenly spaced sample of `limit` lines.
void encode_lines(benchmark::State& state, const std::string& name, const std::string& precision) {
  const char *data = std::getenv("VISTAS_DATA_BUILD"), *model = std::getenv("VISTAS_MINILM");
  const fs::path file = fs::path(data ? data : "") / "texts" / (name + ".txt");
  if (!model || !fs::exists(file)) return state.SkipWithError("no VISTAS_MINILM or no texts");
  const TextBundle bundle = load_text_bundle(model);
  const std::string content = read_file(file);
  std::vector<std::string_view> lines, texts;
  for (std::string_view rest = content; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size() - 1);
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  const auto limit = static_cast<size_t>(state.range(0));
  const size_t step = std::max<size_t>(1, lines.size() / limit);
  for (size_t i = 0; i < lines.size() && texts.size() < limit; i += step) texts.push_back(lines[i]);
  for (auto _ : state) {
    benchmark::DoNotOptimize(embed_texts(bundle, texts, {.device = "cpu", .precision = precision}));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(texts.size()));
}

BENCHMARK_CAPTURE(encode_lines, stsb_fp32, "stsb", "fp32")->Arg(320)->UseRealTime();
BENCHMARK_CAPTURE(encode_lines, stsb_bf16, "stsb", "bf16")->Arg(320)->UseRealTime();

}  // namespace
}  // namespace vistas::text
