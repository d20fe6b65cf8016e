#!/usr/bin/env python3
"""Training on interactions of users whose tastes are known; lists, measures, resuming, bad input."""
import random
import signal
import time
import unittest

import support

# Users of five tastes have acted on 12 of the 30 items of theirs, and on one of another taste.
TASTES, ITEMS = 5, 30
SMALL = support.settings(["encoder.dim=16", "train.batch=128", "train.epochs=20",
                          "train.precision=fp32", "schedule.lr=0.02", "train.score_every=5"])


def interactions(users, seed):
    draw = random.Random(seed)
    for user in range(users):
        taste = user % TASTES
        items = draw.sample(range(taste * ITEMS, (taste + 1) * ITEMS), 12)
        items.append(draw.randrange(TASTES * ITEMS))
        for item in dict.fromkeys(items):
            yield f"u{user}", f"i{item}"


def taste_of(item):
    return int(item[1:]) // ITEMS


class Recommend(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rows = list(interactions(200, 1))
        support.write(cls.folder / "seen.tsv",
                      "user\titem\n" + "".join(f"{u}\t{i}\n" for u, i in cls.rows))
        result = cls.vistas("train", "seen.tsv", "--out", "run", *SMALL)
        assert result.code == 0, result
        cls.out = result.out

    def test_what_is_learned_is_shown(self):
        for words in ("200, 0 of them", "LightGCN, 1 layer", "ranking", "vistas recommend run"):
            self.assertIn(words, self.out)
        info = self.succeeds("info", "run", "--json", "-").json()["bundle"]
        self.assertEqual(info["users"], 200)
        parts = [info[part]["interactions"] for part in ("train", "valid", "test")]
        self.assertEqual(sum(parts), len(self.rows))
        told = self.succeeds("info", "seen.tsv", "--json", "-").json()
        self.assertEqual((told["kind"], told["users"], told["all"]["interactions"]),
                         ("interactions", 200, len(self.rows)))

    def test_lists_are_of_the_taste_and_hold_nothing_known(self):
        self.succeeds("recommend", "run", "--users", "all", "-k", "5", "-o", "lists.tsv")
        rows = [line.split("\t") for line in
                (self.folder / "lists.tsv").read_text().splitlines()[1:]]
        self.assertEqual(len(rows), 200 * 5)
        self.assertFalse({(u, i) for u, i, _ in rows} & set(self.rows))
        right = sum(taste_of(i) == int(u[1:]) % TASTES for u, i, _ in rows)
        self.assertGreater(right, 0.9 * len(rows))
        few = self.succeeds("recommend", "run", "--users", "u3,u7", "-k", "5", "--json", "-").json()
        self.assertEqual([user["user"] for user in few], ["u3", "u7"])
        self.assertEqual([item["item"] for item in few[0]["items"]],
                         [i for u, i, _ in rows if u == "u3"])

    def test_a_user_never_seen_is_known_by_items(self):
        items = ["i61", "i65", "i70", "i80"]
        found = self.succeeds("recommend", "run", "--for-items", ",".join(items), "-k", "8",
                              "--json", "-").json()[0]["items"]
        self.assertFalse({item["item"] for item in found} & set(items))
        self.assertGreaterEqual(sum(taste_of(item["item"]) == 2 for item in found), 7)

    def test_ranking_is_measured(self):
        rows = self.succeeds("eval", "run", "--tasks", "ranking", "--at", "5,20", "--json",
                             "-").json()["rows"]
        self.assertEqual([row["at"] for row in rows], [5, 20])
        # 17 to 19 items of the taste are left: by chance among them 20 hold nearly all of the test.
        self.assertGreater(rows[1]["recall"], 0.6)
        self.assertGreater(rows[1]["recall"], rows[0]["recall"])
        self.assertTrue((self.folder / "run/eval/ranking.json").exists())

    def test_a_killed_run_goes_on_to_the_bit(self):
        process = self.start("train", "seen.tsv", "--out", "killed", *SMALL, "--set",
                             "train.log_every=1")
        path = self.folder / "killed/metrics.jsonl"
        while process.poll() is None and not (path.exists() and
                                              path.read_bytes().count(b"\n") > 60):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.succeeds("train", "--resume", "killed")
        last = "checkpoints/last/encoder.safetensors"
        self.assertEqual(support.digest(self.folder / "run" / last),
                         support.digest(self.folder / "killed" / last))

    def test_folders_of_pictures_stay_what_they_are(self):
        for name in ("test.png", "test.small.png", "train.png"):
            support.write(self.folder / "photos" / name, support.picture("circle", 1))
        told = self.succeeds("info", "photos", "--json", "-").json()
        self.assertEqual((told["kind"], told["all"]["pictures"]), ("pictures", 3))
        support.write(self.folder / "lists/train.txt", "a picture.png\n")
        support.write(self.folder / "lists/test.txt", "another picture.png\n")
        self.fails(3, ["picture"], "info", "lists")
        support.write(self.folder / "split/train.txt", "0 1 2\n1 2 0\n")
        support.write(self.folder / "split/test.txt", "0 0\n")
        self.assertEqual(self.succeeds("info", "split", "--json", "-").json()["kind"],
                         "interactions")

    def test_bad_input(self):
        self.fails(2, ["--tasks", "knn", "ranking"], "eval", "run", "--tasks", "knn")
        for command in (["embed", "run", "seen.tsv"], ["info", "run/checkpoints/last"]):
            self.fails(3, ["one of interactions", "encoder of pictures"], *command)
        self.fails(2, ["encoder of interactions"], "export", "run", "--to",
                   "sentence-transformers", "out")
        support.write(self.folder / "empty.inter", "")
        support.write(self.folder / "no item.tsv", "user\tcolour\nu1\tred\n")
        self.fails(3, ["empty.inter"], "train", "empty.inter", "--out", "x")
        self.fails(3, ["no item.tsv", "item"], "train", "no item.tsv", "--out", "x", "--set",
                   "data.modality=interactions")
        self.fails(2, ["--users", "--for-items"], "recommend", "run")
        self.fails(3, ["user 'nobody'"], "recommend", "run", "--user", "nobody")
        self.fails(3, ["item 'i999'"], "recommend", "run", "--for-items", "i999")
        self.fails(3, ["no run"], "recommend", "run/checkpoints/last", "--users", "u1")


if __name__ == "__main__":
    unittest.main()
