#!/usr/bin/env python3
"""Bad input of every kind: an exit code, and one message that names what, where and the cure."""
import json
import re
import shutil
import struct
import unittest
import zlib

import support

FEW = support.settings([*support.TINY, "train.epochs=1"])
# Weights that grow a hundred thousand times at every step.
DIVERGING = support.settings(["optimizer.weight_decay=10", "schedule.lr=1e6"])


def gigantic():
    """A PNG that says it has ten thousand million pixels, in 100 bytes."""
    small = support.picture("circle", 0)
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]


class BadInput(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_photos(cls.folder / "photos")
        support.make_labelled(cls.folder / "labelled")
        (cls.folder / "empty").mkdir()
        support.write(cls.folder / "documents/letter.txt", "Dear reader")
        support.write(cls.folder / "documents/more/table.csv", "1,2,3")
        whole = support.picture("cross", 1)
        for i in range(12):
            support.write(cls.folder / f"damaged/{i:02}.png", support.picture("circle", i))
        cls.bad = {"truncated.png": whole[:len(whole) // 2], "zero.png": b"",
                   "text.jpg": b"not a picture", "cut.jpg": support.JPEG[:300],
                   "garbled.png": whole[:60] + bytes(40) + whole[100:], "gigantic.png": gigantic()}
        for name, data in cls.bad.items():
            support.write(cls.folder / "damaged" / name, data)
        # Not bad: types are told by content.
        support.write(cls.folder / "damaged/really-a-png.jpg", whole)
        result = cls.vistas("train", "photos", "--out", "run", *FEW)
        assert result.code == 0, result

    def test_no_pictures(self):
        for command in (["train"], ["views"], ["info"], ["pack"], ["embed", "run"],
                        ["near", "run", "photos/cat.jpg", "--in"], ["eval", "run", "--data"]):
            for folder in ("empty", "documents"):
                with self.subTest(f"{command[0]} {folder}"):
                    self.fails(3, [folder, "no pictures", "*.png"], *command, folder)
            with self.subTest(f"{command[0]} missing"):
                self.fails(3, ["missing", "No such file"], *command, "missing")

    def test_unknown_words(self):
        self.fails(2, ["unknown command 'trian'", "train"], "trian", "photos")
        self.fails(2, ["unknown option '--ouut'", "--out", "vistas train --help"],
                   "train", "photos", "--ouut", "x")
        self.fails(2, ["unknown option '--on-bad-imag'", "--on-bad-image"],
                   "embed", "run", "photos", "--on-bad-imag=skip")
        self.fails(2, ["simcl", "simclr"], "train", "photos", "--method", "simcl")
        self.fails(2, ["simclrr", "simclr"], "views", "photos", "--recipe", "simclrr")
        self.fails(2, ["simclrr", "simclr"], "views", "photos", "--explain", "simclrr")
        self.fails(2, ["--run", "--explain"], "views", "photos", "--run", "run")
        self.fails(2, ["one-shot alone", "knn,one-shot"],
                   "eval", "run", "--data", "labelled", "--tasks", "knn,one-shot")
        self.fails(2, ["knm", "knn"], "eval", "run", "--data", "labelled", "--tasks", "knm")

    def test_missing_words(self):
        self.fails(2, ["vistas --help"])
        self.fails(2, ["vistas train photos/"], "train")
        self.fails(2, ["run", "required"], "eval")
        self.fails(2, ["data", "required"], "embed", "run")
        self.fails(2, ["--in", "required"], "near", "run", "photos/cat.jpg")

    def test_values(self):
        cases = {
            "train.batch=3.5": ["train.batch", "3.5", "whole number"],
            "train.batch=many": ["train.batch", "many", "whole number"],
            "train.batch=1": ["train.batch", "got 1"],
            "method.temperature=0": ["method.temperature", "got 0", "0.0001 .. 10000"],
            "schedule.lr=1e30": ["schedule.lr", "1e+30", "1000000"],
            "encoder.name=resnet19": ["encoder.name", "resnet19", "resnet18"],
            "train.bacth=8": ["train.bacth", "train.batch"],
            "train.batch": ["KEY=VALUE"],
        }
        for setting, words in cases.items():
            with self.subTest(setting):
                self.fails(2, [f"--set {setting}", *words],
                           "train", "photos", *FEW, "--set", setting)
        self.fails(2, ["--max-time", "soon", "6m"], "train", "photos", "--max-time", "soon")
        self.fails(2, ["--draws", "0", "1 to 100"], "views", "photos", "--draws", "0")
        self.fails(2, ["-k", "many"], "near", "run", "photos/cat.jpg", "--in", "photos", "-k",
                   "many")
        for labels in ("0%", "few"):
            self.fails(2, [labels, "1%"], "eval", "run", "--data", "labelled", "--labels", labels)
        self.fails(3, ["class 'circle'", "8", "500"],
                   "eval", "run", "--data", "labelled", "--labels", "500")
        self.assertFalse((self.folder / "runs").exists(), "a refused training left a run folder")

    def test_recipes(self):
        cases = {
            'data.path = "photos': (1, ["not valid TOML"]),
            '[data]\npath = "photos"\n\n[train]\nbacth = 8\n': (5, ["train.bacth", "train.batch"]),
            '[data]\npath = "photos"\n[method]\ntemperature = "warm"\n': (4, ["warm", "number"]),
            '[data]\npath = "photos"\n[method]\ntemperature = -1\n': (4, ["-1", "0.0001 .. 10000"]),
            '[data]\npath = "photos"\n[encoder]\nname = "resnet"\n': (4, ["resnet18"]),
            "\0\1\2": (1, ["not valid TOML"]),
        }
        for text, (line, words) in cases.items():
            with self.subTest(text):
                support.write(self.folder / "recipe.toml", text)
                result = self.fails(2, words, "train", "recipe.toml", "--out", "refused")
                place = re.search(r"recipe\.toml:(\d+)", result.err)
                self.assertTrue(place, result)
                self.assertEqual(int(place[1]), line, result)
        self.fails(3, ["nowhere.toml", "No such file"], "train", "nowhere.toml")
        self.assertFalse((self.folder / "refused").exists())

    def check_bad_named(self, text):
        self.assertIn(f"{len(self.bad)} pictures could not be read", text)
        for name in self.bad:
            self.assertIn(f"  damaged/{name}: ", text)
        self.assertNotIn("really-a-png.jpg: ", text)

    def test_bad_pictures_are_skipped_counted_and_named(self):
        for command in (["train", "damaged", "--out", "skipping", *FEW],
                        ["embed", "run", "damaged"], ["pack", "damaged"],
                        ["near", "run", "photos/cat.jpg", "--in", "damaged"]):
            with self.subTest(command[0]):
                self.check_bad_named(self.succeeds(*command).out)
        count = self.succeeds("embed", "run", "damaged", "--json", "-").json()
        self.assertEqual((count["embeddings"], count["bad_images"]), (13, len(self.bad)))
        for command in (["embed", "run", "damaged"], ["pack", "damaged"],
                        ["train", "damaged", "--out", "counting", *FEW]):
            result = self.succeeds(*command, "--json", "-").json()
            self.assertEqual(result["bad_images"], len(self.bad))
            self.assertEqual(sorted(line.split(": ")[0] for line in result["first_bad_images"]),
                             sorted(f"damaged/{name}" for name in self.bad))

    def test_bad_pictures_fail_when_told_to(self):
        def names_one(*command):
            result = self.fails(3, [], *command)
            self.assertTrue(any(f"{name}: " in result.err for name in self.bad), result)

        names_one("train", "damaged", "--out", "strict", *FEW, "--set", "data.on_bad_image=fail")
        names_one("embed", "run", "damaged", "-o", "strict.safetensors", "--on-bad-image", "fail")
        names_one("pack", "damaged", "-o", "strict.vpack", "--on-bad-image", "fail")
        names_one("near", "run", "photos/cat.jpg", "--in", "damaged", "--on-bad-image", "fail")
        for name in ("strict.safetensors", "strict.vpack"):
            self.assertFalse((self.folder / name).exists(), "half a file was left")

    def test_one_bad_picture_asked_for(self):
        words = {"truncated.png": "truncated", "zero.png": "empty file",
                 "text.jpg": "unknown file type", "cut.jpg": "cannot decode",
                 "garbled.png": "cannot decode", "gigantic.png": "100000"}
        for name, word in words.items():
            with self.subTest(name):
                self.fails(3, [name, word], "views", f"damaged/{name}")
                self.fails(3, [name, word], "near", "run", f"damaged/{name}", "--in", "photos")

    def test_a_list_names_its_line(self):
        support.write(self.folder / "list.txt", "photos/cat.jpg\n\nphotos/dog.jpg\n")
        self.fails(3, ["list.txt:3: photos/dog.jpg: ", "No such file"],
                   "embed", "run", "list.txt", "--on-bad-image", "fail")

    def test_only_bad_pictures(self):
        for i in range(4):
            support.write(self.folder / f"all bad/{i}.png", b"")
        self.fails(3, ["empty file"], "train", "all bad", "--out", "of nothing")
        self.fails(3, ["empty file"], "train", "all bad", "--out", "of nothing", *FEW)
        self.fails(3, [], "embed", "run", "all bad", "-o", "none.safetensors")
        self.assertFalse((self.folder / "of nothing").exists())
        self.fails(3, ["all bad", "empty file"], "pack", "all bad", "-o", "nothing.vpack")
        self.assertFalse((self.folder / "nothing.vpack").exists())
        self.fails(3, ["empty file"], "views", "all bad")

    def test_labels_are_needed(self):
        for tasks in ("knn", "linear", "finetune"):
            self.fails(3, ["photos", "labels", "folder for each class"],
                       "eval", "run", "--data", "photos", "--tasks", tasks)
        self.fails(3, ["one-shot"], "eval", "run", "--data", "labelled", "--tasks", "one-shot")

    def test_no_run(self):
        for path, found in (("photos", "none of encoder.json, config.toml"),
                            ("nowhere", "nothing there")):
            for command in (["eval", path, "--data", "labelled"], ["embed", path, "photos"],
                            ["near", path, "photos/cat.jpg", "--in", "photos"]):
                with self.subTest(" ".join(command)):
                    self.fails(3, [path, "no trained encoder", found, "vistas train"], *command)

    def test_a_run_is_never_overwritten(self):
        before = support.digest(self.folder / "run/checkpoints/last/encoder.safetensors")
        self.fails(2, ["run", "holds a run", "--resume run", "--out"],
                   "train", "photos", "--out", "run", *FEW)
        self.assertEqual(support.digest(self.folder / "run/checkpoints/last/encoder.safetensors"),
                         before)

    def test_a_damaged_checkpoint(self):
        self.succeeds("train", "photos", "--out", "hurt", *FEW)
        weights = self.folder / "hurt/checkpoints/last/encoder.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        self.fails(3, ["encoder.safetensors"], "embed", "hurt", "photos")
        self.fails(3, ["encoder.safetensors"], "train", "--resume", "hurt")

    def test_a_batch_larger_than_the_data(self):
        self.fails(2, ["train.batch", "64", "17", "--set train.batch="],
                   "train", "photos", "--out", "too few", *FEW, "--set", "train.batch=64")
        self.assertFalse((self.folder / "too few").exists())

    def test_a_batch_that_is_no_multiple_of_the_micro_batch(self):
        self.fails(2, ["train.micro_batch", "8 and 3", "--set train.micro_batch=2"],
                   "train", "photos", "--out", "odd", *FEW, "--batch", "8", "--micro-batch", "3")
        self.fails(2, ["--batch", "many", "2 to 1000000000"], "train", "photos", *FEW,
                   "--batch", "many")

    def test_nan_leaves_a_usable_checkpoint(self):
        result = self.fails(4, ["not finite", "schedule.lr", "nan/checkpoints/last"],
                            "train", "photos", "--out", "nan", *FEW, *DIVERGING,
                            "--set", "train.epochs=10")
        step = int(re.search(r"step (\d+): the loss is not finite", result.err)[1])
        saved = json.loads((self.folder / "nan/checkpoints/last/progress.json").read_text())
        self.assertLessEqual(saved["step"], step)
        self.embeds_to_numbers("nan")

    def embeds_to_numbers(self, run):
        self.succeeds("embed", run, "photos", "-o", "numbers.safetensors")
        tensors, _ = support.read_safetensors(self.folder / "numbers.safetensors")
        for row in support.rows_of(tensors["embeddings"]):
            self.assertTrue(all(abs(value) < float("inf") for value in row), row)

    def test_no_checkpoint_of_an_encoder_that_makes_no_numbers(self):
        # A checkpoint after every step, the one before the loss breaks down as well.
        every = ["train", "photos", "--out", "burst", *FEW, "--set", "optimizer.weight_decay=10",
                 "--set", "schedule.lr=1e6", "--set", "train.batch=16"]
        result = self.fails(4, ["not finite", "schedule.lr", "burst/checkpoints/last"], *every,
                            "--set", "train.epochs=30")
        step = int(re.search(r"step (\d+): ", result.err)[1])
        saved = json.loads((self.folder / "burst/checkpoints/last/progress.json").read_text())
        self.assertLess(saved["step"], step)
        self.embeds_to_numbers("burst")

    def test_pairs_want_classes_and_masks_want_pairs(self):
        self.fails(3, ["photos", "labels"], "train", "photos", "--out", "no classes", *FEW,
                   "--set", "data.views_of=class")
        self.fails(2, ["method.mask_groups", "data.views_of=class"], "train", "photos", "--out",
                   "no groups", *FEW, "--set", "method.mask_groups=true")
        self.assertFalse((self.folder / "no groups").exists())
        (self.folder / "mine").mkdir()
        support.write(self.folder / "mine/notes.txt", "keep")
        self.fails(3, ["SupCon", "labels"], "train", "photos", "--out", "mine", *FEW, "--method",
                   "supcon")
        self.assertEqual((self.folder / "mine/notes.txt").read_text(), "keep")

    def test_bad_pictures_are_named_when_training_fails_too(self):
        shutil.copytree(self.folder / "photos", self.folder / "some bad", symlinks=True)
        support.write(self.folder / "some bad/aa broken.png", b"no picture")
        result = self.fails(4, ["not finite"], "train", "some bad", "--out", "failed", *FEW,
                            *DIVERGING, "--set", "train.epochs=10")
        self.assertIn("aa broken.png", result.out + result.err)

    def test_divergence_is_named(self):
        result = self.vistas("train", "photos", "--out", "growing", *FEW, "--set",
                             "method.similarity=dot", "--set", "schedule.lr=300")
        self.assertIn("divergence: the loss went from", result.err)
        self.assertIn("schedule.lr", result.err)

    def test_classes_of_one_picture(self):
        for name in ("circle", "cross"):
            support.write(self.folder / f"singles/{name}/0.png", support.picture(name, 0))
        self.fails(3, ["singles", "nothing is left to measure on"], "eval", "run", "--data",
                   "singles")
        self.succeeds("train", "singles", "--out", "on singles", "--set", "train.steps=2")
        support.write(self.folder / "alone/0.png", support.picture("circle", 0))
        self.fails(3, ["1 sample", "2 or more"], "train", "alone", "--out", "on alone")

    def test_pictures_of_another_kind_than_the_first(self):
        for i in range(11):
            support.write(self.folder / f"depths/{i:02}.png", support.grey_picture(i))
        support.write(self.folder / "depths/deep.png", support.grey_picture(99, depth=16))
        named = ["deep.png", "another kind", "1 channel of 16 bit"]
        result = self.succeeds("train", "depths", "--out", "on depths", *FEW)
        for text in named:
            self.assertIn(text, result.out + result.err)
        self.fails(3, named, "train", "depths", "--out", "one depth", *FEW, "--on-bad-image", "fail")

    def test_pictures_are_read_in_the_channels_of_the_encoder(self):
        support.write(self.folder / "grey/0.png", support.grey_picture(0))
        result = self.succeeds("embed", "run", "grey", "-o", "grey.safetensors", "--json", "-")
        self.assertEqual(result.json()["embeddings"], 1)

    def test_pictures_of_two_channels_need_no_recipe(self):
        for i in range(8):
            noise = support.random.Random(i)
            rows = [[(noise.randrange(256), 255) for _ in range(24)] for _ in range(24)]
            support.write(self.folder / f"two channels/{i}.png", support.png(rows, 4))
        self.succeeds("train", "two channels", "--dry-run", "--set", "data.channels=keep")

    def test_nan_before_the_first_checkpoint(self):
        self.fails(4, ["not finite", "checkpoint is usable"], "train", "photos", "--out",
                   "early nan", *FEW, *DIVERGING, "--set", "train.epochs=10",
                   "--set", "train.checkpoint_every=100")
        saved = json.loads((self.folder / "early nan/checkpoints/last/progress.json").read_text())
        self.assertEqual(saved["step"], 0)
        self.succeeds("embed", "early nan", "photos", "-o", "early.safetensors")

    def test_places_that_cannot_be_written(self):
        support.write(self.folder / "a file", "")
        self.fails(3, ["a file"], "train", "photos", "--out", "a file/run", *FEW)
        self.fails(3, ["nowhere/e.safetensors"], "embed", "run", "photos", "-o",
                   "nowhere/e.safetensors")
        self.fails(3, ["nowhere/v.png"], "views", "photos/cat.jpg", "-o", "nowhere/v.png")
        self.fails(3, ["nowhere/p.vpack"], "pack", "photos", "-o", "nowhere/p.vpack")
        self.fails(3, ["nowhere/i.json"], "info", "run", "--json", "nowhere/i.json")


if __name__ == "__main__":
    unittest.main()
