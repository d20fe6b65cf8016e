#!/usr/bin/env python3
"""Which views matter: short trainings that are kept, ranked and gone on with, and bad input."""
import json
import random
import signal
import time
import unittest

import support

TINY = support.settings(["encoder.name=conv4", "encoder.width=8", "views.size=16",
                         "method.projector.out=16", "train.batch=8", "train.precision=fp32",
                         "train.loader_threads=1", "schedule.warmup_epochs=0"])
ALL = ["all", "without random_resized_crop", "without hflip", "without color_jitter",
       "without grayscale"]


class ChooseViews(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_photos(cls.folder / "photos")
        support.make_labelled(cls.folder / "labelled")
        support.write(cls.folder / "one/a.png", support.picture("circle", 1))

    def words(self, out, *more, data="photos", steps=2, recipe="simclr"):
        return ("choose-views", recipe, "--data", data, "--out", out, "--steps", steps, "--seeds",
                "2", *TINY, *more)

    def choose(self, *arguments, **more):
        return self.succeeds(*self.words(*arguments, **more))

    def rows(self, out):
        return json.loads((self.folder / out / "views.json").read_text())["rows"]

    def without_seconds(self, result):
        rows = result.json()["rows"]
        for row in rows:
            for run in row["runs"]:
                self.assertGreater(run.pop("seconds"), 0)
        return rows

    def test_a_ranked_table_and_a_plot(self):
        result = self.choose("a", "--add", "affine,hflip", "--json", "a.json")
        found = json.loads((self.folder / "a.json").read_text())
        self.assertEqual((found["rank_by"], found["seeds"], found["steps"]),
                         ("-(align + uniform)", 2, 2))
        rows = {row["views"]: row for row in found["rows"]}
        self.assertEqual(sorted(rows), sorted([*ALL, "with affine"]))
        self.assertEqual(self.rows("a"), found["rows"])
        means = [row["mean"] for row in found["rows"]]
        self.assertEqual(means, sorted(means, reverse=True))
        base = [-run["alignment"] - run["uniformity"] for run in rows["all"]["runs"]]
        for name, row in rows.items():
            values = [-run["alignment"] - run["uniformity"] for run in row["runs"]]
            self.assertAlmostEqual(row["mean"], sum(values) / 2)
            self.assertAlmostEqual(row["difference"], sum(values) / 2 - sum(base) / 2)
            self.assertIn(row["verdict"], [""] if name == "all" else
                          ["unclear", "matters", "does harm", "helps", "hurts"])
            self.assertRegex(result.out, rf"{name} +{row['mean']:.3f} ± ")
            for run in row["runs"]:
                self.assertNotIn("score", run)
                self.assertGreater(run["alignment"], 0)
                self.assertLess(run["uniformity"], 0)
                self.assertTrue(1 <= run["effective_rank"] <= 8, run)
        # Every kind of views has been learned from.
        self.assertEqual(len({row["runs"][0]["uniformity"] for row in found["rows"]}), 6)
        plot = (self.folder / "a/views.svg").read_text()
        self.assertEqual(plot.count("<circle"), 6)
        lines = (self.folder / "a/trainings.jsonl").read_text()
        self.assertEqual(lines.count('precision = \\"fp32\\"'), 12)  # as --set has it
        # Another order from the same trainings.
        other = self.choose("a", "--add", "affine", "--rank-by", "effective-rank", "--json",
                            "-").json()
        self.assertEqual((self.folder / "a/trainings.jsonl").read_text(), lines)
        for row in other["rows"]:
            self.assertEqual(rows[row["views"]]["runs"], row["runs"])
            self.assertAlmostEqual(row["mean"], sum(run["effective_rank"]
                                                    for run in row["runs"]) / 2)

    def test_labels_give_a_score(self):
        online = self.choose("b", "--add", "none", "--json", "-", data="labelled").json()
        self.assertEqual(online["rank_by"], "online kNN (%)")
        measured = self.choose("b", "--add", "none", "--labelled", "labelled", "--json", "-").json()
        self.assertEqual(measured["rank_by"], "kNN (%)")
        for result in (online, measured):
            self.assertEqual(sorted(row["views"] for row in result["rows"]), sorted(ALL))
            for row in result["rows"]:
                for run in row["runs"]:
                    self.assertTrue(0 <= run["score"] <= 1, run)
                self.assertAlmostEqual(row["mean"], sum(run["score"] for run in row["runs"]) / 2)

    @unittest.skipUnless(support.has_optuna(), "no Optuna: ./dev setup --tune")
    def test_a_search_over_strengths(self):
        result = self.choose("s", "--add", "none", "--search", "3", "--json", "s.json", steps=4)
        self.assertRegex(result.out, r"views\.hflip\.p +0\.5 +0 \.\. 1")
        found = json.loads((self.folder / "s.json").read_text())
        search = found["search"]
        self.assertEqual(search["objective"], "fixed_views")
        self.assertEqual([trial["steps"] for trial in search["trials"]], [4, 4, 4])
        self.assertTrue(all(name.startswith("views.") for name in search["trials"][0]["settings"]))
        # The views as they are: the same training, measured on the same views.
        base = next(row for row in found["rows"] if row["views"] == "all")["runs"][0]
        self.assertAlmostEqual(search["trials"][0]["value"],
                               -base["alignment"] - base["uniformity"], places=5)
        for row in search["confirmed"]:
            self.assertEqual(row["seeds"], [1, 2])
        self.succeeds("train", search["best_recipe"], "--out", "best-views")
        # The same command goes on: nothing is trained again.
        again = self.choose("s", "--add", "none", "--search", "3", "--json", "-", steps=4)
        self.assertEqual(again.json()["search"]["trials"], search["trials"])

    @unittest.skipUnless(support.has_optuna(), "no Optuna: ./dev setup --tune")
    def test_a_search_begins_without_what_does_harm(self):
        self.choose("w", "--add", "none")
        kept = self.folder / "w/trainings.jsonl"
        trainings = [json.loads(line) for line in kept.read_text().splitlines()]
        for training in trainings:
            harmed = training["views"] != "without hflip"
            training["numbers"].update(alignment=harmed + 0.01 * training["seed"], uniformity=0)
        support.write(kept, "".join(json.dumps(training) + "\n" for training in trainings))
        result = self.choose("w", "--add", "none", "--search", "3", "--json", "-").json()
        self.assertEqual(result["rows"][0]["verdict"], "does harm")
        first, second, third = (trial["settings"] for trial in result["search"]["trials"])
        self.assertEqual(second, {**first, "views.hflip.p": "0.0"})
        self.assertNotEqual(third["views.hflip.p"], "0.0")

    @unittest.skipUnless(support.has_optuna(), "no Optuna: ./dev setup --tune")
    def test_a_search_by_labels(self):
        online = self.choose("u", "--add", "none", "--search", "2", "--json", "-",
                             data="labelled").json()["search"]
        self.assertEqual(online["objective"], "online")
        measured = self.choose("v", "--add", "none", "--search", "2", "--labelled", "labelled",
                               "--json", "-").json()["search"]
        self.assertEqual(measured["objective"], "eval")

    def test_goes_on_after_a_kill(self):
        """Killed in the middle and stopped: what was finished is kept, and the end is the same."""
        whole = self.without_seconds(self.choose("c", "--add", "none", "--json", "-", steps=30))
        kept = self.folder / "d/trainings.jsonl"
        for number, ending in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 128 + 15)):
            before = len(kept.read_text().splitlines()) if kept.exists() else 0
            process = self.start(*self.words("d", "--add", "none", steps=30))
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                if kept.exists() and len(kept.read_text().splitlines()) >= before + 2:
                    process.send_signal(number)
                    break
                time.sleep(0.005)
            process.communicate()
            self.assertEqual(process.returncode, ending)
        first = kept.read_text().splitlines()
        self.assertTrue(4 <= len(first) < 10, first)
        again = self.choose("d", "--add", "none", "--json", "-", steps=30)
        self.assertEqual(self.without_seconds(again), whole)
        lines = kept.read_text().splitlines()
        self.assertEqual(lines[:len(first)], first)
        self.assertEqual(len(lines), 10)
        # Other settings are other trainings.
        self.choose("d", "--add", "none", steps=31)
        self.assertEqual(len(kept.read_text().splitlines()), 20)

    def test_a_recipe_of_its_own(self):
        support.write(self.folder / "own.toml", """[data]
path = "photos"
[[view]]
size = 16
count = 2
ops = [{ op = "resize" }, { op = "affine", p = 0.5 }]
""")
        result = self.succeeds("choose-views", "own.toml", "--out", "e", "--steps", "2", "--seeds", "1",
                               "--add", "invert", *TINY)
        self.assertRegex(result.out, r"without affine +\d")
        self.assertRegex(result.out, r"with invert +\d[^\n]* one seed")
        changed = self.succeeds("choose-views", "own.toml", "--out", "e", "--steps", "2", "--seeds", "1",
                                "--add", "none", "--json", "-", "--set", "views.affine.p=1",
                                *TINY).json()
        self.assertEqual([row["views"] for row in changed["rows"]].count("without affine"), 1)
        lines = (self.folder / "e/trainings.jsonl").read_text().splitlines()
        self.assertEqual(len(lines), 4)  # without affine it is the same training

    def test_what_cannot_be_read_is_named(self):
        support.make_photos(self.folder / "bad")
        support.write(self.folder / "bad/broken.png", b"no picture")
        result = self.choose("i", "--add", "none", data="bad", steps=4)
        self.assertIn("broken.png", result.out)

    def test_texts(self):
        draw = random.Random(3)
        words = "where is the station house tree a red old dog runs near".split()
        support.write(self.folder / "texts.txt", "".join(
            " ".join(draw.choice(words) for _ in range(8)) + "\n" for _ in range(60)))
        support.write(self.folder / "texts.toml", """[data]
modality = "text"
path = "texts.txt"
[tokenizer]
size = 60
[encoder]
name = "static"
static.dim = 8
[views]
recipe = "deletion"
[train]
batch = 16
""")
        result = self.succeeds("choose-views", "texts.toml", "--out", "f", "--steps", "3", "--seeds",
                               "2", "--add", "crop,swap", "--json", "-").json()
        self.assertEqual(sorted(row["views"] for row in result["rows"]),
                         ["all", "crop instead", "swap instead"])
        self.assertEqual(result["rank_by"], "-(align + uniform)")
        if support.has_optuna():
            search = self.succeeds("choose-views", "texts.toml", "--out", "f", "--steps", "3",
                                   "--seeds", "2", "--add", "crop,swap", "--search", "2", "--json",
                                   "-").json()["search"]
            self.assertEqual([list(trial["settings"]) for trial in search["trials"]],
                             [["views.rate"]] * 2)
            base = next(row for row in result["rows"] if row["views"] == "all")["runs"][0]
            self.assertAlmostEqual(search["trials"][0]["value"],
                                   -base["alignment"] - base["uniformity"], places=5)
        support.write(self.folder / "pairs.tsv", "".join(
            f"{a}\t{b}\n" for a, b in support.sentence_pairs(60, 4)))
        self.fails(2, ["compared with other texts"], "choose-views", "texts.toml", "--data",
                   "pairs.tsv", "--out", "g")

    def test_sequences(self):
        draw = random.Random(1)
        support.write(self.folder / "walks.tsv", "user\titem\ttime\n" + "".join(
            f"u{user}\ti{draw.randrange(30)}\t{step}\n" for user in range(60) for step in range(8)))
        support.write(self.folder / "walks.toml", """[data]
modality = "interactions"
path = "walks.tsv"
[method]
name = "cl4srec"
[encoder]
dim = 8
sequence.inner = 16
[train]
batch = 30
""")
        result = self.succeeds("choose-views", "walks.toml", "--out", "h", "--steps", "3", "--seeds",
                               "2", "--json", "-").json()
        self.assertEqual(sorted(row["views"] for row in result["rows"]),
                         ["all", "without crop", "without mask", "without reorder"])
        self.assertIn("recall", result["rank_by"])
        if support.has_optuna():
            search = self.succeeds("choose-views", "walks.toml", "--out", "h", "--steps", "3",
                                   "--seeds", "2", "--search", "2", "--json", "-").json()["search"]
            self.assertEqual(search["objective"], "online")
            self.assertEqual(sorted(search["trials"][1]["settings"]),
                             ["views.crop", "views.mask", "views.reorder"])

    def test_bad_input(self):
        self.fails(2, ["colour_jitter", "color_jitter"],
                   *self.words("z", "--add", "colour_jitter"))
        self.fails(2, ["simclrr", "simclr"], *self.words("z", recipe="simclrr"))
        self.fails(2, ["no operations", "--add"], *self.words("z", "--add", "none", recipe="none"))
        self.fails(2, ["one view"], *self.words("z", recipe="eval"))
        self.fails(3, ["one", "1 picture"], *self.words("z", data="one"))
        self.fails(3, ["nowhere"], *self.words("z", data="nowhere"))
        self.fails(2, ["ranking by a score", "--labelled"], *self.words("z", "--rank-by", "score"))
        self.fails(2, ["--search", "--rank-by"],
                   *self.words("z", "--search", "2", "--rank-by", "effective-rank"))
        self.fails(2, ["ranking by a score", "--labelled"],
                   *self.words("z", "--search", "2", "--rank-by", "score"))
        self.fails(5, ["Optuna", "--python"],
                   *self.words("z", "--search", "2", "--python", "/bin/false"))
        self.assertFalse((self.folder / "z/trainings.jsonl").exists())
        self.fails(2, ["--data"], "choose-views", "simclr")
        support.make_boxed(self.folder / "boxed")
        support.write(self.folder / "boxes.toml", "data = { modality = \"boxes\", path = \"boxed\" }")
        self.fails(2, ["views of boxes"], "choose-views", "boxes.toml", "--out", "z")
        self.fails(3, ["photos"], *self.words("z", "--labelled", "photos"))


if __name__ == "__main__":
    unittest.main()
