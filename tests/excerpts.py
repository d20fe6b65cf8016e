#!/usr/bin/env python3
"""Checks that code in docs/extend.md stands word for word in examples/extend.

A line "// ..." in the page leaves lines out.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LANGUAGES = ("cpp", "cmake", "toml")


def main():
    files = {f.name: f.read_text(encoding="utf-8")
             for f in sorted((ROOT / "examples" / "extend").iterdir())}
    page = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    parts = [part for language, block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
             if language in LANGUAGES for part in block.split("// ...\n")]
    strange = [part for part in parts if not any(part in text for text in files.values())]
    for part in strange:
        print(f"docs/extend.md: not in examples/extend:\n{part}")
    print(f"{len(parts)} excerpts, {len(strange)} not in examples/extend")
    return 1 if strange or not parts else 0


if __name__ == "__main__":
    sys.exit(main())
