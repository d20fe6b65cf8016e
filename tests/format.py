#!/usr/bin/env python3
"""Checks that C++ sources are formatted as .clang-format says; names each file that is not.

Other versions of clang-format lay some lines out differently, so that only the version below
judges. Exit code 77: skipped.
"""
import pathlib
import re
import shutil
import subprocess
import sys

VERSION = 14


def find_formatter():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if not path:
            continue
        text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        match = re.search(r"version (\d+)\.", text)
        if match and int(match[1]) == VERSION:
            return path
    return None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    formatter = find_formatter()
    if not formatter:
        print(f"skipped: no clang-format {VERSION} (apt-get install clang-format-{VERSION})")
        return 77
    files = sorted(f for folder in ("src", "tests", "bench", "examples")
                   for f in (root / folder).rglob("*") if f.suffix in (".h", ".cpp"))
    result = subprocess.run([formatter, "--dry-run", "--Werror", *map(str, files)],
                            capture_output=True, text=True)
    bad = sorted(set(re.findall(r"^(.+?):\d+:\d+: error", result.stderr, re.MULTILINE)))
    for file in bad:
        print(f"{pathlib.Path(file).relative_to(root)}: not formatted; run clang-format -i on it")
    if result.returncode != 0 and not bad:
        print(result.stderr)
    print(f"{len(files)} files, {len(bad)} not formatted")
    return 0 if result.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
