#include "vistas/recipe/short_trainings.h"

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"

namespace vistas::recipe {

KeptResults::KeptResults(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  std::ifstream lines(file_);
  for (std::string line; std::getline(lines, line);) {
    cut_short_ = lines.eof();
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("key") || !json.contains("numbers")) continue;
    Numbers& numbers = values_[json["key"]];
    for (const auto& [name, value] : json["numbers"].items()) {
      numbers[name] =
          value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    }
  }
}

std::optional<Numbers> KeptResults::get(const std::string& key,
                                        const std::function<std::optional<KeptResult>()>& measure) {
  if (const auto found = values_.find(key); found != values_.end()) return found->second;
  const auto result = measure();
  if (!result) return std::nullopt;
  values_[key] = result->numbers;
  if (!file_.empty()) write(key, *result);
  return result->numbers;
}

void KeptResults::write(const std::string& key, const KeptResult& result) {
  nlohmann::json line = nlohmann::json::parse(to_json(Value{.data = result.about}));
  line["key"] = key;
  line["numbers"] = result.numbers;
  std::filesystem::create_directories(file_.parent_path());
  std::ofstream out(file_, std::ios::app);
  out << (cut_short_ ? "\n" : "") << line.dump() << "\n";
  cut_short_ = false;
  out.flush();
  if (!out) throw Error(ErrorKind::resource, {.what = file_.string() + ": cannot be written"});
}

}  // namespace vistas::recipe
