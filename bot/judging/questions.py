"""Which prompts a comparison asks when nobody said one: questions kept out of training, then what the team asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from bot.desk.context import Turn
from tuner.data.held_out import Asked, validation_questions
from tuner.store.records import Job


async def pick(turn: Turn, job: Job, subjects: Sequence[str], count: int) -> list[Asked]:
    """Promises up to `count` different prompts, drawn by lot; those that these two models have not met over yet first.

    The validation questions of the job's data set: nobody trained on them, and the sealed test stays sealed. Where
    there are too few, what people asked in this team before.
    """
    held_out = await _held_out(turn, job)
    pairs = await turn.store.opinions.pairs(turn.team)
    asked_before = [pair.messages for pair in pairs]
    asked_before += [rating.messages for rating in await turn.store.opinions.ratings(turn.team)]
    met = {_key(pair.messages) for pair in pairs if {pair.left_subject, pair.right_subject} == set(subjects)}
    found: dict[str, Asked] = {}
    for group in (held_out, asked_before):
        mixed = list(group)
        turn.services.chance.shuffle(mixed)
        found.update({_key(messages): tuple(messages) for messages in mixed if _key(messages) not in found})
    ordered = sorted(found, key=lambda key: key in met)  # stable: fresh ones first, held-out before asked
    return [found[key] for key in ordered[:count]]


async def _held_out(turn: Turn, job: Job) -> Sequence[Asked]:
    dataset = await turn.store.dataset(turn.team, job.plan.dataset)
    if dataset is None:
        return ()
    folder = turn.services.home / dataset.folder
    return await asyncio.to_thread(validation_questions, folder, job.plan.split, job.plan.seed)


def _key(messages: Sequence[Mapping[str, str]]) -> str:
    return json.dumps([[message["role"], " ".join(message["content"].split())] for message in messages])
