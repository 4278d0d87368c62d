"""Votes that steer a search: which two tries people are asked about next, one pair after the other.

The pairs are ordinary blind pairs under a request of their own, one a job; what is asked next follows from the store
alone, so that whoever asks, and whatever was restarted, gets the pair that is open.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging import blind, questions
from bot.judging.subjects import Subject, key_of_trial
from bot.replies import Reply, Text
from tuner.judging import rounds
from tuner.judging.preference import next_pair, preferences
from tuner.judging.votes import Vote
from tuner.store.opinions import Pair
from tuner.store.records import Job

_REQUEST = re.compile(r"steer-(?P<job>[0-9]+)")
MOST_ALIKE = 8
"""Pairs of the same answer twice that are passed over in one go."""


def is_ours(pair: Pair) -> bool:
    """True for a pair that a search asked for."""
    return _REQUEST.fullmatch(pair.request) is not None


async def begin(turn: Turn, number: int | None) -> AsyncIterator[Reply]:
    """What people are asked now: of the job said, else of the one that waits for votes, else of the newest one."""
    job = await turn.store.job(turn.team, number) if number is not None else await _asking(turn)
    if job is None or job.plan.metric != "human":
        is_unknown = number is not None and job is None
        yield jobs.not_found(turn, number) if is_unknown else Text(text=turn.say("judging.steer.none"))
        return
    turn.state["job"] = job.number
    async for reply in ask(turn, job):
        yield reply


async def ask(turn: Turn, job: Job) -> AsyncIterator[Reply]:
    """The open pair of this job, or a new one; else why there is none. Raises ChatUnavailable, then none was made."""
    if job.is_over:
        yield Text(text=turn.say("judging.steer.over", {"job": job.number}),
                   buttons=(button("compare", str(job.number), turn.language),))
        return
    for _ in range(MOST_ALIKE):
        wanted, tries = await _wanted(turn, job)
        compared = await turn.store.opinions.compared(turn.team, job.number)
        if len(tries) < 2:
            yield Text(text=turn.say("judging.steer.not_yet", {"job": job.number}))
            return
        pair = await _open(turn, job) if compared < wanted else None
        if pair is None and compared < wanted:
            pair = await _new(turn, job, tries)
            if pair is None:
                yield Text(text=turn.say("judging.blind.no_questions"))
                return
        if pair is None:
            left = sum(trial.state != "running" for trial in await turn.store.trials(job.id)) < job.plan.trials
            facts = {"job": job.number, "waits": job.state != "running", "left": left}
            yield Text(text=turn.say("judging.steer.enough", facts))
            return
        if not blind.is_same(pair):
            turn.state["pair"] = pair.id
            turn.state.pop("answer", None)
            yield blind.card(turn, pair, compared + 1, wanted)
            return
        yield blind.same(turn, pair, compared + 1, wanted)


async def after(turn: Turn, pair: Pair) -> AsyncIterator[Reply]:
    """What follows a vote on a pair: nothing where a newer one is open already."""
    found = _REQUEST.fullmatch(pair.request)
    assert found is not None
    job = await turn.store.job(turn.team, int(found["job"]))
    if job is None or await turn.store.opinions.pair_at(turn.team, pair.request, pair.place + 1) is not None:
        return
    async for reply in ask(turn, job):
        yield reply


async def newest(turn: Turn, pair: Pair) -> AsyncIterator[Reply]:
    """The job's own next pair, for somebody who voted on an older one."""
    found = _REQUEST.fullmatch(pair.request)
    assert found is not None
    async for reply in begin(turn, int(found["job"])):
        yield reply


async def _asking(turn: Turn) -> Job | None:
    steered = [job for job in await turn.store.jobs(turn.team) if job.plan.metric == "human"]
    for is_meant in (lambda job: job.shown == "votes", lambda job: not job.is_over, lambda job: True):
        found = next(filter(is_meant, steered), None)
        if found is not None:
            return found
    return None


async def _wanted(turn: Turn, job: Job) -> tuple[int, dict[str, float]]:
    """Comparisons asked for by now, and the tries that can be compared with their validation loss."""
    trials = [trial for trial in await turn.store.trials(job.id) if trial.state != "running"]
    kept = {each.trial for each in await turn.store.checkpoints(turn.team, job.number)}
    tries = {
        key_of_trial(job.number, trial.number): float(trial.metrics.get("loss", float("nan")))
        for trial in trials
        if trial.state == "complete" and trial.number in kept
    }
    wanted = rounds.asked(len(tries), is_over=len(trials) >= job.plan.trials)
    return max(wanted, job.votes_wanted), tries


async def _open(turn: Turn, job: Job) -> Pair | None:
    """The newest pair of this job, where nobody has voted on it yet."""
    made = await turn.store.opinions.pairs_of(turn.team, _name(job))
    if not made or blind.is_same(made[-1]) or await turn.store.opinions.votes(turn.team, made[-1].id):
        return None
    return made[-1]


async def _new(turn: Turn, job: Job, tries: dict[str, float]) -> Pair | None:
    """The pair that says most, about a question that these two have not met over; None without any question."""
    votes = await turn.store.opinions.evidence(turn.team)
    made = await turn.store.opinions.pairs_of(turn.team, _name(job))
    sides = await asyncio.to_thread(_chosen, votes, tries, job.plan.seed + len(made))
    asked = await questions.pick(turn, [job], sides, 1)
    if not asked:
        return None
    pair = await blind.make(
        turn, _name(job), len(made), (_subject(turn, job, sides[0]), _subject(turn, job, sides[1])), asked[0]
    )
    return await turn.store.opinions.add_pair(pair)


def _chosen(votes: list[Vote], tries: dict[str, float], seed: int) -> tuple[str, str]:
    return next_pair(preferences(votes, list(tries), tries), seed)


def _subject(turn: Turn, job: Job, key: str) -> Subject:
    trial = key.rpartition("-")[2]
    return Subject(key=key, model=f"{turn.team}/job-{job.number}-trial-{trial}", job=job.number)


def _name(job: Job) -> str:
    return f"steer-{job.number}"
