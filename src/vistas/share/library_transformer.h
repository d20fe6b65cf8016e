// A transformer as the package transformers has it.
#pragma once

#include <string>

#include "vistas/learn/tensors.h"
#include "vistas/text/encoders/transformer.h"
#include "vistas/text/tokenizers/tokenizer.h"

namespace vistas::share {

struct LibraryTransformer {
  std::string config;           // config.json
  learn::NamedTensors tensors;  // without the projection, which is a module of its own
};

// The encoder's family where its class there computes the same; BERT, which can express all but
// MPNet, where it does not. A data error for an MPNet whose positions are not those of that class.
LibraryTransformer library_transformer(const text::Transformer& encoder,
                                       const text::SpecialTokens& special);

}  // namespace vistas::share
