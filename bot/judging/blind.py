"""Blind pairs: one prompt, two answers, sides drawn by lot. Nothing is shown before both answers are complete."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.desk import jobs, talk
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging import questions
from bot.judging.subjects import Subject, job_of, subject_of
from bot.judging.wish import MOST_QUESTIONS, Side, Wish
from bot.language.commands import Command
from bot.replies import Card, Reply, Text
from tuner.store.opinions import Pair

ROUND_LIVES_S = 30 * 24 * 3600.0
"""A round of questions can be gone on with for as long as this."""
SIDES = (Side(), Side(what="base"))
_SHELF = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Questions that the same two models answer, one pair after the other."""

    request: str
    first: Subject
    second: Subject
    prompts: tuple[tuple[Mapping[str, str], ...], ...]


async def compare(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """The first pair of what was asked for; each vote brings the next one."""
    sides = await _newest(turn) if wish.newest else wish.sides or SIDES
    job = await job_of(turn, *sides)
    named = next((side.job for side in sides if side.job is not None), None)
    if job is None:
        yield jobs.not_found(turn, named) if named is not None else Text(text=turn.say("replies.talk.nothing_tuned"))
        return
    found = [await subject_of(turn, side, job) for side in sides]
    first, second = found
    if isinstance(first, Text) or isinstance(second, Text):
        yield first if isinstance(first, Text) else next(each for each in found if isinstance(each, Text))
        return
    if first.key == second.key:
        yield Text(text=turn.say("judging.blind.same_model"))
        return
    count = min(wish.count, MOST_QUESTIONS)
    prompts: Sequence[Sequence[Mapping[str, str]]] = [({"role": "user", "content": wish.prompt or ""},)]
    if not wish.prompt:
        about = [await turn.store.job(turn.team, number) for number in sorted({first.job, second.job})]
        known = [each for each in about if each is not None]
        prompts = await questions.pick(turn, known, (first.key, second.key), count)
    if not prompts:
        yield Text(text=turn.say("judging.blind.no_questions"))
        return
    if wish.count > 1:
        facts = {"wanted": wish.count, "count": len(prompts), "most": MOST_QUESTIONS}
        yield Text(text=turn.say("judging.blind.round", facts))
    one = Round(
        request=turn.utterance.message_id, first=first, second=second, prompts=tuple(map(tuple, prompts))
    )
    async for reply in show(turn, await _kept(turn, one), 0):
        yield reply


async def _newest(turn: Turn) -> tuple[Side, Side]:
    """The best of the two newest jobs; of one alone, the usual."""
    found = [job.number for job in await turn.store.jobs(turn.team)
             if await turn.store.best_checkpoint(turn.team, job.number) is not None][:2]
    return (Side(job=found[1]), Side(job=found[0])) if len(found) == 2 else SIDES


async def command(turn: Turn, said: Command) -> AsyncIterator[Reply]:
    """A comparison from a menu or a button."""
    job = said.job if isinstance(said.job, int) else None
    sides = (Side(job=job, what=said.trial if isinstance(said.trial, int) else "best"), Side(job=job, what="base"))
    async for reply in compare(turn, Wish(kind="compare", sides=sides, prompt=said.prompt)):
        yield reply


async def show(turn: Turn, one: Round, place: int) -> AsyncIterator[Reply]:
    """The pair at `place`, made once, however often it is asked for. Raises ChatUnavailable, then nothing was made."""
    pair = await turn.store.opinions.pair_at(turn.team, one.request, place)
    if pair is None:
        made = await make(turn, one.request, place, (one.first, one.second), one.prompts[place])
        pair = await turn.store.opinions.add_pair(made)
        if pair.id != made.id:
            return  # two people's votes came together: the other one's turn shows it
    turn.state["pair"] = pair.id
    turn.state.pop("answer", None)
    if is_same(pair):
        yield same(turn, pair, pair.place + 1, len(one.prompts))
        if place + 1 < len(one.prompts):
            async for reply in show(turn, one, place + 1):
                yield reply
        return
    yield card(turn, pair, pair.place + 1, len(one.prompts))


def is_same(pair: Pair) -> bool:
    """True where both said the same: there is nothing to vote on."""
    return pair.left_answer == pair.right_answer


def same(turn: Turn, pair: Pair, place: int, count: int) -> Text:
    """Promises the words about a pair that needs no vote."""
    facts = {**_facts(pair, place, count), "answer": pair.left_answer}
    return Text(text=turn.say("judging.blind.same_answer", facts))


def card(turn: Turn, pair: Pair, place: int, count: int) -> Card:
    """Promises both answers side by side, and nothing that tells which model gave which. `place` of `count`: as people
    count the questions."""
    facts = _facts(pair, place, count)
    fields = (("question", facts["question"]), ("left", pair.left_answer), ("right", pair.right_answer))
    nothing = turn.say("judging.blind.no_answer")
    return Card(
        title=turn.say("judging.blind.title", facts),
        fields=tuple((turn.say(f"judging.blind.name_{name}"), text or nothing) for name, text in fields),
        lines=(turn.say("judging.blind.how"),),
        buttons=(
            button("left", pair.id, turn.language, "primary"),
            button("right", pair.id, turn.language, "primary"),
            button("tie", pair.id, turn.language),
            button("bad", pair.id, turn.language),
        ),
    )


def _facts(pair: Pair, place: int, count: int) -> dict[str, Any]:
    said = [message["content"] for message in pair.messages if message["role"] != "system"]
    return {"question": "\n".join(said), "place": place, "count": count}


async def make(
    turn: Turn, request: str, place: int, sides: tuple[Subject, Subject], messages: tuple[Mapping[str, str], ...]
) -> Pair:
    """Promises a pair that is not stored yet, sides drawn by lot. Raises ChatUnavailable."""
    left, right = sides if turn.services.chance.random() < 0.5 else sides[::-1]
    left_answer, right_answer = await _both(turn, (left.model, right.model), messages)
    return Pair(
        id=uuid.uuid4().hex[:16],
        team=turn.team,
        channel=turn.utterance.channel,
        request=request,
        place=place,
        messages=messages,
        left_subject=left.key,
        right_subject=right.key,
        left_answer=left_answer,
        right_answer=right_answer,
        created_at=turn.services.clock(),
    )


async def _both(
    turn: Turn, models: tuple[str, str], messages: Sequence[Mapping[str, str]]
) -> tuple[str, str]:
    """Both answers, asked for at the same time with the same limits; of one that fails, the other is given up."""
    client, user = await turn.services.chat(), await turn.asker()
    asked = [
        asyncio.create_task(client.answer(model, messages, max_tokens=talk.MAX_TOKENS, temperature=0.0, user=user))
        for model in models
    ]
    try:
        left, right = await asyncio.gather(*asked)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return left.strip(), right.strip()


async def _kept(turn: Turn, one: Round) -> Round:
    """The stored round: of the same words delivered again, the questions that were drawn first."""
    known = await round_of(turn, one.request)
    if known is not None:
        return known
    value = {
        "first": [one.first.key, one.first.model],
        "second": [one.second.key, one.second.model],
        "prompts": [[dict(message) for message in messages] for messages in one.prompts],
    }
    await turn.store.keep_dialogue(_SHELF, _name(turn, one.request), value, ROUND_LIVES_S)
    return one


async def round_of(turn: Turn, request: str) -> Round | None:
    """Promises the round that a pair belongs to, or None when its time is over."""
    value = await turn.store.dialogue(_SHELF, _name(turn, request))
    if value is None:
        return None
    first, second = (Subject(key=key, model=model) for key, model in (value["first"], value["second"]))
    return Round(request=request, first=first, second=second, prompts=tuple(map(tuple, value["prompts"])))


def _name(turn: Turn, request: str) -> str:
    return f"round:{turn.team}:{request}"
