// Writes a few small valid inputs for each fuzz target: make_seeds FOLDER -> FOLDER/<target>/<n>.
#include <cstdio>
#include <map>

#include "support/container_files.h"
#include "support/picture_files.h"
#include "support/pictures.h"
#include "support/torch_files.h"
#include "vistas/base/tensor_file.h"
#include "vistas/recommend/sources/split_file.h"
#include "vistas/vision/sources/encode.h"
#include "vistas/vision/sources/pack.h"

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

void add_more_pictures(Seeds& seeds) {
  const Image grey = test_picture(17, 19, 1), colour = test_picture(17, 19, 3);
  const Image alpha = test_picture(9, 11, 4), deep(5, 6, 3, PixelType::u16);
  seeds["fuzz_webp"] = {webp_file(colour), webp_file(alpha)};
  seeds["fuzz_png"].push_back(encode_png(deep.view()));
  seeds["fuzz_png"].push_back(png_file({.width = 3,
                                        .bits = 2,
                                        .colour = PNG_COLOR_TYPE_PALETTE,
                                        .interlaced = true,
                                        .palette = {{1, 2, 3}, {4, 5, 6}},
                                        .palette_alpha = {1}},
                                       {"\x18"}));
  seeds["fuzz_tiff"] = {tiff_file(grey, {}), tiff_file(colour, {.separate = true}),
                        tiff_file(colour, {.tiled = true, .compression = COMPRESSION_LZW}),
                        tiff_file(deep, {.compression = COMPRESSION_PACKBITS}),
                        tiff_file(alpha, {.photometric = PHOTOMETRIC_SEPARATED})};
  const std::string pixels(64, '\1');
  seeds["fuzz_bmp"] = {bmp_file(3, 3, 24, 0, "", pixels), bmp_file(3, -3, 32, 3, pixels, pixels),
                       bmp_file(9, 3, 1, 0, palette_of(1, ""), pixels),
                       bmp_file(9, 3, 8, 1, palette_of(8, ""), "\3\1\0\0\0\3abc\0\0\1"),
                       bmp_file(9, 3, 4, 2, palette_of(4, ""), pixels)};
}

void add_masks(Seeds& seeds) {
  const std::vector<png_color> palette(4, {1, 2, 3});
  seeds["fuzz_mask"] = {png_file({.width = 3}, {"abc"}),
                        png_file({.width = 9, .bits = 1}, {"\xA8 "}),
                        png_file({.width = 4,
                                  .bits = 2,
                                  .colour = PNG_COLOR_TYPE_PALETTE,
                                  .interlaced = true,
                                  .palette = palette},
                                 {"\x1B"}),
                        png_file({.height = 2, .width = 3, .bits = 4}, {"\x1F\x20", "ab"}),
                        encode_png(test_picture(3, 4, 3).view())};
}

void add_boxes(Seeds& seeds) {
  const std::string object =
      "<object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2.5</ymin>"
      "<xmax>1e3</xmax><ymax>-4</ymax></bndbox></object>\n";
  seeds["fuzz_boxes_voc"] = {
      "<annotation>\n<filename>a.jpg</filename><size><width>3</width><height>4</height></size>\n" +
          object + object + "</annotation>",
      "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><annotation><!-- c --><object>"
      "<name>&amp;&b;&#65;<![CDATA[d]]></name></object></annotation>"};
  seeds["fuzz_boxes_coco"] = {
      R"({"info": {"a": [1]}, "images": [{"id": 1, "file_name": "a.jpg", "width": 3, "height": 4}],
          "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2.5, 1e3, -4],
                           "iscrowd": 1, "segmentation": {"counts": [1, 2], "size": [3, 4]}}],
          "categories": [{"id": 2, "name": "dog"}]})",
      R"({"images": [], "annotations": [{"bbox": "x"}, 3, [4]], "categories": []})"};
  seeds["fuzz_boxes_yolo"] = {
      std::string("\0", 1) + "0 0.5 0.5 0.1 0.2\r\n\n79 1 1e3 -1 nan\nx 1 2\n",
      "\1path: .\ntrain: images/train\nval: {images: a, masks: b}\nnames:\n  0: cat\n  2: "
      "\"dog\"\n",
      "\1classes: [cat, 'dog', &a emu, *a]\ntest: |\n  images\n"};
}

void add_containers(Seeds& seeds) {
  const std::string png = encode_png(test_picture(5, 6, 3).view());
  const TempFolder folder;
  folder.write("a/1.png", png);
  folder.write("b/2.png", png);
  const auto source = open_source(folder.path());
  pack_source(*source, folder.path() / "raw.vpack");
  pack_source(*source, folder.path() / "jpeg.vpack", {.quality = 80});
  seeds["fuzz_pack"] = {read_file(folder.path() / "raw.vpack"),
                        read_file(folder.path() / "jpeg.vpack")};
  seeds["fuzz_tar"] = {tar_file({{"1.png", png},
                                 {"1.cls", "3"},
                                 {"././@LongLink", "long", 'L'},
                                 {"pax", "17 path=a/b.c.png\n12 size=100\n", 'x'},
                                 {"x", png}})};
  seeds["fuzz_idx"] = {idx_file({3}, "abc"), idx_file({2, 2, 2}, "abcdefgh")};
  seeds["fuzz_list"] = {"a.png\nb c.png\n",
                        "\xEF\xBB\xBF"
                        "a.png\tcat\r\n\nb.png\tdog\n"};
  seeds["fuzz_cifar"] = {std::string(3073, '\1'), std::string(2 * 3074, '\1')};
}

void add_base(Seeds& seeds) {
  const TempFolder folder;
  const std::string data(24, 'x');
  write_tensor_file(folder.path() / "t", {{"a.weight", DType::f32, {2, 3}, bytes_of(data)}},
                    {{"key", "value"}});
  seeds["fuzz_tensor_file"] = {read_file(folder.path() / "t"),
                               std::string("\2\0\0\0\0\0\0\0{}", 10)};
  seeds["fuzz_toml"] = {"a = 1\nb = [1.5, 'x', true]\n[table.sub]\nc = \"\"\"text\"\"\"\n",
                        "[[list]]\nx = 0x1F\n[[list]]\nd = 1979-05-27T07:32:00Z\n"};
  seeds["fuzz_json"] = {
      R"({"format": 1, "list": [1.5, "x", true], "encoder": {"name": "resnet18"}})",
      R"({"preprocess": [{"size": 32, "mean": [0.5], "std": [0.2], "ops": [{"op": "hflip"}]}]})"};
}

void add_torch_files(Seeds& seeds) {
  namespace pickle = test::pickle;
  const test::Texts storages{{"0", std::string(24, 'x')}, {"1", std::string(8, 'y')}};
  const auto weights = [](const std::string& more) {
    return pickle::state({{"a", pickle::tensor(pickle::storage("0", 6, more), 2, {2, 2}, {2, 1})},
                          {"b", pickle::tensor(pickle::storage("1", 2, more), 0, {}, {})}});
  };
  seeds["fuzz_torch_file"] = {test::torch_archive(weights(""), storages),
                              test::torch_archive(weights(""), storages, {.is_64 = true}),
                              test::earlier_torch_file(weights("N"), storages)};
}

void add_text(Seeds& seeds) {
  const std::string json =
      R"({"version": "1.0", "added_tokens": [{"id": 1, "content": "[SEP]"}],
          "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"},
          "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 2, "##b": 3, "!": 4}}})";
  const std::string text = "Abb! \u00e9a\u0301[SEP] \u4e2d\u1100\u302f\u0323 \xff";
  for (const std::string& file : {json, std::string("#[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n!\n")}) {
    seeds["fuzz_tokenizer"].push_back(file + std::string(1, '\0') + text);
  }
  // A piece of a text, a score and a type; a trainer; a normalizer with its rules.
  seeds["fuzz_piece_model"] = {
      std::string("\x0a\x0c\x0a\x03<s>\x15\0\0\x80\xbf\x18\x03"
                  "\x12\x02\x18\x02\x1a\x0a\x0a\x08nmt_nfkc",
                  30)};
  seeds["fuzz_text_file"] = {std::string("\0one\n\ntwo\r\n", 12), "\1a\tb\t0.5\nc\td\t1\n",
                             "\2\"a, b\",c\n\"x\"\"y\",\"z\nw\"\n",
                             "\3{\"query\": \"a\", \"negatives\": [\"b\", \"c\"]}\n"};
}

void add_recommend(Seeds& seeds) {
  const std::string nothing(1, '\0');
  seeds["fuzz_interactions"] = {
      nothing + "0 3 1\n1 2\n2\n",
      nothing + "a:x y\nb:y\n",
      nothing + "1::2::5::978300760\n1::3::3::978302109\n",
      nothing + "u i 1\nu j 0.5\nv i -1\n",
      "\1user,item,date\na,x,2014-04-07T10:51:09.25Z\na,y,2014-04-07 10:51+02:00\n",
      "\1user,item,rating,time\na,\"x, \"\"y\",1,2\nb,z,2,1e3\na,x\n",
      "\x1A"
      "196\t242\t3\t881250949\n196\t242\t4\t881250000\n",
      "\3user_id:token\titem_id:token\trating:float\na\tb\t2\n"};
  seeds["fuzz_item_attributes"] = {
      nothing + R"({"1": [3, "x"], "a": {"p": 1.5, "t": ["q"], "n": null}, "z": "s"})",
      "\1item,tag,year\na,\"p|q\",1990\nb,,2e3\n",
      "\4"
      "1::Name::x|y\n2::Other::y\n",
      "\3item_id:token\tt:token_seq\ty:float\na\tp q\t1\n"};
  const TempFolder folder;
  const auto file = folder.write("r.csv", "user,item,rating,time\na,x,1,2\na,y,2,3\nb,x,1,1\n");
  for (const char* none : {"", "none"}) {
    recommend::InteractionOptions options;
    options.weight = options.time = none;
    recommend::write_split(folder.path(),
                           recommend::make_split(recommend::read_interactions(file, options),
                                                 {.kind = "leave_one_out"}));
    seeds["fuzz_split_file"].push_back(read_file(folder.path() / "split.safetensors"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Seeds seeds;
  add_pictures(seeds);
  add_more_pictures(seeds);
  add_masks(seeds);
  add_boxes(seeds);
  add_containers(seeds);
  add_base(seeds);
  add_torch_files(seeds);
  add_text(seeds);
  add_recommend(seeds);
  for (const auto& [target, inputs] : seeds) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / target;
    std::filesystem::create_directories(folder);
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::ofstream(folder / std::to_string(i), std::ios::binary) << inputs[i];
    }
  }
}
