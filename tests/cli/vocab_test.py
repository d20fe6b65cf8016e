#!/usr/bin/env python3
"""vistas vocab: a vocabulary of its own from files of texts, and training with it."""
import gzip
import json
import random
import unittest

import support

SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def sentences(count, seed):
    draw = random.Random(seed)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 3))) for _ in range(200)]
    return [" ".join(draw.choices(words, k=draw.randint(3, 8))) for _ in range(count)]


class Vocab(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.texts = sentences(500, 1)
        write = lambda name, text: support.write(cls.folder / name, text)
        write("corpus.txt", "".join(f"{text}\n" for text in cls.texts))
        write("scored.csv", "sentence1,sentence2,score\n" +
              "".join(f"{text},{text.upper()},0.5\n" for text in cls.texts))
        with gzip.open(cls.folder / "rows.jsonl.gz", "wt") as out:
            for text in cls.texts:
                out.write(json.dumps({"id": 7, "text": text, "other": "xyz XYZ"}) + "\n")

    def learn(self, *arguments):
        return self.succeeds("vocab", *arguments, "--json", "-").json()

    def test_says_how_texts_are_cut_and_what_to_do_next(self):
        result = self.succeeds("vocab", "corpus.txt", "--size", "120", "-o", "vocab.model",
                               "--json", "vocab.json")
        found = json.loads((self.folder / "vocab.json").read_text())
        self.assertEqual((found["texts"], found["pieces"], found["unknown"]), (500, 120, 0))
        self.assertFalse(found["sampled"])
        words = sum(len(text.split()) for text in self.texts)
        characters = sum(map(len, self.texts))
        self.assertAlmostEqual(found["tokens_a_word"] * found["characters_a_token"],
                               characters / words, places=6)
        self.assertGreater(found["characters_a_token"], 1.5)
        for words in ("texts", "500", "pieces", "120", "tokens a word", "unknown tokens"):
            self.assertIn(words, result.out)
        command = "vistas train corpus.txt --set tokenizer.path=vocab.model"
        self.assertIn(command, result.out)
        train = self.succeeds(*command.split()[1:], "--out", "run", *support.settings(
            ["encoder.static.dim=16", "train.batch=32", "train.epochs=1"]))
        self.assertIn("120 pieces, vocab.model", train.out)
        self.assertEqual(support.digest(self.folder / "run/checkpoints/last/tokenizer.model"),
                         support.digest(self.folder / "vocab.model"))

    def test_takes_files_and_columns_of_every_kind(self):
        # Without capitals folded every letter of the second column is one more.
        folded = self.learn("scored.csv", "--size", "200", "--out", "folded.model")
        kept = self.learn("scored.csv", "--size", "200", "--lowercase", "false", "--out", "k.model")
        self.assertEqual((folded["texts"], kept["texts"]), (1000, 1000))
        self.assertGreater(kept["tokens_a_word"], folded["tokens_a_word"])
        first = self.learn("--columns", "sentence1", "scored.csv", "--size", "200", "-o", "1.model")
        self.assertEqual(first["texts"], 500)
        both = self.learn("scored.csv", "rows.jsonl.gz", "--columns", "2", "--size", "90")
        self.assertEqual((both["file"], both["texts"]), ("scored.model", 1000))
        self.assertTrue((self.folder / "scored.model").is_file())
        text = self.learn("rows.jsonl.gz", "--columns", "text", "--kind", "bpe", "--size", "90")
        self.assertEqual((text["file"], text["pieces"]), ("rows.model", 90))

    def test_says_what_is_not_as_one_would_think(self):
        lines = "".join(f"{text}\t{text}\n" for text in self.texts).encode()
        support.write(self.folder / "bad.tsv", lines + b"\xff\t\xff\n" + b"one column\n")
        result = self.succeeds("vocab", "bad.tsv", "--size", "5000")
        for words in ("2 lines were left out", "line 501", "line 502", "of 5,000",
                      "the texts have no more"):
            self.assertIn(words, result.out)
        rare = "".join(f"{text}\n" for text in self.texts * 3) + "\u4e2d\n"
        support.write(self.folder / "rare.txt", rare)
        self.assertGreater(self.learn("rare.txt", "--size", "120")["unknown"], 0)
        self.assertEqual(self.learn("rare.txt", "--size", "120", "--coverage", "1")["unknown"], 0)

    def test_what_cannot_be_done(self):
        support.write(self.folder / "empty.txt", "")
        self.fails(3, ["empty.txt", "empty file"], "vocab", "empty.txt")
        self.fails(3, ["nowhere.txt", "nothing of that name"], "vocab", "nowhere.txt")
        self.fails(3, ["vocabulary of 16 tokens", "at least 23", "lower the coverage"], "vocab",
                   "corpus.txt", "--size", "16")
        self.fails(2, ["scored.csv", "no column 'sentence3'", "sentence1"], "vocab", "scored.csv",
                   "--columns", "sentence3")
        self.fails(2, ["--size 5", "16"], "vocab", "corpus.txt", "--size", "5")
        self.fails(2, ["--kind word", "unigram, bpe"], "vocab", "corpus.txt", "--kind", "word")
        self.fails(2, ["--out", "vocab.txt", "ends in .model"], "vocab", "corpus.txt", "-o",
                   "vocab.txt")
        self.fails(3, ["no/v.model", "no folder no"], "vocab", "corpus.txt", "-o", "no/v.model")
        for name in ("empty.model", "corpus.model", "vocab.txt"):
            self.assertFalse((self.folder / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
