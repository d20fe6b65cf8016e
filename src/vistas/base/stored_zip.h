// Zip archives whose files are stored as they are, which can be read where they lie.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace vistas {

// The files of an archive by name, views into `bytes`; also of archives above 4 GB (zip64). `name`
// appears in errors. Data errors: compressed or encrypted files, two of one name, places outside
// `bytes`. Checksums are not looked at.
std::map<std::string, std::span<const std::byte>> read_stored_zip(std::span<const std::byte> bytes,
                                                                  const std::string& name);

}  // namespace vistas
