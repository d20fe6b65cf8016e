// Every format but JPEG: files written by the format's library or by hand, and broken ones.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include "support/picture_files.h"
#include "support/pictures.h"
#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/encode.h"

namespace vistas::vision {
namespace {

Image decoded(const std::string& file, const DecodeOptions& options = {}) {
  Image image;
  decode(bytes_of(file), "test", options, image);
  const PictureInfo info = probe(bytes_of(file), "test", options);
  EXPECT_EQ(info.height, image.height());
  EXPECT_EQ(info.width, image.width());
  EXPECT_EQ(info.channels, image.channels());
  EXPECT_EQ(info.type, image.type());
  return image;
}

std::vector<int> values(const Image& image) {
  std::vector<int> all;
  for (int y = 0; y < image.height(); ++y) {
    for (int i = 0; i < image.width() * image.channels(); ++i) {
      all.push_back(image.type() == PixelType::u8    ? image.row<uint8_t>(y)[i]
                    : image.type() == PixelType::u16 ? image.row<uint16_t>(y)[i]
                                                     : static_cast<int>(image.row<float>(y)[i]));
    }
  }
  return all;
}

using Values = std::vector<int>;

// Noise in any type and channel count; floats in 0..1.
Image noise(int height, int width, int channels, PixelType type) {
  Image image(height, width, channels, type);
  Draws draws({3, 0, 0, 0});
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < width * channels; ++i) {
      if (type == PixelType::u8) image.row<uint8_t>(y)[i] = static_cast<uint8_t>(draws.bits());
      if (type == PixelType::u16) image.row<uint16_t>(y)[i] = static_cast<uint16_t>(draws.bits());
      if (type == PixelType::f32) image.row<float>(y)[i] = static_cast<float>(draws.uniform());
    }
  }
  return image;
}

// Every prefix of a file must give an Error or, where only unneeded bytes are cut off, the pixels
// of the whole file. Returns how many prefixes were errors.
size_t check_prefixes(const std::string& file) {
  const Image whole = decoded(file);
  size_t errors = 0;
  for (size_t n = 0; n < file.size(); ++n) {
    Image image;
    try {
      decode(bytes_of(file).first(n), "test", {}, image);
      EXPECT_TRUE(same_pixels(image.view(), whole.view())) << n << " of " << file.size();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::data);
      ++errors;
    }
  }
  return errors;
}

// ---- PNG ----

TEST(Png, EncodeAndDecodeGiveBackTheSamePixels) {
  for (const PixelType type : {PixelType::u8, PixelType::u16}) {
    for (int channels = 1; channels <= 4; ++channels) {
      const Image image = noise(13, 17, channels, type);
      EXPECT_TRUE(same_pixels(decoded(encode_png(image.view())).view(), image.view()));
    }
  }
  const Image image = noise(20, 20, 3, PixelType::u8);  // a view with gaps between its rows
  const ImageView part = image.view().crop({3, 4, 5, 6});
  EXPECT_TRUE(same_pixels(decoded(encode_png(part)).view(), part));
}

TEST(Png, FewBitsAreSpreadOverTheWholeRange) {
  const auto grey = [](int bits, const std::string& row, int width) {
    return values(decoded(png_file({.width = width, .bits = bits}, {row})));
  };
  EXPECT_EQ(grey(1, "\xA0", 3), (Values{255, 0, 255}));
  EXPECT_EQ(grey(2, "\x1B", 4), (Values{0, 85, 170, 255}));
  EXPECT_EQ(grey(4, "\x0F\x80", 3), (Values{0, 255, 136}));
}

TEST(Png, PalettesAreExpanded) {
  PngForm form{.width = 3,
               .bits = 2,
               .colour = PNG_COLOR_TYPE_PALETTE,
               .palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}};
  EXPECT_EQ(values(decoded(png_file(form, {"\x18"}))), (Values{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  form.palette_alpha = {255, 0};
  const std::string file = png_file(form, {"\x18"});
  EXPECT_EQ(values(decoded(file)), (Values{1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 255}));
  EXPECT_EQ(values(decoded(file, {.channels = Channels::rgb})),
            (Values{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Png, InterlacedEqualsPlain) {
  const Image image = noise(19, 23, 3, PixelType::u8);
  std::vector<std::string> rows;
  for (int y = 0; y < 19; ++y) rows.emplace_back(image.row<char>(y), image.row_bytes());
  const std::string file =
      png_file({.height = 19, .width = 23, .colour = PNG_COLOR_TYPE_RGB, .interlaced = true}, rows);
  EXPECT_TRUE(same_pixels(decoded(file).view(), image.view()));
}

TEST(Png, ChannelsAsPilConverts) {
  const Image alpha = noise(3, 3, 4, PixelType::u8), two = noise(3, 3, 2, PixelType::u16);
  const Image rgb = decoded(encode_png(alpha.view()), {.channels = Channels::rgb});
  const Image grey = decoded(encode_png(alpha.view()), {.channels = Channels::grey});
  const Image tripled = decoded(encode_png(two.view()), {.channels = Channels::rgb});
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 3; ++x) {
      const uint8_t* p = alpha.row<uint8_t>(y) + 4 * x;
      for (int c = 0; c < 3; ++c) {
        EXPECT_EQ(rgb.row<uint8_t>(y)[3 * x + c], p[c]);
        EXPECT_EQ(tripled.row<uint16_t>(y)[3 * x + c], two.row<uint16_t>(y)[2 * x]);
      }
      EXPECT_EQ(grey.row<uint8_t>(y)[x],
                (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
    }
  }
}

TEST(Png, BrokenAtAnyLength) {
  const std::string file = encode_png(noise(8, 8, 3, PixelType::u8).view());
  EXPECT_GE(check_prefixes(file), file.size() - 20);  // the end mark is not needed
}

TEST(Png, WrongChecksumIsAnError) {
  std::string file = encode_png(noise(8, 8, 3, PixelType::u8).view());
  file[60] = static_cast<char>(file[60] ^ 1);
  EXPECT_NE(error_of([&] { decoded(file); }), "");
}

TEST(Png, WritesFilesAndRefusesFloats) {
  const TempFolder folder;
  const Image image = noise(4, 4, 3, PixelType::u8);
  write_png(folder.path() / "a.png", image.view());
  EXPECT_TRUE(same_pixels(decoded(read_file(folder.path() / "a.png")).view(), image.view()));
  const Image floats = noise(4, 4, 3, PixelType::f32);
  EXPECT_NE(error_of([&] { encode_png(floats.view()); }).find("float"), std::string::npos);
}

TEST(EncodeJpeg, DecodesToNearlyTheSamePixels) {
  for (const int channels : {1, 3}) {
    const Image image = test_picture(40, 50, channels);
    const Image back = decoded(encode_jpeg(image.view(), 95));
    const Values a = values(image), b = values(back);
    ASSERT_EQ(a.size(), b.size());
    double error = 0;
    for (size_t i = 0; i < a.size(); ++i) error += std::abs(a[i] - b[i]);
    EXPECT_LT(error / static_cast<double>(a.size()), 5.0);
  }
}

// ---- WebP ----

TEST(Webp, LosslessRoundTripAndAlpha) {
  const Image rgb = noise(15, 21, 3, PixelType::u8);
  EXPECT_TRUE(same_pixels(decoded(webp_file(rgb)).view(), rgb.view()));
  Image rgba = noise(15, 21, 4, PixelType::u8);
  for (int i = 0; i < 15 * 21; ++i) {  // fully transparent pixels may lose their colour
    uint8_t& alpha = rgba.row<uint8_t>(0)[4 * i + 3];
    alpha = std::max<uint8_t>(alpha, 1);
  }
  EXPECT_TRUE(same_pixels(decoded(webp_file(rgba)).view(), rgba.view()));
  EXPECT_EQ(decoded(webp_file(rgba), {.channels = Channels::rgb}).channels(), 3);
}

TEST(Webp, BrokenAtAnyLength) {
  const std::string file = webp_file(test_picture(12, 12, 3));
  EXPECT_GE(check_prefixes(file), file.size() - 8);
}

// ---- TIFF ----

TEST(Tiff, AnyTypeChannelsLayoutAndCompression) {
  for (const PixelType type : {PixelType::u8, PixelType::u16, PixelType::f32}) {
    for (const int channels : {1, 2, 3, 4, 7, 16}) {
      const Image image = noise(21, 35, channels, type);
      for (const uint16_t compression : {uint16_t{COMPRESSION_NONE}, uint16_t{COMPRESSION_LZW}}) {
        for (const bool separate : {false, true}) {
          for (const bool tiled : {false, true}) {
            const TiffForm form{.separate = separate, .tiled = tiled, .compression = compression};
            EXPECT_TRUE(same_pixels(decoded(tiff_file(image, form)).view(), image.view()))
                << channels << " channels, separate " << separate << ", tiled " << tiled;
          }
        }
      }
    }
  }
}

TEST(Tiff, BilevelInvertedAndPalette) {
  Image bits(1, 2, 1);  // two bytes of eight pixels each
  bits.row<uint8_t>(0)[0] = 0xA5;
  bits.row<uint8_t>(0)[1] = 0x80;
  const auto nine_pixels = [](TIFF* t) { TIFFSetField(t, TIFFTAG_IMAGEWIDTH, 9); };
  EXPECT_EQ(values(decoded(tiff_file(bits, {.bits = 1}, nine_pixels))),
            (Values{255, 0, 255, 0, 0, 255, 0, 255, 255}));
  EXPECT_EQ(values(decoded(
                tiff_file(bits, {.photometric = PHOTOMETRIC_MINISWHITE, .bits = 1}, nine_pixels))),
            (Values{0, 255, 0, 255, 255, 0, 255, 0, 0}));
  Image index(1, 2, 1);
  index.row<uint8_t>(0)[0] = 1;
  index.row<uint8_t>(0)[1] = 255;
  std::vector<uint16_t> red(256), green(256), blue(256);
  red[1] = 0x1200;
  green[255] = 0xFFFF;
  blue[1] = 0x3400;
  const std::string file = tiff_file(index, {.photometric = PHOTOMETRIC_PALETTE}, [&](TIFF* t) {
    TIFFSetField(t, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
  });
  EXPECT_EQ(values(decoded(file)), (Values{0x12, 0, 0x34, 0, 255, 0}));
}

TEST(Tiff, CmykBecomesRgb) {
  Image inks(1, 2, 4);
  const uint8_t values_in[] = {0, 0, 0, 0, 255, 0, 100, 51};
  std::copy(std::begin(values_in), std::end(values_in), inks.row<uint8_t>(0));
  EXPECT_EQ(values(decoded(tiff_file(inks, {.photometric = PHOTOMETRIC_SEPARATED}))),
            (Values{255, 255, 255, 0, 204, 124}));
}

TEST(Tiff, ManyChannelsCannotBecomeRgb) {
  const std::string file = tiff_file(noise(4, 4, 7, PixelType::u8), {});
  const std::string error = error_of([&] { decoded(file, {.channels = Channels::rgb}); });
  EXPECT_NE(error.find("7 channels"), error.npos) << error;
}

TEST(Tiff, BrokenAtAnyLength) {
  for (const uint16_t compression : {uint16_t{COMPRESSION_NONE}, uint16_t{COMPRESSION_LZW}}) {
    const std::string file = tiff_file(noise(8, 8, 3, PixelType::u8), {.compression = compression});
    EXPECT_GE(check_prefixes(file), file.size() / 2);
  }
}

// ---- BMP ----

TEST(Bmp, TrueColourBottomUpAndTopDown) {
  const std::string rows("\1\2\3\4\5\6\0\0\7\x8\x9\xA\xB\xC\0\0", 16);
  EXPECT_EQ(values(decoded(bmp_file(2, 2, 24, 0, "", rows))),
            (Values{9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(values(decoded(bmp_file(2, -2, 24, 0, "", rows))),
            (Values{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10}));
  EXPECT_EQ(values(decoded(bmp_file(1, 1, 32, 0, "", "\1\2\3\4"))), (Values{3, 2, 1}));
}

TEST(Bmp, PalettesOfOneFourAndEightBits) {
  // Grey colours give one channel.
  const std::string grey("\0\0\0\xFF\xFF\xFF", 6), colour("\1\2\3\4\5\6\7\x8\x9", 9);
  EXPECT_EQ(
      values(decoded(bmp_file(3, 1, 1, 0, palette_of(1, grey), std::string("\xA0\0\0\0", 4)))),
      (Values{255, 0, 255}));
  EXPECT_EQ(
      values(decoded(bmp_file(3, 1, 4, 0, palette_of(4, colour), std::string("\x21\0\0\0", 4)))),
      (Values{9, 8, 7, 6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(
      values(decoded(bmp_file(2, 1, 8, 0, palette_of(8, colour), std::string("\2\1\0\0", 4)))),
      (Values{9, 8, 7, 6, 5, 4}));
}

TEST(Bmp, SixteenBitsAndMasks) {
  EXPECT_EQ(values(decoded(
                bmp_file(2, 1, 16, 0, "", little(uint16_t{0x7FFF}) + little(uint16_t{0x7C00})))),
            (Values{255, 255, 255, 255, 0, 0}));
  const std::string masks =
      little(uint32_t{0xF800}) + little(uint32_t{0x7E0}) + little(uint32_t{0x1F});
  EXPECT_EQ(values(decoded(
                bmp_file(2, 1, 16, 3, masks, little(uint16_t{0x07E0}) + little(uint16_t{0x001F})))),
            (Values{0, 255, 0, 0, 0, 255}));
  const std::string alpha = little(uint32_t{0xFF}) + little(uint32_t{0xFF00}) +
                            little(uint32_t{0xFF0000}) + little(uint32_t{0xFF000000});
  EXPECT_EQ(values(decoded(bmp_file(1, 1, 32, 6, alpha, "\1\2\3\4"))), (Values{1, 2, 3, 4}));
}

TEST(Bmp, RunLengths) {
  const std::string colours("\1\1\1\2\2\2\3\3\3", 9);  // grey values 1, 2, 3
  // Two of colour 1; end of line; three literals 0 1 2 and a padding byte; end.
  const std::string runs("\2\1\0\0\0\3\0\1\2\0\0\1", 12);
  EXPECT_EQ(values(decoded(bmp_file(3, 2, 8, 1, palette_of(8, colours), runs))),
            (Values{1, 2, 3, 2, 2, 1}));
  const std::string nibbles("\3\x12\0\1", 4);
  EXPECT_EQ(values(decoded(bmp_file(3, 1, 4, 2, palette_of(4, colours), nibbles))),
            (Values{2, 3, 2}));
}

TEST(Bmp, BrokenAtAnyLength) {
  const std::string file = bmp_file(3, 3, 24, 0, "", std::string(36, 'x'));
  EXPECT_EQ(check_prefixes(file), file.size());
}

// ---- PNM ----

TEST(Pnm, PlainForms) {
  EXPECT_EQ(values(decoded("P1\n# a comment\n3 2\n101\n0 1 0\n")),
            (Values{0, 255, 0, 255, 0, 255}));
  EXPECT_EQ(values(decoded("P2 2 2 255 0 1 2 255")), (Values{0, 1, 2, 255}));
  EXPECT_EQ(values(decoded("P2 3 1 7 0 1 7")), (Values{0, 36, 255}));
  EXPECT_EQ(values(decoded("P3 1 1 65535 1 2 65535")), (Values{1, 2, 65535}));
}

TEST(Pnm, RawForms) {
  EXPECT_EQ(values(decoded(std::string("P4 9 1 \xAA\x80", 9))),
            (Values{0, 255, 0, 255, 0, 255, 0, 255, 0}));
  EXPECT_EQ(values(decoded("P5\n2 1\n255\nab")), (Values{'a', 'b'}));
  EXPECT_EQ(values(decoded(std::string("P5 2 1 65535\n\0\1\xFF\xFE", 17))), (Values{1, 0xFFFE}));
  EXPECT_EQ(values(decoded("P6 1 1 255\nabc")), (Values{'a', 'b', 'c'}));
}

TEST(Pnm, PamAndFloat) {
  const std::string pam = "P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nTUPLTYPE X Y\nENDHDR\nabcde";
  EXPECT_EQ(values(decoded(pam)), (Values{'a', 'b', 'c', 'd', 'e'}));
  const std::string rows = little(3.0f) + little(4.0f);  // the last row comes first
  EXPECT_EQ(values(decoded("Pf 1 2 -1.0\n" + rows)), (Values{4, 3}));
  std::string big = rows;
  std::reverse(big.begin(), big.begin() + 4);
  std::reverse(big.begin() + 4, big.end());
  EXPECT_EQ(values(decoded("Pf 1 2 1.0\n" + big)), (Values{4, 3}));
}

TEST(Pnm, BrokenAtAnyLength) {
  for (const std::string& file :
       {std::string("P5\n3 2\n255\nabcdef"), std::string("P6 1 2 255\nabcdef"),
        std::string("P4 9 1 \xAA\x80", 9), "Pf 1 2 -1.0\n" + std::string(8, 'x')}) {
    EXPECT_EQ(check_prefixes(file), file.size());
  }
  for (const char* file : {"P5 0 1 255 ", "P5 1 1 0 a", "P5 1 1 65536 ab", "P5 -1 1 255 a",
                           "P5 99999999999999999999 1 255 a", "P2 1 1 255 x", "P1 2 1 12"}) {
    EXPECT_NE(error_of([&] { decoded(file); }), "") << file;
  }
}

// ---- all ----

TEST(Decode, UnknownAndEmptyFilesAreNamed) {
  EXPECT_NE(error_of([&] { decoded(""); }).find("an empty file"), std::string::npos);
  EXPECT_NE(error_of([&] { decoded("GIF89a"); }).find("not a picture"), std::string::npos);
}

TEST(Decode, GiganticIsRefusedBeforeAllocating) {
  const DecodeOptions options{.max_pixels = 1000};
  for (const std::string& file :
       {encode_png(noise(40, 40, 1, PixelType::u8).view()),
        webp_file(noise(40, 40, 3, PixelType::u8)), tiff_file(noise(40, 40, 1, PixelType::u8), {}),
        bmp_file(40, 40, 24, 0, "", ""), bmp_file(1 << 30, -(1 << 30), 24, 0, "", ""),
        std::string("P6 1000000 1000000 255\n")}) {
    const std::string error = error_of([&] { decoded(file, options); });
    EXPECT_NE(error.find("too large"), error.npos) << error;
  }
}

}  // namespace
}  // namespace vistas::vision
