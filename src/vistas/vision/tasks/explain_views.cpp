#include "vistas/vision/tasks/explain_views.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "vistas/vision/views/explain.h"
#include "vistas/vision/views/maker.h"

namespace vistas::vision {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kBoxDraws = 256;                     // of each picture: boxes cost no pixels
constexpr int64_t kEmbedded = 32;                      // pictures that the encoder sees at a time
constexpr double kOftenSame = 0.1, kOftenApart = 0.5;  // shares of draws that are worth a warning

Image copy_of(const ImageView& view) {
  Image copy(view.height, view.width, view.channels, view.type);
  for (int y = 0; y < view.height; ++y) {
    std::copy_n(view.row<std::byte>(y), copy.row_bytes(), copy.row<std::byte>(y));
  }
  return copy;
}

class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ == 0 ? kNone : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

class Explainer {
 public:
  Explainer(const ViewRecipe& recipe, const ImageSource& source, const Bundle& bundle,
            const ExplainOptions& options)
      : recipe_(recipe), source_(source), bundle_(bundle), options_(options) {}

  Explanation explain(const SampleReader& reader) {
    read_pictures(reader);
    out_.warnings = recipe_warnings(recipe_, out_.grey);
    if (recipe_.view_count() > 1) {
      compare_boxes();
      compare_pairs();
    }
    for (size_t v = 0; v < recipe_.views.size(); ++v) {
      for (const ViewOp& op : recipe_.views[v].ops) move(v, op);
    }
    return std::move(out_);
  }

 private:
  void read_pictures(const SampleReader& reader) {
    const int64_t wanted = std::min(options_.pictures, source_.size());
    out_.grey = true;
    for (int64_t i = 0; i < source_.size() && out_.pictures < wanted; ++i) {
      Image storage;
      const Sample sample = reader.read(i, {}, storage);
      if (sample.index < i) break;  // round the end: those that can be read are all here
      i = sample.index;
      pictures_.push_back(copy_of(sample.view));
      names_.push_back(source_.name(i));
      out_.grey = out_.grey && is_grey(sample.view);
      ++out_.pictures;
    }
  }

  // View `view` of every picture for draw number `draw`.
  std::vector<Image> views(const ViewRecipe& recipe, int view, int64_t draw) {
    const Image& first = pictures_.front();
    const ViewMaker maker(recipe, first.channels(), first.type());
    std::vector<Image> made;
    for (size_t i = 0; i < pictures_.size(); ++i) {
      maker.make_pixels(pictures_[i].view(), key(i, draw), view, scratch_);
      made.push_back(copy_of(scratch_.image.view()));
    }
    return made;
  }

  DrawKey key(size_t picture, int64_t draw) const {
    return {.seed = options_.seed, .epoch = static_cast<uint64_t>(draw), .sample = picture};
  }

  // Features of unit length, [N, D].
  at::Tensor embed(const std::vector<Image>& images) {
    const at::NoGradGuard no_grad;
    ViewSpec view = bundle_.preprocess.views.front();
    view.ops = {{"resize"}};
    const ViewMaker maker({{view}}, images.front().channels(), images.front().type());
    std::vector<at::Tensor> parts;
    for (size_t begin = 0; begin < images.size(); begin += kEmbedded) {
      const size_t end = std::min(images.size(), begin + kEmbedded);
      at::Tensor pixels =
          at::empty({static_cast<int64_t>(end - begin), view.height, view.width, maker.channels()});
      for (size_t i = begin; i < end; ++i) {
        maker.make(images[i].view(), {}, 0,
                   pixels[static_cast<int64_t>(i - begin)].data_ptr<float>(), scratch_);
      }
      parts.push_back(bundle_.encoder->forward(pixels.permute({0, 3, 1, 2})).to(at::kFloat));
    }
    const at::Tensor all = at::cat(parts);
    return all / all.norm(2, 1, true).clamp_min(1e-12);
  }

  void compare_boxes() {
    const Image& first = pictures_.front();
    const ViewMaker maker(recipe_, first.channels(), first.type());
    Mean shared, apart;
    for (size_t i = 0; i < pictures_.size(); ++i) {
      for (int64_t draw = 0; draw < kBoxDraws; ++draw) {
        const auto box = [&](int view) {
          return maker.view_box(pictures_[i].height(), pictures_[i].width(), key(i, draw), view);
        };
        const double share = overlap(box(0), box(1));
        shared.add(share);
        apart.add(share < kApart ? 1 : 0);
      }
    }
    out_.overlap = shared.value();
    out_.apart = apart.value();
    if (out_.apart > kOftenApart) {
      out_.warnings.push_back(fmt::format(
          "the two views of a picture almost never overlap: in {:.0f} % of the draws they share "
          "less than {:.0f} % of the smaller one",
          100 * out_.apart, 100 * kApart));
    }
  }

  void compare_pairs() {
    const size_t n = pictures_.size();
    Mean same, near_pixels, near, far_pixels, far;
    for (int64_t draw = 0; draw < options_.draws; ++draw) {
      const std::vector<Image> a = views(recipe_, 0, draw), b = views(recipe_, 1, draw);
      const at::Tensor seen_a = embed(a), seen_b = embed(b), cosines = at::mm(seen_a, seen_b.t());
      const bool comparable = a[0].height() == b[0].height() && a[0].width() == b[0].width();
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) {
          const double cosine =
              cosines[static_cast<int64_t>(i)][static_cast<int64_t>(j)].item<double>();
          (i == j ? near : far).add(1 - cosine);
          if (!comparable) continue;
          const double pixels = pixel_distance(a[i].view(), b[j].view());
          (i == j ? near_pixels : far_pixels).add(pixels);
          if (i == j) same.add(pixels == 0 ? 1 : 0);
        }
      }
      if (draw == 0) {
        for (size_t i = 0; i < std::min(n, static_cast<size_t>(options_.shown)); ++i) {
          out_.pairs.push_back({names_[i], copy_of(a[i].view()), {}});
        }
        first_ = seen_a;
      }
      if (draw < options_.shown) show_pairs(b, at::mm(first_, seen_b.t()));
    }
    out_.positive = {near_pixels.value(), near.value()};
    out_.negative = {far_pixels.value(), far.value()};
    out_.identical = same.value();
    if (out_.identical > kOftenSame) {
      out_.warnings.push_back(
          fmt::format("both views of a picture have the same pixels in {:.0f} % of the draws",
                      100 * out_.identical));
    }
  }

  // Beside the first view of each picture shown: a view of the same picture, one of another.
  void show_pairs(const std::vector<Image>& b, const at::Tensor& cosines) {
    const size_t n = b.size();
    for (size_t i = 0; i < out_.pairs.size(); ++i) {
      std::vector<ExampleView>& others = out_.pairs[i].others;
      const auto add = [&](size_t j) {
        others.push_back({copy_of(b[j].view()),
                          cosines[static_cast<int64_t>(i)][static_cast<int64_t>(j)].item<double>(),
                          i == j});
      };
      const size_t step = 1 + others.size() / 2;  // to another picture with each draw
      add(i);
      if (n > 1) add((i + 1 + (step - 1) % (n - 1)) % n);
    }
  }

  void move(size_t number, const ViewOp& op) {
    const ViewSpec& view = recipe_.views[number];
    OperationMove moved{op.name, op.p, {}};
    if (recipe_.views.size() > 1) moved.name = fmt::format("[[view]] {}: {}", number + 1, op.name);
    const std::vector<Image> plain = views(without_operations(view), 0, 0);
    const ViewRecipe alone = operation_alone(view, op);
    const at::Tensor before = embed(plain);
    Mean pixels, embedding;
    Example example{moved.name, copy_of(plain[0].view()), {}};
    for (int64_t draw = 0; draw < options_.draws; ++draw) {
      const std::vector<Image> changed = views(alone, 0, draw);
      const at::Tensor cosines = (before * embed(changed)).sum(1);
      for (size_t i = 0; i < changed.size(); ++i) {
        pixels.add(pixel_distance(plain[i].view(), changed[i].view()));
        embedding.add(1 - cosines[static_cast<int64_t>(i)].item<double>());
      }
      if (draw < 2 * options_.shown) {
        example.others.push_back({copy_of(changed[0].view()), cosines[0].item<double>(), {}});
      }
    }
    moved.moved = {pixels.value(), embedding.value()};
    out_.operations.push_back(moved);
    out_.examples.push_back(std::move(example));
    if (moved.moved.pixels == 0 && op.name != "resize") {
      out_.warnings.push_back(moved.name + " does not change any of these pictures");
    }
  }

  const ViewRecipe& recipe_;
  const ImageSource& source_;
  const Bundle& bundle_;
  const ExplainOptions& options_;
  std::vector<Image> pictures_;
  std::vector<std::string> names_;
  ViewScratch scratch_;
  at::Tensor first_;  // features of the first view of each picture, of the first draw
  Explanation out_;
};

}  // namespace

Explanation explain_views(const ViewRecipe& recipe, std::shared_ptr<const ImageSource> source,
                          const Bundle& bundle, const ExplainOptions& options) {
  SampleReader reader(source, "skip");
  {
    Image storage;
    const ImageView first = reader.read(0, {}, storage).view;
    reader.require(first.channels, first.type);
  }
  Explanation explanation = Explainer(recipe, *source, bundle, options).explain(reader);
  explanation.bad = reader.bad_images();
  return explanation;
}

}  // namespace vistas::vision
