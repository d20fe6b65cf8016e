// What readers of files of lines have in common.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vistas/base/files.h"

namespace vistas {

// Lines left out, never silently.
struct BadLines {
  int64_t count = 0;
  std::vector<std::string> first{};  // the errors of the first ten: "pairs.tsv: line 12: ..."

  void add(const std::string& error);
  std::string summary() const;  // "" if there are none
};

// A file by its bytes; one whose name ends in .gz is unpacked into a temporary file, which goes
// with the map. What is no file and damaged gzip data are data errors.
MappedFile map_text_file(const std::filesystem::path& path);

// All bytes of a map as text, without a byte order mark.
std::string_view text_of(const MappedFile& file);

// The first line of a file, packed by gzip or not, or as much of it as 64 KB hold; "" for a file
// that cannot be read.
std::string first_line(const std::filesystem::path& path);

// The name without .gz in lower case: ".csv", "" ...
std::string text_extension(const std::filesystem::path& path);

}  // namespace vistas
