"""What the tests of the whole program share: tiny pictures, working folders, running `vistas`.

The program is named by VISTAS_PROGRAM. Python's standard library only.
"""
import base64
import dataclasses
import functools
import hashlib
import json
import math
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("VISTAS_PROGRAM", str(REPOSITORY / "build" / "vistas"))

# A Python that has Optuna, where there is one.
TUNE_PYTHON = os.environ.get("VISTAS_TUNE_PYTHON", sys.executable)

# Tests run beside each other: a thread that waits must not keep a core busy.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive", "NO_COLOR": "1",
               "VISTAS_TUNE_PYTHON": TUNE_PYTHON}


@functools.cache
def has_optuna():
    """Whether `vistas tune` can search: `./dev test` sees to it."""
    return subprocess.run([TUNE_PYTHON, "-c", "import optuna"], capture_output=True).returncode == 0



# A baseline JPEG of 40 x 32 pixels.
JPEG = base64.b64decode("""
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywt
QFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09P
T09PT09PT09PT09PT09PT09PT0//wAARCAAgACgDASIAAhEBAxEB/8QAGQAAAgMBAAAAAAAAAAAAAAAAAAQBAgUD/8QA
JhAAAQQAAwgDAAAAAAAAAAAAAQACAxESMZEEBRMhUWGh8CIjMv/EABUBAQEAAAAAAAAAAAAAAAAAAAUE/8QAHxEAAgIC
AgMBAAAAAAAAAAAAAQIAAwQSBTETQVFh/9oADAMBAAIRAxEAPwBWl0jhdIyRzcmCz7qqUtPdx+ggNoA53mfaVeZltTVu
v5J8bHW2zVpnCKQtxCNxb1rkpMLhA2U/lxI986LcS+2mtld8cQPI86rvqj6+YsssVQvZ++pY/GoiFi3qY9IU0hNeWF6S
ye3dIAHREgEmx36pJAsEEGiEReBdWUMQpJrcMJuJTeEgbDwwRiccuyUG0zhuHiGvOq5OJcbcST1KhowylgZj1LLcoMhV
R3KoUoSnlh+k/9k=""")

# Few, small steps: seconds of training in all.
TINY = ["encoder.name=conv4", "encoder.width=8", "views.size=16", "method.projector.out=16",
        "train.batch=8", "train.epochs=4", "train.precision=fp32", "train.log_every=1",
        "schedule.warmup_epochs=0", "schedule.lr=0.1"]

# The same for detectors and segmenters.
TINY_DENSE = ["encoder.width=8", "head.channels=16", "head.convolutions=1", "head.levels=3",
              "train.batch=4", "train.precision=fp32", "train.loader_threads=1", "schedule.lr=0.01"]

SHAPES = ("circle", "cross", "stripes")


def png(pixels, colour=2, depth=8):
    """PNG bytes of rows of (red, green, blue), or of (grey,) with colour 0; `depth` 16 writes every
    value twice, which is the same brightness."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(value for pixel in row for value in pixel
                                     for _ in range(depth // 8)) for row in pixels)
    header = struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
            chunk(b"IEND", b""))


def grey_picture(seed, side=24, depth=8):
    """Grey noise."""
    draw = random.Random(f"grey {seed}")
    return png([[(draw.randrange(256),) for _ in range(side)] for _ in range(side)], 0, depth)


def picture(shape, seed, side=24):
    """A shape on a background, both of random colour, at a random place."""
    draw = random.Random(f"{shape} {seed}")
    ink, paper = ([draw.randrange(256) for _ in range(3)] for _ in range(2))
    cx, cy = (draw.uniform(0.4, 0.6) * side for _ in range(2))
    size = draw.uniform(0.2, 0.35) * side
    inside = {
        "circle": lambda x, y: math.hypot(x - cx, y - cy) < size,
        "cross": lambda x, y: min(abs(x - cx), abs(y - cy)) < size / 3,
        "stripes": lambda x, y: int(x - cx + 4 * side) // 4 % 2 == 0,
    }[shape]
    return png([[ink if inside(x, y) else paper for x in range(side)] for y in range(side)])


def png_size(path):
    """Width, height and the number of channels of a PNG file of 8 bits."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert depth == 8, path
    return width, height, {0: 1, 2: 3}[colour]


def read_png(path):
    """The rows of a PNG file of 8 bits, each the bytes of its pixels."""
    width, height, channels = png_size(path)
    data, at, packed = pathlib.Path(path).read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    lines, size = zlib.decompress(packed), width * channels
    rows, above = [], bytes(size)
    for y in range(height):
        method, line = lines[y * (size + 1)], bytearray(lines[y * (size + 1) + 1:(y + 1) * (size + 1)])
        for x in range(size):
            left, corner = (line[x - channels], above[x - channels]) if x >= channels else (0, 0)
            nearest = min((left, above[x], corner), key=lambda v: abs(left + above[x] - corner - v))
            line[x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, nearest)[method]) % 256
        above = bytes(line)
        rows.append(above)
    return rows


def write(path, data):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def make_photos(folder, flat=12):
    """Pictures of all kinds of names: flat, nested, with spaces, non-ASCII, and a link."""
    folder = pathlib.Path(folder)
    for i in range(flat):
        write(folder / f"{SHAPES[i % 3]}-{i:02}.png", picture(SHAPES[i % 3], i))
    write(folder / "cat.jpg", JPEG)
    write(folder / "summer 2024" / "at the sea.png", picture("circle", 100))
    write(folder / "été" / "größe 猫.png", picture("cross", 101))
    write(folder / "été" / "deep er" / "x.png", picture("stripes", 102))
    (folder / "a link.png").symlink_to("circle-00.png")
    return folder


def make_labelled(folder, train=8, test=4):
    """train/<class> and test/<class>, a shape a class."""
    folder = pathlib.Path(folder)
    for split, count in (("train", train), ("test", test)):
        for shape in SHAPES:
            for i in range(count):
                write(folder / split / shape / f"{i}.png", picture(shape, f"{split} {i}"))
    return folder


SQUARES = {"red": (230, 30, 30), "blue": (30, 30, 230)}


def square(kind, seed, width=48, height=40):
    """A square on grey: PNG bytes, its box (left, top, right, bottom), and PNG bytes of its mask,
    in which the ground is 0, and red and blue are 1 and 2."""
    draw = random.Random(f"square {kind} {seed}")
    side = draw.randint(12, 24)
    left, top = draw.randrange(width - side), draw.randrange(height - side)
    paper, number = [draw.randint(90, 140)] * 3, 1 + list(SQUARES).index(kind)

    def rows(inside, outside):
        return [[inside if left <= x < left + side and top <= y < top + side else outside
                 for x in range(width)] for y in range(height)]

    return (png(rows(SQUARES[kind], paper)), (left, top, left + side, top + side),
            png(rows((number,), (0,)), 0))


def voc_annotation(kind, box, width=48, height=40):
    corners = "".join(f"<{tag}>{n}</{tag}>" for tag, n in zip(("xmin", "ymin", "xmax", "ymax"), box))
    return (f"<annotation><size><width>{width}</width><height>{height}</height></size>"
            f"<object><name>{kind}</name><bndbox>{corners}</bndbox></object></annotation>")


def make_boxed(folder, train=8, val=4):
    """Pictures of a square each with its box, as Pascal VOC has them; splits train and val."""
    folder = pathlib.Path(folder)
    for split, count in (("train", train), ("val", val)):
        for i in range(count):
            kind = list(SQUARES)[i % 2]
            data, box, _ = square(kind, f"{split} {i}")
            write(folder / f"JPEGImages/{split}{i}.png", data)
            write(folder / f"Annotations/{split}{i}.xml", voc_annotation(kind, box))
        write(folder / f"ImageSets/Main/{split}.txt",
              "".join(f"{split}{i}\n" for i in range(count)))
    return folder


def make_masked(folder, train=8, val=4):
    """The same pictures with masks, in images/SPLIT and masks/SPLIT."""
    folder = pathlib.Path(folder)
    write(folder / "classes.txt", "ground\n" + "".join(f"{kind}\n" for kind in SQUARES))
    for split, count in (("train", train), ("val", val)):
        for i in range(count):
            data, _, mask = square(list(SQUARES)[i % 2], f"{split} {i}")
            write(folder / f"images/{split}/{i}.png", data)
            write(folder / f"masks/{split}/{i}.png", mask)
    return folder


SYLLABLES = [a + b for a in "bdfgklmnprst" for b in "aeiou"]


def sentence_pairs(count, seed):
    """Pairs of three to seven words of two languages: a word of one has one word of the other."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(count):
        numbers = [draw.randrange(len(SYLLABLES)) for _ in range(draw.randint(3, 7))]
        pairs.append((" ".join(SYLLABLES[n] for n in numbers),
                      " ".join(SYLLABLES[-1 - n].upper() + "x" for n in numbers)))
    return pairs


@dataclasses.dataclass
class Result:
    command: list
    code: int
    out: str
    err: str

    def __str__(self):
        out, err = ("\n".join(text.splitlines()[-40:]) for text in (self.out, self.err))
        return (f"$ {' '.join(map(str, self.command))}\nexit code {self.code}\n"
                f"-- stdout (its end)\n{out}\n-- stderr (its end)\n{err}")

    def json(self):
        return json.loads(self.out)


def settings(values):
    return [word for value in values for word in ("--set", value)]


def read_safetensors(path):
    """The header's tensors as {name: (dtype, shape, bytes)}, and its metadata."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body = data[8 + length:]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], body[begin:end])
    return tensors, metadata


def rows_of(tensor):
    """The rows of a float32 matrix as tuples."""
    dtype, (count, width), data = tensor
    assert dtype == "F32", dtype
    values = struct.unpack(f"<{count * width}f", data)
    return [values[i * width:(i + 1) * width] for i in range(count)]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class ProgramTest(unittest.TestCase):
    """Each test class has a working folder of its own, in which the program runs."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="vistas test "))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    @classmethod
    def start(cls, *arguments, **more):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=cls.folder, env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                encoding="utf-8", **more)

    @classmethod
    def vistas(cls, *arguments, timeout=300):
        process = cls.start(*arguments)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Result(["vistas", *arguments], process.returncode, out, err)

    @classmethod
    def train(cls, data, out, *sets, arguments=()):
        return cls.vistas("train", data, "--out", out, *settings([*TINY, *sets]), *arguments)

    def succeeds(self, *arguments):
        result = self.vistas(*arguments)
        self.assertEqual(result.code, 0, result)
        return result

    def trains(self, data, out, *sets, arguments=()):
        result = self.train(data, out, *sets, arguments=arguments)
        self.assertEqual(result.code, 0, result)
        return result

    def fails(self, code, words, *arguments):
        """The program ends with `code` and a message that has all `words`; no stack trace."""
        result = self.vistas(*arguments)
        self.check_failure(result, code, words)
        return result

    def check_failure(self, result, code, words):
        self.assertEqual(result.code, code, result)
        self.assertTrue(result.err.strip(), result)
        for word in words:
            self.assertIn(word, result.err, result)
        for trace in ("Exception raised from", "frame #", "terminate called", "what():",
                      "Traceback", "libtorch", "libc10"):
            self.assertNotIn(trace, result.err, result)
