#!/usr/bin/env python3
"""Packs the Omniglot files that the demo needs into one tar shard in the WebDataset layout.

    make_omniglot.py FOLDER omniglot.tar

FOLDER holds images_background_small1.zip, images_background_small2.zip and all_runs.zip of
https://github.com/brendenlake/omniglot (python/). The shard holds
    train/<alphabet>/<character>/<drawing>.png        4,840 drawings, each once, no labels
    test/runNN/{training,test}/<name>.png + .cls      the 20 one-shot runs; .cls is the class 0..19
"""
import io
import sys
import tarfile
import zipfile
from pathlib import Path


def members(folder):
    drawings = {}
    for name in ("images_background_small1", "images_background_small2"):
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            for path in archive.namelist():
                if path.endswith(".png"):
                    key = "train/" + path.split("/", 1)[1]
                    content = archive.read(path)
                    if drawings.setdefault(key, content) != content:
                        sys.exit(f"{key} differs between the two sets")
    yield from sorted(drawings.items())
    with zipfile.ZipFile(folder / "all_runs.zip") as archive:
        for run in (f"run{i:02}" for i in range(1, 21)):
            pairs = [line.split() for line in archive.read(f"{run}/class_labels.txt").decode().splitlines()]
            labels = {training: training for _, training in pairs} | dict(pairs)
            for path in sorted(labels):
                number = int(labels[path].split("class")[-1].removesuffix(".png")) - 1
                yield f"test/{path}", archive.read(path)
                yield f"test/{path.removesuffix('.png')}.cls", str(number).encode()


def main():
    folder, out = Path(sys.argv[1]), sys.argv[2]
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as shard:
        for name, content in members(folder):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            shard.addfile(info, io.BytesIO(content))


main()
