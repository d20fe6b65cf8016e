// What a view recipe does to pictures, in numbers.
#pragma once

#include <string>
#include <vector>

#include "vistas/vision/sources/image.h"
#include "vistas/vision/views/recipe.h"

namespace vistas::vision {

// |a and b| / min(|a|, |b|): 1 where one box lies within the other, 0 where they share nothing or
// one has no pixels.
double overlap(const Box& a, const Box& b);

// sqrt(mean (x - y)^2) over all values, white being 1. A data error unless both pictures are of one
// size and type.
double pixel_distance(const ImageView& a, const ImageView& b);

// One channel, or the first three equal in every pixel.
bool is_grey(const ImageView& picture);

// One view of the size of `view`: the whole picture, stretched to it.
ViewRecipe without_operations(const ViewSpec& view);

// The same, changed by `op` alone, which is always applied; where `op` gives the view its size it
// stands instead of the stretching.
ViewRecipe operation_alone(const ViewSpec& view, const ViewOp& op);

// What can be told without looking at pixels: one view alone, saturation and hue of grey pictures,
// a blur of which 3 sigma to both sides are wider than the view.
std::vector<std::string> recipe_warnings(const ViewRecipe& recipe, bool grey);

}  // namespace vistas::vision
