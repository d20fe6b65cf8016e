// Readers of container files, apart from the sources that use them so that fuzzers can call them.
// All throw data errors that name the file. Private to the sources.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vistas/vision/sources/decode.h"

namespace vistas::vision {

// CIFAR records: `label_bytes` of label (the last one counts), then 32 x 32 planes R, G, B.
struct CifarRecords {
  std::vector<uint8_t> pixels{};  // [n, 32, 32, 3]
  std::vector<int64_t> labels{};
};
void parse_cifar(Bytes bytes, const std::string& name, int label_bytes, int64_t classes,
                 CifarRecords& append_to);

// IDX (MNIST): an array of bytes.
struct IdxArray {
  std::vector<int64_t> shape{};
  Bytes data{};
};
IdxArray parse_idx(Bytes bytes, const std::string& name);

// The regular files of a tar archive (v7, ustar, GNU and pax names), in order. Names have no
// leading "/" and no "..". A name that occurs twice stands for its last file, as for tar.
struct TarMember {
  std::string name{};
  Bytes content{};
};
std::vector<TarMember> parse_tar(Bytes bytes, const std::string& name);

// A packed file, see pack.h.
struct PackEntry {
  std::string name{};
  int64_t label = -1;
  PictureInfo info{};
  bool encoded = false;  // `content` is a picture file, otherwise raw rows
  Bytes content{};
};
struct PackIndex {
  std::vector<std::string> class_names{};
  std::vector<PackEntry> entries{};
};
PackIndex parse_pack(Bytes bytes, const std::string& name);

}  // namespace vistas::vision
