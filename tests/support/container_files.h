// Writers of IDX and tar files.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace vistas::vision {

inline std::string idx_file(const std::vector<uint32_t>& shape, const std::string& data) {
  std::string file("\0\0\x8", 3);
  file += static_cast<char>(shape.size());
  for (const uint32_t n : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) file += static_cast<char>(n >> shift);
  }
  return file + data;
}

struct Member {
  std::string name, content;
  char type = '0';
};

inline std::string tar_header(const std::string& name, size_t size, char type) {
  std::string h(512, '\0');
  h.replace(0, std::min<size_t>(name.size(), 100), name.substr(0, 100));
  h.replace(100, 7, "0000644");
  h.replace(124, 11, fmt::format("{:011o}", size));
  h.replace(148, 8, "        ");
  h[156] = type;
  h.replace(257, 8, std::string("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : h) sum += static_cast<unsigned char>(c);
  h.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return h;
}

inline std::string tar_file(const std::vector<Member>& members) {
  std::string file;
  for (const Member& m : members) {
    file += tar_header(m.name, m.content.size(), m.type) + m.content;
    file.resize((file.size() + 511) / 512 * 512, '\0');
  }
  return file + std::string(1024, '\0');
}

}  // namespace vistas::vision
