// Files of torch.save (tests/golden/torch/make.py), and files that want something else.
#include "vistas/base/torch_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/errors.h"
#include "support/torch_files.h"

namespace vistas {
namespace {

using namespace test;
using namespace test::pickle;

const std::filesystem::path kGolden =
    std::filesystem::path(VISTAS_SOURCE_DIR) / "tests/golden/torch";

std::vector<TensorView> parsed(const std::string& file) {
  return parse_torch_file(std::as_bytes(std::span(file)), "w.bin");
}

void expect_refused(const std::string& file, const std::string& part) {
  const std::string message = error_of([&] { parsed(file); });
  EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_TRUE(message.starts_with("w.bin: ")) << message;
}

template <class T>
std::vector<T> values(const TensorView& tensor) {
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

const std::string kSix(24, '\7');  // six numbers

std::string archive_of(const std::string& value) {
  return torch_archive(state({{"w", value}}), {{"0", kSix}});
}

std::string earlier_of(const std::string& value, const std::string& more = "") {
  return earlier_torch_file(state({{"w", value}}), {{"0", kSix}}) + more;
}

template <class T>
void expect_values(const TensorView& tensor, const std::string& name, DType dtype,
                   const std::vector<int64_t>& shape, const std::vector<T>& expected) {
  EXPECT_EQ(tensor.name, name);
  EXPECT_EQ(tensor.dtype, dtype) << name;
  EXPECT_EQ(tensor.shape, shape) << name;
  EXPECT_EQ(values<T>(tensor), expected) << name;
}

TEST(TorchFile, ReadsWhatTorchWrites) {
  for (const char* name : {"archive.bin", "earlier.bin"}) {
    const TorchFile file(kGolden / name);
    const auto& all = file.tensors();
    ASSERT_EQ(all.size(), 16U) << name;
    const std::vector<int64_t> shape{2, 3};
    expect_values<uint8_t>(all[0], "bool", DType::boolean, shape, {1, 0, 1, 1, 1, 1});
    expect_values<uint8_t>(all[1], "uint8", DType::u8, shape, {255, 0, 1, 2, 3, 4});
    expect_values<int8_t>(all[2], "int8", DType::i8, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<int16_t>(all[3], "int16", DType::i16, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<int32_t>(all[4], "int32", DType::i32, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<int64_t>(all[5], "int64", DType::i64, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<uint16_t>(all[6], "float16", DType::f16, shape,
                            {0xBC00, 0, 0x3C00, 0x4000, 0x4200, 0x4400});
    expect_values<uint16_t>(all[7], "bfloat16", DType::bf16, shape,
                            {0xBF80, 0, 0x3F80, 0x4000, 0x4040, 0x4080});
    expect_values<float>(all[8], "float32", DType::f32, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<double>(all[9], "float64", DType::f64, shape, {-1, 0, 1, 2, 3, 4});
    expect_values<float>(all[10], "rows", DType::f32, {4, 3},
                         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    expect_values<float>(all[11], "rows.tail", DType::f32, {2, 3}, {6, 7, 8, 9, 10, 11});
    EXPECT_EQ(all[11].bytes.data(), all[10].bytes.data() + 24);
    expect_values<float>(all[12], "scalar", DType::f32, {}, {7.5F});
    expect_values<float>(all[13], "empty", DType::f32, {0, 3}, {});
    expect_values<float>(all[14], "one", DType::f32, {1, 1}, {0});
    expect_values<float>(all[15], "parameter", DType::f32, {2}, {1, 2});
  }
}

TEST(TorchFile, ReadsArchivesOf64Bits) {
  const std::string pickle = state({{"w", tensor(storage("0", 6), 2, {2, 2}, {2, 1})}});
  for (const bool is_64 : {false, true}) {
    const std::string file = torch_archive(pickle, {{"0", kSix}}, {.is_64 = is_64});
    const auto tensors = parsed(file);
    ASSERT_EQ(tensors.size(), 1U);
    EXPECT_EQ(tensors[0].bytes.size(), 16U);
    EXPECT_EQ(tensors[0].bytes.data(),
              reinterpret_cast<const std::byte*>(file.data() + file.find(kSix) + 8));
  }
}

TEST(TorchFile, RefusesOtherObjectsOfTorch) {
  test::expect_error([] { TorchFile(kGolden / "transposed.bin"); },
                     "tensor 'weight' is not contiguous");
  test::expect_error([] { TorchFile(kGolden / "module.bin"); },
                     "torch.nn.modules.linear.Linear: not allowed in a file of weights");
  const std::string whole = tensor(storage("0", 6), 0, {6}, {1});
  expect_refused(archive_of(number(1)), "'w' is no plain tensor");
  expect_refused(archive_of("}"), "'w' is no plain tensor");
  expect_refused(archive_of(global("torch._utils", "_rebuild_tensor_v2") + ")R"),
                 "no plain tensor");
  expect_refused(archive_of(global("torch._utils", "_rebuild_parameter") + ")R"),
                 "no plain tensor");
  expect_refused(archive_of(global("torch", "FloatStorage") + ")R"), "no plain tensor");
  expect_refused(torch_archive("\x80\2](" + whole + "e.", {{"0", kSix}}), "no dict");
  expect_refused(torch_archive(state({{"w", whole}, {"w", whole}}), {{"0", kSix}}), "two of 'w'");
  expect_refused(torch_archive("\x80\2}"s + number(3) + whole + "s.", {{"0", kSix}}),
                 "the name of a tensor is no text");
}

TEST(TorchFile, RunsNothing) {
  const std::string call = "cos\nsystem\n"s + text("touch /tmp/harm") + "\x85R";
  expect_refused(archive_of(call), "os.system: not allowed in a file of weights");
  expect_refused(earlier_of(call), "os.system: not allowed in a file of weights");
  expect_refused(archive_of("cbuiltins\neval\n"), "builtins.eval: not allowed");
  expect_refused(archive_of("c\x1B[31m\nx\n"), "?[31m.x: not allowed");
  for (const char* other : {"i", "o", "\x81", "\x92", "\x93", "\x82", "P"}) {  // other calls
    expect_refused(archive_of(other), "operation: got 0x");
  }
}

TEST(TorchFile, KeepsToTheStorages) {
  const auto refused = [](int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides, const std::string& part) {
    expect_refused(archive_of(tensor(storage("0", 6), offset, shape, strides)), part);
    expect_refused(earlier_of(tensor(storage("0", 6, "N"), offset, shape, strides)), part);
  };
  const int64_t most = std::numeric_limits<int64_t>::max();
  refused(0, {7}, {1},
          "tensor 'w' is outside its storage: got 7 numbers from 0, expected at most 6");
  refused(1, {2, 3}, {3, 1}, "outside its storage");
  refused(-1, {1}, {1}, "outside its storage");
  refused(most, {1}, {1}, "outside its storage");
  refused(7, {0}, {1}, "outside its storage");
  refused(0, {int64_t{1} << 32, int64_t{1} << 32}, {1, 1}, "shape overflows");
  refused(0, {most, 3}, {3, 1}, "shape overflows");
  refused(0, {-2, -3}, {3, 1}, "none below 0");
  refused(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1), "at most 64");
  refused(0, {2, 3}, {1, 2}, "not contiguous");
  refused(0, {2}, {2}, "not contiguous");
  refused(0, {6}, {}, "not contiguous");
}

TEST(TorchFile, ChecksStorages) {
  const auto refused = [](const std::string& storage, const std::string& part) {
    expect_refused(archive_of(tensor(storage, 0, {1}, {1})), part);
  };
  refused(storage("0", 7), "storage '0': got 24 bytes, expected 28");
  refused(storage("0", 5), "storage '0': got 24 bytes, expected 20");
  refused(storage("0", -1), "storage '0': size: got -1");
  refused(storage("0", int64_t{1} << 62), "storage '0': size");
  refused(storage("1", 6), "no archive/data/1");
  refused(storage("../data.pkl", 6), "no archive/data/../data.pkl");
  refused(storage("0", 6, text("view")), "part of another");
  refused(number(3) + "Q", "without a type");
  refused("("s + storage("0", 6) + storage("0", 3, "", "DoubleStorage") + "t0",
          "operation: got 0x30");
  expect_refused(
      torch_archive(state({{"a", tensor(storage("0", 6), 0, {1}, {1})},
                           {"b", tensor(storage("0", 3, "", "LongStorage"), 0, {1}, {1})}}),
                    {{"0", kSix}}),
      "storage '0' has two types or sizes");
  const std::string whole = tensor(storage("0", 6, "N"), 0, {6}, {1});
  expect_refused(earlier_of(whole, "!"), "1 bytes after the last storage");
  const std::string pickle = state({{"w", whole}});
  expect_refused(earlier_torch_file(pickle, {}), "does not fit");
  expect_refused(earlier_torch_file(pickle, {{"1", kSix}}), "does not fit");
  expect_refused(earlier_torch_file(pickle, {{"0", kSix}, {"0", kSix}}), "does not fit");
  expect_refused(earlier_torch_file(pickle, {{"0", kSix + kSix}}), "expected 6 numbers");
}

TEST(TorchFile, ChecksArchives) {
  const std::string pickle = state({{"w", tensor(storage("0", 6), 0, {6}, {1})}});
  expect_refused(torch_archive(pickle, {{"0", kSix}}, {.method = 8}),
                 "'archive/data.pkl' is compressed: got method 8");
  expect_refused(torch_archive(pickle, {{"0", kSix}}, {.flags = 1}), "is encrypted");
  expect_refused(torch_archive(pickle, {{"0", kSix}, {"0", kSix}}),
                 "'archive/data/0' is there twice");
  expect_refused(zip_file({{"data.pkl", pickle}}), "no data.pkl");
  expect_refused(zip_file({{"archive/data.pkl", pickle}, {"archive/byteorder", "big"}}),
                 "byteorder: got big, expected little");
  expect_refused(earlier_torch_file(pickle, {{"0", kSix}}, "\x89"), "not little-endian");
  std::string moved = torch_archive(pickle, {{"0", kSix}});
  moved.replace(moved.size() - 6, 4, little(moved.size(), 4));
  expect_refused(moved, "a part outside the file");
  moved.replace(moved.size() - 6, 4, little(5, 4));
  expect_refused(moved, "no directory at byte 5");
}

TEST(TorchFile, RefusesWhatIsCutOff) {
  for (const char* name : {"archive.bin", "earlier.bin"}) {
    const std::string file = read_file(kGolden / name);
    for (size_t size = 0; size < file.size(); ++size) {
      EXPECT_NE(error_of([&] { parsed(file.substr(0, size)); }), "no error") << name << " " << size;
    }
  }
  expect_refused("", "it begins as none does");
  expect_refused("version https://git-lfs.github.com/spec/v1\n", "it begins as none does");
}

TEST(TorchFile, RefusesBombs) {
  // A tuple of two that are the one before it, 60 times: 2^60 numbers if they were copies.
  std::string doubled = number(1);
  for (int i = 0; i < 60; ++i)
    doubled += "q"s + little(static_cast<uint64_t>(i), 1) + "h"s +
               little(static_cast<uint64_t>(i), 1) + "\x86";
  expect_refused(archive_of(doubled), "'w' is no plain tensor");
  std::string deep = number(1);
  for (int i = 0; i < 400000; ++i) deep += "\x85";
  expect_refused(archive_of(deep), "'w' is no plain tensor");
  expect_refused(archive_of(std::string(2000000, ')')), "more than a file of weights needs");
  expect_refused(archive_of("r\xFF\xFF\xFF\xFF"s + number(1)), "is no plain tensor");
  expect_refused(archive_of("X\xFF\xFF\xFF\xFF"), "got 4294967295 bytes, expected at most 10000");
  expect_refused(archive_of("\x8A\xFF"), "a whole number: got 255 bytes");
  // One name for many tensors.
  std::string many = "\x80\2}("s + text(std::string(9000, 'n')) + "q\1"s +
                     tensor(storage("0", 6), 0, {6}, {1}) + "q\2";
  for (int i = 0; i < 100000; ++i) many += "h\1h\2";
  expect_refused(torch_archive(many + "u.", {{"0", kSix}}), "two of 'nnn");
}

TEST(TorchFile, ChecksPickles) {
  const auto refused = [](const std::string& pickle, const std::string& part) {
    expect_refused(zip_file({{"a/data.pkl", pickle}}), part);
  };
  refused("\x80\4}.", "protocol: got 4, expected 2");
  refused("\x80\2.", "more than one value is left");
  refused("\x80\2}}.", "more than one value is left");
  refused("\x80\2}(.", "more than one value is left");
  refused("\x80\2u.", "no mark");
  refused("\x80\2}("s + text("a") + "u.", "a key without a value");
  refused("\x80\2)"s + text("a") + text("b") + "s.", "a list or a dict");
  refused("\x80\2}N(\x86.", "a value is missing");
  refused("\x80\2h\1.", "nothing is kept as 1");
  refused("\x80\2)"s + global("collections", "OrderedDict") + "b.", "expected attributes");
  refused("\x80\2N}b.", "expected a dict with attributes");
  refused("\x80\2N)R.", "expected a function");
  refused("\x80\2"s + global("collections", "OrderedDict") + number(1) + "\x85R.",
          "with arguments");
  refused(
      "\x80\2"
      "cos",
      "a name without an end");
}

}  // namespace
}  // namespace vistas
