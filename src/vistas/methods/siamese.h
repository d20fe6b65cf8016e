// A plain Siamese network: one encoder for all, a loss on distances.
// Bromley et al., "Signature verification using a 'Siamese' time delay neural network", 1993;
// Hadsell et al., "Dimensionality reduction by learning an invariant mapping", 2006 (contrastive);
// Schroff et al., "FaceNet", 2015 (triplet); Wang et al., "Cross-batch memory for embedding
// learning", 2020 (memory).
#pragma once

#include <memory>
#include <optional>

#include "vistas/base/options.h"
#include "vistas/contrast/contrastive.h"
#include "vistas/contrast/memory.h"
#include "vistas/contrast/triplet.h"
#include "vistas/learn/branch.h"
#include "vistas/learn/method.h"

namespace vistas::methods {

enum class SiameseLoss { triplet, contrastive };
// labels: samples of a label are alike. views: only the views of a sample (or of a group) are.
enum class Positives { labels, views };

struct SiameseOptions {
  SiameseLoss loss = SiameseLoss::triplet;
  Positives positives = Positives::labels;
  contrast::TripletOptions triplet{};
  contrast::ContrastiveOptions contrastive{};
  int64_t memory = 0;
  learn::ProjectorOptions projector{.layers = 1, .last_norm = false};

  void fields(Fields& f) {
    f.add("loss", loss, "on the distances of embeddings",
          {{"triplet", SiameseLoss::triplet}, {"contrastive", SiameseLoss::contrastive}});
    f.add("positives", positives, "what is alike: samples of one label, or the views of a sample",
          {{"labels", Positives::labels}, {"views", Positives::views}});
    f.group("triplet", triplet);
    f.group("contrastive", contrastive);
    f.add("memory", memory,
          "contrastive, labels: embeddings of earlier batches to compare with; 0 is none",
          {0, 1e9});
    f.group("projector", projector);
  }
};

// All pairs or triplets of a batch, over all its views. With a memory its loss is added to that of
// the batch. A data error where labels are wanted and there are none.
class Siamese : public learn::Method {
 public:
  // A usage error for a memory with triplets or without labels.
  Siamese(std::shared_ptr<learn::Encoder> encoder, const SiameseOptions& options, uint64_t seed);

  learn::Embeddings embed(const learn::Batch& batch) override;
  at::Tensor loss(const learn::Embeddings& embeddings, const learn::Batch& batch) override;
  void after_step(const learn::Progress& progress) override;
  std::shared_ptr<learn::Encoder> encoder() const override { return student_->encoder(); }
  int64_t negatives(int64_t batch) const override { return 2 * (batch - 1) + options_.memory; }
  bool spares_own_class() const override { return options_.positives == Positives::labels; }
  int64_t remembered() const override { return options_.memory; }
  learn::Collapse collapse() const override;

 private:
  std::shared_ptr<learn::Branch> student_;
  SiameseOptions options_;
  std::optional<contrast::CrossBatchMemory> memory_;
  at::Tensor new_rows_, new_labels_;  // of the step at hand
};

}  // namespace vistas::methods
