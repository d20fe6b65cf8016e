// Named tensors on disk in the safetensors layout: 8 bytes little-endian header length, a JSON
// header {name: {dtype, shape, data_offsets}}, then the raw row-major data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "vistas/base/files.h"

namespace vistas {

enum class DType { boolean, u8, i8, i16, i32, i64, f16, bf16, f32, f64 };

size_t size_of(DType dtype);       // bytes an element
const char* name_of(DType dtype);  // "F32", "BF16" ... as in the file

struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

// A safetensors file, memory-mapped. The header is checked whole when the file is opened: lengths,
// offsets without gaps or overlap, shapes that match their bytes; anything else is a data error.
class TensorFile {
 public:
  explicit TensorFile(const std::filesystem::path& path);

  const std::vector<TensorView>& tensors() const { return tensors_; }  // in file order
  const TensorView* find(const std::string& name) const;               // nullptr if absent
  const TensorView& at(const std::string& name) const;                 // data error if absent
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::string path_;
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// The part of a header check that a fuzzer can call: views into `bytes`.
std::vector<TensorView> parse_tensor_file(std::span<const std::byte> bytes, const std::string& name,
                                          std::map<std::string, std::string>& metadata);

// Written to a temporary file, synced and renamed.
void write_tensor_file(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace vistas
