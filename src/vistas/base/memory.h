// The memory of this process.
#pragma once

#include <cstdint>

namespace vistas {

// The most resident memory since the process began, or since reset_peak_memory().
int64_t peak_memory_bytes();

// Gives memory that was freed back to the system and begins the peak anew; false where the system
// does not allow that, and the old peak stays.
bool reset_peak_memory();

}  // namespace vistas
