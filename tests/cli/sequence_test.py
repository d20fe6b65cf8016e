#!/usr/bin/env python3
"""Training on sequences: users who walk along a ring of items; lists, measures, methods, bad input."""
import random
import unittest

import support

RING = 40
SMALL = support.settings(["encoder.name=sequence", "encoder.dim=16", "encoder.sequence.inner=32",
                          "encoder.sequence.dropout=0.1", "encoder.sequence.attention_dropout=0.1",
                          "train.batch=50", "train.epochs=15", "train.precision=fp32",
                          "schedule.lr=0.01", "train.score_every=5"])


def walks(users):
    draw = random.Random(1)
    for user in range(users):
        at = draw.randrange(RING)
        for step in range(5 + draw.randrange(8)):
            yield f"u{user}\ti{at}\t{100 * step}\n"
            at = (at + 1 + draw.randrange(2)) % RING


class Sequences(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.write(cls.folder / "walks.tsv", "user\titem\ttime\n" + "".join(walks(300)))
        result = cls.vistas("train", "walks.tsv", "--out", "run", *SMALL)
        assert result.code == 0, result
        cls.out = result.out

    def test_what_is_learned_is_shown(self):
        for words in ("SASRec, 2 layers, 2 heads, the last 50 items", "next_item", "leave one out",
                      "sequences"):
            self.assertIn(words, self.out)
        info = self.succeeds("info", "run", "--json", "-").json()["bundle"]
        self.assertEqual((info["users"], info["items"]), (300, RING))
        self.assertEqual(info["test"]["interactions"], 300)

    def test_the_next_item_is_found(self):
        rows = self.succeeds("eval", "run", "--tasks", "ranking", "--at", "2,5", "--json",
                             "-").json()["rows"]
        # One of two items is next; without what the user has had, both are among the first.
        self.assertGreater(rows[0]["hit_rate"], 0.85)

    def test_the_order_of_items_matters(self):
        for items, right in (("i3,i4,i5,i6", {"i7", "i8"}), ("i21,i22,i23,i24", {"i25", "i26"})):
            found = self.succeeds("recommend", "run", "--for-items", items, "-k", "2", "--json",
                                  "-").json()[0]["items"]
            self.assertEqual({item["item"] for item in found}, right)
        first, other = (self.succeeds("recommend", "run", "--for-items", items, "-k", "5", "--json",
                                      "-").json()[0]["items"] for items in ("i1,i30", "i30,i1"))
        self.assertNotEqual(first, other)

    def test_lists_hold_nothing_known(self):
        self.succeeds("recommend", "run", "--users", "all", "-k", "5", "-o", "lists.tsv")
        rows = [line.split("\t") for line in
                (self.folder / "lists.tsv").read_text().splitlines()[1:]]
        known = {tuple(line.split("\t")[:2]) for line in
                 (self.folder / "walks.tsv").read_text().splitlines()[1:]}
        self.assertEqual(len(rows), 300 * 5)
        self.assertFalse({(u, i) for u, i, _ in rows} & known)

    def test_methods_of_sequences(self):
        short = support.settings(["train.epochs=2", "encoder.dim=16", "train.batch=50",
                                  "train.micro_batch=25"])
        for method in ("cl4srec", "duorec"):
            told = self.succeeds("train", "walks.tsv", "--out", method, *short, "--set",
                                 f"method.name={method}")
            self.assertIn("SASRec", told.out)
            rows = self.succeeds("eval", method, "--tasks", "ranking", "--at", "5", "--json",
                                 "-").json()["rows"]
            self.assertEqual(rows[0]["users"], 300)

    def test_bad_input(self):
        def fails(words, *settings):
            self.fails(2, words, "train", "walks.tsv", "--out", "x", *support.settings(settings))
        fails(["ranking", "sequence", "next_item"], "encoder.name=sequence", "method.name=ranking")
        fails(["next_item", "graph"], "encoder.name=graph", "method.name=next_item")
        fails(["encoder.sequence.heads", "divisor"], "encoder.name=sequence",
              "encoder.sequence.heads=3")
        fails(["views.crop"], "method.name=cl4srec", "views={crop=0, mask=0, reorder=0}")


if __name__ == "__main__":
    unittest.main()
