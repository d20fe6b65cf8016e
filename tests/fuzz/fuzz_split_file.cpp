#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "vistas/base/error.h"
#include "vistas/recommend/sources/split_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("fuzz-split-" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "split.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    vistas::recommend::check_split(vistas::recommend::read_split(folder));
  } catch (const vistas::Error&) {
  }
  return 0;
}
