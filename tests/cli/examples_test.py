#!/usr/bin/env python3
"""Every command's help: a sentence, --json, and three examples, which are run in their order."""
import json
import random
import re
import shlex
import shutil
import struct
import unittest

import support

CIFAR = "build/data/cifar10"


class Examples(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_photos(cls.folder / "photos")
        support.make_labelled(cls.folder / "labelled")
        support.make_boxed(cls.folder / "boxed")
        support.make_masked(cls.folder / "masked")
        support.write(cls.folder / "query.png", support.picture("circle", 7))
        cls.make_texts()
        cls.make_interactions()
        for name in ("recipes", "examples"):
            shutil.copytree(support.REPOSITORY / name, cls.folder / name)
        if (support.REPOSITORY / CIFAR).is_dir():
            (cls.folder / CIFAR).parent.mkdir(parents=True)
            (cls.folder / CIFAR).symlink_to(support.REPOSITORY / CIFAR)
        listing = cls.vistas("--help").out.split("Subcommands:\n")[1].split("\n\n")[0]
        cls.commands = dict(re.findall(r"^  (\w[\w-]*) +(.+)$", listing, re.MULTILINE))

    @classmethod
    def make_texts(cls):
        """english.txt and other.txt, translations; pairs.tsv, scored.csv; a run on the pairs."""
        words = "where is the station house tree a red old dog runs near".split()
        draw = random.Random(1)
        pairs = []
        for _ in range(300):
            chosen = [draw.randrange(len(words)) for _ in range(draw.randint(3, 6))]
            pairs.append((" ".join(words[i] for i in chosen),
                          " ".join(words[i][::-1].upper() for i in chosen)))
        for name, texts in (("english.txt", [a for a, _ in pairs]),
                            ("other.txt", [b for _, b in pairs]),
                            ("pairs.tsv", [f"{a}\t{b}" for a, b in pairs]),
                            ("scored.csv", [f"{a},{pairs[i // 2][1]},{int(i // 2 == i)}"
                                            for i, (a, _) in enumerate(pairs)])):
            support.write(cls.folder / name, "".join(f"{text}\n" for text in texts))
        result = cls.vistas("train", "pairs.tsv", "--out", "runs/text", *support.settings(
            ["encoder.static.dim=16", "tokenizer.size=100", "train.batch=32", "train.epochs=5"]))
        assert result.code == 0, result

    @classmethod
    def make_interactions(cls):
        """A run on 40 users who had 10 of 60 items each."""
        draw = random.Random(2)
        support.write(cls.folder / "interactions.tsv", "user\titem\n" + "".join(
            f"{user}\t{item}\n" for user in range(40) for item in draw.sample(range(60), 10)))
        result = cls.vistas("train", "interactions.tsv", "--out", "runs/r", *support.settings(
            ["encoder.dim=8", "train.batch=32", "train.epochs=2"]))
        assert result.code == 0, result

    def help_of(self, command):
        return self.succeeds(command, "--help").out

    def examples_of(self, command):
        return re.findall(r"^  (vistas .+)$", self.help_of(command).split("Examples:\n")[1],
                          re.MULTILINE)

    def needs_what_is_absent(self, words):
        """Why an example cannot run here, or None."""
        if words[1] == "tune" and "--dry-run" not in words and not support.has_optuna():
            return "no Optuna: ./dev setup --tune installs it"
        if (self.folder / CIFAR).exists():
            return None
        for word in words:
            recipe = self.folder / word
            if word.endswith(".toml") and "train" in words and CIFAR in recipe.read_text():
                return f"{CIFAR} is absent; `./dev data cifar10` restores it"
        return None

    def test_the_list_names_the_commands(self):
        for command in ("train", "eval", "embed", "near", "export", "recommend", "similar", "baseline",
                        "choose-views", "tune", "detect", "segment", "views", "info", "pack", "doctor"):
            self.assertIn(command, self.commands)

    def test_every_help_has_a_sentence_json_and_three_examples(self):
        for command, sentence in self.commands.items():
            with self.subTest(command):
                text = self.help_of(command)
                self.assertEqual(text.splitlines()[0], sentence)
                self.assertTrue(sentence.endswith("."), sentence)
                self.assertIn("--json FILE", text)
                examples = self.examples_of(command)
                self.assertEqual(len(examples), 3)
                for example in examples:
                    self.assertEqual(shlex.split(example)[:2], ["vistas", command])

    def test_every_example_runs(self):
        for command in self.commands:
            for example in self.examples_of(command):
                with self.subTest(example):
                    words = shlex.split(example)
                    absent = self.needs_what_is_absent(words)
                    if absent:
                        self.skipTest(absent)
                    result = self.succeeds(*words[1:])
                    self.assertTrue(result.out.strip(), result)
                    if words[-2:] == ["--json", "-"]:
                        result.json()
        self.check_demo("runs/demo")
        self.check_tastes("runs/tastes")
        self.assertEqual(support.png_size(self.folder / "boxes.png"), (24, 24, 3))
        self.assertGreater(support.png_size(self.folder / "mask.png"), (23, 24, 3))  # a legend below

    def check_demo(self, run):
        """What the demo's examples left."""
        scores = json.loads((self.folder / run / "eval/one-shot.json").read_text())
        self.assertGreater(scores.pop("seconds"), 0)
        self.assertEqual(set(scores), {"pixels", "untrained", "trained"})
        for score in scores.values():
            self.assertEqual(len(score["runs"]), 20)
            self.assertAlmostEqual(score["mean"], sum(score["runs"]) / 20)
            self.assertGreater(score["std"], 0)
        # Known of raw pixels; chance is 5 %.
        self.assertAlmostEqual(scores["pixels"]["mean"], 0.24, delta=0.03)
        self.assertGreater(scores["untrained"]["mean"], 0.1)
        gallery = (self.folder / run / "gallery.png").read_bytes()
        self.assertEqual(gallery[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", gallery[16:24])
        self.assertGreater(width, 6 * 84)
        self.assertGreater(height, 10 * 84)

    def check_tastes(self, run):
        """What one epoch learns of tastes that are known."""
        scores = json.loads((self.folder / run / "eval/tastes.json").read_text())
        self.assertGreater(scores.pop("seconds"), 0)
        self.assertEqual(set(scores), {"popularity", "itemknn", "trained", "possible"})
        recall = {name: score["recall"] for name, score in scores.items()}
        # The data are always the same; 20 of 2,000 items.
        self.assertAlmostEqual(recall["popularity"], 0.041, delta=0.003)
        self.assertAlmostEqual(recall["possible"], 0.260, delta=0.003)
        self.assertGreater(recall["trained"], 3 * recall["popularity"])
        self.assertLess(max(recall["trained"], recall["itemknn"]), recall["possible"])


if __name__ == "__main__":
    unittest.main()
