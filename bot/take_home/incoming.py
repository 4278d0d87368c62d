"""Brings an export of another Onsa into this home: checked by the tuner, then known like a job that has ended."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from bot.take_home.child import made_by
from bot.take_home.door import CHECKPOINTS
from tuner.events import Report, report_from_json
from tuner.plan import models
from tuner.plan.plan import Plan
from tuner.problems import Problem, ProblemError
from tuner.store import Store
from tuner.store.records import Job, NewImport

_BROKEN = (KeyError, ValueError, TypeError, AttributeError, IndexError)
"""What reading facts raises that are no facts of an export."""


async def bring_in(
    store: Store, home: Path, source: Path, *, team: str, person: str, channel: str, name: str, base: str | None
) -> tuple[Job, int, bool]:
    """Promises the job under which the export is known from now on, its try, and whether it is new here.

    `base`: folder of the base model, where its name says nothing here. Raises ProblemError for an archive that is no
    export, unsafe or changed, and for a base that this Onsa does not know.
    """
    asked = {"source": str(source)}
    seen = (await made_by(CHECKPOINTS, "look", asked=asked))["facts"]
    card = _base_of(seen, base)
    folder = home / "teams" / team / "imports"
    taken = await made_by(CHECKPOINTS, "take-in", asked={**asked, "out": str(folder), "base": card.source})
    facts = taken["facts"]
    try:
        new = _new_import(facts, card, name)
    except _BROKEN as error:
        raise ProblemError([Problem(key="import.bad_facts", facts={"file": "onsa.json"})]) from error
    new = dataclasses.replace(
        new, team=team, person=person, channel=channel, sha256=taken["sha256"],
        folder=Path(taken["folder"]).relative_to(home).as_posix(),
    )
    job, is_new = await store.bring_in(new)
    return job, new.trial, is_new


def _base_of(facts: dict[str, Any], said: str | None) -> models.ModelCard:
    """The base as this machine knows it. Raises ProblemError for one that it does not know."""
    name, origin = str(facts["base"]["name"]), str(facts["base"]["origin"])
    card = models.find(said or name)
    if card is None or (said is None and card.origin != origin):
        raise ProblemError([Problem(key="import.unknown_base", facts={"base": name[:200]})])
    return card


def _new_import(facts: dict[str, Any], card: models.ModelCard, name: str) -> NewImport:
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


def _records(report: Report | None, trial: dict[str, Any]) -> tuple[Any, ...]:
    """The tries of the report; without one the exported try alone, so that it has settings and a value."""
    if report is not None:
        return (*report.trials, *report.repeats)
    from tuner.events import TrialRecord

    return (TrialRecord(number=int(trial["number"]), settings=dict(trial["settings"]), state="complete",
                        value=trial["value"]),)
