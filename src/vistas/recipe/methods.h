// The table of methods: names, options and construction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/learn/method.h"

namespace vistas::recipe {

// A method that has been named but not built: its options, then the thing itself.
class MethodChoice {
 public:
  virtual ~MethodChoice() = default;
  virtual void fields(Fields& f) = 0;
  virtual std::shared_ptr<learn::Method> build(std::shared_ptr<learn::Encoder> encoder,
                                               uint64_t seed) const = 0;
};

struct MethodEntry {
  std::string name;
  std::string help;   // one sentence
  std::string views;  // the view recipe it is published with
  std::unique_ptr<MethodChoice> (*choose)();
};

const std::vector<MethodEntry>& methods();

// A usage error with the nearest names for a name that is not in the table.
const MethodEntry& method_named(const std::string& name, const std::string& where);

}  // namespace vistas::recipe
