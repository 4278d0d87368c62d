"""Words about jobs that exist: which one is meant, how far it is, what waits, which try is best. Changes none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.phrases import say
from bot.planning import name_of_data
from bot.replies import Reply, Table, Text
from bot.tally import Tally, tally_of
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
    pace = await tally_of(turn.store, job) if job.state == "running" else None
    facts = await facts_of(turn, job, pace)
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


async def facts_of(turn: Turn, job: Job, pace: Tally | None = None) -> dict[str, Any]:
    """Promises the numbers behind a job's status. `pace`: as far as it has come, which tells the tries that wait."""
    waiting = pace.waiting if pace is not None else {}
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
        "running": [trial.number for trial in trials if trial.state == "running" and trial.number not in waiting],
        "waiting": len(waiting),
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
    if not job.is_over:
        judge = (button("judge", str(job.number), turn.language, "primary"),) if job.shown == "votes" else ()
        return (*judge, button("stop", str(job.number), turn.language, "danger"))
    if not has_best:
        return ()
    return (button("details", str(job.number), turn.language), button("chat", str(job.number), turn.language))


async def queue(turn: Turn, _: Command) -> AsyncIterator[Reply]:
    """What runs and what waits, in the order in which it runs, and when the person's own next job could start."""
    jobs = [job for job in await turn.store.jobs(turn.team) if not job.is_over]
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
