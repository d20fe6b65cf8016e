#include "vistas/recipe/eval_rows.h"

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/options.h"

namespace vistas::recipe {

void EvalRows::add(EvalRow row, double value) {
  const auto found = std::ranges::find_if(rows_, [&](const EvalRow& r) {
    return r.encoder == row.encoder && r.task == row.task && r.measure == row.measure &&
           r.labels == row.labels;
  });
  if (found != rows_.end()) {
    found->values.push_back(value);
    return;
  }
  row.values = {value};
  rows_.push_back(std::move(row));
}

std::vector<EvalRow> EvalRows::finish() {
  for (EvalRow& row : rows_) row.summary = measure::summarise(row.values);
  return std::move(rows_);
}

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

void check_known(const std::string& what, const std::vector<std::string>& given,
                 const std::vector<std::string>& known) {
  for (const std::string& name : given) {
    if (is_among(known, name)) continue;
    throw Error(ErrorKind::usage,
                {.what = "unknown " + what + " '" + name + "'", .fix = did_you_mean(name, known)});
  }
}

std::string measured_split(const std::vector<std::string>& splits) {
  if (!is_among(splits, "train")) return "";
  for (const char* name : {"test", "val", "valid", "validation"}) {
    if (is_among(splits, name)) return name;
  }
  return "";
}

}  // namespace vistas::recipe
