#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "vistas/base/error.h"
#include "vistas/recommend/sources/item_attributes.h"

// The first byte chooses a name, the rest is the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::recommend;
  namespace fs = std::filesystem;
  if (size == 0) return 0;
  static const std::string names[] = {".json", ".csv", ".tsv", ".item", ".dat"};
  const fs::path path = fs::temp_directory_path() /
                        ("fuzz-" + std::to_string(getpid()) + names[data[0] % std::size(names)]);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  IdTable items;
  for (const char* id : {"a", "b", "1", "2"}) items.add(id);
  try {
    const ItemAttributes read = read_item_attributes(path, items);
    int64_t count = 0;
    for (int64_t item = 0; item < items.size(); ++item) {
      for (const int32_t attribute : read.of(item)) {
        if (attribute < 0 || attribute >= read.names.size()) __builtin_trap();
        ++count;
      }
    }
    if (count != static_cast<int64_t>(read.attribute.size())) __builtin_trap();
  } catch (const vistas::Error&) {
  }
  return 0;
}
