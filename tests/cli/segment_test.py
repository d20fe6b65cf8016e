#!/usr/bin/env python3
"""A segmenter is trained, measured and used; what it leaves, and what bad input is told."""
import collections
import json
import re
import unittest

import support

TINY = support.settings(support.TINY_DENSE)
CLASSES = ["ground", "red", "blue"]


class Segment(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_masked(cls.folder / "masked")
        support.make_boxed(cls.folder / "boxed")
        cls.mask = support.square("red", "train 0")[2]
        support.write(cls.folder / "red.png", support.square("red", "train 0")[0])
        support.write(cls.folder / "red mask.png", cls.mask)
        (cls.folder / "empty").mkdir()
        for command, data, out in (("segment", "masked", "run"), ("detect", "boxed", "other")):
            epochs = "60" if out == "run" else "1"
            result = cls.vistas(command, "train", "scratch", "--data", data, "--out", out,
                                "--epochs", epochs, *TINY)
            assert result.code == 0, result
            if out == "run":
                cls.out = result.out

    def test_training_tells_what_it_learns_from(self):
        for words in ("masked (folders, split train, 8 pictures, 3 classes)", "segmentation",
                      "resnet18 from nothing", "vistas segment eval run --data",
                      "vistas segment run run"):
            self.assertIn(words, self.out)
        info = self.succeeds("info", "run", "--json", "-").json()
        self.assertEqual(info["bundle"]["classes"], CLASSES)
        self.assertEqual(info["bundle"]["network"], "segmenter")
        self.assertGreater(info["online_score"], 0)
        self.assertIn("done already", self.succeeds("train", "--resume", "run").out)

    def test_measures(self):
        out = self.succeeds("segment", "eval", "run", "--data", "masked", "--json",
                            "scores.json").out
        result = json.loads((self.folder / "scores.json").read_text())
        self.assertEqual((result["split"], result["layout"], result["pictures"]),
                         ("val", "folders", 4))
        self.assertEqual((result["ignored_index"], result["bad_images"], result["left_out"]),
                         (255, 0, 0))
        self.assertEqual(set(result["classes"]), set(CLASSES))
        values = [result["classes"][name]["IoU"] for name in CLASSES]
        self.assertTrue(all(0 <= value <= 1 for value in values), values)
        self.assertAlmostEqual(result["mIoU"], sum(values) / 3)
        kept = re.search(r"kept in (run/eval/segmentation.*json)", out).group(1)
        self.assertEqual(json.loads((self.folder / kept).read_text()), result)
        self.assertRegex(out, r"(?m)^ground +[\d.]+ +[\d.]+$")
        own = self.succeeds("segment", "eval", "run", "--data", "masked", "--split", "train",
                            "--json", "-").json()
        self.assertGreater(own["mIoU"], 0.6)

    def test_pixels_of_a_picture(self):
        found = self.succeeds("segment", "run", "run", "red.png", "-o", "seen.png", "--indices",
                              "indices.png", "--json", "-").json()["pictures"]
        self.assertEqual([p["picture"] for p in found], ["red.png"])
        self.assertEqual(support.png_size(self.folder / "indices.png"), (48, 40, 1))
        rows = support.read_png(self.folder / "indices.png")
        counts = collections.Counter(b"".join(rows))
        self.assertEqual({CLASSES[c]: n / (48 * 40) for c, n in counts.items()},
                         found[0]["classes"])
        truth = b"".join(support.read_png(self.folder / "red mask.png"))
        right = sum(a == b for a, b in zip(truth, b"".join(rows)))
        self.assertGreater(right, 0.8 * len(truth))
        width, height, channels = support.png_size(self.folder / "seen.png")
        self.assertEqual((width, channels), (48, 3))
        self.assertGreater(height, 40)  # the legend
        self.assertIn("1 picture segmented\n", self.succeeds("segment", "run", "run", "red.png").out)

    def test_every_picture_of_a_folder_has_files_of_its_own(self):
        for name in ("a.png", "sub/a.png"):
            support.write(self.folder / "mixed" / name, support.square("blue", name, 60, 30)[0])
        support.write(self.folder / "mixed/a.jpg", support.JPEG)
        support.write(self.folder / "mixed/bad.png", "no picture")
        result = self.succeeds("segment", "run", "run", "mixed", "-o", "drawn", "--indices",
                               "classes", "--json", "-").json()
        self.assertEqual({p["picture"] for p in result["pictures"]}, {"a.jpg", "a.png", "sub/a.png"})
        self.assertEqual(result["bad_images"], 1)
        for folder in ("drawn", "classes"):
            files = {str(path.relative_to(self.folder / folder))
                     for path in (self.folder / folder).rglob("*.png")}
            self.assertEqual(files, {"a.jpg.png", "a.png.png", "sub/a.png"})
        self.assertEqual(support.png_size(self.folder / "classes/a.jpg.png"), (40, 32, 1))
        before = (self.folder / "mixed/a.png").read_bytes()
        for option in ("-o", "--indices"):
            self.fails(2, ["would overwrite the pictures"], "segment", "run", "run", "mixed",
                       option, "mixed")
        self.assertEqual((self.folder / "mixed/a.png").read_bytes(), before)

    def test_bad_masks(self):
        data = support.make_masked(self.folder / "broken")
        support.write(data / "masks/val/0.png", "no mask")
        support.write(data / "masks/val/1.png", support.square("red", "", 40, 48)[2])
        (data / "masks/val/2.png").unlink()
        result = self.succeeds("segment", "eval", "run", "--data", "broken", "--json", "-").json()
        self.assertEqual((result["pictures"], result["bad_images"], result["left_out"]), (3, 2, 1))
        self.fails(3, ["val/2.png"], "segment", "eval", "run", "--data", "broken",
                   "--on-bad-annotation", "fail")
        data = support.make_masked(self.folder / "half broken")
        support.write(data / "masks/train/3.png", "no mask")
        result = self.succeeds("segment", "train", "scratch", "--data", "half broken",
                               "--out", "learned", "--epochs", "2", "--json", "-", *TINY).json()
        self.assertEqual(result["bad_samples"], 1)
        self.assertIn("3.png", result["first_bad_samples"][0])
        self.fails(3, ["3.png"], "segment", "train", "scratch", "--data", "half broken",
                   "--out", "never", "--on-bad-annotation", "fail", *TINY, "--set", "train.batch=8")
        self.assertFalse((self.folder / "never").exists())

    def test_a_class_too_many_is_named(self):
        data = support.make_masked(self.folder / "numbers")
        support.write(data / "masks/val/1.png", support.png([[(7,)] * 48] * 40, 0))
        result = self.succeeds("segment", "eval", "run", "--data", "numbers", "--json", "-").json()
        self.assertEqual(result["bad_images"], 1)
        self.assertIn("val/1.png: row 0, column 0: got index 7", result["first_bad_images"][0])
        self.assertIn("a class 0 .. 2, or 255", result["first_bad_images"][0])

    def test_classes_are_those_of_the_run(self):
        data = support.make_masked(self.folder / "renamed", 2, 2)
        support.write(data / "classes.txt", "ground\nred\ngreen\n")
        self.fails(3, ["a class that the run has not learned", "green", "ground, red, blue"],
                   "segment", "eval", "run", "--data", "renamed")
        support.write(data / "classes.txt", "ground\nblue\nred\n")
        self.fails(3, ["number the classes in another way", "ground, blue, red"], "segment", "eval",
                   "run", "--data", "renamed")

    def test_few_labels(self):
        support.make_masked(self.folder / "void")
        support.write(self.folder / "void/classes.txt", "void\nred\nblue\n")
        result = self.succeeds("segment", "train", "scratch", "--data", "void", "--out", "few",
                               "--epochs", "1", "--labels", "2", *TINY)
        self.assertIn("4 pictures, 2 of the labels", result.out)
        self.assertIn("pixels of index 0 do not count",
                      self.succeeds("segment", "eval", "few", "--data", "void").out)

    def test_bad_input(self):
        self.fails(2, ["masked", "no split 'tset'", "train, val"], "segment", "eval", "run",
                   "--data", "masked", "--split", "tset")
        for data in ("empty", "boxed"):
            self.fails(3, [data, "no pictures with masks", "camvid"], "segment", "train", "scratch",
                       "--data", data, "--out", "never")
        self.fails(3, ["empty", "no pictures"], "segment", "run", "run", "empty")
        self.fails(3, ["other", "pictures with boxes", "a segmenter", "vistas segment train"],
                   "segment", "run", "other", "red.png")
        self.fails(3, ["run", "pictures with masks", "a detector"], "detect", "run", "run",
                   "red.png")
        self.fails(2, ["unknown action 'evaluate'"], "segment", "evaluate")
        self.assertFalse((self.folder / "never").exists())


if __name__ == "__main__":
    unittest.main()
