// Splits on disk.
#pragma once

#include <filesystem>

#include "vistas/recommend/sources/split.h"

namespace vistas::recommend {

// Writes folder/split.safetensors, synced and renamed: rows as they are held, and the ids as they
// stand in the data.
void write_split(const std::filesystem::path& folder, const Split& split);

// What write_split() wrote, all of it checked, the hash of its content last; a data error
// otherwise.
Split read_split(const std::filesystem::path& folder);

bool holds_split_file(const std::filesystem::path& folder);  // split.safetensors

// The file for training of a folder that also has one for the test; "" without. What is in them is
// not looked at.
std::filesystem::path training_file(const std::filesystem::path& folder);

// The split of a folder. Files are for training, validation or test if a part of their name between
// dots says so: train; valid, validation, val or dev; test ("train.txt", "ml.test.inter",
// "gowalla.train"), and they end in .txt, .tsv, .csv, .dat, .data, .inter or such a part, perhaps
// with .gz behind. Two files for one thing are a data error. Without a file for
// validation that part is empty.
Split open_split(const std::filesystem::path& folder, const InteractionOptions& options = {},
                 ReadReport* report = nullptr, int threads = 0);

}  // namespace vistas::recommend
