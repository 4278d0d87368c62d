"""Small records for the store's tests, a clock that a test moves, and child processes on the same home."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.events import TestResult, TrialRecord
from tuner.plan.plan import Plan
from tuner.plan.space import Range
from tuner.store.records import DataSet, NewJob

ROOT = Path(__file__).resolve().parents[2]

PLAN = Plan(
    model="onsa-tiny", dataset="d" * 64, space={"learning_rate": Range(low=1e-5, high=1e-3, log=True)},
    defaults={"learning_rate": 2e-4, "epochs": 3, "lr_schedule": "cosine"}, method="tpe", pruner="median",
    metric="loss", trials=8, parallel=1, time_budget_s=None, general_chat=0, seed=7, split=(80, 10, 10),
    assumed=("epochs",),
)


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def new_job(message: str = "m-1", team: str = "red", **changes: Any) -> NewJob:
    plan = replace(PLAN, **changes) if changes else PLAN
    return NewJob(team=team, person="ana", channel="lab", message_id=message, language="ja", plan=plan)


def trial(number: int = 0, value: float | None = 0.5, **changes: Any) -> TrialRecord:
    record = TrialRecord(
        number=number, settings={"learning_rate": 1e-4, "epochs": 3}, state="complete", value=value,
        curve=((1, 2.5, None), (2, 1.5, 1.75)), metrics={"loss": value}, seconds=3.5, checkpoint=f"trial-{number}",
    )
    return replace(record, **changes)


def scores(subject: str = "base", number: int | None = None, **changes: Any) -> TestResult:
    result = TestResult(subject=subject, trial=number, rows=(3, 9), right=(True, False), losses=(0.5, float("inf")),
                        answers=("はい", "no \ud83d"), metrics={"loss": 1.0})
    return replace(result, **changes)


def dataset(name: str = "faq.csv", ident: str = "a" * 64, team: str = "red", at: float = 5.0) -> DataSet:
    return DataSet(id=ident, team=team, name=name, folder=f"teams/{team}/data/{ident}", report={"examples": 30},
                   added_at=at)


@contextlib.contextmanager
def child(home: Path, *words: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """store_child.py on `home`; ends with the block, by force if need be. Read its lines, write to start it."""
    command = [sys.executable, str(ROOT / "tests" / "contracts" / "store_child.py"), str(home), *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(ROOT)}, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def go(process: subprocess.Popen[str]) -> None:
    """Lets a child that said `ready` begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
