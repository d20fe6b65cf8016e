#!/usr/bin/env python3
"""Training on texts: what kind of file decides what is learned; use, resuming and bad input."""
import gzip
import json
import shutil
import signal
import time
import unittest

import support

SMALL = ["encoder.static.dim=16", "tokenizer.size=120", "train.batch=32", "train.log_every=1",
         "train.precision=fp32"]


class Text(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pairs = support.sentence_pairs(600, 1)
        (cls.folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
        (cls.folder / "lines.txt").write_text("".join(f"{a}\n" for a, _ in pairs))
        with gzip.open(cls.folder / "scored.csv.gz", "wt") as out:
            out.write("sentence1,sentence2,score\n")
            for (a, b), (other, _) in zip(pairs, support.sentence_pairs(600, 2)):
                out.write(f'"{a}","{b if len(a) % 2 else other}",{5 if len(a) % 2 else 0}\n')

    def learn(self, data, out, *more, arguments=()):
        result = self.vistas("train", data, "--out", out, *support.settings([*SMALL, *more]),
                             *arguments)
        self.assertEqual(result.code, 0, result)
        return result

    def test_pairs_are_ranked(self):
        result = self.learn("pairs.tsv", "ranked", "train.epochs=20")
        for words in ("pairs of column 1, column 2", "600 rows", "ranking", "static"):
            self.assertIn(words, result.out)
        losses = [json.loads(line).get("loss") for line in
                  (self.folder / "ranked/metrics.jsonl").read_text().splitlines()]
        self.assertLess(losses[-1], 0.6 * losses[0], losses)
        last = self.folder / "ranked/checkpoints/last"
        self.assertEqual({p.name for p in last.iterdir()},
                         {"encoder.json", "encoder.safetensors", "progress.json",
                          "state.safetensors", "tokenizer.model"})
        config = (self.folder / "ranked/config.toml").read_text()
        self.assertIn('modality = "text"', config)

    def test_lines_are_cropped_for_a_static_encoder(self):
        result = self.learn("lines.txt", "cropped", "train.epochs=2")
        self.assertIn("crop", result.out)
        self.assertIn("texts of column 1", result.out)
        self.assertIn("static: dropout (SimCSE) wants a trained transformer", result.out)

    def test_files_without_an_ending_are_texts_by_their_content(self):
        shutil.copy(self.folder / "lines.txt", self.folder / "corpus")
        self.assertIn("texts of column 1", self.learn("corpus", "by_content", "train.epochs=1").out)
        support.write(self.folder / "picture", support.picture("circle", 1))
        self.fails(3, ["not a source of pictures"], "train", "picture")
        self.fails(2, ["standard input", "a file first"], "train", "-")

    def test_scores_decide_the_method(self):
        result = self.learn("scored.csv.gz", "scored", "train.epochs=2")
        self.assertIn("scored pairs of sentence1, sentence2, score in score", result.out)
        result = self.learn("scored.csv.gz", "angle", "train.epochs=1", "method.loss=angle")
        self.assertIn('loss = "angle"', (self.folder / "angle/config.toml").read_text())
        result = self.learn("scored.csv.gz", "numbered", "train.epochs=1", "data.columns=[2, 1]",
                            "data.score=3")
        self.assertIn("scored pairs of sentence2, sentence1, score in score", result.out)

    def test_hard_negatives_are_counted(self):
        support.write(self.folder / "tuples.tsv", "".join(
            f"{a}\t{b}\t{b[:9]}\t{b[3:8]}\n" for a, b in support.sentence_pairs(100, 6)))
        result = self.learn("tuples.tsv", "tuples", "train.epochs=1")
        self.assertIn("ranking, 95 negatives an anchor", result.out)
        dry = self.succeeds("train", "tuples.tsv", "--dry-run", "--json", "-",
                            *support.settings(SMALL)).json()
        self.assertEqual(dry["negatives_per_anchor"], 95)

    def test_a_transformer_from_nothing(self):
        small = ["layers=1", "hidden=16", "heads=2", "intermediate=32", "max_positions=32"]
        result = self.learn("lines.txt", "transformer", "encoder.name=transformer",
                            *("encoder.transformer." + s for s in small), "train.epochs=1",
                            "encoder.max_length=16")
        self.assertIn("dropout, 2 a text", result.out)

    def test_a_run_begins_with_another(self):
        self.learn("pairs.tsv", "first", "train.epochs=1")
        result = self.learn("pairs.tsv", "second", "train.epochs=1",
                            arguments=("--encoder", "first"))
        self.assertIn("first", result.out)
        tokenizer = "checkpoints/last/tokenizer.model"
        self.assertEqual(support.digest(self.folder / "first" / tokenizer),
                         support.digest(self.folder / "second" / tokenizer))

    def test_a_killed_run_goes_on_to_the_bit(self):
        settings = ["train.epochs=12", "train.checkpoint_every=1"]
        self.learn("pairs.tsv", "whole", *settings)
        process = self.start("train", "pairs.tsv", "--out", "killed",
                             *support.settings([*SMALL, *settings]))
        path = self.folder / "killed/metrics.jsonl"
        while process.poll() is None and not (path.exists() and
                                              path.read_bytes().count(b"\n") > 50):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(process.returncode, -signal.SIGKILL)
        shutil.move(self.folder / "killed", self.folder / "moved")
        self.succeeds("train", "--resume", "moved")
        for name in ("encoder.safetensors", "state.safetensors", "tokenizer.model"):
            last = "checkpoints/last/" + name
            self.assertEqual(support.digest(self.folder / "whole" / last),
                             support.digest(self.folder / "moved" / last), name)
        self.fails(2, ["train.batch", "differ"], "train", "--resume", "moved", "--batch", "16")
        kept = (self.folder / "pairs.tsv").read_text()
        self.addCleanup((self.folder / "pairs.tsv").write_text, kept)
        (self.folder / "pairs.tsv").write_text(kept.replace("ba", "be", 1))
        self.fails(3, ["pairs have changed"], "train", "--resume", "moved")

    def test_bad_lines_are_counted_or_refused(self):
        pairs = (self.folder / "pairs.tsv").read_bytes().splitlines(keepends=True)
        bad = [b"one column\n", b"\xff\xfe\tb\n", b"a" * (1 << 20) + b"\tb\n", b"a\tb\tc\n"]
        (self.folder / "bad.tsv").write_bytes(b"".join(pairs[:300] + bad + pairs[300:]))
        result = self.learn("bad.tsv", "skipped", "train.epochs=1")
        self.assertIn("4 lines were left out", result.out)
        for line, words in ((301, "1 columns"), (302, "UTF-8"), (303, "bytes"), (304, "3 columns")):
            self.assertIn(f"line {line}: ", result.out)
            self.assertIn(words, result.out)
        self.fails(3, ["bad.tsv: line 301"], "train", "bad.tsv", "--out", "refused",
                   *support.settings([*SMALL, 'data.on_bad_line="fail"']))
        self.assertFalse((self.folder / "refused").exists())

    def test_cells_without_a_text_or_a_score(self):
        pairs = support.sentence_pairs(100, 3)
        support.write(self.folder / "cells.tsv", "".join(
            f"{a}\t{'' if i % 5 == 0 else b}\n" for i, (a, b) in enumerate(pairs)))
        result = self.learn("cells.tsv", "cells", "train.epochs=1")
        self.assertIn("80 rows", result.out)
        self.assertIn("20 lines were left out", result.out)
        self.assertIn("cells.tsv: line 6: no text in column 2", result.out)
        self.fails(3, ["cells.tsv: line 1", "no text in column 2"], "train", "cells.tsv", "--out",
                   "x", *support.settings([*SMALL, "data.on_bad_line=fail"]))
        support.write(self.folder / "negatives.jsonl", "".join(
            json.dumps({"query": a, "positive": b, "negatives": [a[:5], b[:5], a[5:]][:1 + i % 3]})
            + "\n" for i, (a, b) in enumerate(pairs[:99], 1)))
        result = self.learn("negatives.jsonl", "negatives", "train.epochs=1")
        self.assertIn("33 lines were left out", result.out)
        self.assertIn("no text in negatives[1]", result.out)
        self.assertIn("33 rows have lists of more texts than the first row", result.out)

    def test_words_are_no_scores(self):
        pairs = support.sentence_pairs(60, 4)
        classes = ("entailment", "neutral", "contradiction")
        support.write(self.folder / "nli.csv", "premise,hypothesis,label\n" + "".join(
            f"{a},{b},{classes[i % 3]}\n" for i, (a, b) in enumerate(pairs)))
        self.fails(3, ["nli.csv", "class in label", "--columns"], "train", "nli.csv", "--out", "x",
                   *support.settings(SMALL))
        self.learn("nli.csv", "nli", "train.epochs=1",
                   arguments=("--columns", "premise,hypothesis"))
        support.write(self.folder / "holes.tsv", "".join(
            f"{a}\t{b}\t{('bad', '', 'n/a', 'nan')[i % 4] if i < 4 else i % 5 / 4}\n"
            for i, (a, b) in enumerate(pairs)))
        result = self.learn("holes.tsv", "holes", "train.epochs=1")
        self.assertIn("scored pairs of column 1, column 2, score in column 3", result.out)
        self.assertIn("4 lines were left out", result.out)
        self.assertIn("'bad' in column 3 is no number", result.out)

    def test_what_cannot_be_learned_from(self):
        for name in ("empty.tsv", "empty.txt"):
            (self.folder / name).write_text("")
            self.fails(3, [name, "empty file"], "train", name)
        self.fails(2, ["no column '2'"], "train", "lines.txt", "--columns", "1,2")
        self.fails(2, ["would be the same", "crop"], "train", "lines.txt", "--set",
                   "views.recipe=dropout", *support.settings(SMALL))
        self.fails(3, ["scored", "ranking"], "train", "pairs.tsv", "--method", "scored", "--out", "x",
                   *support.settings(SMALL))
        self.fails(3, ["nowhere"], "train", "lines.txt", "--encoder", "nowhere")
        self.learn("pairs.tsv", "small", "train.epochs=1")
        support.write(self.folder / "vocab.txt", "".join(
            f"{token}\n" for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *map(str, range(500))]))
        self.fails(2, ["vocabulary does not fit", "504 pieces", "small"], "train", "pairs.tsv",
                   "--encoder", "small", "--out", "x", "--set", 'tokenizer.path="vocab.txt"')
        support.write(self.folder / "other.txt", "".join(
            f"{b}\n" for _, b in support.sentence_pairs(300, 7)))
        self.succeeds("vocab", "other.txt", "--size", "100", "--lowercase", "false", "-o",
                      "other.model")
        self.fails(2, ["tokenizer.path", "other.model", "small", "pieces differ"], "train",
                   "pairs.tsv", "--encoder", "small", "--out", "x", "--set",
                   'tokenizer.path="other.model"')
        # Before anything is learned of the texts: a vocabulary of this size cannot be.
        for method, words in (("scored", ["scored", "--method ranking"]), ("clip", ["two columns"]),
                              ("supcon", ["labels"])):
            self.fails(3, words, "train", "lines.txt", "--method", method, "--out", "x", "--set",
                       "tokenizer.size=16")
        self.fails(2, ["gist", "data.teacher"], "train", "lines.txt", "--method", "gist", "--out",
                   "x", "--set", "tokenizer.size=16")
        self.fails(2, ["encoder.max_length", "at most 512"], "train", "lines.txt", "--out", "x",
                   *support.settings(["encoder.name=transformer", "encoder.max_length=513"]))

    def test_the_best_checkpoint_by_an_online_task_is_kept(self):
        result = self.learn("pairs.tsv", "online", "train.epochs=3",
                            'data.score_task="sts:scored.csv.gz"', "train.score_every=0.5")
        scores = [entry["online_score"] for entry in map(json.loads, (
            self.folder / "online/metrics.jsonl").read_text().splitlines())
                  if "online_score" in entry]
        self.assertEqual(len(scores), 6)
        self.assertIn("sts:scored.csv.gz", result.out + result.err)
        best = json.loads((self.folder / "online/checkpoints/best/progress.json").read_text())
        self.assertAlmostEqual(best["best_score"], max(scores), places=6)
        rows = self.succeeds("eval", "online", "--tasks", "sts:scored.csv.gz", "--precision", "fp32",
                             "--json", "-").json()["rows"]
        self.assertAlmostEqual(rows[0]["mean"], max(scores), places=5)
        self.fails(2, ["data.score_task"], "train", "pairs.tsv", "--out", "x", "--set",
                   "train.score_every=1", *support.settings(SMALL))
        self.fails(2, ["stss"], "train", "pairs.tsv", "--out", "x", "--set",
                   "data.score_task=stss:scored.csv.gz", *support.settings(SMALL))

    def test_memory_by_tokens(self):
        plain = ["train.epochs=2", "encoder.static.dim=8"]
        self.learn("pairs.tsv", "whole_batch", *plain)
        result = self.learn("pairs.tsv", "by_tokens", *plain, "train.micro_tokens=100")
        self.assertIn("100 tokens in memory at once", result.out)
        losses = [[json.loads(line)["loss"] for line in
                   (self.folder / run / "metrics.jsonl").read_text().splitlines()]
                  for run in ("whole_batch", "by_tokens")]
        for a, b in zip(*losses, strict=True):
            self.assertAlmostEqual(a, b, delta=1e-4 * a)
        self.fails(2, ["micro_batch", "micro_tokens"], "train", "pairs.tsv", "--out", "x",
                   *support.settings([*SMALL, "train.micro_tokens=100", "train.micro_batch=16"]))

    def test_parts_of_documents_are_positives(self):
        texts = [a for a, _ in support.sentence_pairs(900, 5)]
        support.write(self.folder / "documents.txt", "".join(
            f"{'. '.join(t.capitalize() for t in texts[i:i + 3])}.\n" for i in range(0, 900, 3)))
        result = self.learn("documents.txt", "documents", "train.epochs=1",
                            'data.positives="sentences"', "data.sorted_batches=4")
        self.assertIn("two consecutive sentences of a text", result.out)
        support.write(self.folder / "some.txt", "One here. Another there.\nOnly one.\n" * 40)
        result = self.learn("some.txt", "some", "train.epochs=1", 'data.positives="sentences"')
        self.assertIn("40 lines were left out", result.out)
        self.assertIn("some.txt: line 2: one sentence alone", result.out)
        self.fails(3, ["some.txt", "no row is left"], "train", "some.txt", "--out", "x",
                   *support.settings([*SMALL, 'data.positives="paragraphs"']))
        self.fails(2, ["parts of texts"], "train", "documents.txt", "--out", "x", "--set",
                   'data.positives="paragraphs"', "--set", 'data.teacher="documents"',
                   *support.settings(SMALL))

    def test_rows_of_a_test_are_left_out(self):
        first = (self.folder / "pairs.tsv").read_text().splitlines()[:40]
        texts = [line.split("\t")[i % 2] for i, line in enumerate(first)]
        support.write(self.folder / "held out.txt",
                      "".join(f" {t.upper().replace(' ', '  ')}\n" for t in texts))
        result = self.learn("pairs.tsv", "excluded", "train.epochs=1",
                            'data.exclude=["held out.txt"]')
        self.assertIn("560 rows", result.out)
        self.assertIn("40 rows were left out", result.out)
        self.fails(3, ["pairs.tsv", "no row is left"], "train", "pairs.tsv", "--out", "x", "--set",
                   'data.exclude=["pairs.tsv"]', *support.settings(SMALL))

    def test_info_and_what_to_do_next(self):
        result = self.learn("pairs.tsv", "told", "train.epochs=1")
        self.assertIn("vistas near told", result.out)
        self.assertIn("vistas eval told --tasks", result.out)
        run = self.succeeds("info", "told", "--json", "-").json()
        self.assertEqual(run["bundle"]["encoder"], "static")
        self.assertEqual(run["bundle"]["dim"], 16)
        bundle = self.succeeds("info", "told/checkpoints/last", "--json", "-").json()
        self.assertEqual(bundle["vocabulary"], run["bundle"]["vocabulary"])
        pairs = (self.folder / "pairs.tsv").read_text().splitlines()
        told = self.succeeds("info", "pairs.tsv", "--json", "-").json()
        self.assertEqual((told["kind"], told["rows"], told["bad"]), ("texts", 600, 0))
        first = [line.split("\t")[0] for line in pairs]
        self.assertEqual(told["columns"]["column 1"],
                         {"words": sum(len(t.split()) for t in first),
                          "characters": sum(map(len, first)), "longest": max(map(len, first)),
                          "distinct": len(set(first))})

    def test_long_texts_are_cut_and_counted(self):
        result = self.learn("pairs.tsv", "cut", "train.epochs=1", "encoder.max_length=4")
        self.assertIn("of the texts were cut at 4 tokens", result.out)


if __name__ == "__main__":
    unittest.main()
