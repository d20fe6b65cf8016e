#!/usr/bin/env python3
"""A training that is killed, stopped and resumed ends as if nothing had happened, to the bit."""
import json
import random
import re
import resource
import shlex
import shutil
import signal
import time
import unittest

import support

WEIGHTS = ("encoder.safetensors", "state.safetensors")
SEED = 20240607  # of the moments at which runs are killed
EPOCHS = 30
SETTINGS = [*support.TINY, f"train.epochs={EPOCHS}", "train.score_every=4",
            "train.loader_threads=2"]


class Resume(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_labelled(cls.folder / "data", train=20)
        result = cls.vistas(*cls.training("whole"))
        assert result.code == 0, result
        cls.steps = len(cls.metrics("whole"))

    @staticmethod
    def training(run, *more):
        return ["train", "data", "--out", run, *support.settings([*SETTINGS, *more])]

    @classmethod
    def metrics(cls, run):
        """What training wrote at every step, without what depends on the time."""
        path = cls.folder / run / "metrics.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        entries = [json.loads(line) for line in lines]
        return [{k: v for k, v in e.items() if k not in ("samples_per_s", "waiting")}
                for e in entries if "loss" in e]

    def weights(self, run):
        return [support.digest(self.folder / run / "checkpoints" / "last" / name)
                for name in WEIGHTS]

    def wait_for_step(self, process, run, step):
        """Returns once the run has written `step` lines; False if it ended before."""
        deadline = time.monotonic() + 120
        path = self.folder / run / "metrics.jsonl"
        while process.poll() is None:
            if path.exists() and path.read_bytes().count(b"\n") >= step:
                return True
            self.assertLess(time.monotonic(), deadline, f"{run} does not reach step {step}")
            time.sleep(0.001)
        return False

    def check_as_whole(self, run):
        self.assertEqual(self.weights(run), self.weights("whole"))
        self.assertEqual(self.metrics(run), self.metrics("whole"))
        self.assertEqual(sorted(p.name for p in (self.folder / run / "checkpoints").iterdir()),
                         sorted(p.name for p in (self.folder / "whole/checkpoints").iterdir()))

    def test_killed_at_random_moments(self):
        draw = random.Random(SEED)
        # Before the first checkpoint, then anywhere; between steps as well as within one. The last
        # steps are left alone: the program may end before the signal reaches it.
        targets = [2] + sorted(draw.randrange(4, self.steps - 80) for _ in range(7))
        arguments = self.training("killed")
        killed_at = []
        for target in targets:
            process = self.start(*arguments)
            reached = self.wait_for_step(process, "killed", target)
            time.sleep(draw.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            _, err = process.communicate()
            self.assertTrue(reached, f"ended before step {target}: {err}")
            self.assertEqual(process.returncode, -signal.SIGKILL, err)
            killed_at.append(len(self.metrics("killed")))
            arguments = ["train", "--resume", "killed"]
        self.assertTrue(any(step % (self.steps // EPOCHS) for step in killed_at),
                        f"only between epochs: {killed_at}")
        self.succeeds(*arguments)
        self.check_as_whole("killed")

    def check_signal(self, number):
        run = signal.Signals(number).name
        process = self.start(*self.training(run))
        self.assertTrue(self.wait_for_step(process, run, 10))
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + number, out + err)
        step = int(re.search(r"stopped at step (\d+)", out)[1])
        saved = json.loads((self.folder / run / "checkpoints/last/progress.json").read_text())
        self.assertEqual(saved["step"], step)
        command = shlex.split(re.search(r"^\s+(vistas train --resume .+)$", out, re.MULTILINE)[1])
        result = self.succeeds(*command[1:])
        self.assertIn(f"step {step} of {self.steps}", result.out)
        self.check_as_whole(run)

    def test_interrupted(self):
        self.check_signal(signal.SIGINT)

    def test_terminated(self):
        self.check_signal(signal.SIGTERM)

    def test_the_command_for_a_folder_with_spaces_can_be_pasted(self):
        process = self.start(*self.training("my run"))
        self.assertTrue(self.wait_for_step(process, "my run", 3))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        command = re.search(r"^\s+(vistas train --resume .+)$", out, re.MULTILINE)[1]
        self.assertEqual(shlex.split(command), ["vistas", "train", "--resume", "my run"])

    def test_a_failed_write_loses_no_checkpoint(self):
        last = self.folder / "full/checkpoints/last"
        process = self.start(*self.training("full", "train.log_every=100000"))
        while not (last / "progress.json").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        before = self.weights("full"), (last / "progress.json").read_bytes()
        # No file may grow beyond what half of the weights need; writes fail as on a full disk.
        limit = (last / "encoder.safetensors").stat().st_size // 2
        resume = ["train", "--resume", "full"]
        process = self.start(*resume, restore_signals=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))
        out, err = process.communicate(timeout=60)
        self.check_failure(support.Result(resume, process.returncode, out, err),
                           process.returncode, ["full/checkpoints", "File too large"])
        self.assertIn(process.returncode, (3, 5))
        self.assertEqual((self.weights("full"), (last / "progress.json").read_bytes()), before)
        self.succeeds(*resume)
        self.assertEqual(self.weights("full"), self.weights("whole"))

    def test_a_finished_run_stays_as_it_is(self):
        before = self.weights("whole"), self.metrics("whole")
        result = self.succeeds("train", "--resume", "whole")
        self.assertEqual(result.out.splitlines()[0], f"all {self.steps} steps are done already")
        again = self.succeeds("train", "--resume", "whole", "--json", "-").json()
        self.assertEqual((again["step"], again["steps_done"], again["loss"]),
                         (self.steps, 0, None))
        self.assertEqual((self.weights("whole"), self.metrics("whole")), before)

    def test_a_changed_setting_is_refused(self):
        before = self.weights("whole")
        self.fails(2, ["whole", "schedule.lr: 0.1 -> 0.2", "--out"],
                   "train", "--resume", "whole", "--set", "schedule.lr=0.2")
        self.fails(2, ["train.batch: 8 -> 4", "views.size: 16 -> 24"], "train", "--resume", "whole",
                   "--set", "train.batch=4", "--set", "views.size=24")
        self.fails(2, ['method.name: "simclr" -> "barlow"', "--out"],
                   "train", "--resume", "whole", "--method", "barlow")
        self.assertEqual(self.weights("whole"), before)
        self.succeeds("train", "--resume", "whole", "--set", "schedule.lr=0.1")
        self.succeeds("train", "data", "--resume", "whole")
        self.fails(2, ['data.path: "data" -> "other"'], "train", "other", "--resume", "whole")

    def test_an_edited_configuration_is_refused(self):
        shutil.copytree(self.folder / "whole", self.folder / "edited", symlinks=True)
        config = self.folder / "edited/config.toml"
        text = config.read_text()
        config.write_text(text.replace("momentum = 0.9", "momentum = 0.7", 1))
        self.assertNotEqual(config.read_text(), text)
        self.fails(2, ["optimizer.momentum: 0.9 -> 0.7"], "train", "--resume", "edited")
        config.write_text(text)
        self.succeeds("train", "--resume", "edited")

    def test_options_that_fix_the_length_are_refused(self):
        self.fails(2, ["--max-time"], "train", "--resume", "whole", "--max-time", "5s")
        self.fails(2, ["--dry-run"], "train", "--resume", "whole", "--dry-run")

    def test_the_recipe_it_began_with_is_accepted(self):
        support.write(self.folder / "recipe.toml", """
            data.path = "data"
            encoder = {name = "conv4", width = 8}
            views.size = 16
            train = {batch = 8, epochs = 1, precision = "fp32"}
            """)
        self.succeeds("train", "recipe.toml", "--out", "by recipe")
        self.succeeds("train", "recipe.toml", "--resume", "by recipe")
        self.fails(2, ["encoder.width: 8 -> 16"], "train", "recipe.toml", "--resume", "by recipe",
                   "--set", "encoder.width=16")

    def test_changed_data_is_refused(self):
        shutil.copytree(self.folder / "data", self.folder / "grown")
        self.succeeds("train", "grown", "--out", "on grown",
                      *support.settings([*support.TINY, "train.epochs=1"]))
        added = support.write(self.folder / "grown/train/circle/new.png",
                              support.picture("circle", "new"))
        self.fails(3, ["on grown", "changed", "new run"], "train", "--resume", "on grown")
        added.unlink()
        self.succeeds("train", "--resume", "on grown")

    def test_nothing_to_resume(self):
        self.fails(3, ["nowhere", "nothing there"], "train", "--resume", "nowhere")
        self.fails(3, ["data", "no config.toml"], "train", "--resume", "data")


if __name__ == "__main__":
    unittest.main()
