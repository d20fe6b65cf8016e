#include <gtest/gtest.h>

#include "support/pictures.h"
#include "vistas/base/error.h"

namespace vistas::vision {
namespace {

// What libjpeg itself gives with its defaults.
Image reference_decode(const std::string& file, J_COLOR_SPACE out_space) {
  jpeg_decompress_struct c;
  jpeg_error_mgr errors;
  c.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&c);
  jpeg_mem_src(&c, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&c, TRUE);
  c.out_color_space = out_space;
  jpeg_start_decompress(&c);
  Image image(static_cast<int>(c.output_height), static_cast<int>(c.output_width),
              c.output_components);
  for (int y = 0; y < image.height(); ++y) {
    JSAMPROW row = image.row<JSAMPLE>(y);
    jpeg_read_scanlines(&c, &row, 1);
  }
  jpeg_finish_decompress(&c);
  jpeg_destroy_decompress(&c);
  return image;
}

Image decoded(const std::string& file, const DecodeOptions& options = {}) {
  Image image;
  decode(bytes_of(file), "test.jpg", options, image);
  return image;
}

TEST(Jpeg, EveryFormEqualsLibjpeg) {
  const Image colour = test_picture(45, 61, 3), grey = test_picture(45, 61, 1);
  for (const JpegForm& form :
       {JpegForm{}, JpegForm{.h = 2}, JpegForm{.h = 2, .v = 2}, JpegForm{.v = 2},
        JpegForm{.h = 2, .v = 2, .progressive = true}, JpegForm{.stored = JCS_RGB},
        JpegForm{.h = 2, .v = 2, .restart_rows = 1}, JpegForm{.arithmetic = true}}) {
    const std::string file = jpeg_file(colour, form);
    const Image image = decoded(file);
    EXPECT_TRUE(same_pixels(image.view(), reference_decode(file, JCS_RGB).view()));
    const PictureInfo info = probe(bytes_of(file), "test.jpg");
    EXPECT_EQ(info.height, 45);
    EXPECT_EQ(info.width, 61);
    EXPECT_EQ(info.channels, 3);
    EXPECT_EQ(info.format, PictureFormat::jpeg);
  }
  for (const bool progressive : {false, true}) {
    const std::string file = jpeg_file(grey, {.progressive = progressive});
    EXPECT_TRUE(same_pixels(decoded(file).view(), reference_decode(file, JCS_GRAYSCALE).view()));
    const Image rgb = decoded(file, {.channels = Channels::rgb});
    EXPECT_TRUE(same_pixels(rgb.view(), reference_decode(file, JCS_RGB).view()));
    EXPECT_EQ(probe(bytes_of(file), "").channels, 1);
    EXPECT_EQ(probe(bytes_of(file), "", {.channels = Channels::rgb}).channels, 3);
  }
}

TEST(Jpeg, GreyOfColourIsPilsLuma) {
  const std::string file = jpeg_file(test_picture(20, 30, 3));
  const Image rgb = decoded(file), grey = decoded(file, {.channels = Channels::grey});
  ASSERT_EQ(grey.channels(), 1);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 30; ++x) {
      const uint8_t* p = rgb.row<uint8_t>(y) + 3 * x;
      EXPECT_EQ(grey.row<uint8_t>(y)[x],
                (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
    }
  }
}

TEST(Jpeg, CmykAndYcckBecomeRgb) {
  const Image inks = test_picture(16, 24, 4);
  for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK}) {
    const std::string file = jpeg_file(inks, {.quality = 100, .stored = stored});
    const Image raw = reference_decode(file, JCS_CMYK), rgb = decoded(file);
    ASSERT_EQ(rgb.channels(), 3);
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 24; ++x) {
        const uint8_t* v = raw.row<uint8_t>(y) + 4 * x;  // inverted: 255 is no ink
        for (int c = 0; c < 3; ++c) {
          EXPECT_NEAR(rgb.row<uint8_t>(y)[3 * x + c], v[c] * v[3] / 255.0, 1.0);
        }
      }
    }
  }
}

TEST(Jpeg, CropEqualsSliceOfFullDecode) {
  Draws draws({1, 0, 0, 0});
  int exact_boxes = 0, crops = 0;
  for (const JpegForm& form : {JpegForm{}, JpegForm{.h = 2}, JpegForm{.h = 2, .v = 2},
                               JpegForm{.v = 2}, JpegForm{.h = 2, .v = 2, .restart_rows = 1}}) {
    for (const int channels : {3, 1}) {
      if (channels == 1 && (form.h > 1 || form.v > 1)) continue;
      for (int picture = 0; picture < 12; ++picture) {
        const int height = static_cast<int>(8 + draws.below(120));
        const int width = static_cast<int>(8 + draws.below(150));
        const std::string file =
            jpeg_file(test_picture(height, width, channels, static_cast<uint64_t>(picture)), form);
        const Image full = decoded(file);
        for (int k = 0; k < 100; ++k, ++crops) {
          Box box;
          box.height = static_cast<int>(1 + draws.below(height));
          box.width = static_cast<int>(1 + draws.below(width));
          box.top = static_cast<int>(draws.below(height - box.height + 1));
          box.left = static_cast<int>(draws.below(width - box.width + 1));
          Image storage;
          Box got;
          const ImageView view = decode_crop(bytes_of(file), "", {}, box, storage, got);
          exact_boxes += got == box;
          ASSERT_EQ(view.height, got.height);
          ASSERT_EQ(view.width, got.width);
          ASSERT_TRUE(same_pixels(view, full.view().crop(got)))
              << height << "x" << width << " sampling " << form.h << form.v << " box " << box.top
              << " " << box.left << " " << box.height << " " << box.width;
        }
      }
    }
  }
  EXPECT_EQ(exact_boxes, crops);
  EXPECT_GT(crops, 5000);
}

TEST(Jpeg, CropOfOtherFormsFallsBackToTheWholePicture) {
  const Box box{10, 10, 8, 8};
  const Image colour = test_picture(40, 50, 3);
  for (const std::string& file :
       {jpeg_file(colour, {.h = 2, .v = 2, .progressive = true}),
        jpeg_file(colour, {.arithmetic = true}), jpeg_file(colour, {.h = 4}),
        jpeg_file(test_picture(40, 50, 4)), jpeg_file(test_picture(40, 50, 1), {.h = 2, .v = 2})}) {
    Image storage;
    Box got;
    const ImageView view = decode_crop(bytes_of(file), "", {}, box, storage, got);
    EXPECT_EQ(got, (Box{0, 0, 40, 50}));
    EXPECT_TRUE(same_pixels(view, decoded(file).view()));
  }
}

TEST(Jpeg, CropConvertsChannels) {
  const std::string file = jpeg_file(test_picture(60, 70, 3), {.h = 2, .v = 2});
  const DecodeOptions grey{.channels = Channels::grey};
  const Image full = decoded(file, grey);
  Image storage;
  Box got;
  const Box box{21, 33, 17, 19};
  const ImageView view = decode_crop(bytes_of(file), "", grey, box, storage, got);
  EXPECT_EQ(got, box);
  EXPECT_TRUE(same_pixels(view, full.view().crop(box)));
}

TEST(Jpeg, ScaledDecodingKeepsTheSide) {
  const std::string file = jpeg_file(test_picture(300, 500, 3));
  for (const auto& [side, height, width] :
       {std::tuple{301, 300, 500}, {150, 150, 250}, {149, 150, 250}, {75, 75, 125}, {1, 38, 63}}) {
    const DecodeOptions options{.scaled_side = side};
    const Image image = decoded(file, options);
    EXPECT_EQ(image.height(), height);
    EXPECT_EQ(image.width(), width);
    EXPECT_EQ(probe(bytes_of(file), "", options).height, height);
  }
}

TEST(Jpeg, TruncatedAtAnyLengthIsAnError) {
  for (const JpegForm& form : {JpegForm{.h = 2, .v = 2}, JpegForm{.progressive = true}}) {
    const std::string file = jpeg_file(test_picture(24, 24, 3), form);
    for (size_t n = 0; n < file.size(); ++n) {
      const std::string part = file.substr(0, n);
      EXPECT_NE(error_of([&] { decoded(part); }), "") << n << " of " << file.size();
      Image storage;
      Box got;
      EXPECT_NE(error_of([&] {
                  decode_crop(bytes_of(part), "", {}, {0, 0, 4, 4}, storage, got);
                }),
                "");
    }
  }
}

TEST(Jpeg, ErrorNamesFileAndReason) {
  const std::string file = jpeg_file(test_picture(24, 24, 3));
  const std::string error = error_of([&] { decoded(file.substr(0, file.size() - 30)); });
  EXPECT_NE(error.find("test.jpg"), error.npos) << error;
  EXPECT_NE(error.find("truncated"), error.npos) << error;
}

TEST(Jpeg, GiganticIsRefusedBeforeDecoding) {
  std::string file = jpeg_file(test_picture(8, 8, 3));
  const size_t sof = file.find("\xFF\xC0");
  ASSERT_NE(sof, file.npos);
  file[sof + 5] = file[sof + 7] = '\xF0';  // 61448 x 61448
  const std::string error = error_of([&] { decoded(file); });
  EXPECT_NE(error.find("too large"), error.npos) << error;
  EXPECT_NE(error.find("61448 x 61448"), error.npos) << error;
}

TEST(Jpeg, DamagedDataIsToleratedAndStrayBytesToo) {
  std::string file = jpeg_file(test_picture(64, 64, 3), {.restart_rows = 1});
  file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 0x15);
  file += "stray";
  EXPECT_EQ(decoded(file).height(), 64);
}

}  // namespace
}  // namespace vistas::vision
