#include "vistas/look/colour.h"

namespace vistas::look {
namespace {

constexpr Colour kPalette[kPaletteSize] = {
    {230, 60, 45},   {30, 110, 230},  {45, 170, 60},   {255, 210, 0},  {150, 50, 210},
    {255, 135, 255}, {0, 225, 225},   {45, 105, 0},    {165, 0, 90},   {255, 150, 135},
    {240, 0, 180},   {105, 165, 255}, {0, 240, 105},   {60, 90, 135},  {195, 165, 0},
    {255, 195, 240}, {150, 75, 15},   {45, 0, 255},    {210, 90, 255}, {0, 180, 180},
    {180, 240, 180}, {195, 135, 180}, {165, 195, 150}, {165, 90, 165}, {165, 120, 0},
    {255, 75, 135},  {15, 135, 180},  {75, 60, 195},   {30, 120, 105}, {165, 195, 255},
    {135, 120, 225}, {210, 30, 105},  {150, 0, 150},   {255, 105, 0},  {195, 135, 105},
    {255, 195, 150}, {75, 135, 45},   {180, 210, 0},   {120, 0, 255},  {225, 165, 210}};

}  // namespace

Colour class_colour(int64_t label) {
  return label < 0 ? Colour{128, 128, 128} : kPalette[label % kPaletteSize];
}

std::string class_name(int64_t label, std::span<const std::string> names) {
  const bool known = label >= 0 && label < static_cast<int64_t>(names.size());
  return known ? names[static_cast<size_t>(label)] : std::to_string(label);
}

Colour letters_on(const Colour& field) {
  // Rec. 601 luma; the threshold is where both have about the same contrast.
  return 299 * field.red + 587 * field.green + 114 * field.blue > 130000 ? kInk : kPaper;
}

}  // namespace vistas::look
