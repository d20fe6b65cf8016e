// The operations that view recipes are made of: each knows its parameters, how to draw its random
// numbers, and which pixel function to call.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vistas/base/options.h"
#include "vistas/base/random.h"
#include "vistas/vision/views/filters.h"
#include "vistas/vision/views/geometry.h"
#include "vistas/vision/views/recipe.h"
#include "vistas/vision/views/resize.h"

namespace vistas::vision {

struct Extent {
  int height = 0, width = 0;
};

// The box of the picture that a view shows, and where in the view it is shown, before flips.
struct Placement {
  Box from{}, to{};
};

// Where a view came from: the box of the picture, where in the finished view it is shown (all of it
// but for scale_jitter and letterbox), and whether it is mirrored there. Flips of the whole view
// are followed; rotations, warps and shifts are not.
struct ViewTrace {
  Box box{}, shown{};
  bool hflip = false, vflip = false;

  void flip_horizontally(int width) {
    hflip = !hflip;
    shown.left = width - shown.left - shown.width;
  }
  void flip_vertically(int height) {
    vflip = !vflip;
    shown.top = height - shown.top - shown.height;
  }
};

// The view under construction, and memory that views made one after another reuse.
struct ViewState {
  Draws draws{DrawKey{}};
  ViewTrace trace{};
  Image image{};
  Image spare{};
  ResizeScratch resize{};
  BlurScratch blur{};
  WarpScratch warp{};
  std::vector<uint32_t> bits{};
  std::vector<float> dx{}, dy{};
  std::vector<int> channels{};

  // Replaces the picture by what `make(picture, result)` writes.
  template <class Make>
  void replace(const Make& make) {
    make(image.view(), spare);
    std::swap(image, spare);
  }
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void fields(Fields& f) = 0;  // the parameters
  // Called once after the parameters are set; throws a usage error that begins with `where`.
  virtual void prepare(const std::string& /*where*/) {}
  // Throws a usage error if pictures of this kind cannot be treated.
  virtual void accept(int /*channels*/, PixelType /*type*/) const {}
  // Draws its random numbers and changes state.image.
  virtual void apply(ViewState& state) const = 0;
};

// An operation with random parameters, which are a `Drawn`.
template <class Drawn>
class RandomOperation : public Operation {
 public:
  // The parameters for a height x width view.
  virtual Drawn drawn(int height, int width, Draws& draws) const = 0;
  virtual void change(const Drawn& by, ViewState& state) const = 0;
  void apply(ViewState& s) const final {
    change(drawn(s.image.height(), s.image.width(), s.draws), s);
  }
};

// An operation that cuts the view out of the source picture; always the first of a view.
class Framing : public Operation {
 public:
  // The part of a picture that frame() reads, and where it puts it.
  virtual Placement place(const Extent& picture, const Extent& view, Draws& draws) const = 0;
  // Makes state.image, of the size of the view, from that part; mirrored within itself first, where
  // `to` is the place of the mirrored part.
  virtual void frame(const ImageView& part, const Box& to, const Extent& view, bool mirror,
                     ViewState& state) const = 0;
  void apply(ViewState&) const final {}
};

// A new operation with the parameters of `op`. Throws a usage error for unknown names.
std::unique_ptr<Operation> make_operation(const ViewOp& op);

struct OperationKind {
  std::string name;
  std::string help;
  std::unique_ptr<Operation> (*make)();  // with standard parameters
};
const std::vector<OperationKind>& operation_kinds();

// Shared by operations: a parameter that is one number or [low, high].
using Spread = std::vector<double>;
void check_spread(const std::string& where, const char* name, const Spread& spread);
inline double draw(Draws& draws, const Spread& spread) {
  return draws.uniform(spread.front(), spread.back());
}

Interpolation interpolation_named(const std::string& name);
inline const std::vector<std::string> kInterpolationNames = {"nearest", "bilinear", "bicubic"};

}  // namespace vistas::vision
