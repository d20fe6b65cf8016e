#include "vistas/contrast/losses.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "vistas/contrast/align_uniform.h"
#include "vistas/contrast/barlow_twins.h"
#include "vistas/contrast/bpr.h"
#include "vistas/contrast/bsl.h"
#include "vistas/contrast/circle.h"
#include "vistas/contrast/clip.h"
#include "vistas/contrast/contrastive.h"
#include "vistas/contrast/cosent.h"
#include "vistas/contrast/dcl.h"
#include "vistas/contrast/debiased.h"
#include "vistas/contrast/dino.h"
#include "vistas/contrast/distillation.h"
#include "vistas/contrast/gist.h"
#include "vistas/contrast/in_batch_softmax.h"
#include "vistas/contrast/info_nce.h"
#include "vistas/contrast/item_softmax.h"
#include "vistas/contrast/lifted_structure.h"
#include "vistas/contrast/matryoshka.h"
#include "vistas/contrast/multi_similarity.h"
#include "vistas/contrast/n_pairs.h"
#include "vistas/contrast/negative_cosine.h"
#include "vistas/contrast/nnclr.h"
#include "vistas/contrast/nt_xent.h"
#include "vistas/contrast/nt_xent_labels.h"
#include "vistas/contrast/sampled_softmax.h"
#include "vistas/contrast/siglip.h"
#include "vistas/contrast/sup_con.h"
#include "vistas/contrast/swav.h"
#include "vistas/contrast/triplet.h"
#include "vistas/contrast/vicreg.h"

namespace vistas::contrast {
namespace {

struct NoOptions {
  void fields(Fields&) {}
};

// A function (inputs, options) as a choice.
template <class Options, at::Tensor (*call)(const LossInputs&, const Options&)>
class Choice : public LossChoice {
 public:
  void fields(Fields& f) override { options_.fields(f); }
  at::Tensor operator()(const LossInputs& inputs) const override { return call(inputs, options_); }
  static std::unique_ptr<LossChoice> make() { return std::make_unique<Choice>(); }

 private:
  Options options_;
};

// The ways in which losses take their arguments.
template <auto loss, class Options>
at::Tensor of_views(const LossInputs& in, const Options& options) {
  if constexpr (requires { loss(in.a, in.b, options, at::Tensor()); }) {
    return loss(in.a, in.b, options, at::Tensor());
  } else {
    return loss(in.a, in.b, options);
  }
}
template <auto loss, class Options>
at::Tensor of_labels(const LossInputs& in, const Options& options) {
  return loss(in.a, in.labels, options);
}
template <auto loss, class Options>
at::Tensor of_triples(const LossInputs& in, const Options& options) {
  return loss(in.a, in.b, in.negative, options);
}
template <auto loss, class Options>
at::Tensor of_scores(const LossInputs& in, const Options& options) {
  return loss(in.a, in.b, in.score, options);
}
template <auto loss>
at::Tensor of_predictions(const LossInputs& in, const NoOptions&) {
  return loss(in.predictions_a, in.predictions_b, in.a, in.b);
}

template <class Options, auto loss>
constexpr auto kViews = Choice<Options, of_views<loss, Options>>::make;
template <class Options, auto loss>
constexpr auto kLabels = Choice<Options, of_labels<loss, Options>>::make;
template <class Options, auto loss>
constexpr auto kTriples = Choice<Options, of_triples<loss, Options>>::make;
template <class Options, auto loss>
constexpr auto kScores = Choice<Options, of_scores<loss, Options>>::make;
template <auto loss>
constexpr auto kPredictions = Choice<NoOptions, of_predictions<loss>>::make;

// Those that take something else or return more than a scalar.
at::Tensor extra_negatives(const LossInputs& in, const InfoNceOptions& options) {
  return info_nce(in.a, in.b, options, {}, in.negative);
}
at::Tensor learned_scale(const LossInputs& in, const LearnedInfoNceOptions& options) {
  return info_nce_learned(in.a, in.b, in.scale, options, {}, in.negative);
}
at::Tensor with_queue(const LossInputs& in, const QueueInfoNceOptions& options) {
  return info_nce_queue(in.a, in.b, in.queue, options);
}
at::Tensor with_scale(const LossInputs& in, const ClipOptions& options) {
  return clip_loss(in.a, in.b, in.scale, options);
}
at::Tensor with_scale_and_bias(const LossInputs& in, const SiglipOptions& options) {
  return siglip(in.a, in.b, in.scale, in.bias, options);
}
at::Tensor guided(const LossInputs& in, const GistOptions& options) {
  return gist({in.a, in.b}, {in.predictions_a, in.predictions_b}, options);
}
at::Tensor items(const LossInputs& in, const InBatchSoftmaxOptions& options) {
  return in_batch_softmax(in.a, in.b, options);
}
at::Tensor drawn_items(const LossInputs& in, const SampledSoftmaxOptions& options) {
  return sampled_softmax(in.a, in.b, in.negative, options);
}
at::Tensor catalogue(const LossInputs& in, const ItemSoftmaxOptions& options) {
  return item_softmax(in.a, in.b, at::arange(in.a.size(0), in.a.options().dtype(at::kLong)),
                      options);
}
at::Tensor labelled_views(const LossInputs& in, const SupConOptions& options) {
  return sup_con(in.a, in.b, in.labels, options);
}
at::Tensor neighbours(const LossInputs& in, const NnclrOptions& options) {
  return nnclr(in.a, in.b, in.predictions_a, in.predictions_b, in.queue, options);
}
at::Tensor labelled_triplets(const LossInputs& in, const TripletOptions& options) {
  return triplet_by_labels(in.a, in.labels, options).loss;
}
at::Tensor targets(const LossInputs& in, const ContrastiveOptions& options) {
  return contrastive(in.a, in.b, in.score.ge(0.5), options);
}
at::Tensor aligned(const LossInputs& in, const AlignUniformOptions& options) {
  return align_uniform(in.a, in.b, options).loss;
}
at::Tensor vicreg_sum(const LossInputs& in, const VicRegOptions& options) {
  return vicreg(in.a, in.b, options).loss;
}
at::Tensor codes(const LossInputs& in, const SwavOptions& options) {
  return swav({prototype_scores(in.a, in.queue), prototype_scores(in.b, in.queue)}, 2, {}, options)
      .loss;
}
at::Tensor teacher_and_student(const LossInputs& in, const DinoOptions& options) {
  const at::Tensor center = at::zeros({in.a.size(1)}, in.a.options());
  return dino({in.a, in.b}, {in.predictions_a, in.predictions_b}, center, options);
}
at::Tensor same_embeddings(const LossInputs& in, const NoOptions&) {
  return mse_distillation(in.a, in.b);
}
at::Tensor same_margin(const LossInputs& in, const MarginMseOptions& options) {
  return margin_mse(in.a, in.b, in.negative, in.score, options);
}
at::Tensor prefixes(const LossInputs& in, const MatryoshkaOptions& options) {
  MatryoshkaOptions chosen = options;
  if (chosen.dims.empty()) chosen.dims = {in.a.size(1), (in.a.size(1) + 1) / 2};
  return matryoshka(
      in.a, in.b, [](const at::Tensor& x, const at::Tensor& y) { return nt_xent(x, y); }, chosen);
}

template <class Options, at::Tensor (*call)(const LossInputs&, const Options&)>
constexpr auto kCall = Choice<Options, call>::make;

}  // namespace

const std::vector<LossEntry>& losses() {
  const std::string views = "two views", labels = "labels", pairs = "pairs",
                    triples = "anchor, positive, negative", scores = "scored pairs",
                    teacher = "a teacher's outputs";
  static const std::vector<LossEntry> table = {
      {"nt_xent", "nt_xent.h", views, "anything without labels that has good views; the default",
       "Chen 2020", kViews<NtXentOptions, nt_xent>},
      {"dcl", "dcl.h", views, "as nt_xent, with small batches", "Yeh 2022",
       kViews<DclOptions, dcl>},
      {"dclw", "dcl.h", views, "as dcl, far positives weighted more", "Yeh 2022",
       kViews<DclwOptions, dclw>},
      {"debiased_nt_xent", "debiased.h", views,
       "as nt_xent, where many negatives are of the anchor's class; beta > 0: hard negatives count "
       "more",
       "Chuang 2020, Robinson 2021", kViews<DebiasedOptions, debiased_nt_xent>},
      {"info_nce", "info_nce.h", pairs + ", extra negatives",
       "pairs of different kinds (query and passage, sentence and translation), mined negatives",
       "van den Oord 2018", kCall<InfoNceOptions, extra_negatives>},
      {"info_nce_learned", "info_nce.h", pairs + ", a learned scale, extra negatives",
       "as info_nce, where the best temperature is not known", "Radford 2021",
       kCall<LearnedInfoNceOptions, learned_scale>},
      {"info_nce_queue", "info_nce.h", views + ", a queue",
       "as nt_xent, with more negatives than fit in a batch", "He 2020",
       kCall<QueueInfoNceOptions, with_queue>},
      {"clip_loss", "clip.h", pairs + ", a learned scale",
       "pairs of two modalities or towers, large batches", "Radford 2021",
       kCall<ClipOptions, with_scale>},
      {"siglip", "siglip.h", pairs + ", a learned scale and bias",
       "as clip_loss; several matches in a batch, very large batches", "Zhai 2023",
       kCall<SiglipOptions, with_scale_and_bias>},
      {"gist", "gist.h", pairs + ", a guide's embeddings, extra negatives",
       "as info_nce, where a batch has many that could be positives", "Solatorio 2024",
       kCall<GistOptions, guided>},
      {"in_batch_softmax", "in_batch_softmax.h", pairs,
       "users and items; corrects for popular items, masks the same item", "Yi 2019",
       kCall<InBatchSoftmaxOptions, items>},
      {"bsl", "bsl.h", pairs, "as in_batch_softmax, without the positive among the negatives",
       "Wu 2024", kViews<BslOptions, bsl>},
      {"sampled_softmax", "sampled_softmax.h", pairs + ", drawn negatives",
       "users and items, with negatives drawn for the whole batch", "Jean 2015",
       kCall<SampledSoftmaxOptions, drawn_items>},
      {"item_softmax", "item_softmax.h", "queries, all items, targets",
       "users and a whole catalogue of items, or some drawn from it", "Klenitskiy 2023",
       kCall<ItemSoftmaxOptions, catalogue>},
      {"bpr", "bpr.h", triples, "users, items and sampled items", "Rendle 2009",
       kTriples<BprOptions, bpr>},
      {"nnclr", "nnclr.h", "predictions, projections, a queue",
       "as nt_xent, where views vary too little", "Dwibedi 2021", kCall<NnclrOptions, neighbours>},
      {"sup_con", "sup_con.h", views + " and " + labels, "classes with several samples in a batch",
       "Khosla 2020", kCall<SupConOptions, labelled_views>},
      {"nt_xent_labels", "nt_xent_labels.h", labels,
       "as sup_con, without pushing positives from each other", "Sohn 2016",
       kLabels<NtXentOptions, nt_xent_labels>},
      {"contrastive", "contrastive.h", pairs + ", same or not",
       "verification: pairs known to match or not", "Hadsell 2006",
       kCall<ContrastiveOptions, targets>},
      {"contrastive_by_labels", "contrastive.h", labels, "the same from classes", "Hadsell 2006",
       kLabels<ContrastiveOptions, contrastive_by_labels>},
      {"triplet", "triplet.h", triples, "given or mined triplets", "Schroff 2015",
       kTriples<TripletOptions, triplet>},
      {"triplet_by_labels", "triplet.h", labels, "many classes with few samples (faces, products)",
       "Schroff 2015, Hermans 2017", kCall<TripletOptions, labelled_triplets>},
      {"n_pairs", "n_pairs.h", pairs + " of different classes", "many classes, one pair of each",
       "Sohn 2016", kViews<NPairsOptions, n_pairs>},
      {"lifted_structure", "lifted_structure.h", labels, "many classes with few samples",
       "Song 2016", kLabels<LiftedStructureOptions, lifted_structure>},
      {"lifted_structure_generalized", "lifted_structure.h", labels,
       "the same with all positives at once", "Hermans 2017",
       kLabels<LiftedStructureOptions, lifted_structure_generalized>},
      {"circle", "circle.h", labels, "retrieval and verification by classes", "Sun 2020",
       kLabels<CircleOptions, circle>},
      {"multi_similarity", "multi_similarity.h", labels, "retrieval by classes", "Wang 2019",
       kLabels<MultiSimilarityOptions, multi_similarity>},
      {"cosent", "cosent.h", scores, "sentence pairs with graded likeness", "Su 2022",
       kScores<CosentOptions, cosent>},
      {"angle", "cosent.h", scores, "the same, where cosines saturate", "Li 2023",
       kScores<AngleOptions, angle>},
      {"sim_siam", "negative_cosine.h", "predictions and projections",
       "without negatives; small batches", "Chen 2021", kPredictions<sim_siam>},
      {"byol", "negative_cosine.h", "predictions, " + teacher, "without negatives", "Grill 2020",
       kPredictions<byol>},
      {"barlow_twins", "barlow_twins.h", views, "without negatives; wide embeddings",
       "Zbontar 2021", kViews<BarlowTwinsOptions, barlow_twins>},
      {"vicreg", "vicreg.h", views, "without negatives; the two encoders may differ", "Bardes 2022",
       kCall<VicRegOptions, vicreg_sum>},
      {"swav", "swav.h", "scores of prototypes", "many small crops; data with clusters",
       "Caron 2020", kCall<SwavOptions, codes>},
      {"dino", "dino.h", teacher, "many small crops; vision transformers", "Caron 2021",
       kCall<DinoOptions, teacher_and_student>},
      {"align_uniform", "align_uniform.h", views, "as nt_xent, its two effects weighted apart",
       "Wang 2020", kCall<AlignUniformOptions, aligned>},
      {"mse_distillation", "distillation.h", teacher, "a student with the teacher's dimensions",
       "Reimers 2020", kCall<NoOptions, same_embeddings>},
      {"margin_mse", "distillation.h", triples + ", " + teacher,
       "a retriever from a cross-encoder's scores", "Hofstaetter 2020",
       kCall<MarginMseOptions, same_margin>},
      {"kl_distillation", "distillation.h", teacher, "rankings or classes of a teacher",
       "Hinton 2015", kViews<KlDistillationOptions, kl_distillation>},
      {"matryoshka", "matryoshka.h", "what the wrapped loss takes",
       "embeddings that may be cut short later; wraps any loss of pairs (here nt_xent)",
       "Kusupati 2022", kCall<MatryoshkaOptions, prefixes>},
  };
  return table;
}

std::string losses_as_markdown() {
  std::string out =
      "| loss | takes | meant for | options and defaults | source |\n|---|---|---|---|---|\n";
  for (const LossEntry& entry : losses()) {
    const auto choice = entry.choose();
    Fields fields;
    choice->fields(fields);
    std::vector<std::string> options;
    for (const Field& field : fields.all()) {
      options.push_back(fmt::format("`{} = {}`", field.name, to_toml(field.get())));
    }
    out +=
        fmt::format("| [`{}`](../src/vistas/contrast/{}) | {} | {} | {} | {} |\n", entry.name,
                    entry.header, entry.takes, entry.data, fmt::join(options, ", "), entry.source);
  }
  return out;
}

}  // namespace vistas::contrast
