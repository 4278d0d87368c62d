"""Writes what benchmarks.chat measured into the README: `python -m benchmarks.chat_table [--check]`.

Between two markers stands a table made from the JSON files in benchmarks/results, and nothing written by hand. With
`--check` nothing is written; the command fails when the README differs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

START, END = "<!-- chat benchmark: start -->", "<!-- chat benchmark: end -->"
ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FILES = ("chat-embedded.json", "chat-100m.json", "chat-gpu.json")
LOADS = {"even": "of one length", "mixed": "of unlike lengths, as people's are"}
GROWTH = {"people": "people, each on a checkpoint of their own", "checkpoints": "checkpoints among the people",
          "prompt_tokens": "tokens of a question"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat_table")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = filled(before, results())
    if chosen.check and after != before:
        raise SystemExit("the README's table is not that of benchmarks/results: python -m benchmarks.chat_table")
    if not chosen.check:
        readme.write_text(after, encoding="utf-8")


def results() -> list[Mapping[str, Any]]:
    """What was measured, of the files that are there."""
    return [json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in FILES if (RESULTS / name).is_file()]


def filled(text: str, measured: Sequence[Mapping[str, Any]]) -> str:
    """Promises the text with the table between its markers. Raises ValueError when a marker is missing."""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the text must hold {START} and {END}")
    return f"{head}{start}\n{table(measured)}\n{end}{tail}"


def table(measured: Sequence[Mapping[str, Any]]) -> str:
    """Promises a Markdown table: a row a model and load, then growth, and what it was measured on."""
    rows = ["| model | questions and answers | tokens/s | of that on one checkpoint | times PEFT | first token, p95 |",
            "|---|---|---|---|---|---|"]
    for facts in measured:
        for load, said in LOADS.items():
            own = facts[load]
            rows.append(f"| {facts['shape']} | {said} | {own['tokens_per_s']['onsa']:,} "
                        f"| {own['of_one_checkpoint']:.0%} | {own['times_peft']} "
                        f"| {own['first_token_ms']['p95']:,.0f} ms |")
    said = [one for facts in measured for one in (_hardware(facts), _growth(facts)) if one]
    return "\n\n".join(["\n".join(rows), *said])


def _hardware(facts: Mapping[str, Any]) -> str:
    people = facts["people"]
    return (f"{facts['shape']}: {facts['device']}, {facts.get('threads', 1)} thread(s), torch {facts['torch']}, "
            f"{facts['date']}; {people} people on {people} checkpoints of rank {facts['rank']}; on average, questions "
            f"of {facts['prompt_tokens']} and answers of {facts['answer_tokens']} tokens; best of {facts['rounds']}.")


def _growth(facts: Mapping[str, Any]) -> str:
    parts = [f"{said}: " + ", ".join(f"{count}: {speed:,.0f}" for count, speed in facts["growth"][kind].items())
             for kind, said in GROWTH.items() if facts["growth"][kind]]
    return f"Tokens/s of {facts['shape']} by {'; by '.join(parts)}." if parts else ""


if __name__ == "__main__":
    main()
