// The *.yaml file that describes a data set: names of classes, folders of splits.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "vistas/base/error.h"
#include "vistas/base/files.h"
#include "vistas/vision/sources/annotation_kinds.h"
#include "vistas/vision/sources/source_kinds.h"

namespace vistas::vision {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = 1 << 20;

std::string text_in(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : "";
}

// A list of names, or indices with a name each; "" for indices without.
std::vector<std::string> names_of(const YAML::Node& node, const std::string& file) {
  const auto bad = [&](const YAML::Node& at, const std::string& got) {
    throw Error(ErrorKind::data,
                {.what = fmt::format("{}:{}: names of classes", file, at.Mark().line + 1),
                 .got = got,
                 .expected = "a list of names, or 'index: name' with every index "
                             "once"});
  };
  std::vector<std::string> names;
  if (node.IsSequence()) {
    for (const YAML::Node& name : node) {
      if (!name.IsScalar()) bad(name, "no text");
      names.push_back(name.Scalar());
    }
    return names;
  }
  if (!node.IsMap()) bad(node, "neither");
  for (const auto& entry : node) {
    const int64_t index = to_index(to_number(text_in(entry.first)));
    if (index < 0) bad(entry.first, fmt::format("the index '{}'", text_in(entry.first)));
    const auto at = static_cast<size_t>(index);
    if (!entry.second.IsScalar()) bad(entry.first, "no text");
    if (names.size() <= at) names.resize(at + 1);
    if (!names[at].empty()) bad(entry.first, fmt::format("index {} again", index));
    names[at] = entry.second.Scalar();
  }
  return names;
}

}  // namespace

DataFile parse_data_yaml(Bytes bytes, const std::string& name) {
  if (bytes.size() > kMostBytes) {
    throw Error(ErrorKind::data, {.what = name + ": no description of a data set",
                                  .got = fmt::format("{} bytes", bytes.size()),
                                  .expected = fmt::format("at most {}", kMostBytes)});
  }
  DataFile file;
  try {
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return file;
    for (const char* key : {"names", "classes"}) {
      if (const YAML::Node names = root[key]; names && file.names.empty()) {
        file.names = names_of(names, name);
      }
    }
    file.base = text_in(root["path"]);
    for (const char* split : {"train", "val", "test"}) {
      const YAML::Node node = root[split];
      if (!node) continue;
      DataFile::Folders folders{.split = split, .pictures = text_in(node)};
      if (node.IsMap()) {
        folders.pictures = text_in(node["images"]);
        folders.masks = text_in(node["masks"]);
      }
      if (!folders.pictures.empty()) file.splits.push_back(std::move(folders));
    }
  } catch (const YAML::Exception& e) {
    const std::string line = e.mark.is_null() ? "" : fmt::format(":{}", e.mark.line + 1);
    throw Error(ErrorKind::data, {.what = name + line + ": not valid YAML: " + e.msg});
  }
  return file;
}

std::optional<DataFile> find_data_yaml(const fs::path& root) {
  if (!is_folder(root)) return {};
  const auto is_yaml = [](const std::string& file) {
    return lower(file).ends_with(".yaml") || lower(file).ends_with(".yml");
  };
  for (const fs::path& path : files_in(root, is_yaml)) {
    const MappedFile map(path);
    DataFile file = parse_data_yaml(map.bytes(), path.string());
    if (!file.names.empty()) return file;
  }
  return {};
}

std::optional<fs::path> find_folder(const fs::path& root, const std::string& base,
                                    const std::string& relative) {
  std::vector<std::string> forms{relative};
  if (relative.starts_with("../")) forms.push_back(relative.substr(3));
  for (const fs::path& from : {root / base, root, root / ".."}) {
    for (const std::string& form : forms) {
      if (is_folder(from / form)) return (from / form).lexically_normal();
    }
  }
  return {};
}

}  // namespace vistas::vision
