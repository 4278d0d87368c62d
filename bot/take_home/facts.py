"""onsa.json: all that a repetition of the run needs, and nothing of the data, the people or this machine. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.events import Report, TestResult, TrialRecord, report_to_json
from tuner.plan.models import ModelCard
from tuner.plan.plan import Plan
from tuner.store.records import Checkpoint, DataSet, Job

FORMAT = "onsa-export"
VERSION = 1


def public_name(card: ModelCard) -> str:
    """What the base is called where this machine's folders mean nothing: its hub id, else its name."""
    return card.source if card.origin == "hub" else card.name


def onsa_json(
    *,
    job: Job,
    checkpoint: Checkpoint,
    card: ModelCard,
    made: Mapping[str, Any],
    dataset: DataSet | None,
    report: Report | None,
    trials: Sequence[TrialRecord],
    contents: Mapping[str, bool],
) -> dict[str, Any]:
    """Promises the value of onsa.json but for `files`, which only the writer knows. `made`: what the tuner said of the
    base and of the packages' versions."""
    trial = next((trial for trial in trials if trial.number == checkpoint.trial), None)
    base = made["base"]
    value = {
        "format": FORMAT,
        "version": VERSION,
        "versions": dict(made["versions"]),
        "base": {
            "name": public_name(card), "origin": card.origin, "license": card.license or base["license"],
            "revision": base["revision"], "files": dict(base["files"]),
        },
        "data": _data(job.plan, dataset),
        "plan": _plan(job.plan, card),
        "job": {"number": job.number, "language": job.language, "state": job.state, "created_at": job.created_at,
                "started_at": job.started_at, "ended_at": job.ended_at, "ran_s": job.ran_s},
        "trial": {"number": checkpoint.trial, "value": checkpoint.value,
                  "settings": dict(trial.settings) if trial is not None else {}},
        "contents": dict(contents),
        "report": None if report is None else report_to_json(public_report(report, public_name(card))),
    }
    return dict(_finite(value))


def public_report(report: Report, model: str) -> Report:
    """Promises the report without a question, an answer, a row of the file or a word of a log."""
    return dataclasses.replace(
        report, model=model, trials=tuple(map(_trial, report.trials)), repeats=tuple(map(_trial, report.repeats)),
        test=tuple(map(_test, report.test)),
    )


def _trial(trial: TrialRecord) -> TrialRecord:
    return dataclasses.replace(trial, error="", checkpoint=None)


def _test(result: TestResult) -> TestResult:
    """Which examples were right stays, in the same order for every subject; which rows they were goes."""
    return dataclasses.replace(
        result, rows=tuple(range(len(result.rows))), answers=(), questions=(), references=()
    )


def _plan(plan: Plan, card: ModelCard) -> dict[str, Any]:
    """A file's name says whose data it is; the fingerprint says which data it is."""
    return {**dataclasses.replace(plan, model=public_name(card), dataset_name="").to_json(), "hash": plan.hash()}


def _data(plan: Plan, dataset: DataSet | None) -> dict[str, Any]:
    report: Mapping[str, Any] = dataset.report if dataset is not None else {}
    counted = ("examples", "usable", "exact_duplicates", "near_duplicates", "groups", "multi_turn")
    return {
        "fingerprint": plan.dataset,
        "split": {"seed": plan.seed, "train": plan.split[0], "validation": plan.split[1], "test": plan.split[2]},
        "languages": dict(report.get("languages", {})),
        "tokens": dict(report.get("tokens", {})),
        **{name: report[name] for name in counted if name in report},
    }


def _finite(value: Any) -> Any:
    """JSON of every reader: what is no number becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
