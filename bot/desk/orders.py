"""What a person wants of a job that exists: stop, pause, go on, make more tries. Each takes the team's own job only."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Literal

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.replies import Reply, Text
from tuner.store.records import Job


async def stop(turn: Turn, reference: jobs.JobRef | None) -> AsyncIterator[Reply]:
    """Ends a job early; what it found so far is reported."""
    async for reply in _wish(turn, reference, "stop"):
        yield reply


async def pause(turn: Turn, reference: jobs.JobRef | None) -> AsyncIterator[Reply]:
    """Holds a job as soon as it can; the try under way runs again when it goes on."""
    async for reply in _wish(turn, reference, "pause"):
        yield reply


async def _wish(turn: Turn, reference: jobs.JobRef | None, wish: Literal["stop", "pause"]) -> AsyncIterator[Reply]:
    job = await _active(turn, reference)
    if job is None:
        yield (
            jobs.not_found(turn, reference)
            if isinstance(reference, int)
            else Text(text=turn.say("replies.jobs.nothing_runs"))
        )
        return
    if job.is_over or (wish == "pause" and job.shown == "paused"):
        yield Text(text=turn.say("replies.jobs.already_over", {"job": job.number, "state": job.state}))
        return
    refusal = turn.refusal("stop") if job.person != turn.utterance.person else None
    if refusal is not None:
        yield refusal
        return
    after = await turn.store.wish(turn.team, job.number, wish)
    yield Text(text=turn.say(f"replies.jobs.{wish}_asked", {"job": job.number, "state": after.state if after else ""}))


async def _active(turn: Turn, reference: jobs.JobRef | None) -> Job | None:
    """The job said by number; else the newest one that runs, waits or rests."""
    if isinstance(reference, int):
        return await turn.store.job(turn.team, reference)
    for state in ("running", "queued", "paused"):
        for job in await turn.store.jobs(turn.team):
            if job.state == state:
                return job
    return None


async def resume(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Goes on with a paused, stopped or failed job; its finished tries are kept."""
    job = await _resumable(turn, command.job)
    if job is None:
        yield (
            jobs.not_found(turn, command.job)
            if isinstance(command.job, int)
            else Text(text=turn.say("replies.jobs.nothing_paused"))
        )
        return
    refusal = turn.refusal("start", "minutes")
    if refusal is not None:
        yield refusal
        return
    if job.shown == "votes":  # the votes send it on; until then there is nothing that it could do
        async for reply in jobs.status(turn, Command(intent="status", job=job.number)):
            yield reply
        return
    after = await turn.store.resume(turn.team, job.number)
    key = "replies.jobs.resumed" if after is not None and after.state == "queued" else "replies.jobs.not_resumable"
    turn.state["job"] = job.number
    yield Text(text=turn.say(key, {"job": job.number, "state": job.state}))


async def _resumable(turn: Turn, reference: jobs.JobRef | None) -> Job | None:
    if isinstance(reference, int):
        return await turn.store.job(turn.team, reference)
    jobs = await turn.store.jobs(turn.team)
    return next((job for job in jobs if job.state == "paused"), None) or next(
        (job for job in jobs if job.state in ("stopped", "failed")), None
    )


async def extend(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """More tries or more time for a job, said back with its new size. Needs a confirmation when the job had ended."""
    job = await jobs.find(turn, command.job)
    if job is None:
        yield jobs.not_found(turn, command.job)
        return
    if await turn.store.dataset(turn.team, job.plan.dataset) is None:
        yield Text(text=turn.say("replies.jobs.no_data", {"job": job.number}))
        return
    trials, time_s = command.add_trials or 0, command.time_budget_s or 0
    if not trials and not time_s:
        trials = job.plan.trials
    if not trials and job.plan.time_budget_s is None:
        yield Text(text=turn.say("replies.jobs.no_time_limit", {"job": job.number}))
        return
    if not time_s:
        time_s = await _time_for(turn, job, trials)
    if not job.is_over:
        async for reply in extend_now(turn, job.number, trials, time_s):
            yield reply
        return
    facts = {"job": job.number, "trials": trials, "seconds": time_s, "total": job.plan.trials + trials}
    yield Text(
        text=turn.say("replies.jobs.extend_confirm", facts),
        buttons=(
            button("extend", f"{job.number}:{trials}:{time_s}:{_size(job)}", turn.language, "primary"),
            button("cancel", "-", turn.language, "danger"),
        ),
    )


async def _time_for(turn: Turn, job: Job, trials: int) -> int:
    """Seconds that so many further tries need beside a time limit that is used up; 0: without a limit, or before it."""
    budget = job.plan.time_budget_s
    done = sum(trial.state != "running" for trial in await turn.store.trials(job.id))
    if budget is None or not done or job.state != "finished" or done >= job.plan.trials:
        return 0
    return math.ceil(budget * trials / done)


async def extend_now(turn: Turn, number_: int, trials: int, time_s: int, before: str = "") -> AsyncIterator[Reply]:
    """Raises the job's size; an ended job is queued again with what it already has. `before`: its size when this was
    offered; with another size by now it was extended meanwhile, as by a button that is pressed twice."""
    now = await turn.store.job(turn.team, number_)
    if now is not None and before not in ("", _size(now)):
        yield Text(text=turn.say("replies.jobs.extended_before", {"job": now.number, "total": now.plan.trials}))
        return
    refusal = turn.refusal("start", "minutes")
    if refusal is not None:
        yield refusal
        return
    refusal = turn.too_long(await _likely_s(turn, number_, trials))
    if refusal is not None:
        yield refusal
        return
    after = await turn.store.extend(turn.team, number_, trials=trials, time_s=time_s)
    if after is None:
        yield jobs.not_found(turn, number_)
        return
    turn.state["job"] = after.number
    facts = {"job": after.number, "trials": trials, "seconds": time_s, "total": after.plan.trials, "state": after.state}
    yield Text(text=turn.say("replies.jobs.extended", facts))


def _size(job: Job) -> str:
    return f"{job.plan.trials}-{job.plan.time_budget_s or 0}"


async def _likely_s(turn: Turn, number_: int, trials: int) -> float | None:
    """How long so many more tries take, from those that have ended; None where nobody can say."""
    job = await turn.store.job(turn.team, number_)
    if job is None:
        return None
    done = sum(trial.state != "running" for trial in await turn.store.trials(job.id))
    return job.ran_s / done * trials if done else None
