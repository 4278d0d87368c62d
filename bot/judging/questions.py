"""Which prompts a comparison asks when nobody said one: questions kept out of training, then what the team asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.desk.context import Turn
from tuner.data.held_out import Asked, HeldOut, held_out, key
from tuner.store.records import Job


async def pick(turn: Turn, jobs: Sequence[Job], subjects: Sequence[str], count: int) -> list[Asked]:
    """Promises up to `count` different prompts, drawn by lot; those that these two models have not met over yet first.

    The validation questions of the jobs' data sets; where there are too few, what people asked in this team before.
    None of them was trained on in either job, and none is of a sealed test.
    """
    parts = [await _held_out(turn, job) for job in jobs]
    closed = frozenset().union(*(part.closed for part in parts))
    pairs = await turn.store.opinions.pairs(turn.team)
    asked_before = [pair.messages for pair in pairs]
    asked_before += [rating.messages for rating in await turn.store.opinions.ratings(turn.team)]
    met = {key(pair.messages) for pair in pairs if {pair.left_subject, pair.right_subject} == set(subjects)}
    found: dict[str, Asked] = {}
    for group in ([messages for part in parts for messages in part.validation], asked_before):
        mixed = list(group)
        turn.services.chance.shuffle(mixed)
        for messages in mixed:
            if key(messages) not in closed:
                found.setdefault(key(messages), tuple(messages))
    ordered = sorted(found, key=lambda each: each in met)  # stable: fresh ones first, held-out before asked
    return [found[each] for each in ordered[:count]]


async def _held_out(turn: Turn, job: Job) -> HeldOut:
    dataset = await turn.store.dataset(turn.team, job.plan.dataset)
    if dataset is None:
        return HeldOut()
    folder = turn.services.home / dataset.folder
    return await asyncio.to_thread(held_out, folder, job.plan.split, job.plan.seed)
