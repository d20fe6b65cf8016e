#include "vistas/vision/views/recipe.h"

#include <fmt/format.h>

#include "vistas/base/error.h"
#include "vistas/vision/views/operation.h"

namespace vistas::vision {
namespace {

constexpr int64_t kMaxSide = 1 << 14;

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         const std::string& fix) {
  throw Error(ErrorKind::usage, {.what = where + ": " + what, .fix = fix});
}

ViewOp parse_op(const Value& value) {
  ViewOp op;
  op.where = value.where;
  ValueTable table = value.table();
  const auto name = table.find("op");
  if (name == table.end()) {
    refuse(value.where, "an operation without a name",
           "Write for example { op = \"hflip\", p = 0.5 }");
  }
  Fields own;
  own.add("op", op.name, "name of the operation");
  own.add("p", op.p, "probability that it is applied", {0, 1});
  for (const Field& field : own.all()) {
    if (const auto found = table.find(field.name); found != table.end()) field.set(found->second);
    table.erase(field.name);
  }
  op.parameters = std::move(table);
  make_operation(op);  // checks name and parameters
  return op;
}

// The members of a view table other than its operations.
struct ViewOptions {
  std::vector<int64_t> size{224};
  int64_t count = 1;
  std::vector<double> mean{}, std{};

  void fields(Fields& f) {
    f.add("size", size, "side, or [height, width], in pixels", {1, kMaxSide});
    f.add("count", count, "views made this way", {1, 1024});
    f.add("mean", mean, "mean of the channels of 0..1 pixels");
    f.add("std", std, "standard deviation of the channels of 0..1 pixels", {1e-6, 1e6});
  }
};

ViewSpec parse_view(const Value& value) {
  ViewOptions options;
  fields_of(options).set_all(value, {"ops"});
  if (options.size.empty() || options.size.size() > 2) {
    refuse(value.where, "size must be one number or [height, width]", "");
  }
  ViewSpec view{.height = static_cast<int>(options.size.front()),
                .width = static_cast<int>(options.size.back()),
                .count = static_cast<int>(options.count),
                .mean = options.mean,
                .std = options.std};
  if (const auto ops = value.table().find("ops"); ops != value.table().end()) {
    for (const Value& op : ops->second.list()) view.ops.push_back(parse_op(op));
  }
  return view;
}

std::string op_line(const ViewOp& op) {
  std::string line = fmt::format("  {{ op = \"{}\"", op.name);
  if (op.p != 1.0) line += fmt::format(", p = {}", vistas::to_toml(Value{.data = op.p}));
  const auto operation = make_operation(op);
  const Fields fields = fields_of(*operation);
  for (const Field& field : fields.all()) {
    line += fmt::format(", {} = {}", field.name, vistas::to_toml(field.get()));
  }
  return line + " },\n";
}

}  // namespace

int ViewRecipe::view_count() const {
  int count = 0;
  for (const ViewSpec& view : views) count += view.count;
  return count;
}

bool operator==(const ViewRecipe& a, const ViewRecipe& b) {
  return to_toml(a) == to_toml(b);
}

ViewRecipe parse_recipe(const Value& views) {
  ViewRecipe recipe;
  for (const Value& view : views.list()) recipe.views.push_back(parse_view(view));
  if (recipe.views.empty())
    refuse(views.where, "a view recipe without a view", "Add a [[view]] table");
  return recipe;
}

std::string to_toml(const ViewRecipe& recipe) {
  std::string text;
  for (const ViewSpec& view : recipe.views) {
    ViewOptions options{{view.height}, view.count, view.mean, view.std};
    if (view.width != view.height) options.size.push_back(view.width);
    text += text.empty() ? "[[view]]\n" : "\n[[view]]\n";
    const Fields fields = fields_of(options);
    for (const Field& field : fields.all()) {
      const Value value = field.get();
      const auto* list = std::get_if<ValueList>(&value.data);
      if (list != nullptr && list->empty()) continue;
      const Value& shown = list != nullptr && list->size() == 1 ? list->front() : value;
      text += fmt::format("{} = {}\n", field.name, vistas::to_toml(shown));
    }
    text += "ops = [\n";
    for (const ViewOp& op : view.ops) text += op_line(op);
    text += "]\n";
  }
  return text;
}

}  // namespace vistas::vision
