// Reading interactions of any size.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/text_input.h"
#include "vistas/recommend/sources/interactions.h"
#include "vistas/recommend/sources/layout.h"

namespace vistas::recommend {

struct ReadReport {
  std::vector<std::string> layouts{};  // of each file: "train.txt: lists: user item item ..."
  int64_t rows = 0;                    // read, before anything was left out
  int64_t duplicates = 0;              // rows of a user and an item that the same file had before
  bool kept_duplicates = false;
  int64_t below_min_weight = 0;  // rows left out for their weight
  BadLines bad{};

  std::string summary() const;  // a line each
  std::string left_out()
      const;  // its lines on rows that are not there as they stood; "" if all are
};

// Reads files whose users and items are the same; the results share their ids. Ids are numbered in
// the order in which they appear; where they are all numbers from 0 or from 1 without a gap, in
// that order. Memory: what the result holds, 4 bytes a row, and one column more while it is built;
// the files are mapped, .gz ones from a temporary copy.
std::vector<Interactions> read_interactions(std::span<const std::filesystem::path> files,
                                            const InteractionOptions& options = {},
                                            ReadReport* report = nullptr, int threads = 0);

// One file. Users and items whose every row weighed too little are forgotten.
Interactions read_interactions(const std::filesystem::path& file,
                               const InteractionOptions& options = {}, ReadReport* report = nullptr,
                               int threads = 0);

}  // namespace vistas::recommend
