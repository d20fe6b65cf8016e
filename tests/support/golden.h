// Reads the golden files: <group>.json with the cases, <group>.safetensors with the tensors.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "vistas/base/files.h"
#include "vistas/base/tensor_file.h"

namespace vistas::golden {

// VISTAS_GOLDEN, else ../shared/golden beside the checkout, else the small copies in tests/golden.
// Empty if the group is in none of them; callers skip the group by name then.
inline std::filesystem::path folder_of(const std::string& group, bool with_tensors = true) {
  std::vector<std::filesystem::path> places;
  if (const char* set = std::getenv("VISTAS_GOLDEN")) {
    places.push_back(set);
  } else {
    const std::filesystem::path source = VISTAS_SOURCE_DIR;
    places = {source / "../shared/golden", source / "tests/golden"};
  }
  for (const auto& place : places) {
    if (std::filesystem::exists(place / (group + ".json")) &&
        (!with_tensors || std::filesystem::exists(place / (group + ".safetensors")))) {
      return place;
    }
  }
  return {};
}

struct Group {
  nlohmann::json json;
  TensorFile tensors;
};

inline Group load(const std::string& group) {
  const auto folder = folder_of(group);
  return {nlohmann::json::parse(read_file(folder / (group + ".json"))),
          TensorFile(folder / (group + ".safetensors"))};
}

}  // namespace vistas::golden
