// Interactions made by hand, and how they read.
#pragma once

#include <fmt/format.h>

#include <string>

#include "support/temp_folder.h"
#include "vistas/recommend/sources/read_interactions.h"

namespace vistas::recommend {

inline Interactions made(const std::string& content, const InteractionOptions& options = {}) {
  const test::TempFolder folder;
  return read_interactions(folder.write("made", content), options);
}

// "alice: tea milk; bob: tea", with *weight and @time where there are any.
inline std::string told(const Interactions& data) {
  check(data, "test");
  std::string text;
  for (int64_t user = 0; user < data.users(); ++user) {
    text += fmt::format("{}{}:", user ? "; " : "", (*data.user_ids)[user]);
    for (auto row = static_cast<size_t>(data.begin_of(user));
         row < static_cast<size_t>(data.end_of(user)); ++row) {
      text += fmt::format(" {}", (*data.item_ids)[data.item[row]]);
      if (!data.weight.empty()) text += fmt::format("*{}", data.weight[row]);
      if (!data.time.empty()) text += fmt::format("@{}", data.time[row]);
    }
  }
  return text;
}

}  // namespace vistas::recommend
