#!/usr/bin/env python3
"""What training costs: the estimate beside the run, and keeping below a limit of memory."""
import json
import re
import unittest

import support

# Pictures large enough that a step takes more memory than the program.
WIDE = support.settings(["encoder.name=resnet18", "encoder.width=8", "encoder.stem=cifar",
                         "views.size=96", "train.batch=32", "train.steps=6", "train.log_every=3",
                         "train.precision=fp32", "train.loader_threads=1"])


class Costs(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_photos(cls.folder / "photos", flat=40)
        support.make_masked(cls.folder / "masked")
        support.write(cls.folder / "pairs.tsv", "".join(
            f"{a}\t{b}\n" for a, b in support.sentence_pairs(400, "pairs")))

    def dry(self, *arguments):
        return self.succeeds(*arguments, "--dry-run", "--json", "-").json()

    def compare(self, name, *arguments):
        """The estimate of a command and its run agree; the run's JSON."""
        estimate = self.dry(*arguments, "--out", name)
        self.assertFalse((self.folder / name).exists())
        self.succeeds(*arguments, "--out", name, "--json", "run.json")
        run = json.loads((self.folder / "run.json").read_text())
        ratio = estimate["peak_memory_bytes"] / run["peak_memory_bytes"]
        self.assertLess(abs(ratio - 1), 0.15, (estimate, run))
        self.assertEqual(estimate["steps"], run["steps_done"])
        parts = estimate["memory"]
        self.assertEqual(sum(parts.values()), estimate["peak_memory_bytes"])
        return run

    def test_the_estimate_is_that_of_the_run(self):
        wide = ["train", "photos", *WIDE]
        whole = self.compare("whole", *wide)
        lean = self.compare("lean", *wide, "--set", "train.recompute=true")
        cut = self.compare("cut", *wide, "--micro-batch", "8")
        self.assertLess(lean["peak_memory_bytes"], whole["peak_memory_bytes"])
        self.assertLess(cut["peak_memory_bytes"], whole["peak_memory_bytes"])
        self.compare("texts", "train", "pairs.tsv", "--epochs", "2")
        self.compare("segmenter", "segment", "train", "scratch", "--data", "masked", "--epochs",
                     "2", *support.settings(support.TINY_DENSE))

    def test_recomputation_changes_no_bit(self):
        few = ["--set", "train.steps=3"]
        self.succeeds("train", "photos", "--out", "kept", *WIDE, *few)
        self.succeeds("train", "photos", "--out", "again", *WIDE, *few, "--set",
                      "train.recompute=true")
        for name in ("encoder", "state"):
            one, two = (support.digest(self.folder / run / f"checkpoints/last/{name}.safetensors")
                        for run in ("kept", "again"))
            self.assertEqual(one, two)

    def test_a_queue_is_told(self):
        memory = self.dry("train", "photos", *WIDE, "--method", "mocov2", "--set",
                          "method.queue=32")["memory"]
        self.assertGreaterEqual(memory["remembered"], 32 * 128 * 4)

    def test_memory_is_fitted(self):
        wide = ["train", "photos", *WIDE]
        whole = self.dry(*wide)
        peak, fixed = whole["peak_memory_bytes"], whole["memory"]["program"]
        chosen = []
        for share in (1.3, 0.8, 0.45):
            limit = int(fixed + share * (peak - fixed))
            fit = self.dry(*wide, "--fit-memory", str(limit))
            self.assertLess(fit["peak_memory_bytes"], 1.03 * limit, fit)
            chosen.append((fit["recompute"], fit["micro_batch"] or 32))
        self.assertEqual(chosen[0], (False, 32))
        self.assertEqual(chosen[1][0] or chosen[1][1] < 32, True)
        self.assertLess(chosen[2][1], 32)
        # A run says what it chose, keeps it in its configuration, and stays below.
        result = self.succeeds(*wide, "--fit-memory", str(limit), "--out", "fitted", "--json",
                               "fitted.json")
        self.assertRegex(result.out, r"--fit-memory \d+ MB: \d+ of 32 pictures at once, "
                                     r"activations (kept|recomputed): \d+ MB")
        config = (self.folder / "fitted/config.toml").read_text()
        self.assertEqual(int(re.search(r"(?m)^micro_batch = (\d+)", config)[1]), chosen[2][1])
        run = json.loads((self.folder / "fitted.json").read_text())
        self.assertLess(run["peak_memory_bytes"], limit)
        progress = json.loads((self.folder / "fitted/checkpoints/last/progress.json").read_text())
        self.assertEqual(progress["step"], 6)

    def test_every_kind_of_method_is_fitted(self):
        for method in ("mocov2", "dino", "supcon"):
            with self.subTest(method):
                data = "photos"
                if method == "supcon":
                    support.make_labelled(self.folder / "labelled", train=30)
                    data = "labelled"
                more = ["--set", "method.queue=32"] if method == "mocov2" else []
                fit = self.dry("train", data, *WIDE, "--method", method, *more, "--fit-memory",
                               "4G")
                self.assertEqual((fit["micro_batch"], fit["recompute"]), (0, False))

    def test_bench_tells_what_a_step_is_made_of(self):
        result = self.succeeds("bench", "photos", *WIDE, "--seconds", "0.1", "--json", "-").json()
        shares = result["training"]["shares"]
        parts = [shares[name] for name in ("waiting", "forward", "loss", "backward", "optimizer")]
        self.assertAlmostEqual(sum(parts), 1, places=6)
        self.assertGreater(min(parts[1:]), 0)
        self.assertGreater(min(shares["reading"], shares["views"]), 0)
        self.assertEqual(result["training"]["limit"], "compute")
        self.assertIn("What limits it: compute", self.succeeds("bench", "photos", *WIDE).out)
        machine = self.succeeds("bench", "--seconds", "0.01", "--json", "-").json()["machine"]
        for name in ("product_fp32", "views", "nt_xent_8192", "step_resnet_bf16",
                     "step_transformer_fp32"):
            self.assertGreater(machine[name], 0, name)
        # Loss, reading and optimiser where they are most: steps of little else.
        support.write(self.folder / "many.tsv", "".join(
            f"{a}\t{b}\n" for a, b in support.sentence_pairs(3000, 5)))
        static = self.succeeds("bench", "many.tsv", "--set", "train.batch=1500", "--json",
                               "-").json()["training"]
        self.assertEqual(static["limit"], "loss")

    def test_what_fits_into_a_time_is_told(self):
        long = ["train", "photos", *WIDE, "--set", "train.steps=1000000"]
        fitting = self.dry(*long, "--max-time", "2m")["fitting_steps"]
        self.assertGreater(fitting, 1)
        self.assertLess(fitting, 1000000)
        self.assertIn("--max-time", self.succeeds(*long, "--max-time", "2m", "--dry-run").out)

    def test_bad_input(self):
        wide = ["train", "photos", *WIDE]
        for text in ("4x", "-1G", "G", "nan", "1e30G"):
            self.fails(2, ["--fit-memory", text], *wide, f"--fit-memory={text}")
        self.fails(2, ["nothing stays below it", "20 MB", "at least"], *wide, "--fit-memory", "20M")
        self.assertFalse((self.folder / "runs").exists())
        self.fails(2, ["--fit-memory", "Leave out --micro-batch"], *wide, "--micro-batch", "16",
                   "--fit-memory", "4G")
        self.fails(2, ["--resume"], "train", "--resume", "whole", "--fit-memory", "4G")
        self.fails(2, ["train.recompute", "a ResNet, a ViT or a transformer"], "train", "photos",
                   *support.settings(support.TINY), "--set", "train.recompute=true", "--out", "no")
        self.assertFalse((self.folder / "no").exists())


if __name__ == "__main__":
    unittest.main()
