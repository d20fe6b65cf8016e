#include <cstdint>
#include <cstdlib>

#include "vistas/base/error.h"
#include "vistas/vision/sources/parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::vision;
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    for (const TarMember& member : parse_tar(bytes, "input")) {
      if (("/" + member.name + "/").find("/../") != std::string::npos) std::abort();
      if (!member.content.empty() &&
          member.content.data() + member.content.size() > bytes.data() + bytes.size()) {
        std::abort();
      }
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
