#include "vistas/vision/encoders/encoders.h"

#include "vistas/base/error.h"
#include "vistas/base/random.h"
#include "vistas/vision/encoders/conv4.h"
#include "vistas/vision/encoders/vit.h"

namespace vistas::vision {
namespace {

using EncoderPtr = std::shared_ptr<ImageEncoder>;

EncoderPtr resnet(const EncoderOptions& o, uint64_t seed, std::array<int64_t, 4> blocks,
                  bool bottleneck) {
  return std::make_shared<ResNet>(ResNetShape{.blocks = blocks,
                                              .bottleneck = bottleneck,
                                              .stem = o.stem,
                                              .channels = o.channels,
                                              .width = o.width},
                                  seed);
}

EncoderPtr vit(const EncoderOptions& o, uint64_t seed, int64_t dim, int64_t heads) {
  return std::make_shared<Vit>(VitShape{.dim = dim,
                                        .depth = o.depth,
                                        .heads = heads,
                                        .image_size = o.image_size,
                                        .patch = o.patch,
                                        .channels = o.channels},
                               seed);
}

EncoderPtr resnet18(const EncoderOptions& o, uint64_t seed) {
  return resnet(o, seed, {2, 2, 2, 2}, false);
}
EncoderPtr resnet34(const EncoderOptions& o, uint64_t seed) {
  return resnet(o, seed, {3, 4, 6, 3}, false);
}
EncoderPtr resnet50(const EncoderOptions& o, uint64_t seed) {
  return resnet(o, seed, {3, 4, 6, 3}, true);
}
EncoderPtr vit_tiny(const EncoderOptions& o, uint64_t seed) {
  return vit(o, seed, 192, 3);
}
EncoderPtr vit_small(const EncoderOptions& o, uint64_t seed) {
  return vit(o, seed, 384, 6);
}
EncoderPtr vit_base(const EncoderOptions& o, uint64_t seed) {
  return vit(o, seed, 768, 12);
}
EncoderPtr conv4(const EncoderOptions& o, uint64_t seed) {
  return std::make_shared<Conv4>(
      Conv4Shape{.channels = o.channels, .width = o.width, .image_size = o.image_size}, seed);
}

// A network and a small perceptron on top, whose output is the feature.
class WithNeck : public ImageEncoder {
 public:
  WithNeck(EncoderPtr network, const learn::ProjectorOptions& neck, uint64_t seed)
      : network_(register_module("network", std::move(network))),
        neck_(register_module("neck",
                              std::make_shared<learn::Projector>(network_->dim(), neck, seed))) {}
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override {
    return neck_->forward(network_->forward(pixels));
  }
  int64_t dim() const override { return neck_->dim(); }

 private:
  EncoderPtr network_;
  std::shared_ptr<learn::Projector> neck_;
};

std::vector<EncoderEntry>& table() {
  static std::vector<EncoderEntry> entries = {
      {"resnet18", "residual network of 18 layers, 11 M parameters at width 64", resnet18},
      {"resnet34", "residual network of 34 layers, 21 M parameters at width 64", resnet34},
      {"resnet50", "residual network of 50 layers, 24 M parameters at width 64", resnet50},
      {"vit_tiny", "vision transformer, width 192, 5.5 M parameters", vit_tiny},
      {"vit_small", "vision transformer, width 384, 22 M parameters", vit_small},
      {"vit_base", "vision transformer, width 768, 86 M parameters", vit_base},
      {"conv4", "four 3x3 convolutions, for small pictures and small machines", conv4},
  };
  return entries;
}

}  // namespace

const std::vector<EncoderEntry>& encoder_table() {
  return table();
}

void add_encoder(const EncoderEntry& entry) {
  for (const EncoderEntry& other : table()) {
    if (entry.name == std::string(other.name)) {
      throw Error(ErrorKind::usage, {.what = "add_encoder: there is an encoder of this name",
                                     .got = entry.name,
                                     .fix = "Give the new one another name"});
    }
  }
  table().push_back(entry);
}

void EncoderOptions::fields(Fields& f) {
  std::vector<std::string> names;
  for (const EncoderEntry& entry : encoder_table()) names.push_back(entry.name);
  f.add("name", name, "network", names);
  f.add("channels", channels, "channels of the pictures; 0: as the data has", {0, 1024});
  f.add("width", width, "resnet, conv4: channels of the first stage", {1, 4096});
  f.add("stem", stem, "resnet: cifar keeps the resolution of small pictures",
        {{"imagenet", Stem::imagenet}, {"cifar", Stem::cifar}});
  f.add("image_size", image_size, "vit: side of the pictures; 0: that of the views", {0, 65536});
  f.add("patch", patch, "vit: side of a patch in pixels", {1, 1024});
  f.add("depth", depth, "vit: number of blocks", {1, 1000});
  f.group("neck", neck);
}

std::shared_ptr<ImageEncoder> make_encoder(const EncoderOptions& options, uint64_t seed) {
  if (options.channels < 1) {
    throw Error(ErrorKind::usage, {.what = "encoder.channels",
                                   .got = std::to_string(options.channels),
                                   .expected = "the number of channels of the pictures"});
  }
  std::vector<std::string> names;
  for (const EncoderEntry& entry : encoder_table()) {
    if (options.name == entry.name) {
      const EncoderPtr network = entry.make(options, seed);
      if (options.neck.layers == 0) return network;
      return std::make_shared<WithNeck>(network, options.neck, mix(seed, 2));
    }
    names.push_back(entry.name);
  }
  throw Error(ErrorKind::usage, {.what = "unknown encoder '" + options.name + "'",
                                 .fix = did_you_mean(options.name, names)});
}

}  // namespace vistas::vision
