#!/usr/bin/env python3
"""Reads every #include below src/vistas and names file, line and rule of each that is not allowed.

    python3 tests/layers.py [src/vistas]

The rules are those of ARCHITECTURE.md, "Rooms and floors" and "Style". Before looking at the
sources the script breaks every rule in a folder of its own and checks that each is named.
"""
import pathlib
import re
import sys
import tempfile

FLOORS = {
    "base": 1, "search": 2, "contrast": 3, "measure": 4, "learn": 5,
    "methods": 6, "vision": 6, "text": 6, "recommend": 6,
    "recipe": 7, "look": 7, "share": 7, "tune": 8, "app": 9,
}
WINGS = {"vision", "text", "recommend"}
# Built and tested without LibTorch.
NO_TORCH = ("base", "look", "vision/sources", "vision/views", "text/sources", "text/tokenizers",
            "text/views", "recommend/sources", "recommend/views")
TORCH = re.compile(r"^(ATen|torch|c10)/")
# The LibTorch headers that a header may include: they cost little.
LIGHT = {"ATen/core/Tensor.h", "ATen/core/Generator.h", "c10/core/Device.h"}
# Headers that only sources of their own room include.
PRIVATE = {"contrast/precision.h", "learn/vectors-inl.h"}
# Headers that define modules; all others show tensors only.
MODULE_HEADERS = ("methods", "learn", "vision/encoders", "vision/methods", "text/encoders",
                  "text/methods", "recommend/encoders", "recommend/methods")
HIDDEN = re.compile(r"^(CLI/|CLI11|toml\+\+/|toml\.hpp|nlohmann/|pugixml|yaml-cpp/|fmt/)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def within(folder, prefixes):
    return any(folder == p or folder.startswith(p + "/") for p in prefixes)


def broken_rule(file, include):
    """Why `file` (relative to src/vistas) must not include `include`; None if it may."""
    folder = file.parent.as_posix()
    room = file.parts[0]
    header = file.suffix == ".h"
    if include.startswith("vistas/"):
        other = include.split("/")[1]
        if other not in FLOORS:
            return f"there is no room '{other}'"
        if other == room:
            if room == "vision" and within(folder, NO_TORCH) and not include.startswith(
                    ("vistas/vision/sources/", "vistas/vision/views/")):
                return "sources and views know nothing else of the wing"
            return None
        if room in WINGS and other in WINGS:
            return "wings never include each other"
        if room == "methods" and other in WINGS:
            return "methods/ knows no wing"
        if room in WINGS and other == "methods":
            return "wings never include methods/"
        if FLOORS[other] >= FLOORS[room]:
            return (f"{room} is on floor {FLOORS[room]}, {other} on floor {FLOORS[other]}: "
                    "only floors below")
        if within(folder, NO_TORCH) and other != "base" and not include.startswith(
                ("vistas/vision/sources/", "vistas/vision/views/")):
            return f"{folder} is built without LibTorch, {other} needs it"
        return None
    if TORCH.match(include):
        if within(folder, NO_TORCH):
            return f"{folder} is built without LibTorch"
        if header and include not in LIGHT and file.as_posix() not in PRIVATE:
            if include == "torch/nn/module.h" and within(folder, MODULE_HEADERS):
                return None
            return ("headers include at most <ATen/core/Tensor.h>; those of encoders and methods "
                    "also <torch/nn/module.h>")
    if header and room != "app" and HIDDEN.match(include):
        return "headers never include CLI11, toml++, nlohmann-json, pugixml, yaml-cpp or fmt"
    return None


def problems(root):
    for path in sorted(root.rglob("*")):
        file = path.relative_to(root)
        if path.suffix not in (".h", ".cpp") or len(file.parts) == 1:
            continue  # torch_headers.h, the precompiled header, lies in the root
        if file.parts[0] not in FLOORS:
            yield f"{file}:1: there is no room '{file.parts[0]}' in ARCHITECTURE.md"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            rule = match and broken_rule(file, match[1])
            if rule:
                yield f"{file}:{number}: includes {match[1]}: {rule}"


BROKEN = {
    "base/a.cpp": ("vistas/search/top_k.h", "only floors below"),
    "measure/a.cpp": ("vistas/learn/trainer.h", "only floors below"),
    "look/a.cpp": ("vistas/recipe/run.h", "only floors below"),
    "look/b.cpp": ("vistas/measure/knn.h", "built without LibTorch"),
    "recommend/sources/a.cpp": ("vistas/search/top_k.h", "built without LibTorch"),
    "look/c.cpp": ("vistas/vision/encoders/resnet.h", "built without LibTorch"),
    "share/a.cpp": ("vistas/recipe/run.h", "only floors below"),
    "text/a.cpp": ("vistas/vision/views/crop.h", "wings never include each other"),
    "methods/a.cpp": ("vistas/vision/views/crop.h", "methods/ knows no wing"),
    "vision/tasks/a.cpp": ("vistas/methods/simclr.h", "wings never include methods/"),
    "vision/views/a.cpp": ("vistas/vision/encoders/resnet.h", "nothing else of the wing"),
    "vision/sources/a.cpp": ("ATen/ATen.h", "built without LibTorch"),
    "search/a.h": ("ATen/ATen.h", "at most <ATen/core/Tensor.h>"),
    "measure/a.h": ("torch/nn/module.h", "at most <ATen/core/Tensor.h>"),
    "recipe/a.h": ("nlohmann/json.hpp", "headers never include"),
    "base/a.h": ("fmt/format.h", "headers never include"),
    "look/a.h": ("pugixml.hpp", "headers never include"),
    "look/b.h": ("yaml-cpp/yaml.h", "headers never include"),
    "learn/a.cpp": ("vistas/nowhere/a.h", "there is no room"),
    "attic/a.cpp": ("vector", "there is no room"),
}
ALLOWED = {
    "measure/b.cpp": "vistas/search/top_k.h", "search/b.h": "ATen/core/Tensor.h",
    "vision/encoders/b.h": "torch/nn/module.h", "look/d.h": "vistas/vision/sources/image.h",
    "base/b.cpp": "fmt/format.h", "app/b.h": "CLI/CLI.hpp", "learn/b.cpp": "ATen/ATen.h",
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, include in [(n, i) for n, (i, _) in BROKEN.items()] + list(ALLOWED.items()):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(f"// line 1\n#include <{include}>\n")
        found = list(problems(root))
        for name, (_, rule) in BROKEN.items():
            line = 1 if name.startswith("attic") else 2
            assert any(p.startswith(f"{name}:{line}: ") and rule in p for p in found), name
        assert len(found) == len(BROKEN), found


def main():
    self_test()
    default = pathlib.Path(__file__).resolve().parent.parent / "src" / "vistas"
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    found = list(problems(root))
    for problem in found:
        print(f"src/vistas/{problem}")
    print(f"{len(found)} broken rules" if found else "every include keeps to the floors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
