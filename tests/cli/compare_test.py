#!/usr/bin/env python3
"""What few labels give, and search by a part of a picture: results, and what bad input is told."""
import json
import unittest

import support

TINY = support.settings(support.TINY_DENSE)


class Compare(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_masked(cls.folder / "masked")
        support.make_boxed(cls.folder / "boxed")
        support.write(cls.folder / "red.png", support.square("red", "train 0")[0])
        cls.box = support.square("red", "train 0")[1]
        result = cls.vistas("train", "boxed/JPEGImages", "--out", "run", *support.settings(
            ["train.batch=4", "train.steps=2", "encoder.width=8", "views.size=32",
             "encoder.stem=cifar"]))
        assert result.code == 0, result

    def compare(self, *words):
        return self.succeeds("compare", "--task", "segment", "--data", "masked", "--labels",
                             "50%,100%", "--seeds", "2", *words, "--set", "train.steps=2")

    def test_one_table_one_plot_one_file(self):
        result = self.compare("run", "scratch", "untrained", "--out", "few", "--json", "few.json")
        rows = json.loads((self.folder / "few.json").read_text())["rows"]
        self.assertEqual([(row["model"], row["labels"], row["labelled"]) for row in rows],
                         [(model, labels, pictures) for labels, pictures in (("50%", 4), ("100%", 8))
                          for model in ("run", "scratch", "untrained")])
        for row in rows:
            self.assertEqual(row["measure"], "mIoU")
            self.assertEqual(len(row["runs"]), 2)
            self.assertAlmostEqual(row["mean"], sum(row["runs"]) / 2)
            self.assertRegex(result.out, rf"{row['model']} +{row['labels']} +{row['labelled']} ")
        self.assertIn("</svg>", (self.folder / "few/labels.svg").read_text())
        self.assertEqual(json.loads((self.folder / "few/compare.json").read_text())["rows"], rows)

    def test_finished_trainings_are_not_repeated(self):
        kept = self.folder / "kept/trainings.jsonl"
        first = self.compare("scratch", "--out", "kept", "--json", "-").json()["rows"]
        lines = kept.read_text().splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual(self.compare("scratch", "--out", "kept", "--json", "-").json()["rows"], first)
        self.assertEqual(kept.read_text().splitlines(), lines)
        # A line that was cut short counts as none; its training comes again, with the same value.
        kept.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])
        self.assertEqual(self.compare("scratch", "--out", "kept", "--json", "-").json()["rows"], first)
        self.assertEqual(kept.read_text().splitlines()[4:], lines[3:])

    def test_bad_input(self):
        self.fails(2, ["labels", "0%"], "compare", "--task", "segment", "--data", "masked",
                   "--labels", "0%", "scratch")
        self.fails(2, ["--set", "classify"], "compare", "--data", "labelled", "scratch", "--set",
                   "train.steps=2")
        self.fails(2, ["no run"], "compare", "--data", "masked", "scratch")
        self.fails(3, ["nowhere"], "compare", "--task", "detect", "--data", "boxed", "nowhere")

    def near(self, region, *words):
        return ("near", "run", "red.png", "--region", region, "--in", "boxed/JPEGImages", "-k", "3",
                *words)

    def test_search_by_a_region(self):
        left, top, right, bottom = self.box
        region = f"{left},{top},{right - left},{bottom - top}"
        result = self.succeeds(*self.near(region, "--html", "near.html", "--json", "near.json"))
        found = json.loads((self.folder / "near.json").read_text())
        self.assertEqual(found["region"], [left, top, right - left, bottom - top])
        self.assertEqual(len(found["hits"]), 3)
        scores = [hit["cosine"] for hit in found["hits"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        # Even ones have a red square too.
        self.assertRegex(found["hits"][0]["path"], r"^(train|val)[02468]\.png$")
        for hit in found["hits"]:
            x, y, width, height = hit["box"]
            self.assertTrue(0 <= x < x + width <= 48 and 0 <= y < y + height <= 40, hit)
            self.assertIn(hit["path"], result.out)
        page = (self.folder / "near.html").read_text()
        self.assertEqual(page.count("data:image/png;base64,"), 4)

    def test_bad_regions(self):
        self.fails(2, ["region", "48 x 40"], *self.near("40,30,20,20"))
        self.fails(2, ["--region"], *self.near("1,2,3"))
        self.fails(2, ["one picture"], "near", "run", "boxed/JPEGImages", "--region", "0,0,8,8",
                   "--in", "boxed/JPEGImages")


if __name__ == "__main__":
    unittest.main()
