// Data sets where ./dev data has unpacked them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace vistas::test {

inline std::filesystem::path real_data(const std::string& name) {
  const char* set = std::getenv("VISTAS_DATA_BUILD");
  const std::filesystem::path source = VISTAS_SOURCE_DIR;
  return (set != nullptr ? std::filesystem::path(set) : source / "build/data") / name;
}

}  // namespace vistas::test

#define NEEDS(path)                   \
  if (!std::filesystem::exists(path)) \
  GTEST_SKIP() << (path).string() << " is absent: run ./dev data"
