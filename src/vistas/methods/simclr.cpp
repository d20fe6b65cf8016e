#include "vistas/methods/simclr.h"

#include <ATen/ATen.h>

#include "vistas/base/error.h"

namespace vistas::methods {

using learn::Batch;
using learn::Embeddings;

SimClr::SimClr(std::shared_ptr<learn::Encoder> encoder, const SimClrOptions& options, uint64_t seed)
    : encoder_(register_module("encoder", std::move(encoder))),
      projector_(register_module("projector", std::make_shared<learn::Projector>(
                                                  encoder_->dim(), options.projector, seed))),
      loss_(options.loss) {}

Embeddings SimClr::embed(const Batch& batch) {
  Embeddings out;
  // Runs of views that fit each other are embedded together.
  for (size_t begin = 0; begin < batch.views.size();) {
    size_t end = begin + 1;
    while (end < batch.views.size() && batch.views[end].fits(batch.views[begin])) ++end;
    const auto views = learn::cat({batch.views.begin() + static_cast<std::ptrdiff_t>(begin),
                                   batch.views.begin() + static_cast<std::ptrdiff_t>(end)});
    const at::Tensor z = projector_->forward(encoder_->forward(views));
    for (const at::Tensor& part : z.chunk(static_cast<int64_t>(end - begin))) {
      out.live.push_back(part);
    }
    begin = end;
  }
  return out;
}

at::Tensor SimClr::loss(const Embeddings& embeddings, const Batch&) {
  const auto& z = embeddings.live;
  if (z.size() < 2) {
    throw Error(ErrorKind::usage, {.what = "SimCLR compares two views of a sample",
                                   .got = std::to_string(z.size()),
                                   .fix = "Give the view recipe two views or more"});
  }
  at::Tensor sum;
  int64_t pairs = 0;
  for (size_t a = 0; a < z.size(); ++a) {
    for (size_t b = a + 1; b < z.size(); ++b, ++pairs) {
      const at::Tensor term = contrast::nt_xent(z[a], z[b], loss_);
      sum = sum.defined() ? sum + term : term;
    }
  }
  return sum / pairs;
}

}  // namespace vistas::methods
