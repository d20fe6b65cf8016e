// PairTiles of float32 rows on the CPU with kernels of its own.
#pragma once

#include <memory>

#include "vistas/contrast/pair_tiles.h"

namespace vistas::contrast {

std::unique_ptr<PairTiles> cpu_pair_tiles(PairSet pairs);

}  // namespace vistas::contrast
