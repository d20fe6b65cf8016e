#include "vistas/learn/module_state.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "vistas/base/error.h"
#include "vistas/base/options.h"

namespace vistas::learn {
namespace {

void collect(const torch::nn::Module& module, const std::string& prefix,
             std::vector<std::pair<std::string, at::Tensor>>& out) {
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    out.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    out.emplace_back(prefix + item.key(), item.value());
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", out);
  }
}

[[noreturn]] void refuse(const std::string& name, const std::string& got,
                         const std::string& expected, const std::string& fix) {
  throw Error(
      ErrorKind::data,
      {.what = "weights: tensor '" + name + "'", .got = got, .expected = expected, .fix = fix});
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> state_of(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  collect(module, "", out);
  return out;
}

void load_state(torch::nn::Module& module,
                const std::vector<std::pair<std::string, at::Tensor>>& values) {
  const auto own = state_of(module);
  std::map<std::string, at::Tensor> given(values.begin(), values.end());
  std::vector<std::string> names;
  for (const auto& [name, tensor] : own) {
    names.push_back(name);
    const auto found = given.find(name);
    const std::string shape = fmt::format("[{}]", fmt::join(tensor.sizes(), ", "));
    const std::string fix = "The weights belong to another network; compare the encoder options";
    if (found == given.end()) refuse(name, "nothing", shape, fix);
    if (found->second.sizes() != tensor.sizes()) {
      refuse(name, fmt::format("[{}]", fmt::join(found->second.sizes(), ", ")), shape, fix);
    }
    given.erase(found);
  }
  if (!given.empty()) {
    const std::string& name = given.begin()->first;
    refuse(name, "a tensor this network does not have", "", did_you_mean(name, names));
  }
  at::NoGradGuard no_grad;
  const std::map<std::string, at::Tensor> source(values.begin(), values.end());
  for (const auto& [name, tensor] : own) tensor.copy_(source.at(name));
}

}  // namespace vistas::learn
