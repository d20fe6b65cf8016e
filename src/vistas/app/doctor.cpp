// vistas doctor: what this machine has, what it reaches, what is missing.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "vistas/app/command.h"
#include "vistas/look/table.h"
#include "vistas/recipe/environment.h"

namespace vistas::app {
namespace {

struct Tool {
  const char* name;
  const char* use;
};

// Not needed to run, but something asks for them.
constexpr Tool kTools[] = {{"clang-format", "the format test"},
                           {"clang++", "fuzzing with coverage"},
                           {"xz", "`./dev data cifar10`"}};

bool on_path(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

// Texts without quotes, lists with spaces.
std::string plain(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  const auto* list = std::get_if<ValueList>(&value.data);
  if (list == nullptr) return to_toml(value);
  std::string joined;
  for (const Value& item : *list) joined += (joined.empty() ? "" : " ") + plain(item);
  return joined;
}

int doctor(const Context& context) {
  const Value env = recipe::environment();
  constexpr int64_t kSide = 1024;
  const double fp32 = recipe::gemm_gflops(kSide, false), bf16 = recipe::gemm_gflops(kSide, true);
  look::Table table({"doctor", ""});
  for (const auto& [key, value] : env.table()) table.add({key, plain(value)});
  table.add(
      {"product fp32", fmt::format("{:.0f} GFLOP/s with {} threads", fp32, at::get_num_threads())});
  table.add({"product bf16",
             fmt::format("{:.0f} GFLOP/s{}", bf16,
                         bf16 > 1.3 * fp32 ? ""
                                           : ", no faster than fp32: "
                                             "train.precision = \"auto\" uses it only where the "
                                             "processor has it in hardware")});
  std::vector<std::string> missing;
  for (const Tool& tool : kTools) {
    if (on_path(tool.name)) continue;
    missing.push_back(tool.name);
    table.add({"missing", fmt::format("{}, for {}: apt-get install {}", tool.name, tool.use,
                                      std::string(tool.name) == "clang++" ? "clang"
                                      : std::string(tool.name) == "xz"    ? "xz-utils"
                                                                          : tool.name)});
  }
  if (missing.empty()) table.add({"missing", "nothing"});
  context.print(table.str(context.color, context.width));
  nlohmann::json json = nlohmann::json::parse(to_json(env));
  json["gemm_fp32_gflops"] = fp32;
  json["gemm_bf16_gflops"] = bf16;
  json["missing"] = missing;
  context.write_json(json);
  return 0;
}

}  // namespace

Command doctor_command() {
  return {
      "doctor",
      "Tells versions, processor features, threads, product speed, devices and what is missing.",
      {"vistas doctor", "vistas doctor --json -", "vistas doctor --json doctor.json"},
      [](CLI::App&) -> std::function<int(const Context&)> { return doctor; }};
}

}  // namespace vistas::app
