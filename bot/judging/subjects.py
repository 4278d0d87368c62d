"""The models that a comparison is about: a try of a job, or the untouched model. Knows names only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.desk import jobs
from bot.desk.context import Turn
from bot.judging.wish import Side
from bot.phrases import Language, say
from bot.replies import Text
from tuner.store.records import Job

_TRIAL = re.compile(r"job-(?P<job>[0-9]+)/trial-(?P<trial>[0-9]+)")
_BASE = "base/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    key: str
    """Its name within the team, as it is stored: `job-2/trial-3`, `base/onsa-tiny`. The untouched model of several
    jobs is one subject."""
    model: str
    """Its id at the chat server."""
    job: int = 0
    """Number of the job that it is of; 0 where nobody has to know any more."""


def key_of_trial(job: int, trial: int) -> str:
    return f"job-{job}/trial-{trial}"


def called(key: str, language: Language) -> str:
    """Promises how people call a stored subject."""
    found = _TRIAL.fullmatch(key)
    if found is None:
        return say("judging.blind.untouched", language, {"model": key.removeprefix(_BASE).rpartition("/")[2]})
    facts: dict[str, Any] = {"job": int(found["job"]), "trial": int(found["trial"])}
    return say("judging.blind.trial", language, facts)


def is_base(key: str) -> bool:
    return key.startswith(_BASE)


async def job_of(turn: Turn, *sides: Side) -> Job | None:
    """The job that the sides are about: one that was named, else the one spoken of."""
    named = next((side.job for side in sides if side.job is not None), None)
    return await jobs.find(turn, named)


async def subject_of(turn: Turn, side: Side, job: Job) -> Subject | Text:
    """Promises the model behind `side`, of its own job or of `job`; else the sentence why there is none."""
    own = job if side.job is None or side.job == job.number else await turn.store.job(turn.team, side.job)
    if own is None:
        return jobs.not_found(turn, side.job)
    if side.what == "base":
        return Subject(key=f"{_BASE}{own.plan.model}", model=f"{turn.team}/job-{own.number}-base", job=own.number)
    if side.what == "best":
        found = await turn.store.best_checkpoint(turn.team, own.number)
    else:
        kept = await turn.store.checkpoints(turn.team, own.number)
        found = next((each for each in kept if each.trial == side.what), None)
    if found is None:
        return Text(text=turn.say("replies.talk.no_checkpoint", {"job": own.number, "state": own.state}))
    model = f"{turn.team}/job-{own.number}-trial-{found.trial}"
    return Subject(key=key_of_trial(own.number, found.trial), model=model, job=own.number)
