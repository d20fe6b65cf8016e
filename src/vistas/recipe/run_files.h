// What a run folder says about how the run began.
#pragma once

#include <memory>

#include "vistas/base/run_folder.h"
#include "vistas/recipe/config.h"

namespace vistas::recipe {

// config.toml, env.json (with a fingerprint of the data) and the files of the modality.
void write_run_files(const RunFolder& run, const Config& config, const Training& training);

// The configuration of the run's first step, whatever config.toml says by now.
std::unique_ptr<Config> began_with(const RunFolder& run);

// A data error if the samples are not those the run began with.
void check_same_data(const RunFolder& run, const Training& training);

}  // namespace vistas::recipe
