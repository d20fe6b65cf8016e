// Ranking under a guide: negatives that a second encoder finds as alike as the positive are left
// out. Solatorio, "GISTEmbed: guided in-sample selection of training negatives for text embedding
// fine-tuning", 2024.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/gist.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

struct GistOptions {
  contrast::GistOptions loss{};
  contrast::MatryoshkaOptions matryoshka{};
  learn::ProjectorOptions projector{.layers = 0};

  void fields(Fields& f) {
    loss.fields(f);
    f.group("matryoshka", matryoshka);
    f.group("projector", projector);
  }
};

// Views are columns as in Ranking. Each brings the guide's embedding of its rows: "teacher" [B, T],
// beside what the encoder takes. A data error where it is missing. With method.matryoshka the loss
// is its sum over the first columns of the embeddings, those of the guide whole.
class Gist : public learn::Method {
 public:
  Gist(std::shared_ptr<learn::Encoder> encoder, const GistOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  // The most there can be; hard negatives come on top.
  int64_t negatives(int64_t batch) const override;

 private:
  std::shared_ptr<learn::Branch> student_;
  GistOptions options_;
};

}  // namespace vistas::methods
