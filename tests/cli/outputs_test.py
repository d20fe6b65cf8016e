#!/usr/bin/env python3
"""What the commands write: files and JSON, read here without the program's own code."""
import json
import os
import re
import struct
import unittest

import support

FEW = support.settings(support.TINY)


class Outputs(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.photos = support.make_photos(cls.folder / "photos")
        support.make_labelled(cls.folder / "labelled")
        cls.names = sorted(os.path.relpath(os.path.join(folder, name), cls.photos)
                           for folder, _, names in os.walk(cls.photos) for name in names)
        result = cls.vistas("train", "photos", "--out", "run", *FEW)
        assert result.code == 0, result

    def embeddings(self, run, data, out="e.safetensors"):
        """The embeddings by path, in the order of the file."""
        self.succeeds("embed", run, data, "-o", out, "--precision", "fp32")
        tensors, _ = support.read_safetensors(self.folder / out)
        paths = tensors["paths"][2].decode("utf-8").split("\0")
        self.assertEqual(paths.pop(), "")
        rows = support.rows_of(tensors["embeddings"])
        self.assertEqual(len(rows), len(paths))
        return dict(zip(paths, rows))

    def test_embed_writes_every_picture_in_order(self):
        result = self.succeeds("embed", "run", "photos", "-o", "all.safetensors", "--json", "-")
        self.assertEqual(result.json(), {"file": "all.safetensors", "embeddings": len(self.names),
                                         "dim": 8, "store": "fp32", "bad_images": 0,
                                         "first_bad_images": []})
        tensors, metadata = support.read_safetensors(self.folder / "all.safetensors")
        dtype, shape, data = tensors["embeddings"]
        self.assertEqual((dtype, shape), ("F32", [len(self.names), 8]))
        self.assertEqual(len(data), 4 * 8 * len(self.names))
        self.assertEqual((metadata["encoder"], metadata["data"]), ("run", "photos"))
        found = self.embeddings("run", "photos")
        self.assertEqual(sorted(found), self.names)
        self.assertEqual(found["a link.png"], found["circle-00.png"])
        self.assertEqual(len(set(found.values())), len(self.names) - 1)
        # Each picture by itself has the embedding that it has among all.
        for name in ("cat.jpg", "été/größe 猫.png", "summer 2024/at the sea.png"):
            alone = list(self.embeddings("run", f"photos/{name}").values())
            self.assertEqual(len(alone), 1)
            for a, b in zip(alone[0], found[name]):
                self.assertAlmostEqual(a, b, places=4)

    def test_near_finds_the_picture_itself_first(self):
        for name in ("cat.jpg", "été/größe 猫.png", "stripes-05.png"):
            result = self.succeeds("near", "run", f"photos/{name}", "--in", "photos", "-k", "4",
                                   "--precision", "fp32", "--json", "-").json()
            self.assertEqual(len(result), 1)
            neighbours = result[0]["neighbours"]
            self.assertEqual(len(neighbours), 4)
            self.assertEqual(neighbours[0]["path"], name)
            self.assertAlmostEqual(neighbours[0]["cosine"], 1, places=3)
            cosines = [n["cosine"] for n in neighbours]
            self.assertEqual(cosines, sorted(cosines, reverse=True))

    def test_near_agrees_with_the_embeddings(self):
        found = self.embeddings("run", "photos")
        unit = {}
        for name, row in found.items():
            length = sum(v * v for v in row) ** 0.5
            unit[name] = [v / length for v in row]
        query = unit["cross-01.png"]
        expected = {name: sum(a * b for a, b in zip(query, row)) for name, row in unit.items()}
        result = self.succeeds("near", "run", "photos/cross-01.png", "--in", "photos", "-k",
                               len(self.names), "--precision", "fp32", "--json", "-").json()
        self.assertEqual(len(result[0]["neighbours"]), len(self.names))
        for neighbour in result[0]["neighbours"]:
            self.assertAlmostEqual(neighbour["cosine"], expected.pop(neighbour["path"]), places=4)
        self.assertEqual(expected, {})

    def test_near_page_needs_nothing_else(self):
        self.succeeds("near", "run", "photos/cat.jpg", "--in", "photos", "-k", "3", "--html",
                      "near.html")
        page = (self.folder / "near.html").read_text(encoding="utf-8")
        pictures = re.findall(r'<img[^>]*src="([^"]*)"', page)
        self.assertEqual(len(pictures), 4)
        for source in pictures:
            self.assertTrue(source.startswith("data:image/"), source[:60])
        self.assertIn("cat.jpg", page)
        for outside in ("http://", "https://", "<script src", "<link", "@import", "url("):
            self.assertNotIn(outside, page.replace("http://www.w3.org/", ""))

    def png_size(self, path):
        data = (self.folder / path).read_bytes()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        length, kind, width, height, depth = struct.unpack(">I4sIIB", data[8:25])
        self.assertEqual((length, kind, depth), (13, b"IHDR", 8))
        self.assertEqual(data[-8:-4], b"IEND")
        return width, height

    def test_views_grid(self):
        result = self.succeeds("views", "photos/cat.jpg", "--size", "48", "--draws", "2", "-o",
                               "two.png", "--json", "-").json()
        self.assertEqual(result, {"file": "two.png", "pictures": 1, "views_of_each": 4,
                                  "bad_images": 0, "first_bad_images": []})
        self.assertEqual(self.succeeds("views", "photos/cat.jpg", "--draws", "2").out,
                         "views.png: 1 picture, 4 views\n")
        width, height = self.png_size("two.png")
        self.assertGreaterEqual(width, 4 * 48)
        self.assertGreaterEqual(height, 48)
        same = ["views", "photos", "--size", "32", "--draws", "1", "--seed"]
        for seed, out in (("1", "a.png"), ("1", "b.png"), ("2", "c.png")):
            self.succeeds(*same, seed, "-o", out)
        a, b, c = (support.digest(self.folder / f"{name}.png") for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)

    def test_views_explained(self):
        result = self.succeeds("views", "photos", "--explain", "simclr", "--size", "24", "--draws",
                               "3", "--run", "run", "-o", "why.png", "--json", "why.json")
        self.assertIn("the encoder of run", result.out)
        found = json.loads((self.folder / "why.json").read_text())
        names = ["random_resized_crop", "hflip", "color_jitter", "grayscale"]
        self.assertEqual([row["operation"] for row in found["operations"]], names)
        self.assertEqual([row["p"] for row in found["operations"]], [1, 0.5, 0.8, 0.2])
        for row in found["operations"]:
            self.assertGreater(row["pixels"], 0)
            self.assertGreater(row["embedding"], 0)
            self.assertRegex(result.out, rf"{row['operation']} +{row['p']:g} +{row['pixels']:.4f}")
        self.assertEqual((found["warnings"], found["identical"]), ([], 0))
        self.assertEqual((found["file"], found["page"]), ("why.png", "why.html"))
        # Rows of a picture and up to eight others: four of pairs, one of each operation.
        self.assertGreater(self.png_size("why.png")[0], 4 * 128)
        page = (self.folder / "why.html").read_text()
        self.assertEqual(page.count('class="query"'), 8)
        self.assertEqual((page.count("neighbour right"), page.count("neighbour wrong")), (12, 12))
        self.assertIn("<td>color_jitter</td><td>0.8</td>", page)

    def test_warnings_of_views(self):
        for i in range(3):
            support.write(self.folder / f"grey/{i}.png", support.grey_picture(i))
        words = ("views", "grey", "--size", "16", "-o", "grey.png", "--explain")
        result = self.succeeds(*words, "simclr")
        self.assertIn("an untrained resnet18", result.out)
        self.assertIn("warning: color_jitter: the pictures are grey", result.out)
        self.assertIn("warning: grayscale does not change", result.out)
        self.assertIn("one view of a picture", self.succeeds(*words, "eval").out)
        support.write(self.folder / "odd.toml", """[[view]]
size = 16
count = 2
ops = [{ op = "resize" }, { op = "gaussian_blur", p = 0, sigma = 3 }]
[[view]]
size = 16
ops = [{ op = "resize" }, { op = "gaussian_blur", sigma = 3 }]
""")
        odd = self.succeeds(*words, "odd.toml").out
        self.assertIn("warning: both views of a picture have the same pixels in 100 %", odd)
        self.assertIn("warning: [[view]] 2: gaussian_blur: a blur of sigma 3 is 18 pixels", odd)
        self.assertNotIn("[[view]] 1: gaussian_blur:", odd)
        self.assertIn("<p class=\"warning\">both views", (self.folder / "grey.html").read_text())

    def test_info(self):
        run = self.succeeds("info", "run", "--json", "-").json()
        self.assertEqual((run["kind"], run["data"]), ("run", "photos"))
        self.assertEqual(run["last"]["step"], 8)
        self.assertEqual(run["bundle"]["encoder"], "conv4")
        bundle = self.succeeds("info", "run/checkpoints/last", "--json", "-").json()
        self.assertEqual(bundle["kind"], "bundle")
        self.assertEqual((bundle["dim"], bundle["channels"], bundle["height"]), (8, 3, 16))
        tensors, _ = support.read_safetensors(
            self.folder / "run/checkpoints/last/encoder.safetensors")
        self.assertGreater(len(tensors), 4)
        photos = self.succeeds("info", "photos", "--json", "-").json()
        self.assertEqual(photos["kind"], "pictures")
        self.assertEqual(photos["all"]["pictures"], len(self.names))
        self.assertEqual(photos["all"]["kinds"],
                         {"JPEG, 3 channels of 8 bit": 1,
                          "PNG, 3 channels of 8 bit": len(self.names) - 1})
        labelled = self.succeeds("info", "labelled", "--json", "-").json()
        self.assertEqual(labelled["train"]["labels"], {s: 8 for s in support.SHAPES})
        self.assertEqual(labelled["test"]["labels"], {s: 4 for s in support.SHAPES})

    def test_json_alone_on_standard_output(self):
        commands = [["train", "photos", "--out", "json run", *FEW], ["doctor"],
                    ["embed", "run", "photos"], ["info", "photos"], ["info", "run"],
                    ["near", "run", "photos/cat.jpg", "--in", "photos"],
                    ["views", "photos/cat.jpg"], ["pack", "photos"],
                    ["eval", "run", "--data", "labelled", "--tasks", "knn"],
                    ["train", "photos", "--dry-run", *FEW]]
        for command in commands:
            with self.subTest(" ".join(command[:3])):
                result = self.succeeds(*command, "--json", "-")
                self.assertIn(type(result.json()), (dict, list))
        self.succeeds("info", "photos", "--json", "info.json")
        json.loads((self.folder / "info.json").read_text())

    def test_dry_run(self):
        before = sorted(self.folder.rglob("*"))
        result = self.succeeds("train", "photos", "--out", "dry", "--dry-run", *FEW, "--json",
                               "-").json()
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        self.assertEqual(result["negatives_per_anchor"], 2 * 8 - 2)
        self.assertEqual((result["samples"], result["steps"]), (len(self.names), 8))
        for key in ("parameters", "peak_memory_bytes", "seconds_per_epoch", "disk_bytes"):
            self.assertGreater(result[key], 0, key)
        state = os.path.getsize(self.folder / "run/checkpoints/last/state.safetensors")
        self.assertGreater(result["disk_bytes"], state)

    def test_dry_run_with_micro_batches_counts_negatives_of_the_whole_batch(self):
        command = ["train", "photos", "--dry-run", *FEW, "--batch", "12", "--micro-batch", "4"]
        result = self.succeeds(*command, "--json", "-").json()
        self.assertEqual((result["batch"], result["micro_batch"]), (12, 4))
        self.assertEqual(result["negatives_per_anchor"], 2 * 12 - 2)
        self.assertIn("12 pictures, 4 in memory at once", self.succeeds(*command).out)

    def test_dry_run_says_what_fewer_pictures_at_once_cost(self):
        support.make_photos(self.folder / "many", flat=64)
        choices = self.succeeds("train", "many", "--dry-run", *FEW, "--batch", "64", "--set",
                                "views.size=64", "--json", "-").json()["choices"]
        self.assertEqual([c["micro_batch"] for c in choices], [64, 32])
        memory = [c["memory_bytes"] for c in choices]
        self.assertEqual(memory, sorted(memory, reverse=True))
        seconds = [c["seconds_per_step"] for c in choices]
        self.assertEqual(seconds, sorted(seconds))

    def test_epochs_override_the_steps_of_a_recipe(self):
        command = ["train", "photos", "--dry-run", *FEW, "--set", "train.steps=1", "--json", "-"]
        one = self.succeeds(*command).json()["steps"]
        three = self.succeeds(*command, "--epochs", "3").json()["steps"]
        self.assertEqual((one, three), (1, 3 * (len(self.names) // 8)))

    def test_max_time_fixes_the_steps_once(self):
        self.trains("photos", "timed", "train.epochs=100000", arguments=["--max-time", "2s"])
        config = (self.folder / "timed/config.toml").read_text()
        steps = int(re.search(r"^\s*steps\s*=\s*(\d+)", config, re.MULTILINE)[1])
        self.assertLess(steps, 200_000)
        progress = json.loads((self.folder / "timed/checkpoints/last/progress.json").read_text())
        self.assertEqual((progress["step"], progress["total"]), (steps, steps))
        self.succeeds("train", "--resume", "timed")
        self.assertEqual((self.folder / "timed/config.toml").read_text(), config)

    def test_loader_threads_change_nothing(self):
        digests = []
        for threads in (1, 2, 5):
            self.trains("photos", f"threads {threads}", f"train.loader_threads={threads}")
            checkpoint = self.folder / f"threads {threads}" / "checkpoints/last"
            digests.append([support.digest(checkpoint / f"{name}.safetensors")
                            for name in ("encoder", "state")])
        self.assertEqual(digests[0], digests[1])
        self.assertEqual(digests[0], digests[2])
        self.trains("photos", "seed 1", "train.seed=1")
        self.assertNotEqual(
            support.digest(self.folder / "seed 1/checkpoints/last/encoder.safetensors"),
            digests[0][0])

    def test_packed_pictures_are_the_same_pictures(self):
        result = self.succeeds("pack", "photos", "-o", "photos.vpack", "--json", "-").json()
        self.assertEqual((result["pictures"], result["bad_images"]), (len(self.names), 0))
        self.assertEqual(result["bytes"], os.path.getsize(self.folder / "photos.vpack"))
        self.trains("photos.vpack", "packed")
        self.assertEqual(
            support.digest(self.folder / "packed/checkpoints/last/encoder.safetensors"),
            support.digest(self.folder / "run/checkpoints/last/encoder.safetensors"))
        self.assertEqual(self.embeddings("run", "photos.vpack"), self.embeddings("run", "photos"))

    def test_cached_pictures_are_the_same_pictures(self):
        self.trains("photos", "cached", "data.cache_mb=10")
        self.assertEqual(
            support.digest(self.folder / "cached/checkpoints/last/encoder.safetensors"),
            support.digest(self.folder / "run/checkpoints/last/encoder.safetensors"))

    def test_training_on_pairs_of_pictures_of_a_class(self):
        def losses(out, *more):
            self.succeeds("train", "labelled", "--out", out, *FEW, *more)
            lines = (self.folder / out / "metrics.jsonl").read_text().splitlines()
            return [json.loads(line)["loss"] for line in lines if "loss" in line]
        pairs = ["--set", "data.views_of=class"]
        alone, paired = losses("alone"), losses("paired", *pairs)
        self.assertEqual(len(alone), len(paired))
        self.assertNotEqual(alone, paired)
        masked = losses("masked", *pairs, "--set", "method.mask_groups=true")
        self.assertLess(masked[0], paired[0])

    def test_eval_rows(self):
        result = self.succeeds("eval", "run", "--data", "labelled", "--tasks",
                               "knn,linear,linear-sgd",
                               "--k", "3", "--labels", "50%,100%", "--seeds", "2",
                               "--baselines=pixels,untrained", "--json", "-").json()
        expected = {(encoder, task, labels) for encoder in ("trained", "pixels", "untrained")
                    for task in ("knn k=3", "linear", "linear-sgd") for labels in ("50%", "100%")}
        rows = {(r["encoder"], r["task"], r["labels"]): r for r in result["rows"]}
        self.assertEqual(set(rows), expected)
        self.assertEqual(len(result["rows"]), len(expected))
        for (_, _, labels), row in rows.items():
            self.assertEqual(row["labelled"], {"50%": 12, "100%": 24}[labels])
            a, b = row["values"]
            self.assertTrue(0 <= min(a, b) and max(a, b) <= 1, row)
            self.assertAlmostEqual(row["mean"], (a + b) / 2)
            self.assertAlmostEqual(row["std"], abs(a - b) / 2 ** 0.5)
        self.assertIn("test (12)", result["how"])
        saved = json.loads((self.folder / "run/eval/knn-linear-linear-sgd.json").read_text())
        self.assertEqual(saved, result)
        again = self.succeeds("eval", "run", "--data", "labelled", "--tasks", "knn", "--k", "3",
                              "--labels", "50%", "--seeds", "2", "--json", "-").json()
        self.assertEqual(again["rows"][0]["values"], rows["trained", "knn k=3", "50%"]["values"])

    def test_eval_keeps_the_tables_of_every_call(self):
        evaluate = ["eval", "run", "--data", "labelled", "--tasks", "knn", "--seeds", "2"]
        kept = [self.succeeds(*evaluate, "--k", k, "--json", "-").json() for k in ("1", "2", "1")]
        files = sorted(self.folder.glob("run/eval/knn*.json"))
        found = [json.loads(file.read_text()) for file in files if "linear" not in file.name]
        for result in kept:
            self.assertEqual(found.count(result), 1)

    def test_few_labels_are_said_to_vote_all(self):
        result = self.succeeds("eval", "run", "--data", "labelled", "--tasks", "knn", "--k", "3,200")
        self.assertIn("knn k=200 with 100% labels: all 24 labelled pictures vote", result.out)
        self.assertNotIn("knn k=3 with", result.out)

    def test_all_baselines_stand_in_one_table(self):
        evaluate = ["eval", "run", "--data", "labelled", "--k", "3", "--labels", "4", "--json", "-"]
        result = self.succeeds(*evaluate, "--tasks", "knn,finetune", "--baselines").json()
        self.assertEqual([(r["encoder"], r["task"], r["labelled"]) for r in result["rows"]],
                         [("trained", "knn k=3", 12), ("pixels", "knn k=3", 12),
                          ("untrained", "knn k=3", 12), ("trained", "finetune", 12),
                          ("scratch", "supervised", 12)])
        self.fails(2, ["unknown baseline 'pixel'", "pixels"], *evaluate, "--baselines=pixel")

    def test_splits_and_lists(self):
        self.assertEqual(set(self.embeddings("run", "labelled")),
                         set(self.embeddings("run", "labelled/train")))
        sizes = [self.succeeds("embed", "run", "labelled", "--split", split, "--json", "-").json()
                 ["embeddings"] for split in ("train", "test")]
        self.assertEqual(sizes, [24, 12])
        self.fails(2, ["labelled", "valid", "train, test"], "embed", "run", "labelled", "--split",
                   "valid")
        support.write(self.folder / "list.txt", "photos/été/größe 猫.png\nphotos/cat.jpg\n")
        listed = self.embeddings("run", "list.txt")
        self.assertEqual([name.split("/")[-1] for name in listed], ["größe 猫.png", "cat.jpg"])

    def test_eval_measures_on_valid_where_there_is_no_test(self):
        (self.folder / "other").mkdir()
        for split, name in (("train", "train"), ("test", "valid")):
            (self.folder / "other" / name).symlink_to(self.folder / "labelled" / split)
        evaluate = ["--tasks", "knn", "--k", "3", "--json", "-"]
        other = self.succeeds("eval", "run", "--data", "other", *evaluate).json()
        self.assertIn("measured on valid (12)", other["how"])
        self.assertEqual(self.succeeds("eval", "run", "--data", "labelled", *evaluate).json()
                         ["rows"], other["rows"])

    def test_eval_without_splits_draws_one_by_seed(self):
        evaluate = ["eval", "run", "--data", "labelled/train", "--tasks", "knn", "--k", "3",
                    "--json", "-"]
        first = self.succeeds(*evaluate).json()
        self.assertIn("80/20", first["how"])
        self.assertEqual(self.succeeds(*evaluate).json(), first)

    def test_a_run_folder_has_what_is_needed_to_repeat_it(self):
        for name in ("config.toml", "views.toml", "env.json", "metrics.jsonl",
                     "checkpoints/last/encoder.safetensors", "checkpoints/last/encoder.json",
                     "checkpoints/last/state.safetensors", "checkpoints/last/progress.json"):
            self.assertTrue((self.folder / "run" / name).is_file(), name)
        self.succeeds("train", "run/config.toml", "--out", "repeated")
        self.assertEqual(
            support.digest(self.folder / "repeated/checkpoints/last/encoder.safetensors"),
            support.digest(self.folder / "run/checkpoints/last/encoder.safetensors"))

    def test_settings_are_listed(self):
        text = self.succeeds("train", "--settings").out
        for setting in ("train.batch", "views.size", "method.temperature", "optimizer.name"):
            self.assertRegex(text, rf"(?m)^  {re.escape(setting)} +\S.* \[.+\]$")
        for name, modality, title in (("settings.md", "image", ""),
                                      ("settings-text.md", "text", " on texts"),
                                      ("settings-recommend.md", "interactions", " on interactions")):
            settings = self.succeeds("train", "--settings", "--set", f"data.modality={modality}").out
            title = "# Settings of training" + title
            self.check_page(name, f"{title}\n\n```text\n{settings}```\n")
        dense = "# Settings of training on boxes and masks\n"
        for modality in ("boxes", "masks"):
            settings = self.succeeds("train", "--settings", "--set", f"data.modality={modality}").out
            dense += f'\nWith `data.modality = "{modality}"`:\n\n```text\n{settings}```\n'
        self.check_page("settings-dense.md", dense)

    def check_page(self, name, text):
        page = (support.REPOSITORY / "docs" / name).read_text(encoding="utf-8")
        self.assertEqual(text, page,
                         f"docs/{name} is old; CONTRIBUTING.md has the line that writes it")


if __name__ == "__main__":
    unittest.main()
