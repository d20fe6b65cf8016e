#!/usr/bin/env python3
"""Small tokenizers of Hugging Face `tokenizers` and SentencePiece, and the ids that they give texts.

    make.py golden TEXTS MINILM_JSON OUT   the files of this folder: TEXTS has a text a line, the
                                           golden file of all-MiniLM-L6-v2 the texts for the ids
    make.py models TEXTS OUT SIZE          the same tokenizers with SentencePiece's own normalisation
    make.py ids FILE < texts.json          ids of a list of texts, as a list of lists

The files here: tokenizers 0.23.3, sentencepiece 0.2.3, from the first 20,000 rows of Tatoeba's
English-German pairs (CC BY 2.0), English and German below each other.
"""
import base64
import io
import json
import pathlib
import sys
import tempfile

import sentencepiece
import tokenizers

# Code points in hexadecimal: capital letters with marks, a ligature, a fraction, kinds of spaces.
RULES = [(space, "20") for space in ("9", "A", "B", "C", "D", "85", "A0", "2581", "3000")] + [
    ("C9", "E9"), ("FB01", "66 69"), ("BD", "31 2F 32"), ("65 301", "E9"), ("FF21", "41")]
MORE_TEXTS = [
    "it's they're we've I'm he'll she'd 's 'S 't!", "a  b   c    d", " one space before", "end ",
    "end  ", "\n\nlines\n\n\nmore \n text\n", "tabs\t\tand \u00a0 spaces\u3000wide", "x\n", "\r\n \r\n",
    "<s>literal</s> <pad><unk> <mask> in <mask>", "a <mask>  b", "<mask>", "  <mask>  ", "mask>",
    "1st 2nd 3,141.59 x2y3 \u0663\u0664 \u2460 \u216f", "e\u0301\u0323 \u1e69 \u212b \uac00 \u1100\u1161",
    "!!! ... ---- #hash @at $5", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababab" * 20,
    "Grüße aus München, schöne Größe", "ﬁne ½ Ａ É e\u0301", "\u2581 \u2581already\u2581there", "\ufffd \ufeff",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u4f60\u597d\u4e16\u754c", "\U0001f600\U0001f44d\U0001f3fd ok", "_under_score_ __init__",
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def added(content, number, lstrip=False):
    return {"id": number, "content": content, "single_word": False, "lstrip": lstrip,
            "rstrip": False, "normalized": False, "special": True}


def envelope(model, normalizer, pre_tokenizer, post, mask):
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(t, i) for i, t in enumerate(SPECIAL)] +
                            [added("<mask>", mask, lstrip=True)],
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post,
            "decoder": None, "model": model}


def byte_bpe(texts, size):
    """RoBERTa's arrangement."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(
        vocab_size=size, special_tokens=[*SPECIAL, "<mask>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())["model"]
    post = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
            "trim_offsets": True, "add_prefix_space": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    return envelope(model, None, level, post, 4)


def sentence_piece(texts, size, kind, normalisation):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=out, vocab_size=size, model_type=kind,
        max_sentence_length=1 << 24, minloglevel=2, **normalisation)
    return out.getvalue()


def charsmap(model):
    """Field 2 of the NormalizerSpec, which is field 3 of the model (sentencepiece_model.proto)."""
    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    return value

        while at < len(data):
            key = varint()
            if key & 7 == 2:
                length = varint()
                yield key >> 3, data[at:at + length]
                at += length
            elif key & 7 == 5:
                at += 4
            else:
                varint()

    normalizer = next(value for key, value in fields(model) if key == 3)
    return next(value for key, value in fields(normalizer) if key == 2)


def xlm_roberta(model):
    """A unigram model with the ids of XLM-R, as its tokenizer.json has it."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    vocabulary = [[token, 0.0] for token in SPECIAL]
    vocabulary += [[processor.id_to_piece(i), processor.get_score(i)]
                   for i in range(3, processor.get_piece_size())]
    vocabulary.append(["<mask>", 0.0])
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                           {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": {t: {"id": t, "ids": [SPECIAL.index(t)], "tokens": [t]}
                                   for t in ("<s>", "</s>")}}
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always",
                 "split": True}
    compiled = {"type": "Precompiled",
                "precompiled_charsmap": base64.b64encode(charsmap(model)).decode()}
    return envelope({"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": False},
                    compiled,
                    {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
                    template, len(vocabulary) - 1)


def patched(json_file, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(json_file) if isinstance(json_file, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = patched(out.get(key), value)
    return out


def variants(unigram):
    """What is changed in the files for other cases: {case: (file, patch)}."""
    compiled = unigram["normalizer"]
    metaspace = unigram["pre_tokenizer"]["pretokenizers"][1]
    runs = {"type": "Replace", "pattern": {"Regex": " {2,}"}}

    def spaces(*normalizers):
        return {"normalizer": {"type": "Sequence", "normalizers": [compiled, *normalizers]},
                "pre_tokenizer": {**metaspace, "pretokenizers": None}}

    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    return {
        "byte_bpe": ("byte_bpe.json", {}),
        "byte_bpe, space before": ("byte_bpe.json", {"pre_tokenizer": {"add_prefix_space": True}}),
        "byte_bpe, NFC": ("byte_bpe.json", {"normalizer": {"type": "NFC"}}),
        "byte_bpe, GPT-2": ("byte_bpe.json", {"post_processor": {
            "type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False,
            "use_regex": True, "sep": None, "cls": None}}),
        "unigram, words": ("unigram.json", {}),
        "unigram, runs of spaces": ("unigram.json", spaces({**runs, "content": " "})),
        "unigram, stripped": ("unigram.json", spaces(strip, {**runs, "content": "\u2581"})),
    }


def write_models(texts, out, size, normalisation):
    out = pathlib.Path(out)
    model = sentence_piece(texts, size, "unigram", normalisation)
    unigram = xlm_roberta(model)
    (out / "unigram.model").write_bytes(model)
    (out / "bpe.model").write_bytes(sentence_piece(texts, size, "bpe", normalisation))
    for name, value in (("unigram", unigram), ("byte_bpe", byte_bpe(texts, size))):
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    cases = {name: {"file": file, "patch": patch}
             for name, (file, patch) in variants(unigram).items()}
    cases |= {name: {"file": f"{name}.model", "patch": {}} for name in ("unigram", "bpe")}
    return cases


def ids_of(file, patch, texts):
    data = pathlib.Path(file).read_bytes()
    if str(file).endswith(".model"):
        processor = sentencepiece.SentencePieceProcessor(model_proto=data)
        return [processor.encode(text) for text in texts]
    value = patched(json.loads(data), patch)
    # A patch cannot say null, which is what `tokenizers` wants for what is absent.
    for key in ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"):
        value.setdefault(key, None)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(value))
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def golden(texts_file, minilm_file, out):
    texts = pathlib.Path(texts_file).read_text(encoding="utf-8").split("\n")[:40000]
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.writelines(f"{a}\t{b}\n" for a, b in RULES)
        rules.flush()
        cases = write_models(texts, out, 1000, {"normalization_rule_tsv": rules.name})
    items = json.loads(pathlib.Path(minilm_file).read_text(encoding="utf-8"))["items"]
    texts = [item["text"][:400] for item in items] + MORE_TEXTS
    for case in cases.values():
        case["ids"] = ids_of(pathlib.Path(out) / case["file"], case["patch"], texts)
    lines = [f'"made_with": "tokenizers {tokenizers.__version__}, sentencepiece '
             f'{sentencepiece.__version__}"', f'"texts": {json.dumps(texts)}']
    lines += [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()]
    (pathlib.Path(out) / "ids.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(command, *arguments):
    if command == "golden":
        golden(*arguments)
    elif command == "models":
        texts = pathlib.Path(arguments[0]).read_text(encoding="utf-8").split("\n")
        cases = write_models(texts, arguments[1], int(arguments[2]),
                             {"normalization_rule_name": "nmt_nfkc"})
        json.dump(cases, sys.stdout)
    elif command == "ids":
        request = json.load(sys.stdin)
        json.dump(ids_of(arguments[0], request["patch"], request["texts"]), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
