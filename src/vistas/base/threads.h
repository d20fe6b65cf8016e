// Work split over threads without a shared pool.
#pragma once

#include <cstdint>
#include <functional>

namespace vistas {

// Calls work(i, thread) for i in [0, n) on up to `threads` threads (0: as many as the machine
// allows this process); items are handed out one by one. The first exception is rethrown after
// all threads have stopped.
void parallel_for(int64_t n, int threads, const std::function<void(int64_t, int)>& work);

// Cores this process may run on.
int available_cores();

}  // namespace vistas
