"""What a front hears of a job: every ending that is one, and none that a person took back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from worker_jobs import plan, submit

from bot import watch
from bot.replies import Card, Reply, Text
from tuner.events import Event, JobFailed, JobPaused, Report, StudyFinished
from tuner.store import Store
from tuner.store.records import Job, JobState

REPORT = Report(job=1, model="onsa-tiny", metric="loss", maximise=False, findings=(), trials=(), test=(), searched=())
FINISHED = StudyFinished(reason="done", report=REPORT)
FAILED = JobFailed(key="runner.disk_full", facts={"folder": "f", "model": "m", "job": 1}, reference="abcd1234")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path) as opened:
        yield opened


async def end(store: Store, state: JobState, event: Event) -> None:
    """As a worker would: claims the job and ends it."""
    job = await store.claim("w", 60)
    assert job is not None
    await store.release(job.id, "w", state, event=event)


async def hear(store: Store, job: Job, within_s: float = 20.0) -> list[Reply]:
    async with asyncio.timeout(within_s):
        return [reply async for reply in watch.follow(store, job, "en", store.home, clock=store_clock, poll_s=0.01)]


def store_clock() -> float:
    return 0.0


def paused(replies: list[Reply]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Text) and "paused" in reply.text]


def reports(replies: list[Reply]) -> int:
    return sum(isinstance(reply, Card) for reply in replies)


async def test_a_pause_that_was_taken_back_ends_no_wait(store: Store) -> None:
    job = await submit(store, plan())
    await end(store, "paused", JobPaused(trials_done=0))
    assert len(paused(await hear(store, job))) == 1
    await store.resume("team", 1)
    waiting = asyncio.create_task(hear(store, job))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await end(store, "finished", FINISHED)
    said = await waiting
    assert (paused(said), reports(said)) == ([], 1)


async def test_an_extended_job_is_waited_for_and_only_its_last_report_is_shown(store: Store) -> None:
    job = await submit(store, plan(trials=4))
    await end(store, "finished", FINISHED)
    assert reports(await hear(store, job)) == 1
    await store.extend("team", 1, trials=2)
    waiting = asyncio.create_task(hear(store, job))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await end(store, "finished", FINISHED)
    assert reports(await waiting) == 1
    assert reports(await hear(store, job)) == 1


async def test_a_failure_that_was_resumed_is_passed_over(store: Store) -> None:
    job = await submit(store, plan())
    await end(store, "failed", FAILED)
    assert any("abcd1234" in reply.text for reply in await hear(store, job) if isinstance(reply, Text))
    await store.resume("team", 1)
    await end(store, "stopped", FINISHED)
    said = await hear(store, job)
    assert not any("abcd1234" in reply.text for reply in said if isinstance(reply, Text))
    assert reports(said) == 1


async def test_a_paused_job_that_was_stopped_is_not_called_paused(store: Store) -> None:
    job = await submit(store, plan())
    await end(store, "paused", JobPaused(trials_done=0))
    await store.wish("team", 1, "stop")
    said = await hear(store, job)
    assert paused(said) == []
    assert len(said) == 1


async def test_a_reader_that_leaves_early_leaves_nothing_behind(store: Store) -> None:
    job = await submit(store, plan())
    await end(store, "finished", FINISHED)
    async with aclosing(watch.follow(store, job, "en", store.home, clock=store_clock)) as replies:
        assert await anext(replies) is not None
