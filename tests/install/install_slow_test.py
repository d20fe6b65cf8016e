#!/usr/bin/env python3
"""Installs vistas, then builds and runs examples/extend against what was installed.

VISTAS_BUILD names the build folder, VISTAS_CMAKE cmake; CMake itself reads CMAKE_GENERATOR, CXX and
VISTAS_TORCH.
"""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["VISTAS_BUILD"])
CMAKE = os.environ["VISTAS_CMAKE"]
STAGE = BUILD / "stage"
SHARE = STAGE / "share/vistas"
# What no installed header may bring along.
HIDDEN = ("fmt", "nlohmann", "toml++", "CLI", "hwy", "yaml-cpp")


def run(*command, cwd=None):
    result = subprocess.run([*map(str, command)], cwd=cwd, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{result.stdout[-8000:]}")
    return result.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(STAGE, ignore_errors=True)
        run(CMAKE, "--install", BUILD, "--prefix", STAGE)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="vistas-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(CMAKE, "-S", SHARE / "examples/extend", "-B", cls.folder, f"-DCMAKE_PREFIX_PATH={STAGE}",
            "-DCMAKE_CXX_FLAGS=-O1 -Wall -Wextra -Werror", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        run(CMAKE, "--build", cls.folder)

    def test_extended_recipe_trains(self):
        run(self.folder / "extend", "examples/extend/spectral-omniglot.toml",
            self.folder / "run", cwd=SHARE)
        config = (self.folder / "run/config.toml").read_text()
        for line in ('name = "pixel_mlp"', 'name = "spectral"', "radius = 2"):
            self.assertIn(line, config)
        for file in ("encoder.safetensors", "encoder.json", "state.safetensors"):
            self.assertTrue((self.folder / "run/checkpoints/last" / file).is_file(), file)
        lines = (self.folder / "run/metrics.jsonl").read_text().splitlines()
        losses = [entry["loss"] for entry in map(json.loads, lines) if "loss" in entry]
        self.assertGreater(len(losses), 5)
        self.assertLess(losses[-1], losses[0])

    def test_wrong_recipe_is_named(self):
        recipe = self.folder / "wrong.toml"
        recipe.write_text('[method]\nname = "spectrum"\n')
        with self.assertRaisesRegex(AssertionError, "spectral"):
            run(self.folder / "extend", recipe, self.folder / "refused")
        self.assertFalse((self.folder / "refused").exists())

    def test_headers_need_nothing_but_libtorch(self):
        include = STAGE / "include"
        headers = sorted(str(h.relative_to(include)) for h in include.rglob("*.h"))
        for room in ("base", "contrast", "learn", "measure", "methods", "recipe", "vision/views"):
            self.assertTrue(any(h.startswith(f"vistas/{room}/") for h in headers), room)
        source = self.folder / "all_headers.cpp"
        source.write_text("".join(f'#include "{header}"\n' for header in headers))
        command = next(shlex.split(entry["command"]) for entry in
                       json.loads((self.folder / "compile_commands.json").read_text())
                       if entry["file"].endswith("main.cpp"))
        end = command.index("-o")
        run(*command[:end], "-fsyntax-only", "-MD", "-MF", self.folder / "all_headers.d", source,
            cwd=self.folder)
        used = (self.folder / "all_headers.d").read_text().split()
        self.assertGreater(len(used), len(headers))
        torch = os.environ["VISTAS_TORCH"]
        found = [file for file in used if not file.startswith(torch)
                 and any(f"/{name}/" in file for name in HIDDEN)]
        self.assertEqual(found, [])

    def test_program_and_recipes(self):
        self.assertIn("vistas", run(STAGE / "bin/vistas", "--version"))
        info = run(STAGE / "bin/vistas", "info", "examples/data/omniglot.tar", cwd=SHARE)
        self.assertIn("omniglot", info)
        for recipe in (REPOSITORY / "recipes/vision").glob("*.toml"):
            self.assertTrue((SHARE / "recipes/vision" / recipe.name).is_file())


if __name__ == "__main__":
    unittest.main()
