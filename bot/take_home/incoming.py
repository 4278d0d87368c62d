"""Brings an export of another Onsa into this home: checked by the tuner, then known like a job that has ended."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

from bot import explain, results
from bot.phrases import LANGUAGES
from bot.take_home.card import model_card
from bot.take_home.child import made_by
from bot.take_home.door import CHECKPOINTS
from tuner.events import Report, TrialRecord, report_from_json
from tuner.plan import models
from tuner.plan.plan import Method, Metric, Plan, Pruner
from tuner.problems import Problem, ProblemError
from tuner.repeats import best_trial
from tuner.store import Store
from tuner.store.records import Job, NewImport

MOST_RUNS = 100_000
"""Tries and repeats that a job can have."""


async def bring_in(
    store: Store, home: Path, source: Path, *, team: str, person: str, channel: str, name: str, base: str | None
) -> tuple[Job, int, bool]:
    """Promises the job under which the export is known from now on, its try, and whether it is new here.

    `base`: folder of the base model, where its name says nothing here. Raises ProblemError for an archive that is no
    export, unsafe or changed, and for a base that this Onsa does not know.
    """
    asked = {"source": str(source)}
    seen = (await made_by(CHECKPOINTS, "look", asked=asked))["facts"]
    card = await asyncio.to_thread(_base_of, seen, base)
    new = _new_import(seen, card, name)
    folder = home / "teams" / team / "imports"
    taken = await made_by(CHECKPOINTS, "take-in", asked={**asked, "out": str(folder), "base": card.source})
    if taken["facts"] != seen:
        raise ProblemError([Problem(key="import.bad_facts", facts={"file": "onsa.json"})])
    new = dataclasses.replace(
        new,
        team=team, person=person, channel=channel, sha256=taken["sha256"],
        folder=Path(taken["folder"]).relative_to(home).as_posix(),
    )
    job, is_new = await store.bring_in(new)
    return job, new.trial, is_new


def _base_of(facts: dict[str, Any], said: str | None) -> models.ModelCard:
    """The base as this machine knows it. Raises ProblemError for one that it does not know."""
    name, origin = str(facts["base"]["name"]), str(facts["base"]["origin"])
    card = models.find(said or name)
    # A folder that an export names is one of its own machine; here its name could lead anywhere.
    if card is None or (said is None and (card.origin != origin or origin == "folder")):
        raise ProblemError([Problem(key="import.unknown_base", facts={"base": name[:200]})])
    return card


def _new_import(facts: dict[str, Any], card: models.ModelCard, name: str) -> NewImport:
    """Raises ProblemError for facts with which this home could not list, explain or export the job."""
    try:
        new = _read(facts, card, name)
        _try_out(facts, new)
    except Exception as error:  # whatever breaks on what somebody else wrote speaks against it
        raise ProblemError([Problem(key="import.bad_facts", facts={"file": "onsa.json"})]) from error
    return new


def _try_out(facts: dict[str, Any], new: NewImport) -> None:
    """Does once what will be done with the job from now on. Raises what breaks on it."""
    numbers = [record.number for record in new.records]
    if len(set(numbers)) != len(numbers) or new.trial not in numbers or len(numbers) > MOST_RUNS:
        raise ValueError("every run has a number of its own, and the exported one is among them")
    json.dumps([dataclasses.asdict(record) for record in new.records], allow_nan=False)
    chosen = ((new.plan.metric, Metric), (new.plan.method, Method), (new.plan.pruner, Pruner))
    if any(value not in get_args(allowed) for value, allowed in chosen):
        raise ValueError(f"a plan's choices are among those that there are, got {[value for value, _ in chosen]}")
    best_trial(new.plan, new.records)
    Plan.from_json(json.loads(json.dumps(new.plan.to_json())))
    for language in LANGUAGES:
        model_card({**facts, "contents": {"base": False, "merged": False, "gguf": False}}, language)
        if new.report is not None:
            explain.explain(new.report, language)
            results.trials_table(new.report, language)


def _read(facts: dict[str, Any], card: models.ModelCard, name: str) -> NewImport:
    plan = dataclasses.replace(Plan.from_json(facts["plan"]), model=card.reference, dataset_name=name)
    report = None if facts["report"] is None else report_from_json(facts["report"])
    job, trial = facts["job"], facts["trial"]
    value = trial["value"]
    return NewImport(
        team="", person="", channel="", folder="", sha256="", plan=plan, report=report,
        language="ja" if job["language"] == "ja" else "en", ran_s=float(job["ran_s"]), trial=int(trial["number"]),
        value=None if value is None else float(value), created_at=float(job["created_at"]),
        records=_records(report, trial),
    )


def _records(report: Report | None, trial: dict[str, Any]) -> tuple[TrialRecord, ...]:
    """The runs of the report, and the exported try where it came after the report."""
    runs = (*report.trials, *report.repeats) if report is not None else ()
    if any(run.number == trial["number"] for run in runs):
        return runs
    own = TrialRecord(number=int(trial["number"]), settings=dict(trial["settings"]), state="complete",
                      value=trial["value"])
    return (*runs, own)
