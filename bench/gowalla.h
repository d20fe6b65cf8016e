// Gowalla as LightGCN splits it, from VISTAS_DATA_BUILD, by default build/data: a user and its
// items a line. `./dev data gowalla` puts it there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "vistas/base/id_lists.h"

namespace vistas::bench {

constexpr int64_t kUsers = 29858, kItems = 40981;

// Nothing where there is no such file.
inline OwnIdLists read_gowalla(const std::string& part) {
  const char* folder = std::getenv("VISTAS_DATA_BUILD");
  std::ifstream file(std::string(folder ? folder : "build/data") + "/gowalla/light_gcn_gowalla/" +
                     part + ".txt");
  std::vector<std::vector<int32_t>> lists(kUsers);
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    size_t user = 0;
    if (!(numbers >> user)) continue;
    for (int32_t item = 0; numbers >> item;) lists.at(user).push_back(item);
  }
  OwnIdLists out;
  for (std::vector<int32_t>& list : lists) {
    std::ranges::sort(list);
    out.ids.insert(out.ids.end(), list.begin(), std::ranges::unique(list).begin());
    out.starts.push_back(static_cast<int64_t>(out.ids.size()));
  }
  if (out.ids.empty()) out.starts.resize(1);
  return out;
}

}  // namespace vistas::bench
