"""When a job that waits starts, asked for without its number: which one is meant, and what is said where none waits."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.desk import drafts, jobs
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.language.starting import StartAsked
from bot.replies import Reply, Text
from tuner.store.records import Job


async def answer(turn: Turn, asked: StartAsked) -> AsyncIterator[Reply]:
    """When the job that is meant starts. Changes nothing: no job, no plan."""
    if asked.job is not None:
        async for reply in jobs.status(turn, Command(intent="status", job=asked.job)):
            yield reply
        return
    waiting = await _waiting(turn)
    meant = _meant(turn, waiting, own=asked.own)
    if meant is not None:
        async for reply in jobs.status(turn, Command(intent="status", job=meant.number)):
            yield reply
    elif waiting:
        async for reply in jobs.queue(turn, Command(intent="queue")):
            yield reply
    else:
        async for reply in _nothing_waits(turn):
            yield reply


async def _waiting(turn: Turn) -> list[Job]:
    """The team's jobs that wait, in the order in which they start."""
    found = [job for job in await turn.store.jobs(turn.team) if job.state == "queued"]
    order = {job.id: (await turn.store.ahead(job.id), job.number) for job in found}
    return sorted(found, key=lambda job: order[job.id])


def _meant(turn: Turn, waiting: list[Job], *, own: bool) -> Job | None:
    """The one that was spoken of last; else the only one of this channel, of this person, of the team.

    `own`: the only one of this person first; None where several are, of which the queue tells the next.
    """
    theirs = [job for job in waiting if job.person == turn.utterance.person]
    if own and theirs:
        return theirs[0] if len(theirs) == 1 else None
    spoken_of = next((job for job in waiting if job.number == turn.state.get("job")), None)
    if spoken_of is not None:
        return spoken_of
    here = [job for job in waiting if job.channel == turn.utterance.channel]
    theirs_here = [job for job in here if job in theirs]
    return next((each[0] for each in (theirs_here, here, theirs, waiting) if len(each) == 1), None)


async def _nothing_waits(turn: Turn) -> AsyncIterator[Reply]:
    """A plan that nobody started yet, or what runs instead."""
    if await drafts.load(turn, turn.state.get("draft")) is not None:
        yield Text(text=turn.say("replies.jobs.plan_waits"))
        return
    under_way = [job for job in await turn.store.jobs(turn.team) if job.state in ("running", "paused")]
    if not under_way:
        yield Text(text=turn.say("replies.jobs.queue_empty"))
        return
    spoken_of = next((job for job in under_way if job.number == turn.state.get("job")), None)
    here = next((job for job in under_way if job.channel == turn.utterance.channel), None)
    yield Text(text=turn.say("replies.jobs.none_waits"))
    shown = spoken_of or here or under_way[0]
    async for reply in jobs.status(turn, Command(intent="status", job=shown.number)):
        yield reply
