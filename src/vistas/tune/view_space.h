// How far a search goes in the probabilities and strengths of views.
#pragma once

#include <string>
#include <vector>

#include "vistas/recipe/config.h"
#include "vistas/tune/space.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::tune {

// The settings of views of a configuration that are probabilities or strengths, around their values
// v, as far as their options allow. What is 0 is switched off and stays so.
//
//   pictures    views.OPERATION.p   0 .. 1
//               strengths: degrees, translate, shear, distortion, alpha, brightness, contrast,
//               saturation, hue, side   v/4 .. 2 v
//               ranges scale, factor, sigma   half as far from what changes nothing, v, and 1.5
//               times as far; crops whose greatest area is 1: from 8, 20, 35 or 50 %
//   texts       views.rate, for recipe dropout that of a transformer   v/4 .. 2 v; views.crop
//   sequences   views.crop, views.mask, views.reorder   v/4 .. 2 v, up to 0.9
//
// Empty where the configuration has no such views.
Space view_space(const recipe::Config& config);

// "views.2.affine_2.shear" -> "affine.shear".
std::string operation_setting(const std::string& name);

// A copy of the views of pictures of a configuration, and their settings: "views.hflip.p".
struct OperationSettings {
  explicit OperationSettings(const recipe::Config& config);
  OperationSettings(const OperationSettings&) = delete;
  OperationSettings& operator=(const OperationSettings&) = delete;

  vision::ViewRecipe views{};
  std::vector<Field> fields{};  // bound to `views`; none for other data
};

// Areas of crops: from 8, 20, 35 or 50 % of the picture.
std::vector<Value> crop_choices();

// Whether the option takes the value; it keeps the one it had.
bool takes(const Field& field, const Value& value);

}  // namespace vistas::tune
