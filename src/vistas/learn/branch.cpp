#include "vistas/learn/branch.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "vistas/base/error.h"

namespace vistas::learn {

Branch::Branch(std::shared_ptr<Encoder> encoder, const ProjectorOptions& options, uint64_t seed)
    : encoder_(register_module("encoder", std::move(encoder))),
      projector_(register_module("projector",
                                 std::make_shared<Projector>(encoder_->dim(), options, seed))) {}

at::Tensor Branch::forward(const Inputs& view) {
  return projector_->forward(encoder_->forward(view));
}

std::vector<at::Tensor> Branch::apart(const std::vector<Inputs>& views) {
  std::vector<at::Tensor> out;
  for (const Inputs& view : views) out.push_back(forward(view));
  return out;
}

std::vector<at::Tensor> Branch::jointly(const std::vector<Inputs>& views) {
  std::vector<at::Tensor> out;
  for (size_t begin = 0; begin < views.size();) {
    size_t end = begin + 1;
    while (end < views.size() && views[end].fits(views[begin])) ++end;
    const auto first = views.begin() + static_cast<std::ptrdiff_t>(begin);
    const at::Tensor z = forward(cat({first, first + static_cast<std::ptrdiff_t>(end - begin)}));
    for (const at::Tensor& part : z.chunk(static_cast<int64_t>(end - begin))) out.push_back(part);
    begin = end;
  }
  return out;
}

size_t leading_views(const std::vector<Inputs>& views) {
  size_t count = 0;
  while (count < views.size() && views[count].fits(views.front())) ++count;
  return count;
}

void require_views(size_t views, size_t least, const std::string& method) {
  if (views >= least) return;
  throw Error(ErrorKind::usage,
              {.what = method + ": views of a sample",
               .got = fmt::format("{}", views),
               .expected = fmt::format("{} or more", least),
               .fix = "Choose a view recipe that makes them: --set views.recipe=simclr"});
}

}  // namespace vistas::learn
