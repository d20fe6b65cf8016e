// The README.md of an exported model.
#pragma once

#include <string>

#include "vistas/share/sentence_transformers.h"

namespace vistas::share {

// What the encoder is, how to load it and, where it is known, what it was trained on.
std::string model_page(const text::TextBundle& bundle, const ModelCard& card);

}  // namespace vistas::share
