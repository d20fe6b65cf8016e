#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "vistas/base/error.h"
#include "vistas/recommend/sources/split.h"
#include "vistas/recommend/sources/summary.h"

// The first byte chooses a name and a policy, the rest is the file. What is read must hold together
// and be the same for two threads.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vistas::recommend;
  namespace fs = std::filesystem;
  if (size == 0) return 0;
  static const std::string names[] = {"", ".csv", ".tsv", ".inter", ".csv.gz"};
  static const std::string policies[] = {"keep", "first", "last", "sum"};
  const fs::path path = fs::temp_directory_path() /
                        ("fuzz-" + std::to_string(getpid()) + names[data[0] % std::size(names)]);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  InteractionOptions options;
  options.duplicates = policies[data[0] / 8 % 4];
  try {
    const Interactions read = read_interactions(path, options, nullptr, 1);
    check(read, "read");
    const Summary summary = summarise(read);
    if (summary.hash != content_hash(read_interactions(path, options, nullptr, 2))) {
      __builtin_trap();
    }
    const Split split = make_split(read, {.kind = "leave_one_out"});
    if (split.train.size() + split.valid.size() + split.test.size() != read.size()) {
      __builtin_trap();
    }
  } catch (const vistas::Error&) {
  }
  return 0;
}
