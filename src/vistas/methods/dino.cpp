#include "vistas/methods/dino.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/random.h"
#include "vistas/contrast/dino.h"
#include "vistas/contrast/shared_rows.h"
#include "vistas/contrast/similarity.h"
#include "vistas/contrast/swav.h"

namespace vistas::methods {

void DinoOptions::fields(Fields& f) {
  f.add("prototypes", prototypes, "outputs of the last layer", {2, 1e7});
  f.add("student_temperature", student_temperature, "divides the student's outputs", {1e-4, 1e4});
  f.add("teacher_temperature_start", teacher_temperature_start,
        "divides the teacher's outputs at the first step", {1e-4, 1e4});
  f.add("teacher_temperature", teacher_temperature, "and after its warm-up", {1e-4, 1e4});
  f.add("teacher_temperature_epochs", teacher_temperature_epochs, "epochs of that warm-up",
        {0, 1e6});
  f.add("center_momentum", center_momentum, "share of itself that the centre keeps at each step",
        {0, 1});
  f.add("freeze_epochs", freeze_epochs, "epochs at the start in which the last layer rests",
        {0, 1e6});
  f.group("teacher", teacher);
  f.group("projector", projector);
}

PrototypeLayer::PrototypeLayer(int64_t dim, int64_t prototypes, uint64_t seed) {
  at::Generator generator = learn::initial_values(seed);
  weight = register_parameter("weight", at::empty({prototypes, dim}).normal_(0, 0.02, generator));
}

namespace {

// Rows [begin, end) of every view through a last layer.
std::vector<at::Tensor> outputs_of(const std::vector<at::Tensor>& views, const at::Tensor& weight,
                                   int64_t begin, int64_t end) {
  const at::Tensor prototypes = contrast::unit_rows(weight);
  std::vector<at::Tensor> out;
  for (const at::Tensor& z : views) {
    out.push_back(contrast::prototype_scores(z.slice(0, begin, end), prototypes));
  }
  return out;
}

}  // namespace

Dino::Dino(std::shared_ptr<learn::Encoder> encoder, std::shared_ptr<learn::Encoder> teacher,
           const DinoOptions& options, uint64_t seed)
    : student_(register_module(
          "student", std::make_shared<learn::Branch>(std::move(encoder), options.projector, seed))),
      teacher_(register_module(
          "teacher", std::make_shared<learn::Branch>(std::move(teacher), options.projector, seed))),
      student_last_(register_module(
          "student_last",
          std::make_shared<PrototypeLayer>(student_->dim(), options.prototypes, mix(seed, 1)))),
      teacher_last_(register_module(
          "teacher_last",
          std::make_shared<PrototypeLayer>(student_->dim(), options.prototypes, mix(seed, 1)))),
      options_(options),
      center_(register_buffer("center", at::zeros({options.prototypes}))) {
  learn::start_teacher(*teacher_, *student_);
  learn::start_teacher(*teacher_last_, *student_last_);
}

learn::Embeddings Dino::embed(const learn::Batch& batch) {
  learn::Embeddings out{student_->jointly(batch.views), {}};
  if (replaying()) return out;
  const at::NoGradGuard no_grad;
  const auto large = static_cast<std::ptrdiff_t>(learn::leading_views(batch.views));
  out.fixed = teacher_->jointly({batch.views.begin(), batch.views.begin() + large});
  return out;
}

double Dino::teacher_temperature() const {
  const double share = options_.teacher_temperature_epochs > 0
                           ? progress().epochs() / options_.teacher_temperature_epochs
                           : 1.0;
  return std::lerp(options_.teacher_temperature_start, options_.teacher_temperature,
                   std::min(share, 1.0));
}

at::Tensor Dino::loss(const learn::Embeddings& embeddings, const learn::Batch&) {
  const auto& [live, fixed] = embeddings;
  learn::require_views(live.size(), 2, "DINO");
  // Without a gradient the optimiser leaves the last layer alone, momentum and decay included.
  const bool frozen = progress().epochs() < options_.freeze_epochs;
  const at::Tensor weight = frozen ? student_last_->weight.detach() : student_last_->weight;
  std::vector<at::Tensor> inputs = live;
  inputs.push_back(weight);
  const int64_t rows = live[0].size(0);
  const auto views = static_cast<int64_t>(live.size() + fixed.size());
  // The loss, then the mean of the teacher's outputs.
  const auto part = [&](int64_t begin, int64_t end, const std::vector<at::Tensor>& in) {
    const double share = static_cast<double>(end - begin) / static_cast<double>(rows);
    const auto student = outputs_of({in.begin(), in.end() - 1}, in.back(), begin, end);
    const auto teacher = outputs_of(fixed, teacher_last_->weight, begin, end);
    const at::Tensor loss = contrast::dino(teacher, student, center_,
                                           {.student_temperature = options_.student_temperature,
                                            .teacher_temperature = teacher_temperature()});
    const at::Tensor mean = contrast::updated_center(center_, teacher, /*momentum=*/0);
    return at::cat({loss.view(1), mean.view(-1).to(loss.scalar_type())}) * share;
  };
  const at::Tensor sums = contrast::sum_of_rows(rows, rows * views * weight.numel(), inputs, part);
  teacher_mean_ = sums.slice(0, 1).detach();
  return sums[0];
}

void Dino::after_step(const learn::Progress& progress) {
  const at::NoGradGuard no_grad;
  center_.copy_(
      contrast::updated_center(center_, {teacher_mean_.view({1, -1})}, options_.center_momentum));
  learn::follow_student(*teacher_, *student_, options_.teacher, progress);
  learn::follow_student(*teacher_last_, *student_last_, options_.teacher, progress);
}

learn::Collapse Dino::collapse() const {
  return {.loss = std::log(static_cast<double>(options_.prototypes)),
          .meaning = "ln(prototypes): the outputs are uniform",
          .cure =
              "Lower method.teacher_temperature, raise method.center_momentum, or lower "
              "schedule.lr"};
}

}  // namespace vistas::methods
