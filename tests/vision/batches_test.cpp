#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

#include "vistas/base/files.h"
#include "vistas/vision/tasks/image_batches.h"

namespace {
std::atomic<long> allocations{0};
}

[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept {
  std::free(p);
}

namespace vistas::vision {
namespace {

TEST(ImageBatches, AllocateForTheBatchNotForItsSamples) {
  constexpr int64_t kPictures = 64;
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "batches";
  std::filesystem::create_directories(folder);
  std::string records;
  for (int64_t i = 0; i < kPictures; ++i) {
    records += static_cast<char>(i % 10);
    records += std::string(3 * 32 * 32, static_cast<char>(4 * i));
  }
  for (const char* name : {"data_batch_1.bin", "test_batch.bin"}) {
    write_file_atomic(folder / name, records);
  }
  SourceOptions options;
  options.split = "train";
  RecipeOptions views;
  views.size = 16;
  const ImageBatches batches(open_source(folder, options), builtin_recipe("simclr", views), "skip",
                             0);
  const auto count = [&](int64_t samples) {
    std::vector<int64_t> wanted(static_cast<size_t>(samples));
    std::iota(wanted.begin(), wanted.end(), 0);
    batches.make(wanted, 0);  // buffers that stay
    const long before = allocations;
    batches.make(wanted, 0);
    return allocations - before;
  };
  EXPECT_EQ(count(8), count(kPictures));
}

}  // namespace
}  // namespace vistas::vision
