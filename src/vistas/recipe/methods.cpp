#include "vistas/recipe/methods.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vistas/base/error.h"
#include "vistas/methods/barlow_twins.h"
#include "vistas/methods/byol.h"
#include "vistas/methods/clip.h"
#include "vistas/methods/dcl.h"
#include "vistas/methods/dino.h"
#include "vistas/methods/distill.h"
#include "vistas/methods/gist.h"
#include "vistas/methods/moco.h"
#include "vistas/methods/moco_v3.h"
#include "vistas/methods/nnclr.h"
#include "vistas/methods/ranking.h"
#include "vistas/methods/scored.h"
#include "vistas/methods/siamese.h"
#include "vistas/methods/sim_siam.h"
#include "vistas/methods/simclr.h"
#include "vistas/methods/sup_con.h"
#include "vistas/methods/swav.h"
#include "vistas/methods/vicreg.h"
#include "vistas/recommend/methods/graph_contrast.h"
#include "vistas/recommend/methods/ncl.h"
#include "vistas/recommend/methods/next_item.h"
#include "vistas/vision/methods/densecl.h"
#include "vistas/vision/methods/detcon.h"
#include "vistas/vision/methods/fcos.h"
#include "vistas/vision/methods/segmentation.h"

namespace vistas::recipe {
namespace {

std::vector<MethodEntry>& table() {
  namespace m = vistas::methods;
  namespace r = vistas::recommend;
  namespace v = vistas::vision;
  static std::vector<MethodEntry> entries = {
      {"simclr", "two views attract, all other views of the batch repel (NT-Xent)", "simclr",
       "method.temperature = 0.2", Choice<m::SimClr, m::SimClrOptions>::make},
      {"dcl", "SimCLR without the positive in the denominator: for small batches", "simclr",
       "method.temperature = 0.1", Choice<m::Dcl, m::DclOptions>::make},
      {"mocov1", "keys from a slow copy of the encoder, negatives from a queue", "mocov1",
       "method = {queue = 4096, teacher = {momentum = 0.99, final_momentum = 0.99}}",
       Choice<m::MoCo, m::MoCoV1Options>::make},
      {"mocov2", "MoCo with a projector of two layers and stronger views", "mocov2",
       "method = {queue = 4096, symmetric = true, "
       "teacher = {momentum = 0.99, final_momentum = 0.99}}",
       Choice<m::MoCo, m::MoCoOptions>::make},
      {"densecl", "MoCo for pictures and for places in them: for detection and segmentation",
       "mocov2",
       "method = {queue = 4096, "
       "teacher = {momentum = 0.99, final_momentum = 0.99}}",
       Choice<v::DenseCl, v::DenseClOptions>::make},
      {"detcon", "regions of a picture attract their like in the other view, all others repel",
       "simclr", "method.temperature = 0.1", Choice<v::DetCon, v::DetConOptions>::make},
      {"mocov3", "predictor, slow copy of the encoder, negatives from the batch", "mocov3",
       "method = {projector.hidden = 512, predictor.hidden = 512}",
       Choice<m::MoCoV3, m::MoCoV3Options>::make},
      {"byol", "predict a slow copy of the encoder; no negatives", "byol",
       "method = {projector.hidden = 512, predictor.hidden = 512, teacher.momentum = 0.99}",
       Choice<m::Byol, m::ByolOptions>::make},
      {"simsiam", "predict the other view, taken as given; no negatives", "simsiam",
       "method = {projector = {layers = 2, hidden = 512, out = 512}, predictor.hidden = 128}",
       Choice<m::SimSiam, m::SimSiamOptions>::make},
      {"barlow", "cross-correlation of two views towards the identity; no negatives", "barlow",
       "method.projector = {hidden = 512, out = 512}",
       Choice<m::BarlowTwins, m::BarlowTwinsOptions>::make},
      {"vicreg", "invariance, variance and covariance terms; no negatives", "vicreg",
       "method.projector = {hidden = 512, out = 512}", Choice<m::VicReg, m::VicRegOptions>::make},
      {"nnclr", "the positive is the nearest earlier embedding of the other view", "simclr",
       "method = {queue = 4096, projector = {layers = 2, hidden = 512}, predictor.hidden = 512}",
       Choice<m::Nnclr, m::NnclrOptions>::make},
      {"swav", "every view predicts the clusters of the large ones; no negatives", "swav",
       "method = {prototypes = 512, freeze_steps = 50, projector.hidden = 512}",
       Choice<m::Swav, m::SwavOptions>::make},
      {"dino", "every view predicts a slow copy's outputs for the large ones; no negatives", "dino",
       "method = {prototypes = 1024, projector.hidden = 512, teacher.momentum = 0.99}",
       Choice<m::Dino, m::DinoOptions>::make},
      {"supcon", "all views of a class attract: learns from labels", "simclr", "",
       Choice<m::SupCon, m::SupConOptions>::make},
      {"siamese", "triplet or contrastive loss on distances, by labels or by views", "simclr", "",
       Choice<m::Siamese, m::SiameseOptions>::make},
      {"clip", "two encoders, one a view, compared across with a learned temperature", "simclr", "",
       Choice<m::Clip, m::ClipOptions>::make},
      {"ranking", "an anchor finds its positive among those of the batch and hard negatives",
       "simclr", "", Choice<m::Ranking, m::RankingOptions>::make},
      {"gist", "ranking without the negatives that a guide finds as alike as the positive",
       "simclr", "", Choice<m::Gist, m::GistOptions>::make},
      {"scored", "pairs with higher scores are more alike (CoSENT, AnglE)", "simclr", "",
       Choice<m::Scored, m::ScoredOptions>::make},
      {"collaborative", "users and items: softmax, BSL, BPR or DirectAU on interactions", "", "",
       Choice<r::Collaborative, r::CollaborativeOptions>::make},
      {"sgl", "collaborative; nodes find themselves in graphs without some edges or nodes", "", "",
       Choice<r::Sgl, r::SglOptions>::make},
      {"simgcl", "collaborative; nodes find themselves through noise", "", "",
       Choice<r::SimGcl, r::NoiseOptions>::make},
      {"xsimgcl", "collaborative with noise; a layer's nodes find themselves in the mean", "", "",
       Choice<r::XSimGcl, r::XSimGclOptions>::make},
      {"ncl", "collaborative; nodes find themselves in their neighbours' neighbours and clusters",
       "", "", Choice<r::Ncl, r::NclOptions>::make},
      {"distill", "embeddings or similarities of a teacher are the targets", "simclr", "",
       Choice<m::Distill, m::DistillOptions>::make},
      {"next_item", "every position of a sequence finds the next item (SASRec)", "", "",
       Choice<r::NextItem, r::NextItemOptions>::make, "next"},
      {"cl4srec", "next_item, and altered views of a sequence attract", "", "",
       Choice<r::SequenceContrast, r::SequenceContrastOptions>::make, "altered"},
      {"duorec", "next_item, and sequences with the same next item attract", "", "",
       Choice<r::SequenceContrast, r::SequenceContrastOptions>::make, "same_target"},
      {"fcos", "every place of a picture finds the box it is in the middle of: learns from boxes",
       "", "", Choice<v::Fcos, v::FcosOptions>::make},
      {"segmentation", "every pixel finds its class: learns from masks", "", "",
       Choice<v::Segmentation, v::SegmentationOptions>::make},
  };
  return entries;
}

}  // namespace

const std::vector<MethodEntry>& methods() {
  return table();
}

void add_method(const MethodEntry& entry) {
  for (const MethodEntry& other : table()) {
    if (entry.name == other.name) {
      throw Error(ErrorKind::usage, {.what = "add_method: there is a method of this name",
                                     .got = entry.name,
                                     .fix = "Give the new one another name"});
    }
  }
  table().push_back(entry);
}

const MethodEntry& method_named(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Error(ErrorKind::usage, {.what = where + ": method.name",
                                 .got = name,
                                 .expected = fmt::format("one of {}", fmt::join(names, ", ")),
                                 .fix = did_you_mean(name, names)});
}

Error not_for(const std::string& data, const std::string& method) {
  return {ErrorKind::usage,
          {.what = "method.name",
           .got = method,
           .expected = "a method for " + data,
           .fix = "docs/methods.md says what each learns from"}};
}

}  // namespace vistas::recipe
