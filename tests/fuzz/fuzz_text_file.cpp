#include <unistd.h>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "vistas/base/error.h"
#include "vistas/text/sources/layout.h"

// The first byte chooses a name, the rest is the file. Every row found must be read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::text;
  namespace fs = std::filesystem;
  if (size == 0) return 0;
  static const std::string names[] = {".txt", ".tsv", ".csv", ".jsonl", ".txt.gz"};
  const fs::path path = fs::temp_directory_path() /
                        ("fuzz-" + std::to_string(getpid()) + names[data[0] % std::size(names)]);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  try {
    const TextFile file(path, {.longest_line = 1000});
    std::vector<std::string> fields;
    for (int64_t i = 0; i < file.size(); ++i) {
      file.read(i, fields);
      if (fields.size() != file.columns().size()) __builtin_trap();
    }
    describe(detect_layout(file), file);
  } catch (const vistas::Error&) {
  }
  return 0;
}
