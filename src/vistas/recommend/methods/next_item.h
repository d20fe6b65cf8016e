// SASRec: every position of a sequence predicts the item that comes next. Kang and McAuley,
// "Self-attentive sequential recommendation", 2018; softmax over all items instead of one negative:
// Klenitskiy and Vasilev, "Turning dross into gold loss: is BERT4Rec really better than SASRec?",
// 2023.
#pragma once

#include <memory>

#include "vistas/base/options.h"
#include "vistas/contrast/item_softmax.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/learn/method.h"
#include "vistas/recommend/encoders/sequence_encoder.h"

namespace vistas::recommend {

struct NextItemOptions {
  contrast::ItemSoftmaxOptions loss{};
  int64_t negatives = 0;

  void fields(Fields& f) {
    loss.fields(f);
    f.add("negatives", negatives,
          "items drawn for a step, with which all positions are compared; 0: all items", {0, 1e9});
  }
};

// The loss is item_softmax over the positions of the first view, with the item of Batch::label
// [B, L] as the target of each (-1: no position).
class NextItem : public learn::Method {
 public:
  // A usage error if the encoder is no SequenceEncoder.
  NextItem(const std::shared_ptr<learn::Encoder>& encoder, const NextItemOptions& options,
           uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return encoder_; }
  int64_t negatives(int64_t batch) const override;

 protected:
  SequenceEncoder& sequences() { return *encoder_; }
  // z [T, D] of the positions of the first view.
  at::Tensor next_item_loss(const at::Tensor& z, const learn::Batch& batch) const;

 private:
  std::shared_ptr<SequenceEncoder> encoder_;
  NextItemOptions options_;
};

struct SequenceContrastOptions {
  NextItemOptions next{};
  double weight = 0.1;
  contrast::NtXentOptions contrast{.temperature = 0.2};

  void fields(Fields& f) {
    next.fields(f);
    f.add("weight", weight, "of the comparison of two views beside the loss of next items",
          {0, 1e4});
    f.group("contrast", contrast);
  }
};

// next_item + weight nt_xent(view 1, view 2) of the sequences' last positions; samples of one
// Batch::group are no negatives of each other. With altered sequences as views it is CL4SRec (Xie
// et al., "Contrastive learning for sequential recommendation", 2022, equation 15), with sequences
// of the same next item DuoRec (Qiu et al., "Contrastive learning for representation degeneration
// problem in sequential recommendation", 2022, in the form of its authors' code, us_x: one
// comparison of a sequence under another dropout with one of the same next item). Both papers
// compare dot products at temperature 1; layer norm gives those sizes up to the width, whose
// gradients outweigh the loss of next items for many epochs. Cosines, the default, do not.
class SequenceContrast : public NextItem {
 public:
  SequenceContrast(const std::shared_ptr<learn::Encoder>& encoder,
                   const SequenceContrastOptions& options, uint64_t seed);

  // live: views 1 and 2 [B, D], then positions [T, D].
  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;

 private:
  SequenceContrastOptions options_;
};

}  // namespace vistas::recommend
