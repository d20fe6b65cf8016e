// Runs a fuzz target without libFuzzer: first every seed, then blind mutations of them.
//   fuzz_x [-max_total_time=SECONDS] [-artifact_prefix=PREFIX] FILE_OR_FOLDER...
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vistas/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Input = std::vector<uint8_t>;

Input read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Input(std::istreambuf_iterator<char>(in), {});
}

void mutate(Input& input, const std::vector<Input>& seeds, vistas::Draws& draws) {
  const auto place = [&] { return draws.below(static_cast<int64_t>(input.size())); };
  for (int64_t n = draws.below(8) + 1; n > 0 && !input.empty(); --n) {
    switch (draws.below(5)) {
      case 0:
        input[static_cast<size_t>(place())] = static_cast<uint8_t>(draws.bits());
        break;
      case 1:
        input[static_cast<size_t>(place())] ^= static_cast<uint8_t>(1 << draws.below(8));
        break;
      case 2:
        input.resize(static_cast<size_t>(place()));
        break;
      case 3:
        input.erase(input.begin() + place());
        break;
      case 4: {
        const Input& other =
            seeds[static_cast<size_t>(draws.below(static_cast<int64_t>(seeds.size())))];
        const auto cut = draws.below(static_cast<int64_t>(other.size()) + 1);
        input.insert(
            input.begin() + place(), other.begin() + cut,
            other.begin() + std::min<int64_t>(cut + 16, static_cast<int64_t>(other.size())));
        break;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  long seconds = 0;
  std::string prefix = "./";
  std::vector<Input> seeds;
  for (const std::string& arg : std::vector<std::string>(argv + 1, argv + argc)) {
    const std::string time = "-max_total_time=", artifact = "-artifact_prefix=";
    if (arg.starts_with(time)) {
      seconds = std::stol(arg.substr(time.size()));
    } else if (arg.starts_with(artifact)) {
      prefix = arg.substr(artifact.size());
    } else if (std::filesystem::is_directory(arg)) {
      for (const auto& entry : std::filesystem::directory_iterator(arg)) {
        seeds.push_back(read(entry.path()));
      }
    } else if (!arg.starts_with("-")) {
      seeds.push_back(read(arg));
    }
  }
  for (const Input& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int64_t runs = 0;
  for (; !seeds.empty() && std::chrono::steady_clock::now() < end; ++runs) {
    vistas::Draws draws({.sample = static_cast<uint64_t>(runs)});
    Input input = seeds[static_cast<size_t>(draws.below(static_cast<int64_t>(seeds.size())))];
    mutate(input, seeds, draws);
    // Written first, so that the input of a crash is at hand.
    std::ofstream(prefix + "last-input", std::ios::binary)
        .write(reinterpret_cast<const char*>(input.data()),
               static_cast<std::streamsize>(input.size()));
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu seeds, %lld mutations\n", seeds.size(), static_cast<long long>(runs));
}
