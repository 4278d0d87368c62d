"""The gallery: ``python -m benchmarks.reports FOLDER [--real]``.

Writes the report and the pictures of every planted study in both languages into FOLDER, one folder a study, to be read
by a person. ``--real`` also trains the embedded model in four ways that go wrong (about three minutes on one core).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot import charts
from bot.console.recording import written
from bot.explain import explain, explain_trial
from bot.phrases import LANGUAGES
from tuner.analysis import report_of
from tuner.analysis.recording import read_recording
from tuner.events import Report

VARIANT_SEEDS = range(2)
_TESTS = Path(__file__).resolve().parents[1] / "tests" / "unit"
"""Where the planted studies live; the real ones beside it."""

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
    sys.path[:0] = [str(_TESTS), str(_TESTS.parent)]
    import planted_reports
    import planted_variants
    import real_studies
    from test_analysis_variants import RIGHT

    for name, report in planted_reports.reports().items():
        if only in name:
            yield name, report
    for make in RIGHT:
        for seed in VARIANT_SEEDS:
            if only in f"recording {make} {seed}":
                lines = getattr(planted_variants, make)(seed).lines
                yield f"recording {make} {seed}", report_of(read_recording(lines))
    for name, study in real_studies.STUDIES.items() if real else ():
        if only in name:
            with tempfile.TemporaryDirectory() as made:
                yield name, asyncio.run(real_studies.run(study, Path(made) / "home"))


if __name__ == "__main__":
    main()
