#include "fuzz/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vistas::vision::fuzz_picture(data, size, vistas::vision::kTiff);
  return 0;
}
