#include "vistas/learn/trainer.h"

namespace vistas::learn {

void TrainOptions::fields(Fields& f) {
  f.add("epochs", epochs, "passes over the data; train.steps overrides it", {1, 1e9});
  f.add("steps", steps, "optimiser steps in all; 0 means by epochs", {0, 1e15});
  f.add("batch", batch, "samples a step", {2, 1e9});
  f.add("micro_batch", micro_batch,
        "samples that are in memory at once, a divisor of train.batch: the loss compares the whole "
        "batch, batch norm sees a micro-batch; 0: the whole batch",
        {0, 1e9});
  f.add(
      "micro_tokens", micro_tokens,
      "texts, instead of micro_batch: tokens that are in memory at once, all views counted; 0: not "
      "so",
      {0, 1e12});
  f.add("recompute", recompute,
        "whether blocks of ResNets, ViTs and transformers keep their inputs only and go forward "
        "once more for the gradients: less memory, more time, the same bits");
  f.add("seed", seed, "of weights, order and views", {0, 1e18});
  f.add("precision", precision,
        "number format of convolutions and products; auto is bf16 where "
        "the device has it in hardware",
        {"auto", "fp32", "bf16"});
  f.add("device", device, "where to compute", {"auto", "cpu", "cuda"});
  f.add("loader_threads", loader_threads, "threads that make views; 0 means one a core", {0, 1024});
  f.add("log_every", log_every, "steps between reports, health included", {1, 1e9});
  f.add(
      "score_every", score_every,
      "epochs between online scores, 0.1: ten an epoch; the best checkpoint is kept. Pictures with "
      "labels: kNN accuracy; texts: data.score_task. 0: never",
      {0, 1e9});
  f.add("patience", patience, "scores without a better one after which training ends; 0: never",
        {0, 1e9});
  f.add("checkpoint_every", checkpoint_every, "epochs between checkpoints", {1, 1e9});
  f.add("keep_every", keep_every, "epochs whose checkpoint is kept for good; 0 keeps last and best",
        {0, 1e9});
  f.add("frozen", frozen,
        "parameters that keep their initial values, by the beginning of their name");
}

}  // namespace vistas::learn
