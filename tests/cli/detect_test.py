#!/usr/bin/env python3
"""A detector is trained, measured and used; what it leaves, and what bad input is told."""
import json
import re
import unittest

import support

TINY = support.settings(support.TINY_DENSE)


class Detect(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_boxed(cls.folder / "boxed")
        support.make_masked(cls.folder / "masked")
        support.write(cls.folder / "red.png", support.square("red", "train 0")[0])
        (cls.folder / "empty").mkdir()
        for command, data, out in (("detect", "boxed", "run"), ("segment", "masked", "other")):
            epochs = "20" if out == "run" else "1"
            result = cls.vistas(command, "train", "scratch", "--data", data, "--out", out,
                                "--epochs", epochs, *TINY)
            assert result.code == 0, result
            if out == "run":
                cls.out = result.out
        result = cls.train("boxed/JPEGImages", "image", "train.epochs=1", "encoder.name=resnet18")
        assert result.code == 0, result

    def trains_detector(self, backbone, out, *arguments):
        return self.succeeds("detect", "train", backbone, "--data", "boxed", "--out", out,
                             "--epochs", "1", *TINY, *arguments)

    def test_training_tells_what_it_learns_from(self):
        for words in ("boxed (voc, split train, 8 pictures, 8 boxes, 2 classes)", "fcos",
                      "resnet18 from nothing", "vistas detect eval run --data",
                      "vistas detect run run"):
            self.assertIn(words, self.out)
        config = (self.folder / "run/config.toml").read_text()
        for words in ('modality = "boxes"', "score_every = ", 'name = "fcos"'):
            self.assertIn(words, config)
        info = self.succeeds("info", "run", "--json", "-").json()
        self.assertEqual(info["bundle"]["classes"], ["blue", "red"])
        self.assertEqual(info["bundle"]["network"], "detector")
        self.assertGreater(info["online_score"], 0)
        text = self.succeeds("info", "run").out
        self.assertIn("blue, red", text)
        self.assertNotIn("effective rank", text)
        self.assertIn("detector", self.succeeds("info", "run/checkpoints/last").out)

    def test_a_run_goes_on_only_as_it_began(self):
        self.assertIn("done already", self.succeeds("train", "--resume", "run").out)
        self.fails(2, ["encoder.width: 8 -> 16"], "train", "--resume", "run", "--set",
                   "encoder.width=16")
        self.fails(2, ["run holds a run already"], "detect", "train", "scratch", "--data", "boxed",
                   "--out", "run")

    def test_measures(self):
        out = self.succeeds("detect", "eval", "run", "--data", "boxed", "--json", "scores.json").out
        result = json.loads((self.folder / "scores.json").read_text())
        self.assertEqual((result["split"], result["layout"], result["pictures"]), ("val", "voc", 4))
        self.assertEqual(set(result["classes"]), {"blue", "red"})
        self.assertEqual((result["bad_images"], result["left_out"]), (0, 0))
        for name in ("AP", "AP50", "AR1", "AR10", "AR100", "AP_small"):
            self.assertTrue(0 <= result[name] <= 1, name)
        self.assertIsNone(result["AP_large"])
        kept = re.search(r"kept in (run/eval/detection.*json)", out).group(1)
        self.assertEqual(json.loads((self.folder / kept).read_text()), result)
        # What it has learned from.
        text = self.succeeds("detect", "eval", "run", "--data", "boxed", "--split", "train").out
        self.assertRegex(text, r"(?m)^red +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$")
        own = self.succeeds("detect", "eval", "run", "--data", "boxed", "--split", "train",
                            "--json", "-").json()
        self.assertGreater(own["AP50"], 0.5)
        # Nothing is found with certainty.
        none = self.succeeds("detect", "eval", "run", "--data", "boxed", "--score", "1", "--json",
                             "-").json()
        self.assertEqual(none["AP"], 0)

    def test_boxes_of_a_picture(self):
        found = self.succeeds("detect", "run", "run", "red.png", "-o", "boxes.png", "--score",
                              "0.05", "--most", "3", "--json", "-").json()
        self.assertEqual([p["picture"] for p in found["pictures"]], ["red.png"])
        boxes = found["pictures"][0]["boxes"]
        self.assertTrue(1 <= len(boxes) <= 3)
        self.assertEqual(boxes, sorted(boxes, key=lambda box: -box["score"]))
        for box in boxes:
            self.assertIn(box["class"], ("blue", "red"))
            left, top, width, height = box["box"]
            self.assertGreaterEqual(min(left, top), 0)
            self.assertGreater(min(width, height), 0)
            self.assertLessEqual(left + width, 48 + 1e-3)
            self.assertLessEqual(top + height, 40 + 1e-3)
            self.assertTrue(0.05 < box["score"] <= 1)
        self.assertEqual(support.png_size(self.folder / "boxes.png"), (48, 40, 3))
        self.assertNotEqual(support.read_png(self.folder / "boxes.png"),
                            support.read_png(self.folder / "red.png"))
        out = self.succeeds("detect", "run", "run", "red.png", "--score", "1").out
        self.assertIn("0 objects in 1 picture", out)

    def test_every_picture_of_a_folder_has_a_file_of_its_own(self):
        folder = self.folder / "mixed"
        for name in ("a.png", "sub/a.png", "été/b c.png"):
            support.write(folder / name, support.square("blue", name, 60, 30)[0])
        support.write(folder / "a.jpg", support.JPEG)
        support.write(folder / "bad.png", "no picture")
        result = self.succeeds("detect", "run", "run", "mixed", "-o", "drawn/here", "--json", "-")
        self.assertEqual({p["picture"] for p in result.json()["pictures"]},
                         {"a.jpg", "a.png", "sub/a.png", "été/b c.png"})
        self.assertEqual(result.json()["bad_images"], 1)
        self.assertIn("bad.png", result.json()["first_bad_images"][0])
        drawn = {str(path.relative_to(self.folder / "drawn/here")): path
                 for path in (self.folder / "drawn").rglob("*.png")}
        self.assertEqual(set(drawn), {"a.jpg.png", "a.png.png", "sub/a.png", "été/b c.png"})
        self.assertEqual(support.png_size(drawn["a.jpg.png"]), (40, 32, 3))
        self.assertEqual(support.png_size(drawn["sub/a.png"]), (60, 30, 3))
        self.fails(3, ["bad.png"], "detect", "run", "run", "mixed", "--on-bad-image", "fail")

    def test_pictures_are_never_overwritten(self):
        pictures = support.make_boxed(self.folder / "kept") / "JPEGImages"
        before = {path: path.read_bytes() for path in pictures.iterdir()}
        support.write(self.folder / "list.txt", "".join(f"{path}\n" for path in before))
        self.succeeds("detect", "run", "run", "list.txt", "-o", "from list", "--score", "0.01")
        self.assertEqual(len(list((self.folder / "from list").rglob("*.png"))), len(before))
        one = "kept/JPEGImages/train0.png"
        for data, out in (("kept/JPEGImages", "kept/JPEGImages/"), (one, one),
                          (one, "kept/JPEGImages")):
            self.fails(2, ["would overwrite the pictures", "expected another"], "detect", "run",
                       "run", data, "-o", out)
        self.assertEqual(before, {path: path.read_bytes() for path in pictures.iterdir()})

    def test_a_folder_of_one_picture_is_a_folder(self):
        support.write(self.folder / "single/one.png", support.square("red", 1)[0])
        self.succeeds("detect", "run", "run", "single", "-o", "into")
        self.succeeds("detect", "run", "run", "red.png", "-o", "into")
        self.assertEqual({path.name for path in (self.folder / "into").iterdir()},
                         {"one.png", "red.png"})

    def test_backbone_of_a_run_and_few_labels(self):
        out = self.trains_detector("image", "from image", "--frozen", "--labels", "50%").out
        for words in ("resnet18 of image, frozen", "4 pictures, 50% of the labels"):
            self.assertIn(words, out)
        before, _ = support.read_safetensors(
            self.folder / "image/checkpoints/last/encoder.safetensors")
        after, _ = support.read_safetensors(
            self.folder / "from image/checkpoints/last/encoder.safetensors")
        for name, tensor in before.items():
            self.assertEqual(after["backbone." + name], tensor, name)
        self.assertIn("done already", self.succeeds("train", "--resume", "from image").out)
        result = self.trains_detector("scratch", "one of each", "--labels", "2", "--json", "-")
        self.assertEqual(result.json()["step"], 1)
        self.assertEqual(result.json()["bad_samples"], 0)

    def test_classes_are_told_by_their_names(self):
        """A data set without one of the classes numbers them in another way."""
        red = self.folder / "red"
        for i in range(2):
            data, box, _ = support.square("red", f"train {2 * i}")
            support.write(red / f"JPEGImages/{i}.png", data)
            support.write(red / f"Annotations/{i}.xml", support.voc_annotation("red", box))
        found = self.succeeds("detect", "eval", "run", "--data", "red", "--json", "-").json()
        self.assertIsNone(found["classes"]["blue"]["AP"])
        self.assertGreater(found["classes"]["red"]["AP50"], 0.3)
        support.write(red / "Annotations/1.xml", support.voc_annotation("green", box))
        self.fails(3, ["a class that the run has not learned", "green", "blue, red"], "detect",
                   "eval", "run", "--data", "red")

    def test_bad_annotations(self):
        data = support.make_boxed(self.folder / "broken")
        support.write(data / "Annotations/val1.xml", "<annotation><obj")
        support.write(data / "Annotations/val2.xml", support.voc_annotation("red", (9, 9, 9, 20)))
        result = self.succeeds("detect", "eval", "run", "--data", "broken", "--json", "-").json()
        self.assertEqual(result["left_out"], 2)
        text = self.succeeds("detect", "eval", "run", "--data", "broken").out
        self.assertIn("2 annotations were left out", text)
        self.fails(3, ["Annotations/val", ".xml"], "detect", "eval", "run", "--data", "broken",
                   "--on-bad-annotation", "fail")
        support.write(data / "Annotations/train1.xml", "<annotation><obj")
        self.fails(3, ["train1.xml"], "detect", "train", "scratch", "--data", "broken", "--out",
                   "never", "--on-bad-annotation", "fail", *TINY)
        self.assertFalse((self.folder / "never").exists())

    def test_bad_input(self):
        self.fails(2, ["boxed", "no split 'tset'", "train, val"], "detect", "eval", "run", "--data",
                   "boxed", "--split", "tset")
        for data in ("empty", "masked"):
            self.fails(3, [data, "no pictures with boxes", "voc"], "detect", "eval", "run",
                       "--data", data)
        self.fails(3, ["empty", "no pictures"], "detect", "run", "run", "empty")
        self.fails(3, ["missing.png", "No such file"], "detect", "run", "run", "missing.png")
        for run, got in (("other", "pictures with masks"), ("image", "pictures")):
            self.fails(3, [run, got, "a detector", "vistas detect train"], "detect", "run", run,
                       "red.png")
        self.fails(3, ["run", "pictures with boxes", "an encoder of pictures"], "embed", "run",
                   "boxed/JPEGImages", "-o", "x.safetensors")
        self.fails(3, ["nowhere", "no trained encoder"], "detect", "run", "nowhere", "red.png")

    def test_bad_settings(self):
        def refused(code, words, *arguments):
            self.fails(code, words, "detect", "train", "scratch", "--data", "boxed", "--out",
                       "never", *arguments)

        refused(2, ["labels", "few"], "--labels", "few")
        refused(3, ["class 'blue'", "got 4", "expected 9"], "--labels", "9")
        refused(2, ["method.name", "simclr", "boxes or masks"], "--set", "method.name=simclr")
        refused(2, ["resnet50 without a neck"], "--set", "encoder.name=vit_tiny")
        refused(2, ["views.hight", "views.height"], "--set", "views.hight=64")
        self.fails(2, ["method.name", "fcos", "pictures alone"], "train", "boxed", "--method",
                   "fcos")
        self.fails(3, ["nowhere", "no trained encoder"], "detect", "train", "nowhere", "--data",
                   "boxed", "--out", "never")
        self.fails(3, ["run", "pictures with boxes"], "detect", "train", "run", "--data", "boxed",
                   "--out", "never")
        self.assertFalse((self.folder / "never").exists())

    def test_words_that_are_none(self):
        self.fails(2, ["expected one of train, eval, run", "vistas detect --help"], "detect")
        self.fails(2, ["unknown action 'tran'", "train, eval, run"], "detect", "tran")
        self.fails(2, ["unknown option '--scor'", "--score", "vistas detect eval --help"], "detect",
                   "eval", "run", "--data", "boxed", "--scor", "0.2")
        self.fails(2, ["score", "got 2", "0 .. 1"], "detect", "run", "run", "red.png", "--score", "2")


if __name__ == "__main__":
    unittest.main()
