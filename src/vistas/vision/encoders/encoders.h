// All image encoders by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/projector.h"
#include "vistas/vision/encoders/image_encoder.h"
#include "vistas/vision/encoders/resnet.h"

namespace vistas::vision {

struct EncoderOptions {
  std::string name = "resnet18";
  int64_t channels = 0;
  int64_t width = 64;
  Stem stem = Stem::imagenet;
  int64_t image_size = 0;
  int64_t patch = 16;
  int64_t depth = 12;
  // On top of the network; its output is then the feature. For encoders that are compared the way
  // they were trained (one-shot recognition, search).
  learn::ProjectorOptions neck{.layers = 0};

  void fields(Fields& f);
};

struct EncoderEntry {
  const char* name;
  const char* help;
  std::shared_ptr<ImageEncoder> (*make)(const EncoderOptions&, uint64_t seed);
};

// A new encoder of vistas is a line in this table.
const std::vector<EncoderEntry>& encoder_table();

// Adds an encoder of another project, before anything reads the table; a usage error for a name
// that is taken.
void add_encoder(const EncoderEntry& entry);

// An encoder with initial values drawn from `seed`; a usage error for an unknown name
// and where options.channels is still 0, which means as the data have it.
std::shared_ptr<ImageEncoder> make_encoder(const EncoderOptions& options, uint64_t seed);

}  // namespace vistas::vision
