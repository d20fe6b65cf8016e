#!/usr/bin/env python3
"""The driver behind `./dev bench`: runs benchmarks, with --peers also those of other packages in
the same minutes, and prints a table. Needs nothing but Python's standard library."""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

import benchmarks
from session import ROOT, Session

BY_NAME = {f.__name__: f for f in benchmarks.QUICK + benchmarks.LONG}


def parse_arguments():
    lines = [f"  {name:<9} {f.__doc__.splitlines()[0]}" for name, f in BY_NAME.items()]
    names = ", ".join(f.__name__ for f in benchmarks.QUICK)
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures vistas. Benchmarks:\n" + "\n".join(lines) +
        f"\nWithout a name: {names}. `all`: every one.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--peers", action="store_true",
                        help="also other packages on the same work, and the ratios")
    parser.add_argument("--json", metavar="FILE", help="write everything measured to FILE")
    parser.add_argument("--build", default=str(ROOT / "build"), help="the build folder [build]")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BY_NAME and name != "all"]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are all, {', '.join(BY_NAME)}")
    if "all" in arguments.names:
        arguments.names = list(BY_NAME)
    arguments.names = arguments.names or [f.__name__ for f in benchmarks.QUICK]
    return arguments


def first_value(path, key):
    """Of a /proc file of 'key : value' lines."""
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None


def output_of(*command):
    try:
        done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True,
                              text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def machine():
    return {"cpu": first_value("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "usable_cores": len(os.sched_getaffinity(0)),
            "memory": first_value("/proc/meminfo", "MemTotal")}


def versions(session):
    found = {"vistas": output_of(session.build / "vistas", "--version"),
             "commit": output_of("git", "describe", "--always", "--dirty")}
    python = session.peer_python("vision")
    if python:
        script = ("import importlib.metadata as m, json; print(json.dumps({n: m.version(n) "
                  "for n in 'torch torchvision lightly albumentationsx kornia'.split()}))")
        found["peers"] = json.loads(output_of(python, "-c", script) or "null")
    return found


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows):
    """As Markdown, so that it can be pasted into a README."""
    lines = [("benchmark", "what", "vistas", "best peer", "ratio", "target", "reached")]
    for row in rows:
        best, ratio = row.best_peer(), row.ratio()
        target = ""
        if row.need is not None:
            limit = "at most " if row.lower_is_better and not row.per_peer else ""
            target = limit + (f"{row.need:.3g} x" if row.per_peer else number(row.need))
        lines.append((row.benchmark, row.what, f"{number(row.value)} {row.unit}".strip(),
                      f"{number(best[1])} {best[0]}" if best else "",
                      f"{ratio:.2f} x" if ratio is not None else "", target,
                      {True: "yes", False: "no", None: ""}[row.reached()]))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |"
                     for line in lines)


def main():
    arguments = parse_arguments()
    session = Session(arguments.build, arguments.peers)
    report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "machine": machine(), "load_before": os.getloadavg()}
    session.benchmark = "set-up"
    report["versions"] = versions(session)
    if os.getloadavg()[0] > 0.5:
        session.say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): distrust wall time")
    for name in arguments.names:
        session.benchmark = name
        try:
            BY_NAME[name](session)
        except (OSError, ValueError, KeyError, IndexError) as error:
            session.fail(f"{type(error).__name__}: {error}")
        report |= {"load_after": os.getloadavg(), "rows": [row.as_dict() for row in session.rows],
                   "skipped": session.skipped, "failed": session.failed, "raw": session.raw}
        if arguments.json:  # after each benchmark, so that an interrupted run keeps what it has
            pathlib.Path(arguments.json).write_text(json.dumps(report, indent=1) + "\n")
    cpu = report["machine"]
    print(f"{report['date']}, {cpu['cpu']}, {cpu['usable_cores']} cores, load "
          f"{report['load_before'][0]:.1f} before and {os.getloadavg()[0]:.1f} after; "
          f"{report['versions']['vistas']}, commit {report['versions']['commit']}\n")
    print(table(session.rows))
    for title, texts in (("skipped", session.skipped), ("failed", session.failed)):
        for text in texts:
            print(f"{title}: {text}")
    return 1 if session.failed else 0


if __name__ == "__main__":
    sys.exit(main())
