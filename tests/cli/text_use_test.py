#!/usr/bin/env python3
"""Commands that use an encoder of texts: eval, embed, near, mine, paraphrases."""
import json
import math
import random
import struct
import subprocess
import unittest

import support

SMALL = support.settings(["encoder.static.dim=32", "tokenizer.size=250", "train.batch=32",
                          "train.precision=fp32", "train.epochs=60"])


def lines(texts):
    return "".join(f"{text}\n" for text in texts)


class TextUse(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pairs, cls.held_out = support.sentence_pairs(600, 1), support.sentence_pairs(100, 2)
        write = lambda name, text: support.write(cls.folder / name, text)
        write("pairs.tsv", lines(f"{a}\t{b}" for a, b in pairs))
        write("test/aa-bb.aa", lines(a for a, _ in cls.held_out))
        write("test/aa-bb.bb", lines(b for _, b in cls.held_out))
        shuffled = cls.held_out[1:] + cls.held_out[:1]
        write("sts.csv", "sentence1,sentence2,score\n" + lines(
            f"{a},{(b, other)[i % 2]},{(5, 0)[i % 2]}"
            for i, ((a, b), (_, other)) in enumerate(zip(cls.held_out, shuffled))))
        write("same.tsv", "sentence1\tsentence2\tlabel\n" + lines(
            f"{a}\t{(b, other)[i % 2]}\t{(1, 0)[i % 2]}"
            for i, ((a, b), (_, other)) in enumerate(zip(cls.held_out, shuffled))))
        # Texts of the first or of the second half of the words.
        write("reviews.tsv", "split\tlabel\ttext\n" + lines(
            f"{('train', 'test')[i % 2]}\t{('first', 'second')[i // 2 % 2]}\t" +
            " ".join(random.Random(i).choices(support.SYLLABLES[i // 2 % 2 * 30:][:30], k=5))
            for i in range(400)))
        result = cls.vistas("train", "pairs.tsv", "--out", "run", *SMALL)
        assert result.code == 0, result

    def values(self, task, *more):
        rows = self.succeeds("eval", "run", "--tasks", task, "--json", "-", *more).json()["rows"]
        return {(row["encoder"], row["measure"], row["labels"]): row for row in rows}

    def mean(self, rows, encoder, measure, labels=""):
        return rows[encoder, measure, labels]["mean"]

    def test_similarity_and_its_baselines(self):
        rows = self.values("sts:sts.csv", "--baselines", "--seeds", "2")
        self.assertGreater(self.mean(rows, "trained", "Spearman (all)"), 0.8)
        self.assertLess(abs(self.mean(rows, "untrained", "Spearman (all)")), 0.5)
        self.assertEqual(len(rows["untrained", "Spearman (all)", ""]["values"]), 2)
        # No word is in both languages.
        self.assertNotIn(("tfidf", "alignment", ""), rows)
        self.assertLess(self.mean(rows, "trained", "uniformity"), 0)

    def test_every_kind(self):
        pairs = self.values("pairs:same.tsv")
        self.assertGreater(self.mean(pairs, "trained", "accuracy"), 0.9)
        self.assertGreater(self.mean(pairs, "trained", "average precision"), 0.9)
        bitext = self.values("bitext:test/aa-bb")
        for measure in ("accuracy aa to bb", "accuracy bb to aa", "mining F1"):
            self.assertGreater(self.mean(bitext, "trained", measure), 0.8)
        retrieval = self.values("retrieval:pairs.tsv", "--baselines=tfidf")
        self.assertGreater(self.mean(retrieval, "trained", "nDCG@10"), 0.8)
        self.assertLess(self.mean(retrieval, "tfidf", "nDCG@10"), 0.1)
        self.assertIn(("trained", "v-measure", ""), self.values("clustering:reviews.tsv"))

    def test_transfer_by_shares_of_the_labels(self):
        rows = self.values("transfer:reviews.tsv", "--labels", "5%,100%", "--seeds", "3",
                           "--baselines=tfidf")
        few, all_of = (rows["trained", "accuracy", share] for share in ("5%", "100%"))
        self.assertEqual((few["labelled"], all_of["labelled"]), (10, 200))
        self.assertEqual((len(few["values"]), len(all_of["values"])), (3, 1))
        self.assertGreater(all_of["mean"], 0.9)
        self.assertGreater(rows["tfidf", "accuracy", "100%"]["mean"], 0.9)

    def test_results_are_kept(self):
        self.succeeds("eval", "run", "--tasks", "sts:sts.csv,bitext:test/aa-bb")
        kept = json.loads((self.folder / "run/eval/sts-sts-bitext-aa-bb.json").read_text())
        self.assertEqual(kept["tasks"], ["sts:sts.csv", "bitext:test/aa-bb"])

    def test_embeddings_in_every_format(self):
        embed = lambda name, *more: (self.succeeds("embed", "run", "test/aa-bb.aa", "-o", name, *more),
                                     support.read_safetensors(self.folder / name))[1]
        tensors, metadata = embed("whole.safetensors")
        rows = support.rows_of(tensors["embeddings"])
        self.assertEqual((len(rows), len(rows[0])), (100, 32))
        self.assertEqual(tensors["texts"][2].decode().split("\0")[:-1],
                         [a for a, _ in self.held_out])
        part = support.rows_of(embed("part.safetensors", "--truncate-dim", "4")[0]["embeddings"])
        for row, whole in zip(part, rows):
            norm = math.sqrt(sum(x * x for x in whole[:4]))
            for x, y in zip(row, whole[:4]):
                self.assertAlmostEqual(x, y / norm, places=5)
        for option in ("--store", "--precision"):
            tensors, metadata = embed("small.safetensors", option, "int8")
            self.assertEqual(metadata["store"], "int8")
            dtype, shape, data = tensors["embeddings"]
            self.assertEqual((dtype, shape), ("I8", [100, 32]))
            scale, offset = (struct.unpack("<32f", tensors[n][2]) for n in ("scale", "offset"))
            for i, value in enumerate(struct.unpack("<3200b", data)):
                d = i % 32
                self.assertAlmostEqual(value * scale[d] + offset[d], rows[i // 32][d],
                                       delta=0.51 * scale[d] + 1e-6)
        dtype, shape, data = embed("bits.safetensors", "--store", "binary")[0]["embeddings"]
        self.assertEqual((dtype, shape), ("U8", [100, 4]))
        self.assertEqual(data[0] >> 7, int(rows[0][0] > 0))
        self.assertEqual(embed("half.safetensors", "--store", "fp16")[0]["embeddings"][0], "F16")

    def test_standard_input(self):
        result = subprocess.run([support.PROGRAM, "embed", "run", "-", "-o", "in.safetensors"],
                                input="ba be\n\nbi bo\n", cwd=self.folder, text=True,
                                env=support.ENVIRONMENT, capture_output=True)
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("2 embeddings", result.stdout)
        result = subprocess.run([support.PROGRAM, "embed", "run", "-", "-o", "in.safetensors"],
                                input=b"ba be\n\xff\n", cwd=self.folder,
                                env=support.ENVIRONMENT, capture_output=True)
        self.assertIn(b"standard input: line 2: byte 1 is no UTF-8", result.stdout)
        self.assertNotIn(b"/tmp", result.stdout)
        self.fails(2, ["both files from standard input"], "mine", "run", "-", "-")

    def test_how_files_are_read(self):
        rows = [f"{a}\t{b}" for a, b in self.held_out[:20]]
        support.write(self.folder / "read.tsv", "\n".join([*rows, "three\tba\tbe"]) + "\n")
        count = lambda *more: self.succeeds("embed", "run", "read.tsv", "-o", "read.safetensors",
                                            "--json", "-", *more).json()["embeddings"]
        self.assertEqual(count(), 40)
        self.assertEqual(count("--columns", "2"), 20)
        self.assertEqual(count("--columns", "2", "--header", "yes"), 19)
        for command in (["embed", "run", "read.tsv"], ["near", "run", "ba", "--in", "read.tsv"],
                        ["mine", "run", "read.tsv", "read.tsv"], ["paraphrases", "run", "read.tsv"],
                        ["eval", "run", "--tasks", "bitext:read.tsv"], ["vocab", "read.tsv"],
                        ["train", "read.tsv", "--out", "never"]):
            self.fails(3, ["read.tsv: line 21", "3 columns"], *command, "--on-bad-line", "fail")
        support.write(self.folder / "graded.tsv", "".join(
            f"{i % 5}\t{a}\t{b}\n" for i, (a, b) in enumerate(self.held_out[:20])))
        self.succeeds("eval", "run", "--tasks", "sts:graded.tsv", "--columns", "2,3",
                      "--score-column", "1")

    def test_every_task_is_read_before_the_first_is_measured(self):
        support.write(self.folder / "bad task.txt", "just a text\n")
        started = self.fails(3, ["bad task.txt"], "eval", "run", "--tasks",
                             "sts:sts.csv,bitext:bad task.txt")
        self.assertEqual(started.out, "")
        support.write(self.folder / "graded pairs.tsv", "ba be\tba bi\t0.5\nbo\tbu\t1\n")
        self.fails(3, ["graded pairs.tsv", "0.5"], "eval", "run", "--tasks",
                   "pairs:graded pairs.tsv")

    def test_near_finds_translations(self):
        a, b = self.held_out[0]
        found = self.succeeds("near", "run", a, "--in", "test/aa-bb.bb", "-k", "3", "--json",
                              "-").json()
        self.assertEqual(found[0]["query"], a)
        self.assertEqual(found[0]["neighbours"][0]["text"], b)
        many = self.succeeds("near", "run", "test/aa-bb.aa", "--in", "test/aa-bb.bb", "-k", "1",
                             "--json", "-").json()
        self.assertEqual(len(many), 100)
        right = sum(one["neighbours"][0]["text"] == b for one, (_, b) in zip(many, self.held_out))
        self.assertGreater(right, 80)

    def test_mining(self):
        support.write(self.folder / "other.txt",
                      lines([b for _, b in reversed(self.held_out)] + [self.held_out[0][1]]))
        result = self.succeeds("mine", "run", "test/aa-bb.aa", "other.txt", "--out", "found.tsv")
        self.assertIn("1 text repeats", result.out)
        rows = [line.split("\t") for line in
                (self.folder / "found.tsv").read_text().splitlines()]
        scores = [float(row[0]) for row in rows]
        self.assertEqual(scores, sorted(scores, reverse=True))
        right = dict(self.held_out)
        self.assertGreater(sum(right[a] == b for _, a, b in rows), 80)
        few = self.succeeds("mine", "run", "test/aa-bb.aa", "other.txt", "--threshold",
                            str(scores[9]), "--json", "-").json()
        self.assertLessEqual(few["pairs"], 10)

    def test_lists_end_before_the_next_argument(self):
        rows = self.succeeds("eval", "--tasks", "sts:sts.csv,pairs:same.tsv", "run", "--json", "-")
        self.assertEqual({row["task"] for row in rows.json()["rows"]}, {"sts sts", "pairs same"})
        self.succeeds("train", "--columns", "1,2", "pairs.tsv", "--dry-run", *SMALL)

    def test_paraphrases(self):
        turned = [(a, " ".join(reversed(a.split()))) for a, _ in self.held_out]
        support.write(self.folder / "both.txt", lines(text for pair in turned for text in pair))
        result = self.succeeds("paraphrases", "run", "both.txt", "--top", "40", "--json", "-")
        self.assertLessEqual(result.json()["pairs"], 40)
        rows = [line.split("\t") for line in
                (self.folder / "paraphrases.tsv").read_text().splitlines()]
        self.assertEqual(len(rows), 40)
        for score, a, b in rows:
            self.assertAlmostEqual(float(score), 1, places=4)
            self.assertEqual(sorted(a.split()), sorted(b.split()))

    def test_bad_input(self):
        write = lambda name, data: support.write(self.folder / name, data)
        write("empty.txt", "")
        write("latin.txt", b"caf\xe9\nfine text\n")
        write("one.txt", "just a text\n")
        for command in (["embed", "run", "empty.txt"], ["near", "run", "ba", "--in", "empty.txt"],
                        ["mine", "run", "empty.txt", "one.txt"],
                        ["paraphrases", "run", "empty.txt"]):
            self.fails(3, ["empty.txt", "an empty file"], *command)
        result = self.succeeds("embed", "run", "latin.txt", "-o", "latin.safetensors")
        self.assertIn("latin.txt: line 1: byte 4 is no UTF-8", result.out)
        self.fails(3, ["one.txt", "two texts and a number"], "eval", "run", "--tasks", "sts:one.txt")
        self.fails(3, ["one.txt", "two texts"], "eval", "run", "--tasks", "bitext:one.txt")
        self.fails(2, ["stss", "sts"], "eval", "run", "--tasks", "stss:sts.csv")
        self.fails(2, ["encoder of texts", "knn,linear", "sts"], "eval", "run")
        self.fails(2, ["tfid", "tfidf"], "eval", "run", "--tasks", "sts:sts.csv",
                   "--baselines=tfid")
        self.fails(2, ["without a word"], "near", "run", " ", "--in", "one.txt")
        self.fails(2, [".npy", ".safetensors"], "embed", "run", "one.txt", "-o", "one.npy")
        self.fails(2, ["--precision int8", "--store binary"], "embed", "run", "one.txt", "--store",
                   "binary", "--precision", "int8")
        write("wide.txt", "a text\n".encode("utf-16"))
        self.fails(3, ["wide.txt", "UTF-16", "iconv"], "embed", "run", "wide.txt")
        self.fails(2, ["1 .. 32"], "embed", "run", "one.txt", "--truncate-dim", "33")
        self.fails(2, ["--html"], "near", "run", "ba", "--in", "one.txt", "--html", "x.html")


if __name__ == "__main__":
    unittest.main()
