#!/usr/bin/env python3
"""Every command's help: a sentence, --json, and three examples, which are run in their order."""
import re
import shlex
import shutil
import unittest

import support

# Trains for minutes; `./dev demo` runs it.
LONG = {"demo"}
CIFAR = "build/data/cifar10"


class Examples(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        support.make_photos(cls.folder / "photos")
        support.make_labelled(cls.folder / "labelled")
        support.write(cls.folder / "query.png", support.picture("circle", 7))
        for name in ("recipes", "examples"):
            shutil.copytree(support.REPOSITORY / name, cls.folder / name)
        if (support.REPOSITORY / CIFAR).is_dir():
            (cls.folder / CIFAR).parent.mkdir(parents=True)
            (cls.folder / CIFAR).symlink_to(support.REPOSITORY / CIFAR)
        listing = cls.vistas("--help").out.split("Subcommands:\n")[1].split("\n\n")[0]
        cls.commands = dict(re.findall(r"^  (\w[\w-]*) +(.+)$", listing, re.MULTILINE))

    def help_of(self, command):
        return self.succeeds(command, "--help").out

    def examples_of(self, command):
        return re.findall(r"^  (vistas .+)$", self.help_of(command).split("Examples:\n")[1],
                          re.MULTILINE)

    def needs_what_is_absent(self, words):
        """Why an example cannot run here, or None."""
        if (self.folder / CIFAR).exists():
            return None
        for word in words:
            recipe = self.folder / word
            if word.endswith(".toml") and "train" in words and CIFAR in recipe.read_text():
                return f"{CIFAR} is absent; `./dev data cifar10` restores it"
        return None

    def test_the_list_names_the_commands(self):
        for command in ("train", "eval", "embed", "near", "views", "info", "pack", "doctor"):
            self.assertIn(command, self.commands)

    def test_every_help_has_a_sentence_json_and_three_examples(self):
        for command, sentence in self.commands.items():
            with self.subTest(command):
                text = self.help_of(command)
                self.assertEqual(text.splitlines()[0], sentence)
                self.assertTrue(sentence.endswith("."), sentence)
                self.assertIn("--json FILE", text)
                examples = self.examples_of(command)
                self.assertEqual(len(examples), 3)
                for example in examples:
                    self.assertEqual(shlex.split(example)[:2], ["vistas", command])

    def test_every_example_runs(self):
        for command in self.commands:
            if command in LONG:
                continue
            for example in self.examples_of(command):
                with self.subTest(example):
                    words = shlex.split(example)
                    absent = self.needs_what_is_absent(words)
                    if absent:
                        self.skipTest(absent)
                    result = self.succeeds(*words[1:])
                    self.assertTrue(result.out.strip(), result)


if __name__ == "__main__":
    unittest.main()
