#!/usr/bin/env python3
"""vistas export: the folder gives the same embeddings here and in the library that it is for.

The library is that of VISTAS_PEERS_PYTHON, else of `./dev setup --peers`; without it the part of the
tests that needs it is skipped.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import unittest

import support

PEERS = os.environ.get("VISTAS_PEERS_PYTHON",
                       str(pathlib.Path(support.PROGRAM).parent / "peers/export/bin/python"))
MINILM = os.environ.get("VISTAS_MINILM")
GOLDEN = support.REPOSITORY / "tests/golden/text"

ENCODE = """
import json, sys
import numpy
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu")
texts = json.load(open(sys.argv[2], encoding="utf-8"))
model.encode(texts, batch_size=16).astype("<f4").tofile(sys.argv[3])
"""

AWKWARD = [
    " a", "a ", "a  b", "  a   b  ", "\ta\tb", "<s>", "a <s> b </s> <mask><unk>", "＜ｓ＞ x",
    "[CLS] x [SEP] [MASK]", "Ünïcödé É naïve café", "E\u0301 e\u0301 A\u030a CAFE\u0301 o\u0308",
    "😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽", "猫が好き 你好。한국어 \u1100\u1161 か\u3099", "a\u00a0b\u3000c\u200bd",
    "\x01\x07\x1b[0m x", "ﬁ ﬂ ½ ² ™ ① Ⅳ", "...... ..... ---- ===== !!!", "aaaaaaa bbbbbb",
    "ПРИВЕТ мир ΑΒΓ ß ẞ İ I", "\ufeffbom", "a\u00adb \u202eabc", "क्षि त्र ไทย עִבְרִית العربيّة",
    "▁a ▁ ▁▁b", "it's, don't: (yes) \"no\"", "ba " * 600, "x" * 300]

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
TRANSFORMER = ["encoder.name=transformer", *(
    "encoder.transformer." + s for s in ("layers=2", "hidden=32", "heads=4", "intermediate=48",
                                         "max_positions=48"))]


def library_is_there():
    command = [PEERS, "-c", "import sentence_transformers"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


LIBRARY = library_is_there()


class Export(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        draw = random.Random(1)
        rows = []
        for _ in range(400):
            numbers = [draw.randrange(len(SYLLABLES)) for _ in range(draw.randint(3, 12))]
            rows.append((" ".join(SYLLABLES[n] for n in numbers),
                         " ".join(SYLLABLES[-1 - n].title() + "é" for n in numbers)))
        support.write(cls.folder / "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in rows))
        cls.texts = AWKWARD + [text for row in rows[:80] for text in row]
        support.write(cls.folder / "texts.json", json.dumps(cls.texts))
        support.write(cls.folder / "texts.jsonl",
                      "".join(json.dumps({"text": t}) + "\n" for t in cls.texts))

    def learn(self, out, *sets):
        self.succeeds("train", "pairs.tsv", "--out", out, *support.settings(
            ["train.precision=fp32", "train.batch=32", "train.steps=10", "tokenizer.size=200",
             *sets]))
        return out

    def embedded(self, run):
        self.succeeds("embed", run, "texts.jsonl", "-o", "e.safetensors", "--precision", "fp32")
        tensors, _ = support.read_safetensors(self.folder / "e.safetensors")
        self.assertEqual(tensors["texts"][2].decode().split("\0")[:-1], self.texts)
        return support.rows_of(tensors["embeddings"])

    def of_library(self, folder, width):
        command = [PEERS, "-c", ENCODE, folder, "texts.json", "e.bin"]
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True,
                                env={**support.ENVIRONMENT, "HF_HUB_OFFLINE": "1"})
        self.assertEqual(result.returncode, 0, result.stderr[-3000:])
        self.assertNotIn("newly initialized", result.stderr)
        data = (self.folder / "e.bin").read_bytes()
        return support.rows_of(("F32", (len(self.texts), width), data))

    def expect_near(self, got, want, what):
        self.assertEqual((len(got), len(got[0])), (len(want), len(want[0])))
        largest = max(1.0, max(abs(x) for row in want for x in row))
        for text, a, b in zip(self.texts, got, want):
            difference = max(abs(x - y) for x, y in zip(a, b))
            self.assertLess(difference, 1e-5 * largest, f"{what}: {text!r}")

    def exports(self, run):
        """Exports the run; checks the folder here, in the library, and exported once more."""
        want = self.embedded(run)
        out, again = "models/" + pathlib.Path(run).name, "again/" + pathlib.Path(run).name
        self.succeeds("export", run, "--to", "sentence-transformers", out)
        self.expect_near(self.embedded(out), want, "read back")
        self.succeeds("export", out, "--to", "sentence-transformers", again)
        self.expect_near(self.embedded(again), want, "exported twice")
        for name in ("modules.json", "config_sentence_transformers.json"):
            self.assertEqual(*((self.folder / f / name).read_text() for f in (out, again)))
        if LIBRARY:
            for folder in (out, again):
                self.expect_near(self.of_library(folder, len(want[0])), want, folder)
        else:
            self.left_out.append(run)
        return self.folder / out

    def setUp(self):
        self.left_out = []  # runs that were not held to the library

    def tearDown(self):
        if self.left_out:
            self.skipTest("read back here alone: no sentence-transformers at VISTAS_PEERS_PYTHON or "
                          "from `./dev setup --peers`")

    def test_static_encoders(self):
        self.exports(self.learn("unigram", "encoder.static.dim=16"))
        out = self.exports(self.learn(
            "bpe", "encoder.static.dim=16", "encoder.static.normalize=true", "encoder.max_length=9",
            "tokenizer.kind=bpe", "tokenizer.lowercase=false"))
        tokenizer = json.loads((out / "0_StaticEmbedding/tokenizer.json").read_text())
        self.assertEqual(tokenizer["truncation"]["max_length"], 9)
        page = (out / "README.md").read_text()
        for words in ("# bpe", "16 numbers", "pairs.tsv", "ranking", "9 tokens", "unit vectors"):
            self.assertIn(words, page)

    def test_transformers(self):
        out = self.exports(self.learn(
            "projected", *TRANSFORMER, 'encoder.transformer.pooling=["mean","cls"]',
            "encoder.transformer.projection=12", "encoder.max_length=20"))
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "bert")
        self.assertEqual(json.loads((out / "sentence_bert_config.json").read_text())
                         ["max_seq_length"], 20)
        out = self.exports(self.learn(
            "roberta", *TRANSFORMER, "encoder.transformer.family=roberta", "tokenizer.kind=bpe",
            "encoder.transformer.first_position=1", "encoder.max_length=40",
            "encoder.transformer.normalize=false",
            'encoder.transformer.pooling=["mean_sqrt_len","lasttoken","weightedmean","max"]'))
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "roberta")

    def test_families_where_the_library_computes_something_else(self):
        # Its RoBERTa takes the unknown token 1 for padding; its DistilBERT has no token types.
        out = self.exports(self.learn(
            "moved", *TRANSFORMER, "encoder.transformer.family=roberta", "encoder.max_length=40",
            "encoder.transformer.first_position=2", "encoder.transformer.activation=tanh"))
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "bert")
        out = self.exports(self.learn(
            "distilbert", *TRANSFORMER, "encoder.transformer.family=distilbert",
            "encoder.max_length=40"))
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "distilbert")
        self.learn("mpnet", *TRANSFORMER, "encoder.transformer.family=mpnet",
                   "encoder.transformer.first_position=2", "encoder.max_length=40")
        self.fails(3, ["mpnet", "padding token 0"], "export", "mpnet", "--to",
                   "sentence-transformers", "models/mpnet")
        self.assertFalse((self.folder / "models/mpnet").exists())
        self.assertFalse((self.folder / "models/mpnet.tmp").exists())

    def test_mpnet(self):
        # The small model of the family, with a vocabulary as those that it has.
        shutil.copytree(GOLDEN / "mpnet", self.folder / "small-mpnet")
        tokenizer = json.loads((GOLDEN / "sentence/tokenizer.json").read_text())
        tokens = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>", "[CLS]", "[SEP]", "[PAD]",
                  *SYLLABLES[:20], *("##" + s for s in SYLLABLES[:20])]
        tokenizer["model"]["vocab"] = {token: i for i, token in enumerate(tokens)}
        tokenizer["added_tokens"] = [{**tokenizer["added_tokens"][0], "id": i, "content": token}
                                     for i, token in enumerate(tokens[:5])]
        tokenizer["post_processor"] = {"type": "RobertaProcessing", "cls": ["<s>", 0],
                                       "sep": ["</s>", 2], "trim_offsets": True,
                                       "add_prefix_space": False}
        support.write(self.folder / "small-mpnet/tokenizer.json", json.dumps(tokenizer))
        support.write(self.folder / "small-mpnet/tokenizer_config.json", json.dumps(
            {"model_max_length": 100}))
        out = self.exports("small-mpnet")
        self.assertEqual(json.loads((out / "config.json").read_text())["model_type"], "mpnet")

    def test_a_prompt_and_a_projection(self):
        out = self.exports(str(GOLDEN / "sentence"))
        config = json.loads((out / "config_sentence_transformers.json").read_text())
        self.assertEqual(config["prompts"][config["default_prompt_name"]], "the red : ")

    @unittest.skipUnless(MINILM, "VISTAS_MINILM is not set")
    def test_minilm(self):
        self.exports(MINILM)

    def test_what_cannot_be_exported(self):
        to = ("--to", "sentence-transformers")
        self.learn("ngrams", "encoder.static.dim=8", "encoder.static.buckets=100")
        self.fails(3, ["n-grams", "buckets"], "export", "ngrams", *to, "models/ngrams")
        support.make_photos(self.folder / "photos")
        self.trains("photos", "pictures")
        self.fails(2, ["pictures", "texts"], "export", "pictures", *to, "models/pictures")
        support.write(self.folder / "full/file", "kept")
        self.fails(2, ["full", "new or empty"], "export", "ngrams", *to, "full")
        self.assertEqual((self.folder / "full/file").read_text(), "kept")
        self.fails(2, ["--to"], "export", "ngrams", "models/none")
        self.fails(2, ["--to", "onnx"], "export", "ngrams", "--to", "onnx", "models/none")
        self.fails(3, ["nowhere"], "export", "nowhere", *to, "models/none")


if __name__ == "__main__":
    unittest.main()
