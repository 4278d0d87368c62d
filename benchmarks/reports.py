"""The gallery: ``python -m benchmarks.reports FOLDER [--real]``.

Writes the report and the pictures of every planted study in both languages into FOLDER, one folder a study, to be read
by a person. ``--real`` also trains the embedded model in four ways that go wrong (some minutes on one core).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot import charts
from bot.console.recording import written
from bot.console.session import TEAM
from bot.explain import explain, explain_trial
from bot.phrases import LANGUAGES
from bot.results import stored_report
from tuner.analysis import report_of
from tuner.analysis.recording import read_recording
from tuner.embedded import sample_path
from tuner.events import Report
from tuner.store import Store

VARIANT_SEEDS = range(2)
LIMIT_S = 1800
_TESTS = Path(__file__).resolve().parents[1] / "tests" / "unit"
"""Where the planted studies live."""

REAL = {
    "real rate too high": ("sample", "tune lr between 0.5 and 5 with 6 trials"),
    "real rate too low": ("sample", "tune lr between 1e-8 and 1e-6 with 6 trials"),
    "real overfitting": ("few", "tune epochs between 30 and 60 with 4 trials, lr 0.002"),
    "real contradictory": ("contradictory", "tune lr between 1e-4 and 1e-3 with 4 trials"),
}
"""Name -> data and the sentence that starts the job."""


def main() -> None:
    """Writes the gallery and prints a line a study."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--real", action="store_true", help="also train the embedded model (minutes)")
    parser.add_argument("--only", default="", help="only studies whose name holds this")
    chosen = parser.parse_args()
    for name, report in _all(chosen.real, chosen.only):
        write(report, chosen.folder / name.replace(" ", "-"))
        kinds = dict.fromkeys(finding.kind for finding in report.findings)
        print(f"{name}: {', '.join(kinds)}", flush=True)


def write(report: Report, folder: Path) -> None:
    """Writes report-LANGUAGE.txt with the alt texts, and the PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        pictures = charts.draw(report, language, folder)
        alts = [f"[{picture.path.name}] {picture.alt}" for picture in pictures]
        tries = ["\n".join(explain_trial(report, trial.number, language)) for trial in report.trials[:6]]
        text = "\n\n".join([written(explain(report, language), language), *alts, *tries])
        (folder / f"report-{language}.txt").write_text(text + "\n", encoding="utf-8")


def _all(real: bool, only: str) -> Iterator[tuple[str, Report]]:
    sys.path.insert(0, str(_TESTS))
    import planted_reports
    import planted_variants
    from test_analysis_variants import RIGHT

    for name, report in planted_reports.reports().items():
        if only in name:
            yield name, report
    for make in RIGHT:
        for seed in VARIANT_SEEDS:
            if only in f"recording {make} {seed}":
                lines = getattr(planted_variants, make)(seed).lines
                yield f"recording {make} {seed}", report_of(read_recording(lines))
    for name, (data, sentence) in REAL.items() if real else ():
        if only in name:
            yield name, real_report(data, sentence)


def real_report(data: str, sentence: str) -> Report:
    """Promises the report of a job that the embedded model was really trained in, through the console."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        (home / "my.csv").write_text(_rows(data), encoding="utf-8")
        talk = ["use my.csv", sentence, "start", "wait"]
        subprocess.run(
            [sys.executable, "-m", "bot", "console", "--home", str(home / "home"), "--yes"],
            input="\n".join(talk) + "\n", text=True, cwd=home, timeout=LIMIT_S, check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        )
        return asyncio.run(_newest(home / "home"))


def _rows(data: str) -> str:
    """A table of questions and answers: the sample, few rows of it, or answers that contradict each other."""
    lines = sample_path("en").read_text(encoding="utf-8").splitlines()
    match data:
        case "few":
            return "\n".join(lines[:25]) + "\n"
        case "contradictory":
            answers = ("yes, always", "no, never", "only on Mondays", "ask at the desk", "nobody knows", "at nine")
            rows = (f"What is the rule for item {n % 10}?,{answers[(n * 7 + n // 10) % 6]}" for n in range(60))
            return "\n".join(["question,answer", *rows]) + "\n"
        case _:
            return "\n".join(lines) + "\n"


async def _newest(home: Path) -> Report:
    async with await Store.open(home) as store:
        for job in await store.jobs(TEAM):
            report = await stored_report(store, job)
            if report is not None:
                return report
    raise RuntimeError("the job must leave a report, got none")


if __name__ == "__main__":
    main()
