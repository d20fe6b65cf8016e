#include "vistas/vision/views/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/error.h"
#include "vistas/vision/views/edit.h"
#include "vistas/vision/views/operation.h"
#include "vistas/vision/views/pixels.h"

namespace vistas::vision {
namespace {

int shared(int from_a, int length_a, int from_b, int length_b) {
  return std::max(0, std::min(from_a + length_a, from_b + length_b) - std::max(from_a, from_b));
}

double area(const Box& box) {
  return static_cast<double>(box.height) * box.width;
}

// The largest value of a parameter; 0 where the operation has none of that name.
double largest(const ViewOp& op, const std::string& name) {
  const auto operation = make_operation(op);
  const Fields fields = fields_of(*operation);
  for (const Field& field : fields.all()) {
    if (field.name != name) continue;
    const Value value = field.get();
    const Value& last = value.is_list() ? value.list().back() : value;
    return std::get<double>(last.data);
  }
  return 0;
}

}  // namespace

double overlap(const Box& a, const Box& b) {
  const double smaller = std::min(area(a), area(b));
  if (smaller == 0) return 0;
  return static_cast<double>(shared(a.top, a.height, b.top, b.height)) *
         shared(a.left, a.width, b.left, b.width) / smaller;
}

double pixel_distance(const ImageView& a, const ImageView& b) {
  const auto kind = [](const ImageView& v) {
    return fmt::format("{} x {}, {} channels, {} bytes a value", v.width, v.height, v.channels,
                       size_of(v.type));
  };
  if (kind(a) != kind(b)) {
    throw Error(ErrorKind::data,
                {.what = "distance of two pictures", .got = kind(b), .expected = kind(a)});
  }
  double sum = 0;
  with_pixel_type(a.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < a.height; ++y) {
      for (int i = 0; i < a.width * a.channels; ++i) {
        const double d = static_cast<double>(a.row<T>(y)[i]) - static_cast<double>(b.row<T>(y)[i]);
        sum += d * d;
      }
    }
  });
  return std::sqrt(sum / (area({0, 0, a.height, a.width}) * a.channels)) / white_of(a.type);
}

bool is_grey(const ImageView& picture) {
  if (picture.channels < 3) return true;
  bool grey = true;
  with_pixel_type(picture.type, [&](auto p) {
    using T = decltype(p);
    for (int y = 0; y < picture.height; ++y) {
      for (int x = 0; x < picture.width; ++x) {
        const T* pixel = picture.row<T>(y) + x * picture.channels;
        grey = grey && pixel[0] == pixel[1] && pixel[1] == pixel[2];
      }
    }
  });
  return grey;
}

ViewRecipe without_operations(const ViewSpec& view) {
  ViewSpec only = view;
  only.count = 1;
  only.ops = {{"resize"}};
  return {{only}};
}

ViewRecipe operation_alone(const ViewSpec& view, const ViewOp& op) {
  ViewRecipe recipe = without_operations(view);
  ViewOp always = op;
  always.p = 1;
  std::vector<ViewOp>& ops = recipe.views.front().ops;
  if (is_framing(op)) ops.clear();
  ops.push_back(always);
  return recipe;
}

std::vector<std::string> recipe_warnings(const ViewRecipe& recipe, bool grey) {
  std::vector<std::string> warnings;
  if (recipe.view_count() < 2) {
    warnings.push_back(
        "the recipe makes one view of a picture: there is nothing to compare it with");
  }
  for (size_t v = 0; v < recipe.views.size(); ++v) {
    const ViewSpec& view = recipe.views[v];
    const std::string where =
        recipe.views.size() > 1 ? fmt::format("[[view]] {}: ", v + 1) : std::string();
    for (const ViewOp& op : view.ops) {
      if (op.p == 0) continue;
      if (grey && largest(op, "saturation") + largest(op, "hue") > 0) {
        warnings.push_back(fmt::format(
            "{}{}: the pictures are grey, which saturation and hue do not change", where, op.name));
      }
      const double reach = op.name.ends_with("gaussian_blur") ? 6 * largest(op, "sigma") : 0;
      if (reach > std::min(view.height, view.width)) {
        warnings.push_back(
            fmt::format("{}{}: a blur of sigma {:g} is {:g} pixels wide, more than the view of "
                        "{} x {}",
                        where, op.name, reach / 6, reach, view.width, view.height));
      }
    }
  }
  return warnings;
}

}  // namespace vistas::vision
