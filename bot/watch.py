"""Tails a job's events and turns them into replies: a live line, tries as they end, the report once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

from bot.desk.buttons import button
from bot.judging.told import told
from bot.manage import names
from bot.phrases import Language, say
from bot.replies import Progress, Reply, Text
from bot.results import NO_NAMES, Names, report_replies
from bot.tally import Tally
from tuner.events import (
    Event,
    JobAwaitsVotes,
    JobFailed,
    JobPaused,
    JobStarted,
    PackNarrowed,
    RepeatFinished,
    RepeatStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialParked,
    TrialProgress,
    TrialStarted,
    VotesWanted,
    event_from_json,
)
from tuner.store import Store
from tuner.store.records import Job

_ALMOST = 0.99
"""Of a bar whose job is not over: after the last try come the tests."""
_MOVING = (TrialStarted, TrialProgress, TrialParked, TrialFinished, RepeatStarted, RepeatFinished)
"""What moves the bar."""
_OVER = ("finished", "stopped", "failed", "paused")
_ENDINGS = {StudyFinished: ("finished", "stopped"), JobFailed: ("failed",), JobPaused: ("paused",),
            JobAwaitsVotes: ("paused",)}
"""The last word about a job, and the states in which it leaves it."""


async def follow(
    store: Store,
    job: Job,
    language: Language,
    home: Path,
    *,
    after: int = 0,
    clock: Callable[[], float],
    poll_s: float = 0.3,
) -> AsyncGenerator[Reply, None]:
    """Promises the replies of a job from event `after` on, ending when it finished, failed, paused or was stopped.

    A Progress reply replaces the one before it. The report comes once, last: an ending after which the job went on
    (resumed, extended) is passed over. Reads only the store, so that it can be started anew at any time.
    """
    tally = Tally(job=job)
    started = clock() - job.ran_s
    while True:
        job = await store.job_by_id(job.id)  # before the events: a job that is over has written its last one
        tally.job = job
        events = await store.events(after, job.id)
        for stored in events:
            after = stored.seq
            event = event_from_json(stored.body)
            tally.take(event, stored.at)
            if type(event) in _ENDINGS and not await _is_over(store, job, event, after):
                continue
            if isinstance(event, VotesWanted) and not await wants_votes(store, job, event):
                continue
            called = await names.names_of(store, job.team, job.number) if isinstance(event, StudyFinished) else NO_NAMES
            async for reply in _replies(event, tally, language, home, clock() - started, called):
                yield reply
            said = await told(store, job, language) if isinstance(event, StudyFinished) else None
            if said is not None:
                yield said
            if type(event) in _ENDINGS:
                return
        if not events and job.state in _OVER:
            if job.state == "stopped":
                yield Text(text=say("replies.watch.stopped_unstarted", language, {"job": job.number}))
            return
        if not events:
            await asyncio.sleep(poll_s)


async def wants_votes(store: Store, job: Job, event: VotesWanted) -> bool:
    """False as soon as the votes are there that people were asked for, or the job is over."""
    if job.is_over:
        return False
    return await store.opinions.compared(job.team, job.number) < event.wanted


def votes_reply(event: VotesWanted | JobAwaitsVotes, job: Job, language: Language) -> Text:
    """Promises the words that ask people to compare answers, with the buttons to begin and to stop."""
    facts: dict[str, Any] = {"job": job.number, "missing": event.wanted - event.compared}
    if isinstance(event, VotesWanted):
        words = say("replies.watch.votes_wanted", language,
                    {**facts, "tries": event.tries, "is_reminder": event.is_reminder})
    else:
        words = say("replies.watch.awaits_votes", language, facts)
    number = str(job.number)
    return Text(text=words, buttons=(button("judge", number, language, "primary"),
                                     button("stop", number, language, "danger")))


async def _is_over(store: Store, job: Job, event: Event, seq: int) -> bool:
    """True when `event` ended the job and nobody has sent it on since."""
    now = await store.job_by_id(job.id)
    return now.state in _ENDINGS[type(event)] and not await store.events(seq, job.id, limit=1)


async def _replies(
    event: Event, tally: Tally, language: Language, home: Path, elapsed: float, called: Names
) -> AsyncIterator[Reply]:
    """What is said of the event, then the bar where it moved, and at the end the report."""
    job = tally.job
    said = _said(event, job, language)
    if said is not None:
        yield said
    if isinstance(event, _MOVING):
        yield _progress(tally, language)
    if isinstance(event, StudyFinished):
        facts = {"job": job.number, "reason": event.reason, "seconds": elapsed}
        yield Progress(job=job.number, done=1.0, text=say("replies.watch.finished", language, facts))
        async for reply in report_replies(event.report, job, language, home, names=called):
            yield reply


def _said(event: Event, job: Job, language: Language) -> Text | None:
    match event:
        case JobStarted():
            facts = {"job": job.number, "device": event.device, "again": event.again, "slots": event.slots,
                     "alone": event.alone}
            return Text(text=say("replies.watch.started", language, facts))
        case PackNarrowed():
            return Text(text=say("replies.watch.narrowed", language, {"together": event.together, "now": event.now}))
        case TrialFinished():
            return Text(text=say("replies.watch.trial_ended", language, _ended(event, job)))
        case RepeatFinished():
            return Text(text=say("replies.watch.repeat_ended", language, _ended_again(event, job)))
        case TestScored():
            facts = {"subject": event.subject, "right": event.right, "count": event.count}
            return Text(text=say("replies.watch.test_scored", language, facts))
        case VotesWanted() | JobAwaitsVotes():
            return votes_reply(event, job, language)
        case JobPaused():
            return Text(text=say("replies.watch.paused", language, {"job": job.number, "done": event.trials_done}))
        case JobFailed():
            facts = {"job": job.number, "reference": event.reference}
            reason = say(f"problems.{event.key}", language, {"reference": event.reference, **event.facts})
            return Text(text=f"{say('replies.watch.failed', language, facts)}\n{reason}")
        case _:
            return None


def _ended(event: TrialFinished, job: Job) -> dict[str, Any]:
    return {
        "number": event.number,
        "trials": job.plan.trials,
        "state": event.state,
        "value": event.value,
        "cause": event.cause,
        "best": event.best,
        "metric": job.plan.metric,
        "is_default": event.number == 0,
    }


def _ended_again(event: RepeatFinished, job: Job) -> dict[str, Any]:
    return {
        "trial": event.repeat_of,
        "done": event.done,
        "repeats": event.repeats,
        "state": event.state,
        "value": event.value,
        "cause": event.cause,
        "metric": job.plan.metric,
    }


def _progress(tally: Tally, language: Language) -> Progress:
    text = say("replies.watch.progress", language, tally.facts())
    return Progress(job=tally.job.number, done=min(tally.share, _ALMOST), text=text)
