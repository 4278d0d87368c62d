"""The team's model: the checkpoint that answers where nobody names one. Who chose it, when, and back again."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage import people
from bot.manage.names import found, name_of
from bot.manage.wish import Thing, Wish
from bot.phrases import Language, say
from bot.replies import Button, Reply, Text
from tuner.store import Store
from tuner.store.labels import Promotion


async def promote(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Makes a checkpoint the team's model; of a job that is named alone, its best."""
    thing = wish.thing if wish.thing.trial is not None else Thing(job=wish.thing.job, trial="best")
    job, trial = await found(turn, thing)
    if job is None:
        yield jobs.not_found(turn, thing.job)
        return
    refusal = turn.refusal("promote")
    if refusal is not None:
        yield refusal
        return
    kept = {each.trial for each in await turn.store.checkpoints(turn.team, job.number)}
    if trial is None or trial not in kept:
        yield Text(text=turn.say("replies.talk.no_checkpoint", {"job": job.number, "state": job.state}))
        return
    before = await turn.store.labels.promoted(turn.team)
    await people.remember(turn)
    now = await turn.store.labels.promote(turn.team, job.number, trial, turn.utterance.person)
    turn.state["job"] = job.number
    if before is not None and (before.job, before.trial) == (now.job, now.trial):
        yield Text(text=await told(turn, "manage.model.already", now), buttons=_buttons(turn, now))
        return
    facts = {"former": None if before is None else before.job, "former_trial": None if before is None else before.trial}
    yield Text(text=await told(turn, "manage.model.promoted", now, facts), buttons=_buttons(turn, now))


async def undo(turn: Turn, stamp: str = "") -> AsyncIterator[Reply]:
    """Takes the newest promotion back: the model before it counts again. `stamp`: of the promotion that a button stood
    under; pressed twice, or after a newer promotion, it takes no other one back."""
    refusal = turn.refusal("promote")
    if refusal is not None:
        yield refusal
        return
    newest = await turn.store.labels.promoted(turn.team)
    if stamp and (newest is None or _stamp(newest) != stamp):
        yield Text(text=turn.say("manage.model.not_newest"))
        return
    taken = await turn.store.labels.undo_promotion(turn.team)
    if taken is None:
        yield none_yet(turn)
        return
    now = await turn.store.labels.promoted(turn.team)
    facts = {"former": None if now is None else now.job, "former_trial": None if now is None else now.trial}
    yield Text(text=await told(turn, "manage.model.undone", taken, facts))


async def show(turn: Turn) -> AsyncIterator[Reply]:
    """Which checkpoint it is, who chose it and when."""
    now = await turn.store.labels.promoted(turn.team)
    if now is None:
        yield none_yet(turn)
        return
    yield Text(text=await told(turn, "manage.model.is", now), buttons=_buttons(turn, now))


def none_yet(turn: Turn) -> Text:
    return Text(text=turn.say("manage.model.none"))


async def told(turn: Turn, key: str, one: Promotion, facts: dict[str, Any] | None = None) -> str:
    return turn.say(key, {**await facts_of(turn.store, turn.team, one), **(facts or {})})


async def line(store: Store, team: str, language: Language) -> str:
    """Promises one line about the team's model, for settings."""
    now = await store.labels.promoted(team)
    return say("manage.model.none" if now is None else "manage.model.is", language,
               {} if now is None else await facts_of(store, team, now))


async def facts_of(store: Store, team: str, one: Promotion) -> dict[str, Any]:
    """Promises what sentences say about a promotion."""
    name = await name_of(store, team, one.job, one.trial) or await name_of(store, team, one.job)
    person = await people.called(store, team, one.person)
    day = datetime.datetime.fromtimestamp(one.at).astimezone()
    return {"job": one.job, "trial": one.trial, "name": name, "person": person, "day": f"{day:%Y-%m-%d}"}


def _stamp(one: Promotion) -> str:
    return f"{one.job}-{one.trial}-{one.at:.3f}"


def _buttons(turn: Turn, now: Promotion) -> tuple[Button, ...]:
    return (button("undo", _stamp(now), turn.language),)
