// Gowalla as LightGCN splits it, from VISTAS_DATA_BUILD, by default build/data, where
// `./dev data gowalla` puts it.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "vistas/recommend/sources/split_file.h"
#include "vistas/recommend/tasks/recommender.h"

namespace vistas::bench {

constexpr int64_t kUsers = 29858, kItems = 40981;

struct Gowalla {
  OwnIdLists train{}, test{};  // empty where there is no such folder
};

inline const Gowalla& gowalla() {
  static const Gowalla all = [] {
    const char* data = std::getenv("VISTAS_DATA_BUILD");
    const std::filesystem::path folder =
        std::filesystem::path(data ? data : "build/data") / "gowalla/light_gcn_gowalla";
    if (!std::filesystem::exists(folder)) return Gowalla{};
    const recommend::Split split = recommend::open_split(folder);
    return Gowalla{recommend::item_lists(split.train), recommend::item_lists(split.test)};
  }();
  return all;
}

}  // namespace vistas::bench
