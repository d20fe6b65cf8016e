// Features of users or items as encoders take them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vistas/recommend/sources/item_attributes.h"

namespace vistas::recommend {

struct Features {
  std::vector<int64_t> starts = {0};  // rows + 1: categories of each user or item
  std::vector<int32_t> category;      // ascending in a row, below `categories`
  int64_t categories = 0;
  int64_t width = 0;          // numbers of a row
  std::vector<float> number;  // rows x width

  int64_t rows() const { return static_cast<int64_t>(starts.size()) - 1; }
};

struct FeatureReport {
  std::string layout{};
  int64_t described = 0, undescribed = 0, unknown = 0;  // of the ids; of the file
  std::string summary() const;
};

// Features of `ids` from a file: attributes as read_item_attributes() reads them, their numbers
// with mean 0 and variance 1 over the rows that have one and 0 elsewhere; or embeddings of another
// run (.safetensors of `vistas embed`), matched by the tensor "ids" or "texts", or by the names of
// the files of "paths" without their endings, and of length one. Rows without anything are zero. A
// data error if nothing in the file is one of the ids.
Features read_features(const std::filesystem::path& file, const IdTable& ids,
                       FeatureReport* report = nullptr);

// folder/<name>.safetensors, synced and renamed, and back; a data error if it is out of order.
void write_features(const std::filesystem::path& file, const Features& features);
Features read_written_features(const std::filesystem::path& file);

}  // namespace vistas::recommend
