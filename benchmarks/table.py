"""Writes what benchmarks.sweep measured into the README: `python -m benchmarks.table [--check]`.

Between two markers stands a table made from the JSON files in benchmarks/results, and nothing written by hand. With
`--check` nothing is written; the command fails when the README differs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

START, END = "<!-- sweep benchmark: start -->", "<!-- sweep benchmark: end -->"
ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CPU, GPU = RESULTS / "sweep-cpu.json", RESULTS / "sweep-gpu.json"
WAYS = {
    "A": "Optuna, a fresh Hugging Face Trainer and PEFT for each trial",
    "A2": "the same, model loaded once, batches of like length, bf16",
    "A3": "two processes like the first, side by side",
    "one": "Onsa, one trial at a time",
    "B": "Onsa's pack, nothing pruned",
    "C": "Onsa's pack, weak trials ended early",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = filled(before, _read(CPU), _read(GPU))
    if chosen.check and after != before:
        raise SystemExit("the README's table is not that of benchmarks/results: python -m benchmarks.table")
    if not chosen.check:
        readme.write_text(after, encoding="utf-8")


def filled(text: str, cpu: Mapping[str, Any] | None, gpu: Mapping[str, Any] | None) -> str:
    """Promises the text with the table between its markers. Raises ValueError when a marker is missing."""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the text must hold {START} and {END}")
    return f"{head}{start}\n{table(cpu, gpu)}\n{end}{tail}"


def table(cpu: Mapping[str, Any] | None, gpu: Mapping[str, Any] | None) -> str:
    """Promises a Markdown table: a row a way, and what it was measured on."""
    rows = ["| | way | tokens a step | seconds | times faster than A | best loss | first as good as A's best | GPU |",
            "|---|---|---|---|---|---|---|---|"]
    for name, said in WAYS.items():
        own, there = _way(cpu, name), _way(gpu, name)
        if cpu is None or own:
            cells = [str(own.get(key, "")) for key in ("tokens_a_step", "seconds", "ratio", "best")]
            reached = own.get("to_best_s")
            rows.append(f"| {name} | {said} | {' | '.join(cells)} | {'' if reached is None else f'{reached} s'} "
                        f"| {_speed(there)} |")
    return "\n".join([*rows, "", _hardware(cpu, "CPU"), "", _hardware(gpu, "GPU")])


def _way(facts: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = facts["ways"].get(name, {}) if facts else {}
    return found


def _speed(own: Mapping[str, Any]) -> str:
    if not own.get("tokens_a_second"):
        return ""
    return (f"{own['tokens_a_second']:,} tokens/s, {own['tokens_a_step']:,} a step, {own.get('ratio_of_speed', 1)} "
            f"times A, {100 * own['flops_utilisation']:.1f}% of 790 TFLOP/s")


def _hardware(facts: Mapping[str, Any] | None, kind: str) -> str:
    if facts is None:
        return "GPU: not measured, none was at hand." if kind == "GPU" else f"{kind}: not measured yet."
    what = (f"{facts['trials']} trials of {facts['epochs']} epochs of the embedded model on its sample"
            if facts["shape"] == "embedded" else
            f"random weights in the shape of {facts['shape']}, {facts['trials']} trials, batch {facts['batch']} of "
            f"{facts['tokens']} tokens")
    return (f"{kind}: {facts['gpu'] or facts['processor']}, {facts['cores']} core(s), torch {facts['torch']}, "
            f"{facts['date']}; {what}; seconds from start to end.")


def _read(path: Path) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return found


if __name__ == "__main__":
    main()
