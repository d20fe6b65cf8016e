#!/usr/bin/env python3
"""Training on interactions of users whose tastes are known; lists, measures, resuming, bad input."""
import gzip
import json
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
        for words in ("200, 0 of them", "LightGCN, 1 layer", "collaborative", "vistas recommend run"):
            self.assertIn(words, self.out)
        info = self.succeeds("info", "run", "--json", "-").json()["bundle"]
        self.assertEqual(info["users"], 200)
        parts = [info[part]["interactions"] for part in ("train", "test")]
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

    def test_lists_of_allowed_items(self):
        def lists(*arguments):
            result = self.succeeds("recommend", "run", "--users", "u3,u7", "-k", "200", "--json",
                                   "-", *arguments)
            return [[item["item"] for item in user["items"]] for user in result.json()], result.err

        whole, _ = lists()
        support.write(self.folder / "allow.txt", "i10\r\ni100\n\nnothing\ni57\nnobody\n")
        allowed, told = lists("--allow", "allow.txt")
        self.assertIn("--allow: 2 of 5 ids are no item of the run, such as 'nothing'", told)
        for got, all_items in zip(allowed, whole):
            self.assertEqual(got, [item for item in all_items if item in ("i10", "i100", "i57")])
        few, told = lists("--allow", "allow.txt", "--exclude", "i100,gone")
        self.assertIn("--exclude: 1 of 2 ids is no item", told)
        for got, had in zip(few, allowed):
            self.assertEqual(got, [item for item in had if item != "i100"])
        excluded, told = lists("--exclude", whole[0][0])
        self.assertEqual((excluded[0], told), (whole[0][1:], ""))
        new = self.succeeds("recommend", "run", "--for-items", "i61,i65", "--allow", "i70", "--json",
                            "-").json()[0]["items"]
        self.assertEqual([item["item"] for item in new], ["i70"])
        for option in ("--allow", "--exclude"):
            self.fails(3, [option, "no item of the run, 'none.txt'", "a file"], "recommend", "run",
                       "--user", "u3", option, "none.txt")
        self.fails(3, ["no item left"], "recommend", "run", "--user", "u3", "--allow", "i1",
                   "--exclude", "i1")

    def test_similar_items_and_users_are_of_the_taste(self):
        self.succeeds("similar", "run", "--items", "all", "-k", "5", "-o", "similar.tsv")
        head, *rows = [line.split("\t") for line in
                       (self.folder / "similar.tsv").read_text().splitlines()]
        self.assertEqual(head, ["item", "similar", "cosine"])
        self.assertEqual(len(rows), len({i for _, i in self.rows}) * 5)
        self.assertFalse([row for row in rows if row[0] == row[1]])
        self.assertTrue(all(-1 <= float(cosine) <= 1 for _, _, cosine in rows))
        right = sum(taste_of(item) == taste_of(other) for item, other, _ in rows)
        self.assertGreater(right, 0.9 * len(rows))
        one = self.succeeds("similar", "run", "--item", "i57", "-k", "5", "--json", "-").json()[0]
        self.assertEqual((one["item"], [other["item"] for other in one["similar"]]),
                         ("i57", [other for item, other, _ in rows if item == "i57"]))
        users = self.succeeds("similar", "run", "--user", "u3,u8", "--json", "-").json()
        self.assertEqual([user["user"] for user in users], ["u3", "u8"])
        for user in users:
            self.assertEqual(len(user["similar"]), 10)
            tastes = [int(other["user"][1:]) % TASTES for other in user["similar"]]
            self.assertGreaterEqual(tastes.count(3), 9)
        self.assertIn("like u3", self.succeeds("similar", "run", "--user", "u3").out)
        self.fails(2, ["--items", "--users"], "similar", "run", "--item", "i1", "--user", "u1")
        self.fails(3, ["item 'i999'"], "similar", "run", "--item", "i999")

    def test_ranking_is_measured(self):
        rows = self.succeeds("eval", "run", "--tasks", "ranking", "--at", "5,20", "--json",
                             "-").json()["rows"]
        self.assertEqual([row["at"] for row in rows], [5, 20])
        # 17 to 19 items of the taste are left: by chance among them 20 hold nearly all of the test.
        self.assertGreater(rows[1]["recall"], 0.6)
        self.assertGreater(rows[1]["recall"], rows[0]["recall"])
        kept = json.loads((self.folder / "run/eval/ranking.json").read_text())
        self.assertEqual((kept["seed"], kept["train"]["users"]), (0, 200))
        self.assertIn("seed 0", kept["split"])
        self.succeeds("train", "seen.tsv", "--out", "by test", "--select-on", "test", *SMALL)
        self.assertIn("is no result", self.succeeds("eval", "by test", "--tasks", "ranking").out)

    def test_groups_of_items_are_measured_in_the_same_lists(self):
        told = self.succeeds("eval", "run", "--groups", "head,tail,warm,cold", "--at", "10,20",
                             "--json", "-").json()
        self.assertIn("head: the 20 % of the items that occur most in training: 30 items",
                      told["how"])
        self.assertEqual([row["group"] for row in told["rows"]][::2],
                         ["all", "head", "tail", "warm", "cold"])
        for at in (10, 20):
            rows = {row["group"]: row for row in told["rows"] if row["at"] == at}
            hits = {name: row["users"] * (row["precision"] or 0) for name, row in rows.items()}
            self.assertGreater(min(hits["head"], hits["tail"]), 0)
            self.assertAlmostEqual(hits["head"] + hits["tail"], hits["all"])
            self.assertAlmostEqual(hits["warm"] + hits["cold"], hits["all"])
            self.assertLess(rows["head"]["users"], rows["all"]["users"])
        self.fails(2, ["--groups", "hot"], "eval", "run", "--groups", "hot")

    def test_baselines_are_measured_as_the_run_is(self):
        run = self.succeeds("baseline", "run", "--at", "5,20", "--json", "-").json()
        names = [row["baseline"] for row in run["rows"]]
        self.assertEqual(names[::2], ["popularity", "knn-cosine", "knn-tfidf", "knn-bm25", "ease"])
        self.assertTrue((self.folder / "run/eval/baselines.json").exists())
        measured = self.succeeds("eval", "run", "--tasks", "ranking", "--json", "-").json()
        self.assertEqual(run["how"].splitlines()[0], measured["how"])
        # The same split from the data: its content is in the protocol.
        data = self.succeeds("baseline", "seen.tsv", "--at", "5,20", "--json", "-").json()
        self.assertEqual((data["how"], data["rows"]), (run["how"], run["rows"]))
        other = self.succeeds("baseline", "seen.tsv", "--at", "20", "--set", "data.split.seed=1",
                              "--baselines", "popularity,ease", "--json", "-").json()
        self.assertNotEqual(other["how"], run["how"])
        at_20 = {row["baseline"]: row["recall"] for row in run["rows"] if row["at"] == 20}
        self.assertLess(at_20["popularity"], 0.25)  # tastes are of equal size
        for name in names[2:]:
            self.assertGreater(at_20[name], 0.6, name)
        self.fails(2, ["--set", "kept its split"], "baseline", "run", "--set", "data.split.seed=1")
        self.fails(2, ["--baselines", "knn"], "baseline", "run", "--baselines", "knn")

    def test_popularity_by_hand(self):
        # Items 0, 1, 2 and 3 occur 3, 2, 1 and 0 times. User 0 is given 2, 3 and wants 2; user 1 is
        # given 1, 3 and wants 3.
        support.write(self.folder / "hand/train.txt", "0 0 1\n1 0 2\n2 0 1\n")
        support.write(self.folder / "hand/test.txt", "0 2\n1 3\n")
        rows = self.succeeds("baseline", "hand", "--at", "1,2", "--set", "data.select_on=test",
                             "--baselines", "popularity", "--json", "-").json()["rows"]
        self.assertEqual([(row["users"], row["recall"], row["mrr"]) for row in rows],
                         [(2, 0.5, 0.5), (2, 1, 0.75)])
        self.assertEqual([row["popularity"] for row in rows], [(1 + 2) / 2, (1 + 0 + 2 + 0) / 4])

    def test_ease_of_many_items_must_be_asked_for(self):
        support.write(self.folder / "many.tsv", "user\titem\n" + "".join(
            f"u{i // 100}\ti{i}\n" for i in range(15_100)))
        told = self.succeeds("baseline", "many.tsv", "--neighbours", "2")
        self.assertIn("ease is left out: it inverts a matrix of 15,100 x 15,100 items", told.out)
        self.assertIn("`--baselines ease` takes it", told.out)
        self.assertNotIn("l2", told.out)

    def test_a_run_killed_in_either_part_goes_on_to_the_bit(self):
        last = "checkpoints/last/encoder.safetensors"
        for part, lines in (("choice", 60), (".", 5)):
            out = f"killed-{part.strip('.')}"
            process = self.start("train", "seen.tsv", "--out", out, *SMALL, "--set",
                                 "train.log_every=1")
            path = self.folder / out / part / "metrics.jsonl"
            while process.poll() is None and not (path.exists() and
                                                  path.read_bytes().count(b"\n") > lines):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.succeeds("train", "--resume", out)
            self.assertEqual(support.digest(self.folder / "run" / last),
                             support.digest(self.folder / out / last))

    def test_after_choosing_validation_is_trained_on_too(self):
        choice = self.succeeds("info", "run/choice", "--json", "-").json()["bundle"]
        run = self.succeeds("info", "run", "--json", "-").json()["bundle"]
        self.assertEqual(run["train"]["interactions"],
                         choice["train"]["interactions"] + choice["valid"]["interactions"])
        self.assertNotIn("valid", run)
        self.assertIn("trained on validation too",
                      self.succeeds("eval", "run", "--tasks", "ranking").out)
        self.succeeds("train", "seen.tsv", "--out", "once", "--no-refit", "--epochs", "1", *SMALL)
        self.assertFalse((self.folder / "once/choice").exists())

    def test_graph_methods_learn_the_tastes(self):
        for method, settings in (("sgl", ["encoder.graph.layers=2"]),
                                 ("simgcl", ["encoder.graph.with_table=false"]),
                                 ("xsimgcl", ["method.loss=bpr", "encoder.graph.layers=2",
                                              "encoder.graph.with_table=false"]),
                                 ("ncl", ["encoder.graph.layers=2", "method.prototypes=5"])):
            with self.subTest(method):
                self.succeeds("train", "seen.tsv", "--out", method, "--method", method, *SMALL,
                              *support.settings(["train.score_every=0", *settings]))
                row = self.succeeds("eval", method, "--tasks", "ranking", "--at", "20", "--json",
                                    "-").json()["rows"][0]
                self.assertGreater(row["recall"], 0.5)
        self.fails(2, ["at most encoder.graph.layers, 1"], "train", "seen.tsv", "--out", "x",
                   "--method", "xsimgcl", "--set", "method.layer=2")

    def test_new_items_are_known_by_their_attributes(self):
        support.write(self.folder / "items.tsv", "item\ttaste\tprice\n" + "".join(
            f"i{i}\tt{i // ITEMS}\t{i % 7}\n" for i in range(TASTES * ITEMS)))
        told = self.succeeds("train", "seen.tsv", "--out", "towers", "--item-features", "items.tsv",
                             *SMALL, *support.settings(["data.split.kind=cold_items"])).out
        for words in ("two towers", "150 described, 0 not"):
            self.assertIn(words, told)
        row = self.succeeds("eval", "towers", "--tasks", "ranking", "--at", "3", "--json",
                            "-").json()["rows"][0]
        self.assertIn("15 items, which training does not have, among themselves",
                      self.succeeds("eval", "towers", "--tasks", "ranking").out)
        self.assertGreater(row["hit_rate"], 0.7)  # 15 new items, some 3 of the user's taste
        self.fails(2, ["encoder.name", "towers"], "train", "seen.tsv", "--out", "x",
                   "--item-features", "items.tsv", "--set", "encoder.name=graph")
        # Texts of items, embedded by another run and found by their ids.
        support.write(self.folder / "titles.tsv", "item\ttitle\n" + "".join(
            f"i{i}\tthe {'red blue green black white'.split()[i // ITEMS]} one of many\n"
            for i in range(TASTES * ITEMS)))
        self.succeeds("train", "titles.tsv", "--columns", "title", "--out", "titles", "--epochs",
                      "1", "--set", "train.batch=16", "--set", "data.modality=text", "--set",
                      "tokenizer.size=40", "--set", "views.recipe=shuffle")
        self.succeeds("embed", "titles", "titles.tsv", "--columns", "title", "--ids", "item", "-o",
                      "titles.safetensors")
        told = self.succeeds("train", "seen.tsv", "--out", "by titles", "--item-features",
                             "titles.safetensors", *SMALL).out
        self.assertIn("150 described, 0 not", told)
        self.fails(3, ["no column 'taste'"], "embed", "titles", "titles.tsv", "--columns", "title",
                   "--ids", "taste", "-o", "x.safetensors")
        support.write(self.folder / "others.tsv", "item\tgenre\nx1\tdrama\n")
        self.fails(3, ["others.tsv", "in no interaction"], "train", "seen.tsv", "--out", "x",
                   "--item-features", "others.tsv")

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

    def test_packed_files_are_known_by_their_content(self):
        packed = gzip.compress((self.folder / "seen.tsv").read_bytes())
        support.write(self.folder / "packed.tsv.gz", packed)
        told = self.succeeds("info", "packed.tsv.gz", "--json", "-").json()
        self.assertEqual((told["kind"], told["users"]), ("interactions", 200))

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
        self.fails(2, ["train.micro_batch", "would save nothing"], "train", "seen.tsv", "--out",
                   "x", "--micro-batch", "64")
        support.write(self.folder / "single/train.txt", "0 1\n1 2\n2 0\n")
        support.write(self.folder / "single/test.txt", "0 2\n1 1\n")
        self.fails(2, ["no interactions for validation", "train.score_every=0"], "train",
                   "single", "--out", "x")
        self.fails(2, ["--users", "--for-items"], "recommend", "run")
        self.fails(3, ["user 'nobody'"], "recommend", "run", "--user", "nobody")
        self.fails(3, ["item 'i999'"], "recommend", "run", "--for-items", "i999")
        self.fails(3, ["no run"], "recommend", "run/checkpoints/last", "--users", "u1")


if __name__ == "__main__":
    unittest.main()
