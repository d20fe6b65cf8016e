#include "vistas/measure/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::measure {
namespace {

using Vector = std::vector<double>;

constexpr double kDecrease = 1e-4, kCurvature = 0.9;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double largest(const Vector& g) {
  double most = 0;
  for (const double v : g) most = std::max(most, std::abs(v));
  return most;
}

Vector plus(const Vector& a, double factor, const Vector& b) {
  Vector out(a.size());
  for (size_t i = 0; i < a.size(); ++i) out[i] = a[i] + factor * b[i];
  return out;
}

struct Pair {
  Vector step, change;  // of x and of the gradient
  double curvature;     // step . change > 0
};

// -H g by the two-loop recursion; without history the scaled steepest descent.
Vector direction(const std::deque<Pair>& pairs, const Vector& gradient) {
  Vector q = plus(gradient, -2, gradient);
  Vector alphas;
  for (auto p = pairs.rbegin(); p != pairs.rend(); ++p) {
    alphas.push_back(dot(p->step, q) / p->curvature);
    q = plus(q, -alphas.back(), p->change);
  }
  const double scale = pairs.empty()
                           ? 1 / std::max(1.0, std::sqrt(dot(gradient, gradient)))
                           : pairs.back().curvature / dot(pairs.back().change, pairs.back().change);
  for (double& v : q) v *= scale;
  for (const Pair& p : pairs) {
    q = plus(q, alphas.back() - dot(p.change, q) / p.curvature, p.step);
    alphas.pop_back();
  }
  return q;
}

// The function along a ray, and where it was looked at.
struct Point {
  double at = 0, value = 0, slope = 0;
  Vector x, gradient;
};

// The minimum of the cubic through two points and their slopes, kept away from both ends.
double between(const Point& a, const Point& b) {
  const double low = std::min(a.at, b.at), high = std::max(a.at, b.at), width = high - low;
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.at - b.at);
  const double square = d1 * d1 - a.slope * b.slope;
  double at = low + width / 2;
  if (square >= 0) {
    const double d2 = std::copysign(std::sqrt(square), b.at - a.at);
    at = b.at - (b.at - a.at) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
  }
  if (!std::isfinite(at)) at = low + width / 2;
  return std::clamp(at, low + 0.1 * width, high - 0.1 * width);
}

class LineSearch {
 public:
  LineSearch(const Objective& objective, const Point& start, const Vector& ray,
             int64_t& evaluations)
      : objective_(objective), start_(start), ray_(ray), evaluations_(evaluations) {}

  // A point that satisfies the strong Wolfe conditions, else the best decrease found; the start
  // itself if there was none.
  Point run() {
    Point last = start_;
    double step = 1;
    for (int i = 0; i < 20; ++i) {
      Point here = evaluate(step);
      if (!decreases(here) || (i > 0 && here.value >= last.value)) return zoom(last, here);
      if (flat(here)) return here;
      if (here.slope >= 0) return zoom(here, last);
      last = std::move(here);
      step *= 2;
    }
    return last;
  }

 private:
  Point evaluate(double at) {
    ++evaluations_;
    Point p{at, 0, 0, plus(start_.x, at, ray_), Vector(ray_.size())};
    p.value = objective_(p.x, p.gradient);
    p.slope = dot(p.gradient, ray_);
    return p;
  }
  // False for NaN and infinity too: a step too far.
  bool decreases(const Point& p) const {
    return p.value <= start_.value + kDecrease * p.at * start_.slope;
  }
  bool flat(const Point& p) const { return std::abs(p.slope) <= -kCurvature * start_.slope; }

  // `low` is the lowest point that decreases enough; a good one lies between it and `high`.
  Point zoom(Point low, Point high) {
    for (int i = 0; i < 20 && low.at != high.at; ++i) {
      Point here = evaluate(between(low, high));
      if (!decreases(here) || here.value >= low.value) {
        high = std::move(here);
        continue;
      }
      if (flat(here)) return here;
      if (here.slope * (high.at - low.at) >= 0) high = std::move(low);
      low = std::move(here);
    }
    return low;
  }

  const Objective& objective_;
  const Point& start_;
  const Vector& ray_;
  int64_t& evaluations_;
};

}  // namespace

LbfgsResult minimise_lbfgs(std::vector<double> start, const Objective& objective,
                           const LbfgsOptions& options) {
  LbfgsResult out;
  Point here{0, 0, 0, std::move(start), {}};
  here.gradient.resize(here.x.size());
  here.value = objective(here.x, here.gradient);
  ++out.evaluations;
  if (!std::isfinite(here.value)) {
    throw Error(ErrorKind::numeric, {.what = "objective at the start", .got = "NaN or infinity"});
  }
  std::deque<Pair> pairs;
  while (true) {
    out.largest_gradient = largest(here.gradient);
    out.converged = out.largest_gradient <= options.gradient_tolerance;
    if (out.converged || out.iterations == options.max_iterations) break;
    const Vector ray = direction(pairs, here.gradient);
    here.at = 0;
    here.slope = dot(here.gradient, ray);
    Point next = LineSearch(objective, here, ray, out.evaluations).run();
    if (!(next.value < here.value)) {
      if (pairs.empty()) {
        out.converged = true;
        break;
      }
      pairs.clear();  // once more from steepest descent
      continue;
    }
    Pair pair{plus(next.x, -1, here.x), plus(next.gradient, -1, here.gradient), 0};
    pair.curvature = dot(pair.step, pair.change);
    if (pair.curvature > 1e-12 * dot(pair.change, pair.change)) pairs.push_back(std::move(pair));
    if (pairs.size() > static_cast<size_t>(options.history)) pairs.pop_front();
    here = std::move(next);
    ++out.iterations;
  }
  out.x = std::move(here.x);
  out.value = here.value;
  return out;
}

}  // namespace vistas::measure
