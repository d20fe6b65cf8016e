// All text encoders by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/text/encoders/static_encoder.h"
#include "vistas/text/encoders/text_encoder.h"
#include "vistas/text/encoders/transformer.h"

namespace vistas::text {

struct TextEncoderOptions {
  std::string name = "static";
  std::string start;
  int64_t max_length = 0;
  int64_t vocabulary = 0;
  StaticOptions bag{};
  TransformerOptions transformer{};

  void fields(Fields& f);
};

// An encoder over ids below options.vocabulary with initial values drawn from `seed`.
std::shared_ptr<TextEncoder> make_text_encoder(const TextEncoderOptions& options, uint64_t seed);

}  // namespace vistas::text
