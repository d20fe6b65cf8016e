// Decoding and reading, one thread. Pictures are made here; with VISTAS_DATA_BUILD set (as for the
// tests) real photographs are measured too: imagenette at 128 px, blood cells at 640 x 480.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "support/pictures.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/pack.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

using Files = std::vector<std::string>;

Files made(int height, int width) {
  Files files;
  for (uint64_t i = 0; i < 16; ++i) {
    files.push_back(jpeg_file(test_picture(height, width, 3, i), {.h = 2, .v = 2}));
  }
  return files;
}

Files real(const char* folder) {
  Files files;
  const char* root = std::getenv("VISTAS_DATA_BUILD");
  if (root == nullptr || !fs::exists(fs::path(root) / folder)) return files;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / folder)) {
    files.push_back(read_file(entry.path()));
  }
  return files;
}

void decode_files(benchmark::State& state, const Files& files) {
  if (files.empty()) return state.SkipWithError("VISTAS_DATA_BUILD has no such pictures");
  Image image;
  size_t i = 0;
  for (auto _ : state) {
    decode(bytes_of(files[i++ % files.size()]), "", {.channels = Channels::rgb}, image);
    benchmark::DoNotOptimize(image.data());
  }
  state.SetItemsProcessed(state.iterations());
}

// The same with nothing around libjpeg, a fresh decompressor for each file: what to compare with.
void decode_with_libjpeg(benchmark::State& state, const Files& files) {
  if (files.empty()) return state.SkipWithError("VISTAS_DATA_BUILD has no such pictures");
  Image image;
  size_t i = 0;
  for (auto _ : state) {
    const std::string& file = files[i++ % files.size()];
    jpeg_decompress_struct c;
    jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&c);
    jpeg_mem_src(&c, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&c, TRUE);
    c.out_color_space = JCS_RGB;
    jpeg_start_decompress(&c);
    image.reset(static_cast<int>(c.output_height), static_cast<int>(c.output_width), 3);
    while (c.output_scanline < c.output_height) {
      JSAMPROW row = image.row<JSAMPLE>(static_cast<int>(c.output_scanline));
      jpeg_read_scanlines(&c, &row, 1);
    }
    jpeg_finish_decompress(&c);
    jpeg_destroy_decompress(&c);
    benchmark::DoNotOptimize(image.data());
  }
  state.SetItemsProcessed(state.iterations());
}

// Boxes of random resized crops: 8 % to 100 % of the area, sides 3:4 to 4:3.
void decode_crops(benchmark::State& state, const Files& files) {
  if (files.empty()) return state.SkipWithError("VISTAS_DATA_BUILD has no such pictures");
  const PictureInfo info = probe(bytes_of(files[0]), "");
  std::vector<Box> boxes(64);
  Draws draws({1, 0, 0, 0});
  for (Box& box : boxes) {
    do {
      const double area = draws.uniform(0.08, 1) * info.height * info.width;
      const double ratio = std::exp(draws.uniform(-0.2877, 0.2877));
      box.height = static_cast<int>(std::sqrt(area / ratio));
      box.width = static_cast<int>(std::sqrt(area * ratio));
    } while (box.height < 1 || box.width < 1 || box.height > info.height || box.width > info.width);
    box.top = static_cast<int>(draws.below(info.height - box.height + 1));
    box.left = static_cast<int>(draws.below(info.width - box.width + 1));
  }
  Image image;
  Box got;
  size_t i = 0;
  for (auto _ : state) {
    const Box& box = boxes[i % boxes.size()];
    const ImageView view = decode_crop(bytes_of(files[i++ % files.size()]), "",
                                       {.channels = Channels::rgb}, box, image, got);
    benchmark::DoNotOptimize(view.data);
  }
  state.SetItemsProcessed(state.iterations());
}

void read_source(benchmark::State& state, const ImageSource& source) {
  Image storage;
  Box got;
  int64_t i = 0, bytes = 0;
  unsigned sum = 0;
  for (auto _ : state) {
    const ImageView view = source.read(i++ % source.size(), nullptr, storage, got);
    const size_t row = static_cast<size_t>(view.width * view.channels);
    for (int y = 0; y < view.height; ++y) {  // touches every pixel, as any user of it would
      const uint8_t* p = view.row<uint8_t>(y);
      for (size_t x = 0; x < row; ++x) sum += p[x];
    }
    bytes += static_cast<int64_t>(row) * view.height;
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(bytes);
}

void register_files(const std::string& name, const Files& files) {
  benchmark::RegisterBenchmark(("jpeg_full/" + name).c_str(), decode_files, files);
  benchmark::RegisterBenchmark(("jpeg_libjpeg/" + name).c_str(), decode_with_libjpeg, files);
  benchmark::RegisterBenchmark(("jpeg_crop/" + name).c_str(), decode_crops, files);
}

}  // namespace
}  // namespace vistas::vision

int main(int argc, char** argv) {
  using namespace vistas::vision;
  register_files("made_128", made(128, 128));
  register_files("made_640x480", made(480, 640));
  register_files("imagenette_128", real("imagenette-128/train/n01440764"));
  register_files("bccd_640x480", real("bccd/BCCD/JPEGImages"));
  Files png;
  for (uint64_t i = 0; i < 16; ++i) png.push_back(encode_png(test_picture(128, 128, 3, i).view()));
  benchmark::RegisterBenchmark("png/made_128", decode_files, png);

  const TempFolder folder;
  for (size_t i = 0; i < png.size(); ++i) folder.write("in/" + std::to_string(i) + ".png", png[i]);
  folder.write("test_batch.bin", std::string(1000 * 3073, '\1'));
  pack_source(*open_source(folder.path() / "in"), folder.path() / "a.vpack");
  const auto packed = open_source(folder.path() / "a.vpack"), cifar = open_source(folder.path());
  benchmark::RegisterBenchmark("read/vpack_128",
                               [&](benchmark::State& s) { read_source(s, *packed); });
  benchmark::RegisterBenchmark("read/cifar", [&](benchmark::State& s) { read_source(s, *cifar); });
  const auto files = open_source(folder.path() / "in");
  benchmark::RegisterBenchmark("read/folder_png_128",
                               [&](benchmark::State& s) { read_source(s, *files); });
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
