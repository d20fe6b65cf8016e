#include <cstdint>

#include "vistas/base/error.h"
#include "vistas/base/value.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    vistas::to_toml(vistas::parse_toml(text, "input"));
  } catch (const vistas::Error&) {
  }
  try {
    vistas::parse_assignment(std::string(text));
  } catch (const vistas::Error&) {
  }
  return 0;
}
