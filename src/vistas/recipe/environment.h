// What a result depends on besides its configuration.
#pragma once

#include <string>
#include <vector>

#include "vistas/base/value.h"

namespace vistas::recipe {

// Version, compiler, LibTorch, processor and its features, threads, devices.
Value environment();

// GFLOP/s of an n x n x n product in the format, best of a few.
double gemm_gflops(int64_t n, bool bf16);

// The processor's features that matter here and are present, "avx2", "avx512f" ...
std::vector<std::string> cpu_features();

}  // namespace vistas::recipe
