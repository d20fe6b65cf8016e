#include "vistas/recipe/methods.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"
#include "vistas/methods/simclr.h"

namespace vistas::recipe {
namespace {

template <class Method, class Options>
class Choice : public MethodChoice {
 public:
  void fields(Fields& f) override { options_.fields(f); }
  std::shared_ptr<learn::Method> build(std::shared_ptr<learn::Encoder> encoder,
                                       uint64_t seed) const override {
    return std::make_shared<Method>(std::move(encoder), options_, seed);
  }
  static std::unique_ptr<MethodChoice> make() { return std::make_unique<Choice>(); }

 private:
  Options options_;
};

}  // namespace

const std::vector<MethodEntry>& methods() {
  static const std::vector<MethodEntry> table = {
      {"simclr", "two views attract, all other views of the batch repel (NT-Xent)", "simclr",
       Choice<methods::SimClr, methods::SimClrOptions>::make},
  };
  return table;
}

const MethodEntry& method_named(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Error(ErrorKind::usage, {.what = where + ": method.name",
                                 .got = name,
                                 .expected = fmt::format("one of {}", fmt::join(names, ", ")),
                                 .fix = did_you_mean(name, names)});
}

}  // namespace vistas::recipe
