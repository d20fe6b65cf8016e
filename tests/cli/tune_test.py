#!/usr/bin/env python3
"""vistas tune: what is searched, pruned, kept and continued, and what bad input is told.

Searching needs a Python with Optuna: VISTAS_TUNE_PYTHON, otherwise the one that runs this test.
"""
import json
import os
import random
import resource
import signal
import time
import unittest

import support

needs_optuna = unittest.skipUnless(
    support.has_optuna(),
    "no Optuna: ./dev setup --tune, or name a Python that has it in VISTAS_TUNE_PYTHON")

TINY = [setting for setting in support.TINY if not setting.startswith(
    ("schedule.lr", "train.epochs", "train.batch"))]
STUDY = ("--only", "lr,temperature", "--trial-steps", "10", "--pruner", "none", "--confirm", "0")
LONG = ("--only", "lr", "--trial-steps", "400", "--pruner", "none")


class Tune(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_labelled(cls.folder / "labelled")
        support.make_photos(cls.folder / "photos")

    def words(self, data, out, *words, sets=()):
        return ("tune", data, "--out", out, *words,
                *support.settings([*TINY, "train.batch=8", *sets]))

    def tune(self, data, out, *words, sets=()):
        return self.succeeds(*self.words(data, out, *words, "--json", "-", sets=sets)).json()

    def study(self, out):
        return self.folder / out

    def test_what_is_searched_is_printed(self):
        result = self.succeeds(*self.words("labelled", "none", "--dry-run", "--space",
                                           "optimizer.momentum=0.8..0.99"))
        for line in (r"schedule\.lr +0\.2 +0\.02 \.\. 2, log",
                     r"optimizer\.momentum +0\.9 +0\.8 \.\. 0\.99",
                     r"views\.crop_area +\[\] +\[\], \[0\.08, 1\.0\]"):
            self.assertRegex(result.out, line)
        for fixed in ("train.batch", "method.projector.out"):  # by --set
            self.assertNotIn(fixed, result.out)
        without = self.succeeds(*self.words("photos", "none", "--dry-run")).out
        self.assertIn("schedule.lr", without)
        self.assertNotIn("views.", without)
        self.assertFalse(self.study("none").exists())

    @needs_optuna
    def test_the_best_recipe_gives_the_same_score_again(self):
        result = self.tune("labelled", "best", "--trials", "4", *STUDY)
        trials = result["trials"]
        self.assertEqual([trial["state"] for trial in trials], ["complete"] * 4)
        self.assertEqual(trials[0]["settings"], {"schedule.lr": "0.2", "method.temperature": "0.2"})
        self.assertEqual(len({trial["settings"]["schedule.lr"] for trial in trials}), 4)
        best = max(trials, key=lambda trial: trial["value"])
        self.assertEqual(trials[result["best"]]["value"], best["value"])
        for trial in trials:
            self.assertEqual(trial["steps"], 10)
            self.assertGreater(trial["peak_memory_bytes"], 10_000_000)
            kept = self.study("best") / "trials" / f"{trial['trial']:04}"
            self.assertEqual((kept / "checkpoints").exists(), trial["trial"] == result["best"])
            scores = [json.loads(line) for line in (kept / "metrics.jsonl").read_text().splitlines()]
            scores = [line for line in scores if "online_score" in line]
            self.assertEqual([line["step"] for line in scores], [2, 4, 6, 8, 10])
            self.assertEqual(scores[-1]["online_score"], trial["value"])
        again = self.succeeds("train", result["best_recipe"], "--out", "again", "--json", "-").json()
        self.assertEqual(again["step"], 10)
        lines = (self.folder / "again/metrics.jsonl").read_text()
        self.assertEqual(json.loads(lines.splitlines()[-1]).get("online_score"), best["value"])
        # More trials of the same study; those of before stay.
        more = self.tune("labelled", "best", "--trials", "5", *STUDY)
        self.assertEqual(more["trials"][:4], trials)
        self.assertEqual(len(more["trials"]), 5)

    @needs_optuna
    def test_the_best_are_trained_again_with_fresh_seeds(self):
        study = ("--trials", "4", *STUDY[:-1], "2", "--seeds", "2")
        result = self.tune("labelled", "fresh", *study)
        trials = result["trials"]
        best = sorted(trials, key=lambda trial: -trial["value"])[:2]
        confirmed = {row["trial"]: row for row in result["confirmed"]}
        self.assertEqual(set(confirmed), {0} | {trial["trial"] for trial in best})
        for trial, row in confirmed.items():
            self.assertEqual(row["seeds"], [1, 2])
            self.assertAlmostEqual(row["mean"], sum(row["values"]) / 2)
            self.assertTrue((self.study("fresh") / f"trials/{trial:04}/checkpoints").exists())
            for seed in row["seeds"]:
                run = self.study("fresh") / f"confirm/{trial:04}-seed-{seed}"
                self.assertFalse((run / "checkpoints").exists())
                lines = (run / "metrics.jsonl").read_text().splitlines()
                self.assertEqual(json.loads(lines[-1])["step"], 10)
        winner = confirmed[result["best"]]
        self.assertEqual(winner["mean"], max(row["mean"] for row in confirmed.values()))
        # Its recipe gives all these numbers again.
        toml = (self.study("fresh") / "best.toml").read_text()
        self.assertIn("With the fresh seeds 1, 2", toml)
        values = {0: trials[result["best"]]["value"], 2: winner["values"][1]}
        for seed, value in values.items():
            out = self.folder / f"fresh-{seed}"
            self.succeeds("train", result["best_recipe"], "--out", out, "--set", f"train.seed={seed}")
            last = (out / "metrics.jsonl").read_text().splitlines()[-1]
            self.assertEqual(json.loads(last)["online_score"], value)
        # What is there is not trained again; another seed comes to it.
        kept = self.study("fresh") / "confirm.jsonl"
        before = kept.read_text()
        self.assertEqual(self.tune("labelled", "fresh", *study)["confirmed"], result["confirmed"])
        self.assertEqual(kept.read_text(), before)
        more = self.tune("labelled", "fresh", *study[:-1], "3")["confirmed"]
        self.assertTrue(kept.read_text().startswith(before))
        for row in more:
            self.assertEqual(row["values"][:2], confirmed[row["trial"]]["values"])
            self.assertEqual(len(row["values"]), 3)

    @needs_optuna
    def test_a_killed_training_with_a_fresh_seed_goes_on(self):
        words = (*LONG, "--trials", "2", "--confirm", "2", "--seeds", "1")
        whole = self.tune("labelled", "fresh-whole", *words)
        process = self.start(*self.words("labelled", "fresh-killed", *words))
        run = self.study("fresh-killed") / "confirm/0000-seed-1"
        while not ((run / "metrics.jsonl").exists() and
                   "online_score" in (run / "metrics.jsonl").read_text()):
            self.assertIsNone(process.poll(), process)
            time.sleep(0.05)
        process.kill()
        process.communicate()
        self.assertFalse((self.study("fresh-killed") / "confirm.jsonl").exists())
        result = self.tune("labelled", "fresh-killed", *words)
        self.assertEqual(len(whole["confirmed"]), 2)
        self.assertEqual(result["confirmed"], whole["confirmed"])
        self.assertEqual(result["best"], whole["best"])
        log = self.study("fresh-killed") / "confirm/0000-seed-1.log"
        self.assertIn("going on at step", log.read_text())

    @needs_optuna
    def test_time_is_left_for_fresh_seeds(self):
        # A thousand trainings more would not fit, so no second trial does.
        result = self.tune("labelled", "left", *STUDY[:-1], "49", "--trials", "50", "--seeds", "20",
                           "--time", "60s")
        self.assertEqual(len(result["trials"]), 1)
        self.assertEqual(result["confirmed"], [])

    @needs_optuna
    def test_bad_trials_are_given_up(self):
        result = self.tune("labelled", "pruned", "--trials", "6", "--only", "lr", "--trial-steps",
                           "200", "--confirm", "0", sets=["train.log_every=10"])
        states = {trial["state"] for trial in result["trials"]}
        self.assertEqual(states, {"complete", "pruned"})
        for trial in result["trials"]:
            if trial["state"] == "pruned":
                run = self.study("pruned") / "trials" / f"{trial['trial']:04}"
                self.assertLess(len((run / "metrics.jsonl").read_text().splitlines()), 25)
                self.assertFalse((run / "checkpoints").exists())

    @needs_optuna
    def test_batches_with_as_many_samples(self):
        result = self.succeeds("tune", "labelled", "--out", "batches", "--only", "batch", "--trial-steps",
                               "12", "--workers", "2", "--json", "batches.json",
                               *support.settings(TINY))
        trials = json.loads((self.folder / "batches.json").read_text())["trials"]
        self.assertEqual([trial["settings"]["train.batch"] for trial in trials], ["2", "4"])
        self.assertEqual([trial["steps"] for trial in trials], [24, 12])
        self.assertRegex(result.out, r"trial +online score \(%\) +fresh seeds +end +steps +time "
                                     r"+memory +batch")
        self.assertRegex(result.out, r"\n +0 +[\d.]+ +[\d.]+ ± [\d.]+ +complete +24 ")

    @needs_optuna
    def test_a_score_without_labels(self):
        result = self.tune("photos", "unlabelled", "--trials", "2", *STUDY)
        self.assertEqual(result["objective"], "alignment_uniformity")
        for trial in result["trials"]:
            lines = self.study("unlabelled") / "trials" / f"{trial['trial']:04}" / "metrics.jsonl"
            last = [json.loads(line) for line in lines.read_text().splitlines()][-5:]
            self.assertAlmostEqual(trial["value"], -sum(
                line["alignment"] + line["uniformity"] for line in last) / 5)

    @needs_optuna
    def test_a_score_by_an_evaluation(self):
        result = self.tune("photos", "evaluated", "--trials", "2", "--eval-data", "labelled",
                           "--eval-task", "knn", *STUDY)
        for trial in result["trials"]:
            self.assertEqual(trial["state"], "complete")
            self.assertTrue(0 <= trial["value"] <= 1)
        run = self.study("evaluated") / "trials" / f"{result['best']:04}"
        rows = self.succeeds("eval", run, "--data", "labelled", "--tasks", "knn", "--json",
                             "-").json()["rows"]
        self.assertEqual(rows[0]["mean"], result["trials"][result["best"]]["value"])

    @needs_optuna
    def test_probabilities_and_strengths_of_views(self):
        study = ("--views", "--trials", "3", "--trial-steps", "10", "--pruner", "none", "--seeds", "1")
        result = self.tune("labelled", "views", *study, sets=["views.color_jitter.saturation=0"])
        names = {d["name"]: d["values"] for d in result["space"]}
        self.assertEqual(set(names), {f"views.{name}" for name in (
            "random_resized_crop.scale", "hflip.p", "color_jitter.p", "color_jitter.brightness",
            "color_jitter.contrast", "color_jitter.hue", "grayscale.p")})
        self.assertEqual(names["views.hflip.p"], "0 .. 1")
        best = result["trials"][result["best"]]
        self.assertEqual(len({trial["settings"]["views.hflip.p"] for trial in result["trials"]}), 3)
        toml = (self.study("views") / "best.toml").read_text()
        self.assertIn('{ op = "hflip", p = ' + best["settings"]["views.hflip.p"] + " }", toml)
        self.assertIn("saturation = 0.0", toml)
        self.succeeds("train", result["best_recipe"], "--out", "views-again")
        last = (self.folder / "views-again/metrics.jsonl").read_text().splitlines()[-1]
        self.assertEqual(json.loads(last)["online_score"], best["value"])

    @needs_optuna
    def test_views_without_labels_are_scored_on_the_same_views(self):
        result = self.tune("photos", "same-views", "--views", "--trials", "3", "--trial-steps", "10",
                           "--confirm", "0")
        self.assertEqual(result["objective"], "fixed_views")
        self.assertEqual([trial["state"] for trial in result["trials"]], ["complete"] * 3)
        self.assertEqual(len({trial["value"] for trial in result["trials"]}), 3)
        self.fails(2, ["under its own views", "fixed_views"],
                   *self.words("photos", "own", "--views", "--objective", "alignment_uniformity"))
        self.assertFalse(self.study("own").exists())

    @needs_optuna
    def test_texts_by_an_evaluation(self):
        words = [first + second for first in "bdfgkl" for second in "aeiou"]
        pairs = [" ".join(words[(i * step) % len(words)] for step in (1, 3, 7)) for i in range(60)]
        support.write(self.folder / "pairs.tsv", "".join(f"{a}\t{a.upper()}\n" for a in pairs))
        support.write(self.folder / "scored.csv", "".join(
            f"{a},{pairs[i - i % 2].upper()},{int(i % 2 == 0)}\n" for i, a in enumerate(pairs)))
        self.fails(2, ["--views", "compared with other texts"], "tune", "pairs.tsv", "--out", "none",
                   "--views", *support.settings(["tokenizer.size=60"]))
        result = self.succeeds(
            "tune", "pairs.tsv", "--out", "texts", "--trials", "2", "--only", "lr", "--trial-steps",
            "10", "--eval-task", "sts:scored.csv", "--seeds", "2", "--json", "-", *support.settings(
                ["encoder.static.dim=8", "tokenizer.size=60", "train.batch=16"])).json()
        self.assertEqual(result["objective"], "eval")
        self.assertEqual([len(row["values"]) for row in result["confirmed"]], [2, 2])
        best = result["trials"][result["best"]]
        rows = self.succeeds("eval", self.study("texts") / "trials" / f"{best['trial']:04}",
                             "--tasks", "sts:scored.csv", "--json", "-").json()["rows"]
        self.assertEqual(rows[0]["mean"], best["value"])

    @needs_optuna
    def test_interactions_by_validation(self):
        draw = random.Random(1)
        support.write(self.folder / "interactions.tsv", "user\titem\n" + "".join(
            f"{user}\t{item}\n" for user in range(40) for item in draw.sample(range(60), 10)))
        result = self.succeeds(
            "tune", "interactions.tsv", "--out", "taste", "--trials", "2", "--only", "lr",
            "--trial-steps", "20", "--seeds", "1", "--json", "-", *support.settings(["encoder.dim=8",
                                                                     "train.batch=32"])).json()
        self.assertEqual(result["objective"], "online")
        # Training once more on validation too would be another run than the one with the score.
        self.assertIn("refit = false", (self.study("taste") / "best.toml").read_text())

    @needs_optuna
    def test_a_trial_has_its_share_of_the_time(self):
        result = self.tune("labelled", "timed", "--time", "20s", "--trials", "2", "--only", "lr",
                           "--seeds", "1", sets=["train.log_every=1000"])
        self.assertEqual(result["trial_seconds"], 5)  # two with a fresh seed
        self.assertGreater(result["trials"][0]["steps"], 1)

    def start_study(self, out, *words):
        process = self.start(*self.words("labelled", out, *LONG, "--trials", "3", "--confirm", "0",
                                         *words))
        metrics = self.study(out) / "trials/0000/metrics.jsonl"
        while not (metrics.exists() and "online_score" in metrics.read_text()):
            self.assertIsNone(process.poll(), process)
            time.sleep(0.05)
        return process

    @needs_optuna
    def test_a_killed_study_goes_on(self):
        whole = self.tune("labelled", "whole", *LONG, "--trials", "1")
        for out, kill in (("killed", signal.SIGKILL), ("stopped", signal.SIGINT)):
            process = self.start_study(out)
            process.send_signal(kill)
            process.communicate()
            self.assertEqual(process.returncode, -9 if kill == signal.SIGKILL else 130)
            result = self.tune("labelled", out, *LONG, "--trials", "2", "--workers", "2",
                               "--confirm", "0")
            self.assertEqual([trial["state"] for trial in result["trials"]], ["complete"] * 2)
            # From its checkpoint, with the numbers of one that nobody has stopped.
            self.assertEqual(result["trials"][0]["value"], whole["trials"][0]["value"])
            self.assertIn("going on at step", (self.study(out) / "trials/0000.log").read_text())

    @needs_optuna
    def test_one_process_at_a_time(self):
        process = self.start_study("locked")
        other = self.start(*self.words("labelled", "locked", *LONG, "--trials", "3"))
        time.sleep(2)
        other.send_signal(signal.SIGINT)  # it would wait for half a minute
        out, err = other.communicate()
        self.assertEqual(other.returncode, 5, err)
        self.assertIn("another process works on this study", err)
        process.send_signal(signal.SIGINT)
        process.communicate()

    @needs_optuna
    def test_a_training_that_dies_goes_on_once(self):
        process = self.start_study("dies")
        for _ in range(2):
            trainings = self.trainings(process.pid)
            os.kill(trainings[0], signal.SIGKILL)
            while trainings[0] in self.trainings(process.pid):
                time.sleep(0.05)
            while not self.trainings(process.pid) and process.poll() is None:
                time.sleep(0.05)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 5, err)
        self.assertIn("it goes on once", err)
        self.assertIn("killed by signal 9", err)
        self.assertIn("trials/0000.log", err)
        result = self.tune("labelled", "dies", *LONG, "--trials", "1")
        self.assertEqual([trial["state"] for trial in result["trials"]], ["complete"])

    @staticmethod
    def trainings(parent):
        """Processes of `vistas train` whose parent this is."""
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/stat") as stat, open(f"/proc/{name}/cmdline") as line:
                    words, command = stat.read().rsplit(")", 1)[1].split(), line.read()
                if int(words[1]) == parent and words[0] != "Z" and "\0train\0" in command:
                    found.append(int(name))
            except (OSError, IndexError):
                pass
        return found

    @needs_optuna
    def test_a_full_disk_loses_nothing(self):
        # Below the size of the trials' database, then of a checkpoint.
        for limit, words in ((40_000, ["study.db"]), (1_000_000, ["0000", "File too large"])):
            process = self.start(
                *self.words("labelled", "full", "--trials", "1", *STUDY, sets=["encoder.width=128"]),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            out, err = process.communicate()
            self.check_failure(support.Result(["tune"], process.returncode, out, err), 5,
                               [*words, "goes on"])
        result = self.tune("labelled", "full", "--trials", "1", *STUDY, sets=["encoder.width=128"])
        self.assertEqual([trial["state"] for trial in result["trials"]], ["complete"])

    @needs_optuna
    def test_another_study_in_the_folder(self):
        self.tune("labelled", "mine", "--trials", "1", *STUDY)
        before = (self.study("mine") / "study.db").read_bytes()

        def differs(words, *more, sets=(), data="labelled"):
            self.fails(2, ["mine", *words, "--out"],
                       *self.words(data, "mine", "--trials", "1", *(more or STUDY), sets=sets))

        differs(["optimizer.weight_decay: 0.0005 -> 0.1"], sets=["optimizer.weight_decay=0.1"])
        differs(["data.path"], data="photos")
        differs(["the space", "- method.temperature"], "--only", "lr", "--trial-steps", "10")
        differs(["the length of a trial: 10 steps -> 20 steps"], "--only", "lr,temperature",
                "--trial-steps", "20")
        differs(["the objective"], "--objective", "effective_rank", "--space",
                "temperature=0.025..0.4,log", *STUDY)
        support.write(self.folder / "labelled/train/circle/new.png", support.picture("circle", 9))
        differs(["the samples have changed"])
        (self.folder / "labelled/train/circle/new.png").unlink()
        self.assertEqual((self.study("mine") / "study.db").read_bytes(), before)

    def test_tasks_that_do_not_exist_are_named_at_once(self):
        support.write(self.folder / "lines.txt", "one line\nanother line\nthe third line\n")
        for data, task, told in (("labelled", "knnn", "Did you mean knn"),
                                 ("photos", "ranking", "--eval-task"),
                                 ("lines.txt", "stss:scored.csv", "sts")):
            self.fails(2, [told], "tune", data, "--eval-task", task, "--out", "no task")
            self.assertFalse((self.folder / "no task").exists())

    def test_bad_spaces(self):
        def space(words, *wishes):
            self.fails(2, words, *self.words("labelled", "bad", *wishes))

        space(["schedule.lr=1..1", "an empty range"], "--space", "schedule.lr=1..1")
        space(["method.temprature", "method.temperature"], "--space", "method.temprature=0.1..1")
        space(["learning", "no setting"], "--only", "learning")
        space(["method.name", "compared"], "--space", "method.name=simclr,byol")
        space(["encoder.width", "--space"], "--only", "encoder.width")
        self.fails(2, ["schedule.lrr", "schedule.lr"], *self.words(
            "labelled", "bad", sets=["schedule.lrr=1"]))
        self.fails(2, ["--objective online", "labels"],
                   *self.words("photos", "bad", "--objective", "online"))
        self.assertFalse(self.study("bad").exists())

    def test_without_optuna(self):
        self.fails(5, ["Optuna", "/bin/false", "--python"], "tune", "labelled", "--out", "bad",
                   "--python", "/bin/false")
        self.assertFalse(self.study("bad").exists())

    @needs_optuna
    def test_a_recipe_that_cannot_be_trained(self):
        self.fails(2, ["micro_batch", "got 8 and 5"], *self.words(
            "labelled", "broken", "--trials", "2", *STUDY, sets=["train.micro_batch=5"]))
        self.assertFalse(self.study("broken").exists())

    @needs_optuna
    def test_trials_that_cannot_be_trained(self):
        def fails(words, out, values):
            return self.fails(2, [*words, "got 8 and", ".log"], *self.words(
                "labelled", out, "--only", "micro_batch", "--space", f"micro_batch={values}",
                "--trial-steps", "10"))

        fails(["the first trial failed"], "first", "5,8")
        result = fails(["3 trials in a row failed"], "row", "8,3,5,7")
        self.assertIn("trial 0: complete", result.err)

    @needs_optuna
    def test_a_folder_of_something_else(self):
        support.write(self.folder / "else/notes.txt", "mine")
        self.fails(2, ["else"], *self.words("labelled", "else", "--trials", "1", *STUDY))


if __name__ == "__main__":
    unittest.main()
