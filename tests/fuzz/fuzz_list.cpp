#include <cstdint>
#include <fstream>

#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/vision/sources/source.h"

// A list of paths. Channels are kept, so that none of the paths is opened.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const vistas::vision::TempFolder folder;
  const auto list = folder.path() / "list.txt";
  std::ofstream(list, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    const auto source = vistas::vision::open_source(list, {.channels = "keep"});
    for (int64_t i = 0; i < source->size(); ++i) {
      source->name(i);
      source->label(i);
    }
    vistas::vision::fingerprint(*source);
  } catch (const vistas::Error&) {
  }
  return 0;
}
