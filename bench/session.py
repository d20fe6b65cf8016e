"""Runs programs of this build and scripts of the peers, and collects what they measured."""
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Row:
    """One line of the table. `need` is the figure to reach: with `per_peer` the ratio to the best
    peer, otherwise in `unit`. `peers` has those that were measured."""
    benchmark: str
    what: str
    value: float
    unit: str
    peers: dict = dataclasses.field(default_factory=dict)
    lower_is_better: bool = False
    need: float = None
    per_peer: bool = False

    def best_peer(self):
        """(name, value) of the peer that is hardest to beat; None without peers."""
        pick = min if self.lower_is_better else max
        return pick(self.peers.items(), key=lambda item: item[1]) if self.peers else None

    def ratio(self):
        """How many times better than the best peer."""
        best = self.best_peer()
        if best is None:
            return None
        return best[1] / self.value if self.lower_is_better else self.value / best[1]

    def reached(self):
        """None where there is no target, or no peer to compare with."""
        got = self.ratio() if self.per_peer else self.value
        if self.need is None or got is None:
            return None
        return got <= self.need if self.lower_is_better and not self.per_peer else got >= self.need

    def as_dict(self):
        best = self.best_peer()
        return {**dataclasses.asdict(self), "best_peer": best[0] if best else None,
                "ratio": self.ratio(), "reached": self.reached()}


class Session:
    """Paths, and what was measured, skipped and failed so far. Every method that runs something
    notes what is missing or fails and then returns something empty, so that the rest goes on."""

    def __init__(self, build, peers):
        self.build = pathlib.Path(build)
        self.data = self.build / "data"
        self.runs = ROOT / "runs"
        self.peers_at = pathlib.Path(os.environ.get("VISTAS_PEERS", "peers")) if peers else None
        self.homes = pathlib.Path(os.environ.get("PEERS_HOMES", self.build / "peers"))
        self.rows, self.raw, self.skipped, self.failed = [], [], [], []
        self.benchmark = ""

    def say(self, text):
        print(f"bench: {self.benchmark}: {text}", file=sys.stderr, flush=True)

    def skip(self, text):
        if text not in self.skipped:
            self.skipped.append(text)
            self.say(f"skipped: {text}")

    def fail(self, text):
        self.failed.append(f"{self.benchmark}: {text}")
        self.say(f"failed: {text}")

    def row(self, what, value, unit, **more):
        if value is not None:
            more["peers"] = {k: v for k, v in more.get("peers", {}).items() if v is not None}
            self.rows.append(Row(self.benchmark, what, value, unit, **more))

    def has_data(self, *names):
        for name in names:
            if not (self.data / name).exists():
                self.skip(f"no data in {self.data / name}: run ./dev data {name}")
        return all((self.data / name).exists() for name in names)

    def run(self, command, env=None, cpu=None):
        """(stdout, seconds); seconds are None after a failure."""
        pin = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
        self.say(" ".join(str(part).removeprefix(f"{ROOT}/") for part in command))
        start = time.perf_counter()
        done = subprocess.run([str(part) for part in command], cwd=ROOT, preexec_fn=pin, text=True,
                              env={**os.environ, **(env or {})}, capture_output=True, check=False)
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip()[-1000:]
            self.fail(f"{' '.join(map(str, command))} ended with {done.returncode}: {last}")
            return done.stdout, None
        return done.stdout, time.perf_counter() - start

    def google(self, program, filter=".", pinned=False, repetitions=5, min_time=0.3):
        """Runs a google-benchmark program; {name: [entry of each repetition]}."""
        path = self.build / "bench" / program
        if not path.exists():
            self.skip(f"no program {path}: run ./dev build --target {program}")
            return {}
        out, seconds = self.run([path, f"--benchmark_filter={filter}", "--benchmark_format=json",
                                 f"--benchmark_repetitions={repetitions}",
                                 f"--benchmark_min_time={min_time}"],
                                env={"VISTAS_DATA_BUILD": str(self.data)},
                                cpu=min(os.sched_getaffinity(0)) if pinned else None)
        found = {}
        for entry in json.loads(out)["benchmarks"] if seconds else []:
            if entry.get("error_occurred"):
                self.skip(f"{program} {entry['name']}: {entry['error_message']}")
            elif entry["run_type"] == "iteration":
                found.setdefault(entry["run_name"], []).append(entry)
                self.raw.append({"program": program, **entry})
        return found

    def vistas(self, *arguments):
        """The JSON result of a command of the program; None after a failure."""
        program = self.build / "vistas"
        if not program.exists():
            self.skip(f"no program {program}: run ./dev build")
            return None
        out, seconds = self.run([program, *arguments, "--json", "-"])
        if seconds is None:
            return None
        result = json.loads(out)
        self.raw.append({"program": "vistas", "arguments": [str(a) for a in arguments],
                         "wall_s": seconds, "result": result})
        return result

    def fresh_run(self, name):
        """A run folder of the benchmarks; an earlier one is removed."""
        folder = self.runs / f"bench-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def peer_python(self, part):
        """Whether peers were asked for and are installed."""
        if self.peers_at is None:
            return None
        python = self.homes / part / "bin" / "python"
        if not self.peers_at.is_dir():
            self.skip(f"no peers in {self.peers_at}: set VISTAS_PEERS to their folder")
        elif not python.exists():
            self.skip(f"peers not installed: run PEERS_HOME={self.homes}/{part} "
                      f"{self.peers_at}/{part}/setup, or set PEERS_HOMES")
        else:
            return python
        return None

    def peer(self, script, *arguments, part="vision", env=None):
        """The JSON lines that PART/SCRIPT.py of the peers prints; with the script `run`, those of
        the subsets named by the arguments."""
        python = self.peer_python(part)
        if python is None:
            return []
        command = [self.peers_at / "run"] if script == "run" else \
            [python, self.peers_at / part / f"{script}.py"]
        out, _ = self.run([*command, *arguments],
                          env={"PEERS_DATA": str(self.data), "PEERS_HOMES": str(self.homes),
                               **(env or {})})
        lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"')]
        self.raw += [{"peer": str(script), **line} for line in lines]
        return lines


def median(entries, key):
    """Of a value in a list of dicts; None if there is none."""
    values = [entry[key] for entry in entries or [] if key in entry]
    return statistics.median(values) if values else None


def mean(values):
    values = [v for v in values if v is not None]
    return statistics.fmean(values) if values else None
