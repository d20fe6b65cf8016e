#!/usr/bin/env python3
"""Makes the small models beside it and what transformers and sentence-transformers say about them.

    python make_models.py        # transformers 4.57.6, sentence-transformers 5.7.0, torch 2.13.0

One folder a model: config.json and weights as the library writes them, and expected.safetensors
with "ids" [B, L] and "length" [B] (padding is id 1) and a "pool.<mode>" [B, H] for each kind of pooling.
sentence/ is a whole folder of sentence-transformers, its "embedding" that of the texts in texts.json.
"""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer, models
from transformers import (BertConfig, BertForPreTraining, BertTokenizerFast, DistilBertConfig,
                          DistilBertForMaskedLM, MPNetConfig, MPNetModel, RobertaConfig, RobertaModel,
                          XLMRobertaConfig, XLMRobertaForMaskedLM)

HERE = pathlib.Path(__file__).parent
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
NAMES = dict(zip(MODES, ("cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken")))


def randomised(model, seed):
    """Values of a size that every part of the model shows in the result."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, values in model.named_parameters():
            noise = torch.randn(values.shape, generator=generator)
            if values.dim() == 1:
                values.copy_(0.2 * noise + (1 if "norm" in name.lower() and "weight" in name else 0))
            else:
                values.copy_(noise * (0.5 if "embed" in name or "relative" in name else 0.25))
    return model.eval()


def sizes(**more):
    return dict(vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                intermediate_size=48, max_position_embeddings=40, **more)


def fresh(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    (HERE / name).mkdir()
    return HERE / name


def base(model):
    return getattr(model, model.base_model_prefix, model)


def write(name, model, lengths, **save):
    folder = fresh(name)
    model.save_pretrained(folder, **save)
    model.double()
    (folder / "generation_config.json").unlink(missing_ok=True)
    generator = torch.Generator().manual_seed(7)
    ids = torch.full((len(lengths), max(lengths)), 1)
    for row, length in zip(ids, lengths):
        row[:length] = torch.randint(2, 60, (length,), generator=generator)
    length = torch.tensor(lengths)
    mask = (torch.arange(ids.shape[1]) < length[:, None]).long()
    with torch.no_grad():
        hidden = base(model)(input_ids=ids, attention_mask=mask).last_hidden_state
        out = {"ids": ids, "length": length}
        for mode in MODES:
            pooled = models.Pooling(32, mode)({"token_embeddings": hidden, "attention_mask": mask})
            out[f"pool.{NAMES[mode]}"] = pooled["sentence_embedding"]
    save_file({k: v.float().contiguous() if k.startswith("pool") else v for k, v in out.items()},
              folder / "expected.safetensors")


def sentence(name, **save):
    folder = fresh(name)
    pieces = ("[PAD] [UNK] [CLS] [SEP] [MASK] a man woman is play ##ing ##s the guitar dog cat . , run and in "
              "on grass red blue house").split()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=None, vocab_file=str(folder / "vocab.txt")).save_pretrained(folder / "t")
    model = randomised(BertForPreTraining(BertConfig(**{**sizes(), "vocab_size": len(pieces)})), 6)
    base(model).save_pretrained(folder / "t")
    transformer = models.Transformer(str(folder / "t"), max_seq_length=12)
    dense = randomised(models.Dense(64, 24, activation_function=torch.nn.Tanh()), 8)
    whole = SentenceTransformer(modules=[transformer, models.Pooling(32, ("cls", "mean")), dense,
                                         models.Normalize()], device="cpu")
    whole.prompts = {"query": "the red : "}
    whole.default_prompt_name = "query"
    whole.save(str(folder / "s"), create_model_card=False, **save)
    texts = ["A man is playing the guitar.", "the dog runs", "", "Red, blue and red houses on the grass, " * 3]
    (folder / "s" / "texts.json").write_text(json.dumps(texts) + "\n", encoding="utf-8")
    save_file({"embedding": torch.tensor(whole.encode(texts, batch_size=1))},
              folder / "s" / "expected.safetensors")
    shutil.move(folder / "s", HERE / "part")
    shutil.rmtree(folder)
    shutil.move(HERE / "part", folder)


write("bert", randomised(BertForPreTraining(BertConfig(**sizes(hidden_act="gelu_new"))), 1), [5, 1, 40, 17])
write("distilbert", randomised(DistilBertForMaskedLM(DistilBertConfig(
    vocab_size=60, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=40)), 2), [9, 31, 2])
write("roberta", randomised(RobertaModel(RobertaConfig(
    **sizes(type_vocab_size=1, layer_norm_eps=1e-5))), 3), [38, 4, 12], max_shard_size="40KB")
write("xlm-roberta", randomised(XLMRobertaForMaskedLM(XLMRobertaConfig(
    **sizes(type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="relu"))), 4).half().float(), [3, 20])
write("mpnet", randomised(MPNetModel(MPNetConfig(**{**sizes(), "max_position_embeddings": 160})), 5),
      [150, 7, 33])
sentence("sentence")
