#include "vistas/recipe/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>

#include "vistas/base/error.h"
#include "vistas/learn/bundle.h"
#include "vistas/recipe/dense_config.h"
#include "vistas/recipe/dense_run.h"
#include "vistas/recipe/image_config.h"
#include "vistas/recipe/image_run.h"
#include "vistas/recipe/recommend_config.h"
#include "vistas/recipe/recommend_run.h"
#include "vistas/recipe/text_config.h"
#include "vistas/recipe/text_run.h"

namespace vistas::recipe {

std::string text_at(const Value& values, const std::string& group, const std::string& name,
                    std::string fallback) {
  const auto found = values.table().find(group);
  if (found == values.table().end() || !found->second.is_table()) return fallback;
  const auto& table = found->second.table();
  const auto member = table.find(name);
  if (member == table.end()) return fallback;
  Fields only;
  only.add(group + "." + name, fallback, "");
  only.all().front().set(member->second);
  return fallback;
}

namespace {

std::string where_of(const Value& values, const std::string& group, const std::string& name) {
  return values.table().at(group).table().at(name).where;
}

learn::Modality modality_in(const Value& values) {
  const std::string name = text_at(values, "data", "modality", "image");
  if (const auto modality = learn::modality_named(name)) return *modality;
  throw Error(ErrorKind::usage,
              {.what = where_of(values, "data", "modality") + ": data.modality",
               .got = name,
               .expected = fmt::format("one of {}", fmt::join(kModalities, ", "))});
}

// By what the files look like.
learn::Modality modality_of_files(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error) && std::filesystem::is_empty(path, error)) {
    throw Error(ErrorKind::data, {.what = path + ": empty file",
                                  .expected = "pictures or a list of them, texts or interactions"});
  }
  if (holds_interactions(path)) return learn::Modality::interactions;
  return holds_texts(path) ? learn::Modality::text : learn::Modality::image;
}

}  // namespace

Config::Config(const Value& values) {
  const std::string name = text_at(values, "method", "name", "");
  if (!name.empty()) method_named(name, where_of(values, "method", "name"));
  if (!name.empty()) method_name = name;
}

Fields Config::fields() {
  Fields f;
  own_fields(f);
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods()) names.push_back(entry.name);
  f.add("method.name", method_name, "what is compared with what", names);
  f.group("method", *method);
  f.group("optimizer", optimizer);
  f.group("schedule", schedule);
  f.group("train", train);
  return f;
}

Value Config::setting(const std::string& name) const {
  // fields() binds members to be set; here and below they are only read.
  const Fields fields = const_cast<Config*>(this)->fields();
  for (const Field& field : fields.all()) {
    if (field.name == name) return field.get();
  }
  return {};
}

std::string Config::to_toml() const {
  const std::string lists = tables();
  return const_cast<Config*>(this)->fields().to_toml() + (lists.empty() ? "" : "\n" + lists);
}

std::unique_ptr<Config> read_config(const Value& values) {
  switch (modality_in(values)) {
    case learn::Modality::text:
      return std::make_unique<TextConfig>(values);
    case learn::Modality::interactions:
      return std::make_unique<RecommendConfig>(values);
    case learn::Modality::boxes:
    case learn::Modality::masks:
      return std::make_unique<DenseConfig>(values);
    case learn::Modality::image:
      break;
  }
  return std::make_unique<ImageConfig>(values);
}

Value suitable_settings(const Value& wanted) {
  const std::string path = text_at(wanted, "data", "path", "");
  const bool named = !text_at(wanted, "data", "modality", "").empty();
  switch (named ? modality_in(wanted) : modality_of_files(path)) {
    case learn::Modality::text:
      return suitable_text_settings(wanted);
    case learn::Modality::interactions:
      return suitable_interaction_settings(RecommendConfig(wanted));
    case learn::Modality::boxes:
    case learn::Modality::masks:
      return suitable_dense_settings(DenseConfig(wanted));
    case learn::Modality::image:
      break;
  }
  return suitable_image_settings(ImageConfig(wanted));
}

std::vector<std::string> differences(const Config& a, const Config& b) {
  const Fields fields = const_cast<Config&>(a).fields();
  std::vector<std::string> lines;
  for (const Field& field : fields.all()) {
    const Value other = b.setting(field.name);
    const std::string before = to_toml(field.get()), after = to_toml(other);
    if (before != after) lines.push_back(fmt::format("{}: {} -> {}", field.name, before, after));
  }
  if (a.tables() != b.tables()) lines.push_back("the views differ");
  return lines;
}

}  // namespace vistas::recipe
