// The table of methods: names, options and construction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"

namespace vistas::recipe {

// A new encoder of the run's architecture with initial values drawn from a seed. Methods with a
// teacher or two towers want two.
using MakeEncoder = std::function<std::shared_ptr<learn::Encoder>(uint64_t seed)>;

// A method that has been named but not built: its options, then the thing itself.
class MethodChoice {
 public:
  virtual ~MethodChoice() = default;
  virtual void fields(Fields& f) = 0;
  virtual std::shared_ptr<learn::Method> build(const MakeEncoder& make_encoder,
                                               uint64_t seed) const = 0;
};

struct MethodEntry {
  std::string name;
  std::string help;      // one sentence
  std::string views;     // the view recipe it is published with
  std::string settings;  // TOML: what suits runs of minutes to hours on small pictures
  std::unique_ptr<MethodChoice> (*choose)();
};

const std::vector<MethodEntry>& methods();

// A usage error with the nearest names for a name that is not in the table.
const MethodEntry& method_named(const std::string& name, const std::string& where);

}  // namespace vistas::recipe
