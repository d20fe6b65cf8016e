#include <algorithm>
#include <cstdint>
#include <string>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/load.h"

// Up to the first zero byte a tokenizer.json (or, after a '#', a vocab.txt), then a text for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::text;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  const std::string_view file = input.substr(0, end);
  try {
    const auto tokenizer = file.starts_with('#') ? read_vocabulary(file.substr(1), "", "input")
                                                 : read_tokenizer_json(file, "input");
    const std::string_view texts[] = {input.substr(end)};
    const TokenizedTexts got = tokenize(*tokenizer, texts, 512, 1);
    for (const int32_t id : got.ids) {
      if (id < 0 || id >= tokenizer->vocabulary_size()) __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
