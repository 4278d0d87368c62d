"""How time and memory of a pack grow: `python -m benchmarks.growth [--json FILE] [--picture FILE]`.

Against the number of trials side by side, the tokens of an example, and the number of examples. Each point is a process
of its own; random weights, the same few optimiser steps for each trial, CPU seconds without imports, and the most
memory that the process held. Of data the way from the file to the first steps is measured (reading, finding near
duplicates, splitting, rendering): the steps themselves do not depend on it.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.sweep_material import Material

AXES: Mapping[str, Sequence[int]] = {
    "trials": (1, 2, 4, 8, 16, 32, 64), "tokens": (32, 64, 128, 256, 512), "examples": (100, 1000, 5000, 20_000)}
STEPS, BATCH, TOKENS, TRIALS = 4, 4, 64, 4


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--most", type=int, default=20_000, help="leave out larger points")
    parser.add_argument("--point", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.point:
        print(json.dumps(measured(chosen.point[0], int(chosen.point[1]))))
        return
    found = {axis: [_apart(axis, size) for size in sizes if size <= chosen.most] for axis, sizes in AXES.items()}
    for axis, points in found.items():
        for one in points:
            print(f"{axis:9}{one['size']:7,} {one['seconds']:8.2f} s {one['memory_mib']:7,} MiB "
                  f"{one['tokens']:8,} tokens")
        print(f"{axis:9}at most {steepest(points):.2f} times as much a unit from one point to the next")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if chosen.picture:
        draw(found, chosen.picture)


def steepest(points: Sequence[Mapping[str, float]]) -> float:
    """Promises the largest growth of seconds over that of the size, from one point to the next: 1 is linear."""
    return max((after["seconds"] / before["seconds"] / (after["size"] / before["size"])
                for before, after in pairwise(points)), default=0.0)


def measured(axis: str, size: int) -> dict[str, Any]:
    """Promises one point, in this process."""
    from tuner.train.packed.sweep import Sweep

    file = _table(size) if axis == "examples" else b""
    trials, tokens = (size if axis == "trials" else TRIALS), (size if axis == "tokens" else TOKENS)
    material = Material(trials=trials, epochs=1, shape="tiny", device="cpu", batch=BATCH, tokens=tokens,
                        steps=-(-size // BATCH) if axis == "examples" else STEPS)
    with tempfile.TemporaryDirectory() as folder:
        bench = material.bench(Path(folder))
        began, ended = time.process_time(), dict[int, Any]()
        if file:
            _prepare(file, bench.base.tokenizer)
        swept = Sweep(bench, trials, lambda *_: None, ended.__setitem__, lambda _: "", tokens_at_once=2048)
        for slot, settings in enumerate(material.settings()):
            swept.start(slot, slot, settings)
        trained = 0
        while not swept.is_idle and (axis != "examples" or trained < STEPS):
            swept.turn()
            trained += 1
        seconds = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    done = trials * BATCH * tokens * STEPS
    return {"size": size, "seconds": round(seconds, 3), "memory_mib": memory, "tokens": done}


def _table(examples: int) -> bytes:
    """A file of so many questions and answers."""
    draw = random.Random(9)
    words = ["".join(draw.choices("abcdefghiklmnoprstuvw", k=draw.randint(3, 8))) for _ in range(3000)]
    lines = (f"{' '.join(draw.choices(words, k=9))}?,{' '.join(draw.choices(words, k=12))}." for _ in range(examples))
    return "\n".join(["question,answer", *lines]).encode()


def _prepare(file: bytes, tokenizer: Any) -> None:
    """What a job does with a file before it trains."""
    from tuner.data.read import read_table
    from tuner.data.render import encode
    from tuner.data.shape import shape
    from tuner.data.split import sizes_for, split

    examples = shape(read_table(file, "data.csv")).examples
    for example in split(examples, 0, sizes_for(len(examples))).train:
        encode(tokenizer, example.messages, 256)


def draw(found: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Writes a picture, a row an axis: seconds beside what linear growth from the first point would be, and memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    for row, (axis, points) in zip(figure.subplots(len(found), 2, squeeze=False), found.items(), strict=True):
        sizes, seconds = [one["size"] for one in points], [one["seconds"] for one in points]
        row[0].plot(sizes, seconds, marker="o", label="measured")
        row[0].plot(sizes, [seconds[-1] * size / sizes[-1] for size in sizes], "--", color="grey", label="linear")
        row[0].set(xlabel=axis, ylabel="CPU seconds", xscale="log", yscale="log")
        row[0].legend()
        row[1].plot(sizes, [one["memory_mib"] for one in points], marker="o")
        row[1].set(xlabel=axis, ylabel="MiB at most", xscale="log", ylim=(0, None))
        for panel in row:
            panel.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
            panel.minorticks_off()
    figure.savefig(path)


def _apart(axis: str, size: int) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.growth", "--point", axis, str(size)],
                          capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode:
        raise SystemExit(f"{axis} {size} failed:\n{done.stderr[-3000:]}")
    point: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return point


if __name__ == "__main__":
    main()
