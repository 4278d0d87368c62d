"""Answers marked bad become examples: a person looks at each, writes the right answer, and a new data set is made."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from bot.desk import data, tuning
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging.subjects import called
from bot.judging.told import to_correct
from bot.replies import Card, Reply, Text
from bot.utterance import Attachment
from tuner.data.held_out import Asked, with_corrections
from tuner.store.opinions import Rating
from tuner.store.records import DataSet

_VERSION = re.compile(r"(?P<stem>.*?)(?:-v(?P<number>[0-9]{1,4}))?\.[^.]*")


async def begin(turn: Turn, job: int | None) -> AsyncIterator[Reply]:
    """The first answer that waits for a look; `job` None: of the newest job that has one."""
    if job is None:
        waiting = await to_correct(turn.store, turn.team)
        ready = [rating for rating in await turn.store.opinions.ratings(turn.team) if _is_ready(rating)]
        job = max((rating.job for rating in [*waiting, *ready]), default=None)
    if job is None:
        yield Text(text=turn.say("judging.correct.nothing"))
        return
    async for reply in _next(turn, job):
        yield reply


async def write(turn: Turn, rating_id: int) -> AsyncIterator[Reply]:
    """Where no form can be opened, the next words are the right answer."""
    rating = await find(turn, rating_id)
    if rating is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    turn.state["correcting"] = rating.id
    yield Text(text=turn.say("judging.correct.type_it"))


async def written(turn: Turn, rating_id: int, right: str) -> AsyncIterator[Reply]:
    """The right answer, or nothing: then the old one is left as it is. Goes on with the next."""
    turn.state.pop("correcting", None)
    kept = await turn.store.opinions.correct(turn.team, rating_id, right.strip())
    if kept is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    async for reply in _next(turn, kept.job):
        yield reply


async def find(turn: Turn, rating_id: int) -> Rating | None:
    """Promises a rating of this team, or None."""
    return next((each for each in await turn.store.opinions.ratings(turn.team) if each.id == rating_id), None)


async def done(turn: Turn, job: int) -> AsyncIterator[Reply]:
    """Enough for now: what was corrected so far can be learnt."""
    turn.state.pop("correcting", None)
    ready = [rating for rating in await turn.store.opinions.ratings(turn.team, job) if _is_ready(rating)]
    dataset = await _dataset(turn, job)
    if not ready or dataset is None:
        yield Text(text=turn.say("judging.correct.none_ready"))
        return
    facts = {"count": len(ready), "name": dataset.name, "fresh": next_version(dataset.name)}
    yield Text(
        text=turn.say("judging.correct.offer", facts), buttons=(button("make", str(job), turn.language, "primary"),)
    )


async def make(turn: Turn, job: int) -> AsyncIterator[Reply]:
    """The new version of the job's data set with all its corrections in it, made the channel's current one, and its
    report card. Pressed again, the same corrections make the same data set. Raises ProblemError as any posted file.
    """
    all_ = await turn.store.opinions.ratings(turn.team, job)
    chosen = [rating for rating in all_ if rating.correction]
    dataset = await _dataset(turn, job)
    if not chosen or dataset is None:
        yield Text(text=turn.say("judging.correct.none_ready"))
        return
    corrected: list[tuple[Asked, str]] = [(rating.messages, rating.correction or "") for rating in chosen]
    try:
        rows, replaced = await asyncio.to_thread(
            with_corrections, turn.services.home / dataset.folder, corrected
        )
    except (OSError, ValueError):
        yield Text(text=turn.say("judging.correct.data_gone", {"name": dataset.name}))
        return
    content = "".join(json.dumps({"messages": row}, ensure_ascii=False) + "\n" for row in rows).encode()
    fresh = await data.take(turn, Attachment(name=next_version(dataset.name), content=content))
    await turn.store.opinions.mark_used(turn.team, [rating.id for rating in chosen], fresh.id)
    facts = {"count": len(chosen), "replaced": replaced, "name": dataset.name, "fresh": fresh.name}
    yield Text(text=turn.say("judging.correct.made", facts))
    yield data.report_card(turn, fresh)
    async for reply in tuning.with_data(turn, fresh):
        yield reply


def next_version(name: str) -> str:
    """Promises the name of a data set's next version: faq.csv, faq-v2.jsonl, faq-v3.jsonl."""
    found = _VERSION.fullmatch(name)
    stem, number = (found["stem"], int(found["number"] or 1)) if found else (name, 1)
    return f"{stem}-v{number + 1}.jsonl"


def _is_ready(rating: Rating) -> bool:
    """True for a correction that no data set holds yet."""
    return bool(rating.correction) and rating.used_in is None


async def _dataset(turn: Turn, job: int) -> DataSet | None:
    found = await turn.store.job(turn.team, job)
    return None if found is None else await turn.store.dataset(turn.team, found.plan.dataset)


async def _next(turn: Turn, job: int) -> AsyncIterator[Reply]:
    waiting = await to_correct(turn.store, turn.team, job)
    if not waiting:
        async for reply in done(turn, job):
            yield reply
        return
    yield _card(turn, waiting[0], len(waiting))


def _card(turn: Turn, rating: Rating, left: int) -> Card:
    said = "\n".join(message["content"] for message in rating.messages if message["role"] != "system")
    facts: dict[str, Any] = {"name": called(rating.subject, turn.language), "left": left}
    fields = (("question", said), ("answer", rating.answer), ("reason", rating.reason))
    argument = str(rating.id)
    return Card(
        title=turn.say("judging.correct.title", facts),
        fields=tuple((turn.say(f"judging.correct.name_{name}"), text) for name, text in fields if text),
        lines=(turn.say("judging.correct.how"),),
        buttons=(
            button("write", argument, turn.language, "primary"),
            button("leave", argument, turn.language),
            button("enough", str(rating.job), turn.language),
        ),
    )
