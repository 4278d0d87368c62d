"""Words about jobs that exist: status, queue, stop, pause, resume, extend, history, best."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any, Literal

from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.phrases import say
from bot.planning import name_of_data
from bot.replies import Reply, Table, Text
from bot.tally import tally_of
from bot.waiting import wait_of
from bot.wording import number
from tuner.repeats import best_trial, planned_repeats
from tuner.store.records import Job

JobRef = int | Literal["last"]


async def find(turn: Turn, reference: JobRef | None) -> Job | None:
    """Promises the job that a sentence means: the number said, else the one talked about here, else the newest."""
    if reference is not None:
        return await turn.store.job(turn.team, reference)
    spoken_of = turn.state.get("job")
    found = await turn.store.job(turn.team, spoken_of) if spoken_of else None
    return found or await turn.store.job(turn.team, "last")  # the one spoken of may have been deleted with its data


def not_found(turn: Turn, reference: JobRef | None) -> Text:
    """Promises the sentence for a job that this team does not have."""
    return Text(text=turn.say("replies.jobs.none_such", {"job": reference if isinstance(reference, int) else None}))


async def status(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """How far a job is, in two or three lines."""
    job = await find(turn, command.job)
    if job is None:
        yield not_found(turn, command.job)
        return
    facts = await facts_of(turn, job)
    pace = await tally_of(turn.store, job) if job.state == "running" else None
    facts |= {
        "left": pace and pace.left_s,
        "early": pace is not None and pace.is_early,
        "testing": pace is not None and pace.is_testing,
    }
    told = [turn.say("replies.jobs.status", facts)]
    if job.state == "queued":
        told.append(await _wait(turn, job))
    yield Text(text="\n".join(told), buttons=_buttons(turn, job, facts["best"] is not None))


async def _wait(turn: Turn, job: Job, *, named: bool = False) -> str:
    """When a job that waits could start and end, as far as that is known; else what it waits for."""
    wait = await wait_of(turn.store, job)
    return turn.say("replies.jobs.wait", {
        "job": job.number, "named": named, "ahead": wait.ahead, "metric": job.plan.metric, "is_idle": wait.is_idle,
        "start": wait.start_s, "takes": wait.takes_s})


async def facts_of(turn: Turn, job: Job) -> dict[str, Any]:
    """Promises the numbers behind a job's status."""
    trials = await turn.store.trials(job.id)
    done = [trial for trial in trials if trial.state != "running"]
    repeats = await turn.store.repeats(job.id)
    best = best_trial(job.plan, trials, repeats)
    named = await turn.store.labels.names(turn.team)
    promoted = await turn.store.labels.promoted(turn.team)
    return {
        "job": job.number,
        "name": next((each.name for each in named if each.job == job.number and each.trial is None), None),
        "promoted": promoted.trial if promoted is not None and promoted.job == job.number else None,
        "state": job.state,
        "votes": await _votes_missing(turn, job),
        "wish": job.wish,
        "done": len(done),
        "trials": job.plan.trials,
        "running": [trial.number for trial in trials if trial.state == "running"],
        "again": len(repeats) if any(repeat.state == "running" for repeat in repeats) else None,
        "repeats": len(planned_repeats(job.plan, trials)),
        "best": best.number if best else None,
        "value": best.value if best else None,
        "metric": job.plan.metric,
        "ahead": await turn.store.ahead(job.id) if job.state == "queued" else 0,
        "ran_s": job.ran_s,
        "reference": (job.problem or {}).get("facts", {}).get("reference"),
    }


async def _votes_missing(turn: Turn, job: Job) -> int:
    """Comparisons that a resting job waits for; 0: it waits for none."""
    if job.shown != "votes":
        return 0
    return max(0, job.votes_wanted - await turn.store.opinions.compared(turn.team, job.number))


def _buttons(turn: Turn, job: Job, has_best: bool) -> tuple[Any, ...]:
    if job.state in ("queued", "running", "paused"):
        judge = (button("judge", str(job.number), turn.language, "primary"),) if job.shown == "votes" else ()
        return (*judge, button("stop", str(job.number), turn.language, "danger"))
    if not has_best:
        return ()
    return (button("details", str(job.number), turn.language), button("chat", str(job.number), turn.language))


async def queue(turn: Turn, _: Command) -> AsyncIterator[Reply]:
    """What runs and what waits, in the order in which it runs, and when the person's own next job could start."""
    jobs = [job for job in await turn.store.jobs(turn.team) if job.state in ("queued", "running", "paused")]
    if not jobs:
        yield Text(text=turn.say("replies.jobs.queue_empty"))
        return
    states = ("running", "queued", "paused")
    order = {job.id: (states.index(job.state), await turn.store.ahead(job.id), job.number) for job in jobs}
    jobs.sort(key=lambda job: order[job.id])
    yield await table(turn, turn.say("replies.jobs.queue_title"), jobs)
    own = next((job for job in jobs if job.state == "queued" and job.person == turn.utterance.person), None)
    if own is not None:
        yield Text(text=await _wait(turn, own, named=True))


async def table(turn: Turn, title: str, jobs: list[Job]) -> Table:
    """Promises one row a job, with a column of names where one of them has a name."""
    called = {each.job: each.name for each in await turn.store.labels.names(turn.team) if each.trial is None}
    has_names = any(job.number in called for job in jobs)
    rows = []
    for job in jobs:
        facts = await facts_of(turn, job)
        rows.append(
            (
                str(job.number),
                *((called.get(job.number, ""),) if has_names else ()),
                turn.say("replies.jobs.state_ahead", facts)
                if facts["ahead"]
                else turn.say(f"replies.jobs.state_{job.shown}"),
                await name_of_data(turn.store, job),
                turn.say("replies.jobs.done_of", facts),
                "" if facts["value"] is None else number(facts["value"]),
                *((turn.say("replies.jobs.time", {"seconds": job.ran_s}),) if turn.shows_costs else ()),
            )
        )
    named, costs = (("name",) if has_names else ()), (("time",) if turn.shows_costs else ())
    header = tuple(
        turn.say(f"replies.jobs.column_{name}") for name in ("job", *named, "state", "data", "tries", "best", *costs)
    )
    return Table(title=title, header=header, rows=tuple(rows))


async def stop(turn: Turn, reference: JobRef | None) -> AsyncIterator[Reply]:
    """Ends a job early; what it found so far is reported."""
    async for reply in _wish(turn, reference, "stop"):
        yield reply


async def pause(turn: Turn, reference: JobRef | None) -> AsyncIterator[Reply]:
    """Holds a job as soon as it can; the try under way runs again when it goes on."""
    async for reply in _wish(turn, reference, "pause"):
        yield reply


async def _wish(turn: Turn, reference: JobRef | None, wish: Literal["stop", "pause"]) -> AsyncIterator[Reply]:
    job = await _active(turn, reference)
    if job is None:
        yield (
            not_found(turn, reference)
            if isinstance(reference, int)
            else Text(text=turn.say("replies.jobs.nothing_runs"))
        )
        return
    if job.state not in ("queued", "running", "paused") or (wish == "pause" and job.shown == "paused"):
        yield Text(text=turn.say("replies.jobs.already_over", {"job": job.number, "state": job.state}))
        return
    refusal = turn.refusal("stop") if job.person != turn.utterance.person else None
    if refusal is not None:
        yield refusal
        return
    after = await turn.store.wish(turn.team, job.number, wish)
    yield Text(text=turn.say(f"replies.jobs.{wish}_asked", {"job": job.number, "state": after.state if after else ""}))


async def _active(turn: Turn, reference: JobRef | None) -> Job | None:
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
            not_found(turn, command.job)
            if isinstance(command.job, int)
            else Text(text=turn.say("replies.jobs.nothing_paused"))
        )
        return
    refusal = turn.refusal("start", "minutes")
    if refusal is not None:
        yield refusal
        return
    if job.shown == "votes":  # the votes send it on; until then there is nothing that it could do
        async for reply in status(turn, Command(intent="status", job=job.number)):
            yield reply
        return
    after = await turn.store.resume(turn.team, job.number)
    key = "replies.jobs.resumed" if after is not None and after.state == "queued" else "replies.jobs.not_resumable"
    turn.state["job"] = job.number
    yield Text(text=turn.say(key, {"job": job.number, "state": job.state}))


async def _resumable(turn: Turn, reference: JobRef | None) -> Job | None:
    if isinstance(reference, int):
        return await turn.store.job(turn.team, reference)
    jobs = await turn.store.jobs(turn.team)
    return next((job for job in jobs if job.state == "paused"), None) or next(
        (job for job in jobs if job.state in ("stopped", "failed")), None
    )


async def extend(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """More tries or more time for a job, said back with its new size. Needs a confirmation when the job had ended."""
    job = await find(turn, command.job)
    if job is None:
        yield not_found(turn, command.job)
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
    if job.state in ("queued", "running", "paused"):
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
        yield not_found(turn, number_)
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


async def best(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """The best try and its settings."""
    job = await find(turn, command.job)
    if job is None:
        yield not_found(turn, command.job)
        return
    facts = await facts_of(turn, job)
    if facts["best"] is None:
        yield Text(text=turn.say("replies.jobs.no_best_yet", facts))
        return
    trial = next(trial for trial in await turn.store.trials(job.id) if trial.number == facts["best"])
    searched = [
        say("replies.plan.kept", turn.language, {"name": name, "value": trial.settings[name]})
        for name in job.plan.space
    ]
    yield Text(
        text=turn.say("replies.jobs.best", {**facts, "settings": searched}),
        buttons=(
            button("chat", str(job.number), turn.language, "primary"),
            button("details", str(job.number), turn.language),
        ),
    )
