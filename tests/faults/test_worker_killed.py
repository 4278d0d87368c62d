"""A worker that dies, in real processes: its job goes on elsewhere, no trial counts twice, its child ends by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worker_jobs import counted_once, of, plan, repeats_until, report, submit, told, until
from worker_processes import Workers, is_gone, soon, workers

from tuner.events import JobStarted, RepeatFinished, TrialFinished, TrialStarted
from tuner.store import Store, StoreUnavailable

LEASE = ("--lease", "1.5")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
async def crowd(store: Store) -> AsyncIterator[Workers]:
    async with workers(store.home) as made:
        yield made


async def test_a_job_whose_worker_is_killed_in_mid_trial_is_finished_by_the_next(store: Store, crowd: Workers) -> None:
    job = await submit(store, plan(trials=4))
    first = await crowd.scripted({"steps": 20, "step_s": 0.05}, *LEASE)
    await until(store, job, lambda _, trials: len(trials) == 2 and trials[1].state == "running")
    [child] = await crowd.children(first)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    await soon(lambda: is_gone(child), 10)
    await crowd.scripted({}, *LEASE)
    await until(store, job, lambda now, _: now.state == "finished")
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials] == [(number, "complete") for number in range(4)]
    events = await told(store, job)
    assert counted_once(events, TrialFinished)
    assert [event.number for event in of(events, TrialStarted)] == [0, 1, 1, 2, 3]
    assert [event.again for event in of(events, JobStarted)] == [False, True]
    again = [event.settings for event in of(events, TrialStarted) if event.number == 1]
    assert again[0] == again[1]
    assert len((await report(store, job)).trials) == 4


async def test_a_worker_killed_while_checking_leaves_only_what_is_missing(store: Store, crowd: Workers) -> None:
    job = await submit(store, plan(trials=4, confirm=1))
    first = await crowd.scripted({"steps": 10, "step_s": 0.05}, *LEASE)
    await repeats_until(store, job, lambda repeats: sorted(one.state for one in repeats) == ["complete", "running"])
    [child] = await crowd.children(first)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    await soon(lambda: is_gone(child), 60)
    [kept] = [repeat for repeat in await store.repeats(job.id) if repeat.state == "complete"]
    await crowd.scripted({}, *LEASE)
    await until(store, job, lambda now, _: now.state == "finished")
    repeats = await store.repeats(job.id)
    assert [repeat.state for repeat in repeats] == ["complete"] * 4
    assert kept in repeats
    events = await told(store, job)
    assert counted_once(events, RepeatFinished)
    assert counted_once(events, TrialFinished)
    assert len((await report(store, job)).repeats) == 4


async def test_two_workers_never_run_the_same_trial(store: Store, crowd: Workers) -> None:
    jobs = [await submit(store, plan(trials=5, seed=seed), message=f"m{seed}") for seed in range(4)]
    both = [await crowd.scripted({"steps": 6, "step_s": 0.02}, "--lease", "5") for _ in range(2)]
    for job in jobs:
        await until(store, job, lambda now, _: now.state == "finished")
        events = await told(store, job)
        assert [event.number for event in of(events, TrialStarted)] == [0, 1, 2, 3, 4]
        assert counted_once(events, TrialFinished)
        assert len(of(events, JobStarted)) == 1
    assert all(worker.returncode is None for worker in both)


async def test_a_worker_that_slept_through_its_lease_runs_no_trial_twice(store: Store, crowd: Workers) -> None:
    job = await submit(store, plan(trials=3))
    first = await crowd.scripted({"steps": 10, "step_s": 0.05}, *LEASE)
    await until(store, job, lambda _, trials: len(trials) == 2)
    await crowd.children(first)
    await put_to_sleep(first, store.home)
    await crowd.scripted({"steps": 40, "step_s": 0.03}, *LEASE)
    holder = (await store.job_by_id(job.id)).worker
    await until(store, job, lambda now, _: now.worker != holder)
    first.send_signal(signal.SIGCONT)
    await until(store, job, lambda now, _: now.state == "finished")
    assert counted_once(await told(store, job), TrialFinished)
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 3


async def put_to_sleep(worker: asyncio.subprocess.Process, home: Path) -> None:
    """Between two writes: one that sleeps inside a transaction holds the database, and everybody waits for it."""
    async with await Store.open(home, busy_s=0.3) as other:
        while True:
            worker.send_signal(signal.SIGSTOP)
            try:
                await other.prefer("team", None, "asleep", "yes")
            except StoreUnavailable:
                worker.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.parametrize("how", ["terminate", "interrupt", "parent"])
async def test_a_worker_that_is_asked_to_end_gives_its_job_back_at_once(store: Store, crowd: Workers, how: str) -> None:
    job = await submit(store, plan(trials=3))
    first = await crowd.scripted({"steps": 40, "step_s": 0.05}, *(["--parent-pipe"] if how == "parent" else []))
    await until(store, job, lambda _, trials: len(trials) == 1)
    [child] = await crowd.children(first)
    if how == "parent":
        assert first.stdin is not None
        first.stdin.close()
    else:
        first.send_signal(signal.SIGTERM if how == "terminate" else signal.SIGINT)
    async with asyncio.timeout(20):
        assert await first.wait() == 0
    assert is_gone(child)
    back = await store.job_by_id(job.id)
    assert (back.state, back.worker) == ("queued", None)
