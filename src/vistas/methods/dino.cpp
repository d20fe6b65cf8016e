#include "vistas/methods/dino.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "vistas/base/random.h"
#include "vistas/contrast/dino.h"
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

at::Tensor PrototypeLayer::forward(const at::Tensor& z, bool frozen) const {
  return contrast::prototype_scores(z, contrast::unit_rows(frozen ? weight.detach() : weight));
}

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
  learn::require_views(embeddings.live.size(), 2, "DINO");
  // Without a gradient the optimiser leaves the last layer alone, momentum and decay included.
  const bool frozen = progress().epochs() < options_.freeze_epochs;
  std::vector<at::Tensor> outputs;
  for (const at::Tensor& z : embeddings.live) outputs.push_back(student_last_->forward(z, frozen));
  teacher_outputs_.clear();
  for (const at::Tensor& z : embeddings.fixed) {
    teacher_outputs_.push_back(teacher_last_->forward(z));
  }
  return contrast::dino(teacher_outputs_, outputs, center_,
                        {.student_temperature = options_.student_temperature,
                         .teacher_temperature = teacher_temperature()});
}

void Dino::after_step(const learn::Progress& progress) {
  const at::NoGradGuard no_grad;
  center_.copy_(contrast::updated_center(center_, teacher_outputs_, options_.center_momentum));
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
