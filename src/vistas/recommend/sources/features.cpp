#include "vistas/recommend/sources/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string_view>

#include "vistas/base/error.h"
#include "vistas/base/tensor_file.h"

namespace fs = std::filesystem;

namespace vistas::recommend {
namespace {

template <class T>
TensorView view_of(const char* name, DType type, std::vector<int64_t> shape,
                   const std::vector<T>& values) {
  return {name, type, std::move(shape), std::as_bytes(std::span(values))};
}

template <class T>
std::vector<T> values_of(const TensorFile& file, const char* name, DType type) {
  const TensorView& tensor = file.at(name);
  if (tensor.dtype != type) {
    throw Error(ErrorKind::data, {.what = fmt::format("tensor '{}'", name),
                                  .got = name_of(tensor.dtype),
                                  .expected = name_of(type)});
  }
  std::vector<T> out(tensor.bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

// Mean 0 and variance 1 over what is known; 0 for what is not.
void standardise(std::span<float> values, size_t stride) {
  double sum = 0, squares = 0, count = 0;
  for (size_t i = 0; i < values.size(); i += stride) {
    if (std::isnan(values[i])) continue;
    sum += values[i];
    squares += double{values[i]} * values[i];
    ++count;
  }
  const double mean = count > 0 ? sum / count : 0;
  const double variance = count > 0 ? std::max(squares / count - mean * mean, 0.0) : 0;
  const double scale = variance > 0 ? 1 / std::sqrt(variance) : 0;
  for (size_t i = 0; i < values.size(); i += stride) {
    values[i] = std::isnan(values[i]) ? 0 : static_cast<float>((values[i] - mean) * scale);
  }
}

Features from_attributes(const fs::path& file, const IdTable& ids, FeatureReport& report) {
  AttributeReport read;
  ItemAttributes attributes = read_item_attributes(file, ids, {}, &read);
  report = {read.layout, read.described, read.undescribed, read.unknown_items};
  Features out;
  out.starts = std::move(attributes.starts);
  out.category = std::move(attributes.attribute);
  out.categories = attributes.names.size();
  out.width = static_cast<int64_t>(attributes.numbers.size());
  const auto width = static_cast<size_t>(out.width);
  out.number.resize(static_cast<size_t>(out.rows()) * width);
  for (size_t column = 0; column < width; ++column) {
    const auto& values = attributes.numbers[column].value;
    for (size_t row = 0; row < values.size(); ++row) out.number[row * width + column] = values[row];
    standardise(std::span(out.number).subspan(column), width);
  }
  return out;
}

// The id of each row: texts, each ended by a zero.
std::vector<std::string_view> names_of(const TensorFile& file, const fs::path& path) {
  const TensorView* tensor = nullptr;
  for (const char* name : {"ids", "texts", "paths"}) {
    if (tensor == nullptr) tensor = file.find(name);
  }
  if (tensor == nullptr) {
    throw Error(ErrorKind::data,
                {.what = path.string() + ": whose embeddings these are",
                 .got = "no tensor of names",
                 .expected = "ids, texts or paths, as `vistas embed` writes them"});
  }
  std::vector<std::string_view> out;
  std::string_view rest(reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size());
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    std::string_view name = rest.substr(0, end);
    if (tensor->name == "paths") {
      name.remove_prefix(name.rfind('/') + 1);
      name = name.substr(0, name.rfind('.'));
    }
    out.push_back(name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

Features from_embeddings(const fs::path& path, const IdTable& ids, FeatureReport& report) {
  const TensorFile file(path);
  const auto values = values_of<float>(file, "embeddings", DType::f32);
  const std::vector<int64_t>& shape = file.at("embeddings").shape;
  const auto names = names_of(file, path);
  if (shape.size() != 2 || shape[0] != static_cast<int64_t>(names.size())) {
    throw Error(ErrorKind::data,
                {.what = path.string() + ": embeddings",
                 .got = fmt::format("{} dimensions, {} names", shape.size(), names.size()),
                 .expected = "a row for each name"});
  }
  Features out;
  out.starts.assign(static_cast<size_t>(ids.size()) + 1, 0);
  out.width = shape[1];
  const auto width = static_cast<size_t>(shape[1]);
  out.number.resize(static_cast<size_t>(ids.size()) * width);
  std::vector<bool> described(static_cast<size_t>(ids.size()));
  for (size_t row = 0; row < names.size(); ++row) {
    const int64_t id = ids.find(names[row]);
    if (id < 0) {
      ++report.unknown;
      continue;
    }
    const std::span<const float> from(values.data() + row * width, width);
    double squares = 0;
    for (const float x : from) squares += double{x} * x;
    const auto scale = static_cast<float>(squares > 0 ? 1 / std::sqrt(squares) : 0);
    float* to = out.number.data() + static_cast<size_t>(id) * width;
    for (size_t column = 0; column < width; ++column) to[column] = from[column] * scale;
    described[static_cast<size_t>(id)] = true;
  }
  report.layout = fmt::format("{}: embeddings of {} columns", path.filename().string(), width);
  report.described = std::ranges::count(described, true);
  report.undescribed = ids.size() - report.described;
  return out;
}

}  // namespace

std::string FeatureReport::summary() const {
  return fmt::format("{}; {} described, {} not, {} in the file are unknown", layout, described,
                     undescribed, unknown);
}

Features read_features(const fs::path& file, const IdTable& ids, FeatureReport* report) {
  FeatureReport own;
  FeatureReport& told = report == nullptr ? own : *report;
  told = {};
  Features out = file.extension() == ".safetensors" ? from_embeddings(file, ids, told)
                                                    : from_attributes(file, ids, told);
  if (told.described == 0) {
    throw Error(ErrorKind::data,
                {.what = file.string(),
                 .got = fmt::format("{} ids, none of them in the interactions", told.unknown),
                 .expected = fmt::format("ids such as '{}'", ids.size() > 0 ? ids[0] : "")});
  }
  return out;
}

void write_features(const fs::path& file, const Features& f) {
  const std::vector<int64_t> sizes{f.categories, f.width};
  write_tensor_file(
      file, {view_of("starts", DType::i64, {f.rows() + 1}, f.starts),
             view_of("category", DType::i32, {static_cast<int64_t>(f.category.size())}, f.category),
             view_of("number", DType::f32, {f.rows(), f.width}, f.number),
             view_of("sizes", DType::i64, {2}, sizes)});
}

Features read_written_features(const fs::path& path) {
  const TensorFile file(path);
  Features out;
  out.starts = values_of<int64_t>(file, "starts", DType::i64);
  out.category = values_of<int32_t>(file, "category", DType::i32);
  out.number = values_of<float>(file, "number", DType::f32);
  const auto sizes = values_of<int64_t>(file, "sizes", DType::i64);
  const bool right =
      sizes.size() == 2 && sizes[0] >= 0 && sizes[1] >= 0 && !out.starts.empty() &&
      out.starts.front() == 0 && std::ranges::is_sorted(out.starts) &&
      out.starts.back() == static_cast<int64_t>(out.category.size()) &&
      std::ranges::all_of(out.category, [&](int32_t c) { return c >= 0 && c < sizes[0]; }) &&
      static_cast<int64_t>(out.number.size()) == out.rows() * sizes[1];
  if (!right) {
    throw Error(ErrorKind::data, {.what = path.string() + ": features", .got = "out of order"});
  }
  out.categories = sizes[0];
  out.width = sizes[1];
  return out;
}

}  // namespace vistas::recommend
