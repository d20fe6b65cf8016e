#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/base/value.h"
#include "vistas/vision/views/recipe.h"

// A bundle's encoder.json comes from anywhere; its "preprocess" is a view recipe.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const vistas::Value json = vistas::parse_json(text, "input");
    vistas::to_json(json);
    const auto& table = json.table();
    const auto preprocess = table.find("preprocess");
    if (preprocess == table.end()) return 0;
    vistas::vision::to_toml(vistas::vision::parse_recipe(preprocess->second));
  } catch (const vistas::Error&) {
  }
  return 0;
}
