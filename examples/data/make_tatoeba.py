#!/usr/bin/env python3
"""Picks the sentence pairs of the demo from Tatoeba's English-German pairs.

    python3 make_tatoeba.py deu-eng.zip TEST_SENTENCES...

deu-eng.zip is the archive of manythings.org/anki; the files of TEST_SENTENCES (one a line) are the
published test sets, of which no sentence is taken. Writes tatoeba.tsv.gz, 19,000 pairs to learn
from, and tatoeba-held-out.tsv.gz, 1,000 pairs of which neither side is among those: a line is an
English sentence, a tab and a German one.
"""
import gzip
import random
import sys
import zipfile

TRAIN, HELD_OUT, SEED = 19_000, 1_000, 7


def norm(text):
    return " ".join(text.lower().split())


def main(archive, *test_files):
    banned = set()
    for name in test_files:
        with open(name, encoding="utf-8") as lines:
            banned |= {norm(line) for line in lines}
    with zipfile.ZipFile(archive) as z:
        lines = z.read("deu.txt").decode("utf-8").split("\n")
    pairs = [line.split("\t")[:2] for line in lines if "\t" in line]
    pairs = [p for p in pairs if not banned & {norm(p[0]), norm(p[1])}]
    random.Random(SEED).shuffle(pairs)
    train, held_out, seen = [], [], [set(), set()]
    for pair in pairs:
        sides = [norm(text) for text in pair]
        is_new = all(side not in known for side, known in zip(sides, seen))
        if len(held_out) < HELD_OUT and is_new and 3 <= len(pair[0].split()):
            held_out.append(pair)
        elif len(train) < TRAIN and is_new:
            train.append(pair)
        else:
            continue
        for side, known in zip(sides, seen):
            known.add(side)
    for name, rows in (("tatoeba.tsv.gz", train), ("tatoeba-held-out.tsv.gz", held_out)):
        text = "".join(f"{english}\t{german}\n" for english, german in rows)
        with open(name, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
            out.write(text.encode("utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:])
