// What processes of a group share besides training: features of pictures and searches.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>

#include "support/picture_files.h"
#include "support/processes.h"
#include "support/temp_folder.h"
#include "vistas/search/top_k.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/tasks/features.h"

namespace vistas::vision {
namespace {

// Its features are the means of the channels; it counts the pictures that it sees.
class MeanColour final : public ImageEncoder {
 public:
  using ImageEncoder::forward;
  at::Tensor forward(const at::Tensor& pixels) override {
    seen += pixels.size(0);
    return pixels.mean(at::IntArrayRef{2, 3});
  }
  int64_t dim() const override { return 3; }

  std::atomic<int64_t> seen{0};
};

Bundle mean_colour(std::shared_ptr<MeanColour> encoder) {
  ViewSpec view{.height = 8, .width = 8, .mean = {0, 0, 0}, .std = {1, 1, 1}, .ops = {{"resize"}}};
  return {{}, std::move(encoder), {{view}}};
}

TEST(SharedWork, EachProcessEmbedsItsPictures) {
  const test::TempFolder folder;
  constexpr int kPictures = 11;
  for (int i = 0; i < kPictures; ++i) {
    const auto file = folder.path() / (std::to_string(10 + i) + ".png");
    write_png(file, test_picture(16, 16, 3, static_cast<uint64_t>(i)).view());
  }
  folder.write("15.png", "no picture");
  folder.write("16.png", "no picture either");  // the first of another share
  SourceOptions rgb;
  rgb.channels = "rgb";
  const std::shared_ptr<const ImageSource> source = open_source(folder.path(), rgb);
  const auto encoder = std::make_shared<MeanColour>();
  const Bundle bundle = mean_colour(encoder);
  const FeatureOptions options{.batch = 2, .threads = 1, .device = "cpu", .precision = "fp32"};
  const Features whole = extract_features(bundle, source, options);
  EXPECT_EQ(whole.values.size(0), kPictures - 2);
  EXPECT_EQ(whole.bad.count, 2);
  for (const int64_t processes : {2, 3, 12}) {  // 12: more than pictures, everyone embeds all
    encoder->seen = 0;
    test::in_processes(processes, [&](int64_t) {
      const Features features = extract_features(bundle, source, options);
      EXPECT_TRUE(at::equal(features.values, whole.values));
      EXPECT_EQ(features.samples, whole.samples);
      EXPECT_EQ(features.bad.count, 2);
      EXPECT_EQ(features.bad.first, whole.bad.first);
    });
    EXPECT_EQ(encoder->seen, processes > kPictures ? processes * kPictures : kPictures);
  }
  FeatureOptions elsewhere = options;
  elsewhere.device = test::kOtherDevice;
  EXPECT_TRUE(at::allclose(extract_features(bundle, source, elsewhere).values, whole.values));
}

TEST(SharedWork, ListsOfASharedSearchAreThoseOfOneAlone) {
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor bank = at::randn({4000, 24}, generator);
  for (const int64_t queries : {200, 1}) {  // 1: too little to be shared
    const at::Tensor q = at::randn({queries, 24}, generator);
    const auto whole = search::top_k(q, bank, 7, search::Metric::cosine);
    for (const int64_t processes : {2, 3}) {
      test::in_processes(processes, [&](int64_t) {
        const auto found = search::top_k(q, bank, 7, search::Metric::cosine);
        EXPECT_TRUE(at::equal(found.indices, whole.indices));
        EXPECT_TRUE(at::equal(found.scores, whole.scores));
      });
    }
  }
}

}  // namespace
}  // namespace vistas::vision
