#include <cstdint>
#include <string_view>

#include "vistas/base/error.h"
#include "vistas/text/tokenizers/piece_model.h"

// The file of a SentencePiece model: what can be read is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::text;
  try {
    const PieceModel model = read_piece_model({reinterpret_cast<const char*>(data), size}, "input");
    const std::string written = write_piece_model(model);
    if (write_piece_model(read_piece_model(written, "again")) != written) __builtin_trap();
  } catch (const vistas::Error&) {
  }
  return 0;
}
