#!/usr/bin/env python3
"""Several processes train one run: started by hand or by torchrun, stopped, killed, resumed."""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import unittest

import support
from resume_test import WEIGHTS

SETTINGS = support.settings([*support.TINY, "train.epochs=30", "train.loader_threads=1"])
TORCHRUN = pathlib.Path(os.environ.get("VISTAS_TORCH", "")).parents[3:4]
TORCHRUN = TORCHRUN[0] / "bin/torchrun" if TORCHRUN else pathlib.Path("torchrun")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Group(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_labelled(cls.folder / "data", train=20)
        results = cls.wait(cls.processes(*cls.training("whole")))
        assert all(r.code == 0 for r in results), results[0]

    @staticmethod
    def training(run, *more):
        return ["train", "data", "--out", run, *SETTINGS, *more]

    @classmethod
    def processes(cls, *arguments, of_each=((), ()), environment=None):
        """One command in several processes, as a launcher starts them."""
        port, out = free_port(), []
        for rank, more in enumerate(of_each):
            place = {"RANK": rank, "WORLD_SIZE": len(of_each), "MASTER_ADDR": "127.0.0.1",
                     "MASTER_PORT": port, "OMP_NUM_THREADS": 1, **(environment or {})}
            out.append(subprocess.Popen(
                [support.PROGRAM, *map(str, arguments), *more], cwd=cls.folder,
                env={**support.ENVIRONMENT, **{k: str(v) for k, v in place.items()}},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"))
        return out

    @staticmethod
    def wait(processes):
        results = []
        for p in processes:
            out, err = p.communicate(timeout=120)
            results.append(support.Result(p.args, p.returncode, out, err))
        return results

    def wait_for_step(self, run, step):
        path = self.folder / run / "metrics.jsonl"
        deadline = time.monotonic() + 120
        while not (path.exists() and path.read_bytes().count(b"\n") >= step):
            self.assertLess(time.monotonic(), deadline, f"{run} does not reach step {step}")
            time.sleep(0.001)

    def check_as_whole(self, run):
        weights = [[support.digest(self.folder / r / "checkpoints/last" / name) for name in WEIGHTS]
                   for r in (run, "whole")]
        self.assertEqual(*weights)

    def test_one_of_them_speaks_and_writes(self):
        first, second = self.wait(self.processes(*self.training("two"), "--json", "-"))
        self.assertEqual((first.code, second.code), (0, 0), first)
        self.assertEqual(first.json()["step"], 210)
        self.assertEqual(second.out, "")
        self.check_as_whole("two")

    def test_a_signal_to_one_stops_all_and_they_go_on_to_the_same_end(self):
        processes = self.processes(*self.training("stopped"))
        self.wait_for_step("stopped", 40)
        processes[1].send_signal(signal.SIGTERM)
        first, second = self.wait(processes)
        self.assertIn("stopped at step", first.out, first)
        self.assertEqual(second.code, 128 + signal.SIGTERM, second)
        for result in self.wait(self.processes("train", "--resume", "stopped")):
            self.assertEqual(result.code, 0, result)
        self.check_as_whole("stopped")

    def test_a_killed_one_ends_the_others(self):
        processes = self.processes(*self.training("killed"))
        self.wait_for_step("killed", 40)
        processes[1].kill()
        first, _ = self.wait(processes)
        self.check_failure(first, 5, ["cannot reach each other", "Another process"])
        for result in self.wait(self.processes("train", "--resume", "killed")):
            self.assertEqual(result.code, 0, result)
        self.check_as_whole("killed")

    @unittest.skipUnless(TORCHRUN.exists(), "no torchrun beside LibTorch")
    def test_torchrun_starts_a_killed_one_again(self):
        process = subprocess.Popen(
            [TORCHRUN, "--no-python", "--nproc-per-node", "2", "--max-restarts", "1",
             "--master-port", str(free_port()), support.PROGRAM, *self.training("again")],
            cwd=self.folder, env=support.ENVIRONMENT, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8")
        self.wait_for_step("again", 40)
        workers = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "data --out again"],
                                 capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(workers[-1]), signal.SIGKILL)
        out, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, out)
        self.assertIn("going on at step", out)
        self.check_as_whole("again")

    def test_segmenters_that_are_started_again_go_on(self):
        support.make_masked(self.folder / "masks")
        tiny = support.settings([*support.TINY_DENSE, "train.log_every=1"])
        train = ["segment", "train", "scratch", "--data", "masks", "--epochs", "40", *tiny, "--out",
                 "segmenter"]
        killed = self.processes(*train)
        self.wait_for_step("segmenter", 3)
        for process in killed:
            process.kill()
        self.wait(killed)
        restart = {"TORCHELASTIC_RESTART_COUNT": 1}
        for result in self.wait(self.processes(*train, "--set", "schedule.lr=0.5",
                                               environment=restart)):
            self.check_failure(result, 2, ["these differ", "schedule.lr"])
        again = self.wait(self.processes(*train, environment=restart))
        self.assertEqual([r.code for r in again], [0, 0], again[0])
        log = (self.folder / "segmenter/log.txt").read_text()
        self.assertIn("resumed at step", log)

    def test_memory_is_kept_to_together(self):
        wide = ["train", "data", *support.settings([
            "encoder.name=resnet18", "encoder.width=8", "encoder.stem=cifar", "views.size=64",
            "train.batch=48", "train.precision=fp32"])]
        whole = self.shared(*wide, "--dry-run", processes=2)
        peak, fixed = whole["peak_memory_bytes"], whole["memory"]["program"]
        limit = int(fixed + 0.7 * (peak - fixed))
        fit = self.shared(*wide, "--dry-run", "--fit-memory", str(limit), processes=2)
        self.assertLess(fit["peak_memory_bytes"], 1.03 * limit)
        self.assertTrue(fit["recompute"] or 0 < fit["micro_batch"] < 24, fit)

    def test_processes_with_other_recipes_are_refused(self):
        for more, word in ((("--set", "schedule.lr=0.2"), "recipe"), (("--data", "data/train"), "")):
            for result in self.wait(self.processes(*self.training("other"), of_each=((), more))):
                self.check_failure(result, 2, ["process", word])
            self.assertFalse((self.folder / "other").exists())

    def shared(self, *arguments, processes=3):
        """What the first of several processes says as JSON; the others say nothing."""
        results = self.wait(self.processes(*arguments, "--json", "-",
                                           of_each=((),) * processes))
        for result in results:
            self.assertEqual(result.code, 0, result)
        for result in results[1:]:
            self.assertEqual(result.out, "")
        return results[0].json()

    def test_evaluation_embedding_and_search_are_shared(self):
        exact = ["--precision", "fp32", "--device", "cpu"]
        (self.folder / "data/train/circle/broken.png").write_bytes(b"no picture")
        self.addCleanup(os.remove, self.folder / "data/train/circle/broken.png")

        evaluate = ["eval", "whole", "--data", "data", "--tasks", "knn,linear",
                    "--baselines=pixels,untrained", *exact]
        alone = self.succeeds(*evaluate, "--json", "-").json()
        together = self.shared(*evaluate)
        self.assertEqual(together["bad_images"], 1)
        self.assertEqual(together["first_bad_images"], alone["first_bad_images"])
        for a, b in zip(alone["rows"], together["rows"], strict=True):
            self.assertEqual((a["encoder"], a["task"]), (b["encoder"], b["task"]))
            self.assertAlmostEqual(a["mean"], b["mean"], delta=0.02)

        embed = ["embed", "whole", "data", *exact, "-o"]
        self.succeeds(*embed, "alone.safetensors")
        self.assertEqual(self.shared(*embed, "together.safetensors")["bad_images"], 1)
        one, two = (support.read_safetensors(self.folder / f"{name}.safetensors")[0]
                    for name in ("alone", "together"))
        self.assertEqual(one["paths"], two["paths"])
        for a, b in zip(support.rows_of(one["embeddings"]), support.rows_of(two["embeddings"]),
                        strict=True):
            for x, y in zip(a, b):
                self.assertAlmostEqual(x, y, places=4)

        near = ["near", "whole", "data/test", "--in", "data", "-k", "3", *exact]
        alone = self.succeeds(*near, "--json", "-").json()
        together = self.shared(*near)
        for a, b in zip(alone, together, strict=True):
            self.assertEqual(a["query"], b["query"])
            for x, y in zip(a["neighbours"], b["neighbours"], strict=True):
                self.assertAlmostEqual(x["cosine"], y["cosine"], places=3)

    def test_texts_are_shared(self):
        support.write(self.folder / "pairs.tsv", "".join(
            f"{a}\t{b}\n" for a, b in support.sentence_pairs(200, 3)))
        self.succeeds("train", "pairs.tsv", "--epochs", "1", "--out", "texts")
        embed = ["embed", "texts", "pairs.tsv", "--columns", "1", "--precision", "fp32", "-o"]
        self.succeeds(*embed, "alone.safetensors")
        self.shared(*embed, "together.safetensors")
        one, two = (support.read_safetensors(self.folder / f"{name}.safetensors")[0]
                    for name in ("alone", "together"))
        self.assertEqual(one["texts"], two["texts"])
        for a, b in zip(support.rows_of(one["embeddings"]), support.rows_of(two["embeddings"]),
                        strict=True):
            for x, y in zip(a, b):
                self.assertAlmostEqual(x, y, places=5)
        measure = ["eval", "texts", "--tasks", "bitext:pairs.tsv"]
        alone = self.succeeds(*measure, "--json", "-").json()
        self.assertEqual(self.shared(*measure)["rows"], alone["rows"])

    def test_segmenters_are_trained_and_measured_together(self):
        support.make_masked(self.folder / "masked")
        tiny = support.settings([*support.TINY_DENSE, "train.log_every=1"])
        train = ["segment", "train", "scratch", "--data", "masked", "--epochs", "20", *tiny]
        self.succeeds(*train, "--out", "masks one")
        results = self.wait(self.processes(*train, "--out", "masks two"))
        self.assertEqual([r.code for r in results], [0, 0], results[0])
        measure = ["--data", "masked", "--precision", "fp32", "--batch", "1"]
        alone = self.succeeds("segment", "eval", "masks one", *measure, "--json", "-").json()
        self.assertEqual(self.shared("segment", "eval", "masks one", *measure), alone)
        # Later steps part, as they do for another number of threads.
        first = [json.loads((self.folder / run / "metrics.jsonl").read_text().splitlines()[0])["loss"]
                 for run in ("masks one", "masks two")]
        self.assertAlmostEqual(*first, places=3)
        use = ["segment", "run", "masks one", "masked/images/val", "--batch", "1", "-o"]
        answer = self.shared(*use, "drawn")
        self.assertEqual(answer, self.succeeds(*use, "by one", "--json", "-").json())
        self.assertEqual(len(answer["pictures"]), 4)
        self.assertEqual(len(list((self.folder / "drawn").iterdir())), 4)

    def test_graphs_are_shared_and_lists_too(self):
        draw = random.Random(1)
        support.write(self.folder / "likes.tsv", "user\titem\n" + "".join(
            f"u{u}\ti{i}\n" for u in range(300) for i in draw.sample(range(200), 30)))
        weights = []
        for count in (1, 2):
            out = f"graph {count}"
            results = self.wait(self.processes(
                "train", "likes.tsv", "--out", out, "--epochs", "2", "--no-refit", "--set",
                "train.batch=128", "--precision", "fp32", of_each=((),) * count))
            self.assertEqual([r.code for r in results], [0] * count, results[0])
            weights.append([support.digest(self.folder / out / "checkpoints/last" / name)
                            for name in WEIGHTS])
        self.assertEqual(*weights)
        measure = ["eval", "graph 1", "--tasks", "ranking", "--at", "5"]
        alone = self.succeeds(*measure, "--json", "-").json()
        self.assertEqual(self.shared(*measure, processes=2), alone)

    def test_what_is_not_shared_is_refused(self):
        for words, told in ((["info", "data"], ["vistas info in 2 processes", "one process"]),
                            (["eval", "whole", "--data", "data", "--tasks", "finetune"],
                             ["finetune", "one process"])):
            for result in self.wait(self.processes(*words)):
                self.check_failure(result, 2, told)

    def test_missing_variables_are_named(self):
        environment = {**support.ENVIRONMENT, "RANK": "0"}
        result = subprocess.run([support.PROGRAM, *self.training("none")], cwd=self.folder,
                                env=environment, capture_output=True, text=True)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("WORLD_SIZE, MASTER_ADDR", result.stderr)


if __name__ == "__main__":
    unittest.main()
