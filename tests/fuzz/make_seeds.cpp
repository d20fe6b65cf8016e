// Writes a few small valid inputs for each fuzz target: make_seeds FOLDER -> FOLDER/<target>/<n>.
#include <cstdio>
#include <map>

#include "support/pictures.h"
#include "vistas/vision/sources/encode.h"

using namespace vistas;
using namespace vistas::vision;

namespace {

using Seeds = std::map<std::string, std::vector<std::string>>;

void add_pictures(Seeds& seeds) {
  const Image grey = test_picture(17, 19, 1), colour = test_picture(17, 19, 3);
  const Image alpha = test_picture(9, 11, 4), inks = test_picture(17, 19, 4);
  seeds["fuzz_jpeg"] = {jpeg_file(grey),
                        jpeg_file(colour),
                        jpeg_file(colour, {.h = 2}),
                        jpeg_file(colour, {.h = 2, .v = 2, .restart_rows = 1}),
                        jpeg_file(colour, {.progressive = true}),
                        jpeg_file(inks),
                        jpeg_file(colour, {.arithmetic = true})};
  seeds["fuzz_png"] = {encode_png(grey.view()), encode_png(colour.view()),
                       encode_png(alpha.view())};
  seeds["fuzz_pnm"] = {"P1 3 2 101 010",
                       "P2\n# text\n2 2 7 0 1 2 7",
                       "P3 1 1 300 1 2 300",
                       std::string("P4 9 1 \xAA\x80", 9),
                       std::string("P5 2 1 255 ab", 13),
                       "P6 1 1 1000 abcdef",
                       "P7 WIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\nabcde",
                       "Pf 1 1 -1.0 abcd",
                       "PF 1 1 1.0 abcdefghijkl"};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Seeds seeds;
  add_pictures(seeds);
  for (const auto& [target, inputs] : seeds) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / target;
    std::filesystem::create_directories(folder);
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::ofstream(folder / std::to_string(i), std::ios::binary) << inputs[i];
    }
  }
}
