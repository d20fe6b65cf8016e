#include "vistas/vision/views/operation.h"

#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::vision {

std::unique_ptr<Operation> make_operation(const ViewOp& op) {
  std::vector<std::string> names;
  for (const OperationKind& kind : operation_kinds()) {
    names.push_back(kind.name);
    if (kind.name != op.name) continue;
    std::unique_ptr<Operation> operation = kind.make();
    Fields fields = fields_of(*operation);
    fields.set_all(Value{.data = op.parameters, .where = op.where});
    operation->prepare(op.where.empty() ? op.name : op.where + ": " + op.name);
    return operation;
  }
  const std::string hint = did_you_mean(op.name, names);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  throw Error(ErrorKind::usage, {.what = fmt::format("{}{}unknown view operation '{}'", op.where,
                                                     op.where.empty() ? "" : ": ", op.name),
                                 .fix = hint.empty() ? "There are " + all : hint});
}

void check_spread(const std::string& where, const char* name, const Spread& spread) {
  if (spread.size() == 1 || (spread.size() == 2 && spread[0] <= spread[1])) return;
  std::string got = "[";
  for (const double x : spread) got += fmt::format("{}{}", got.size() > 1 ? ", " : "", x);
  throw Error(ErrorKind::usage, {.what = fmt::format("{}: {}", where, name),
                                 .got = got + "]",
                                 .expected = "one number or [low, high]"});
}

Interpolation interpolation_named(const std::string& name) {
  if (name == "nearest") return Interpolation::nearest;
  return name == "bilinear" ? Interpolation::bilinear : Interpolation::bicubic;
}

}  // namespace vistas::vision
