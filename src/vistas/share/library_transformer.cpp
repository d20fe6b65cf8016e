#include "vistas/share/library_transformer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "vistas/base/error.h"
#include "vistas/text/tasks/huggingface.h"

namespace vistas::share {
namespace {

using text::Activation;
using text::TransformerFamily;
using Json = nlohmann::json;

constexpr const char* kPositions = "embeddings.position_embeddings.weight";
constexpr const char* kTypes = "embeddings.token_type_embeddings.weight";

TransformerFamily library_family(const text::TransformerOptions& o, int32_t pad) {
  switch (o.family) {
    case TransformerFamily::mpnet:
      if (o.first_position != 2 || pad != 1) {
        throw Error(
            ErrorKind::data,
            {.what = "transformer of the family mpnet",
             .got = fmt::format("first position {}, padding token {}", o.first_position, pad),
             .expected = "first position 2, padding token 1, as transformers has them fixed",
             .fix = "Train with another encoder.transformer.family"});
      }
      return o.family;
    case TransformerFamily::roberta:
      return o.first_position == pad + 1 ? o.family : TransformerFamily::bert;
    case TransformerFamily::distilbert:
      return o.layer_norm_eps == 1e-12 ? o.family : TransformerFamily::bert;
    case TransformerFamily::bert:
      break;
  }
  return TransformerFamily::bert;
}

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::gelu:
      return "gelu";
    case Activation::gelu_tanh:
      return "gelu_pytorch_tanh";
    case Activation::relu:
      return "relu";
    case Activation::tanh:
      return "tanh";
    case Activation::none:
      break;
  }
  return "linear";
}

// The tables of positions and of token types as the family has them. Positions of RoBERTa and MPNet
// begin behind that of padding, those of others at 0; DistilBERT and MPNet have no types, of which
// all tokens have the first.
void fit_tables(TransformerFamily family, int64_t first_position,
                std::map<std::string, at::Tensor>& tensors) {
  at::Tensor& positions = tensors.at(kPositions);
  const bool from_zero =
      family == TransformerFamily::bert || family == TransformerFamily::distilbert;
  if (from_zero) positions = positions.slice(0, first_position);
  const bool types = family == TransformerFamily::bert || family == TransformerFamily::roberta;
  const auto found = tensors.find(kTypes);
  if (types && found == tensors.end()) {
    tensors[kTypes] = at::zeros({1, positions.size(1)});
  } else if (!types && found != tensors.end()) {
    positions = positions + found->second[0];
    tensors.erase(found);
  }
}

Json config_of(TransformerFamily family, const text::TransformerOptions& o, int64_t positions,
               int64_t types, int32_t pad) {
  Json config = {{"vocab_size", o.vocabulary},
                 {"max_position_embeddings", positions},
                 {"pad_token_id", pad},
                 {"torch_dtype", "float32"}};
  if (family == TransformerFamily::distilbert) {
    config.update({{"model_type", "distilbert"},
                   {"architectures", {"DistilBertModel"}},
                   {"n_layers", o.layers},
                   {"dim", o.hidden},
                   {"n_heads", o.heads},
                   {"hidden_dim", o.intermediate},
                   {"activation", name_of(o.activation)},
                   {"dropout", o.dropout},
                   {"attention_dropout", o.attention_dropout},
                   {"sinusoidal_pos_embds", false}});
    return config;
  }
  config.update({{"num_hidden_layers", o.layers},
                 {"hidden_size", o.hidden},
                 {"num_attention_heads", o.heads},
                 {"intermediate_size", o.intermediate},
                 {"hidden_act", name_of(o.activation)},
                 {"hidden_dropout_prob", o.dropout},
                 {"attention_probs_dropout_prob", o.attention_dropout},
                 {"layer_norm_eps", o.layer_norm_eps}});
  if (family == TransformerFamily::mpnet) {
    config.update({{"model_type", "mpnet"},
                   {"architectures", {"MPNetModel"}},
                   {"relative_attention_num_buckets", 32}});
    return config;
  }
  const bool bert = family == TransformerFamily::bert;
  config.update({{"model_type", bert ? "bert" : "roberta"},
                 {"architectures", {bert ? "BertModel" : "RobertaModel"}},
                 {"position_embedding_type", "absolute"},
                 {"type_vocab_size", types}});
  return config;
}

}  // namespace

LibraryTransformer library_transformer(const text::Transformer& encoder,
                                       const text::SpecialTokens& special) {
  const text::TransformerOptions& options = encoder.options();
  if (special.pad < 0) {
    throw Error(ErrorKind::data, {.what = "tokenizer of a transformer for sentence-transformers",
                                  .got = "no token for padding",
                                  .expected = "one, [PAD] or <pad>"});
  }
  const TransformerFamily family = library_family(options, special.pad);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : learn::named_tensors(encoder)) {
    if (!name.starts_with("projection.")) tensors[name] = tensor.detach().cpu();
  }
  fit_tables(family, options.first_position, tensors);
  const auto types = tensors.find(kTypes);
  LibraryTransformer out;
  out.config = config_of(family, options, tensors.at(kPositions).size(0),
                         types == tensors.end() ? 0 : types->second.size(0), special.pad)
                   .dump(2);
  if (family != TransformerFamily::distilbert) {
    // A layer behind the first token, which no embedding comes from; without it transformers warns
    // that the model is untrained.
    tensors["pooler.dense.weight"] = at::zeros({options.hidden, options.hidden});
    tensors["pooler.dense.bias"] = at::zeros({options.hidden});
  }
  for (const auto& [name, tensor] : tensors) {
    out.tensors.emplace_back(text::library_tensor_name(name, family), tensor);
  }
  return out;
}

}  // namespace vistas::share
