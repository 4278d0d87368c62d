"""Jobs whose weak trials wait at a rung: each has its ending once, whoever dies and whatever people wish meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from worker_jobs import Launches, counted_once, of, plan, report, submit, told, until, working

from tuner.events import StudyFinished, TrialFinished, TrialParked, TrialRecord, TrialStarted
from tuner.plan.space import Range
from tuner.runners.scripted import Script
from tuner.store import Store
from tuner.store.records import Job
from tuner.worker import run

WIDE = {"learning_rate": Range(low=1e-6, high=2e-3, log=True)}
"""Losses from far behind to close together; none diverges."""
SLOW = Script(steps=20, step_s=0.02)
QUICK = Script(steps=20, step_s=0.015)
"""A wish is heard before the trial is over."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


async def queued(store: Store, **changes: Any) -> Job:
    return await submit(store, plan(**{"trials": 12, "pruner": "asha", "parallel": 3, "space": WIDE, **changes}))


async def work(store: Store, launches: Launches | None = None) -> Launches:
    """One job, to its end."""
    launches = launches or Launches(QUICK)
    async with asyncio.timeout(60):
        await run(store.home, once=True, runner_factory=launches)
    return launches


async def some_wait(store: Store, job: Job, count: int = 3) -> None:
    async with asyncio.timeout(60):
        while len(of(await told(store, job), TrialParked)) < count:  # noqa: ASYNC110  (only the store tells)
            await asyncio.sleep(0.02)


async def whole(store: Store, job: Job) -> list[TrialRecord]:
    """The trials of a job in which everything has its one ending and nothing waits any more."""
    trials = await store.trials(job.id)
    assert [trial.number for trial in trials] == list(range(job.plan.trials))
    assert not [trial for trial in trials if trial.state == "running"]
    assert not list((store.home / f"teams/team/jobs/{job.number}").glob(".parked-*"))
    events = await told(store, job)
    assert counted_once(events, TrialFinished)
    assert len(of(events, TrialFinished)) == len(trials)
    return trials


async def test_weak_trials_wait_and_are_given_up_and_the_best_goes_on(store: Store) -> None:
    job = await queued(store)
    await work(store)
    trials = await whole(store, job)
    states = Counter(trial.state for trial in trials)
    assert states["pruned"] >= 4
    assert states["complete"] >= 2
    assert states.keys() == {"complete", "pruned"}
    whole_job = await submit(store, plan(trials=12, parallel=3, space=WIDE), message="m2")
    await work(store)
    best = min(await store.trials(whole_job.id), key=lambda trial: trial.value or 9e9)
    assert {trial.number: trial.value for trial in trials}[best.number] == pytest.approx(best.value), "not lost"
    for trial in trials:
        assert trial.cause == ("pruned" if trial.state == "pruned" else "")
        if trial.state == "pruned":
            assert trial.metrics["steps"] == 20
            assert trial.curve[-1][0] < 20
            assert (trial.value, trial.checkpoint) == (None, None)


async def test_one_that_goes_on_is_begun_once_and_keeps_its_curve(store: Store) -> None:
    job = await queued(store)
    await work(store, Launches(QUICK))
    events = await told(store, job)
    assert counted_once(events, TrialStarted)
    waited = {event.number for event in of(events, TrialParked)}
    trials = {trial.number: trial for trial in await whole(store, job)}
    went_on = [trial for number, trial in trials.items() if number in waited and trial.state == "complete"]
    assert went_on, "some waited, and went on"
    for trial in went_on:
        assert [step for step, _, _ in trial.curve] == list(range(1, 21))
        assert trial.checkpoint == f"trial-{trial.number}"
        assert trial.seconds > 0


async def test_a_stop_ends_those_that_wait_and_reports(store: Store) -> None:
    job = await queued(store)
    async with working(store, Launches(SLOW)):
        await some_wait(store, job)
        await store.wish("team", job.number, "stop")
        await until(store, job, lambda now, _: now.state == "stopped")
    trials = await store.trials(job.id)
    assert {trial.state for trial in trials} <= {"complete", "pruned", "stopped"}
    assert sum(trial.state == "pruned" for trial in trials) >= 2
    assert len((await report(store, job)).trials) == len(trials)


async def test_a_pause_drops_those_that_wait_and_resuming_runs_them_again(store: Store) -> None:
    job = await queued(store)
    async with working(store, Launches(SLOW)):
        await some_wait(store, job)
        await store.wish("team", job.number, "pause")
        await until(store, job, lambda now, _: now.state == "paused")
    assert not [trial for trial in await store.trials(job.id) if trial.state == "running"]
    await store.resume("team", job.number)
    await work(store)
    await whole(store, job)
    assert len(of(await told(store, job), StudyFinished)) == 1


async def test_a_lost_worker_leaves_those_that_waited_to_the_next(store: Store) -> None:
    job = await queued(store)
    async with working(store, Launches(SLOW)) as task:
        await some_wait(store, job)
        task.cancel()
        await asyncio.wait([task])
    await work(store)
    await whole(store, job)


@pytest.mark.parametrize("parallel", [1, 3])
async def test_those_that_wait_outlive_a_runner_that_dies(store: Store, parallel: int) -> None:
    """Alone under way the trial is blamed; one of several is not, and runs again."""
    job = await queued(store, parallel=parallel)
    launches = await work(store, Launches(Script(steps=20, step_s=0.015, accidents={"7": "kill"}), QUICK))
    assert len(launches.made) == 2
    trials = await whole(store, job)
    causes = {trial.number: trial.cause for trial in trials}
    assert causes[7] in (("out_of_memory",) if parallel == 1 else ("", "pruned"))
    assert not [number for number, cause in causes.items() if cause == "crashed"]


async def test_when_time_is_over_nobody_waits_on(store: Store) -> None:
    job = await queued(store, trials=60, time_budget_s=2)
    await work(store, Launches(SLOW))
    assert of(await told(store, job), StudyFinished)[0].reason == "time"
    assert not [trial for trial in await store.trials(job.id) if trial.state == "running"]
    assert not list((store.home / f"teams/team/jobs/{job.number}").glob(".parked-*"))


async def test_more_tries_join_those_that_wait(store: Store) -> None:
    job = await queued(store, trials=6)
    async with working(store, Launches(SLOW)):
        await some_wait(store, job, 2)
        await store.extend("team", job.number, trials=6)
        await until(store, job, lambda now, _: now.state == "finished")
    await whole(store, await store.job_by_id(job.id))


async def test_a_runner_that_parks_nothing_ends_weak_trials_at_once(store: Store) -> None:
    job = await queued(store)
    await work(store, Launches(Script(steps=20, step_s=0.015, parks=False)))
    trials = await whole(store, job)
    assert of(await told(store, job), TrialParked) == []
    assert any(trial.state == "pruned" for trial in trials)


async def test_the_bar_counts_those_that_wait_and_never_goes_back(store: Store) -> None:
    from bot.phrases import say
    from bot.tally import Tally

    job = await queued(store)
    await work(store, Launches(QUICK))
    tally, share, said = Tally(job=job), 0.0, set[str]()
    for stored in await store.events(0, job.id, limit=10_000):
        tally.take_stored(stored)
        assert tally.share >= share
        share = tally.share
        assert not set(tally.parts) & set(tally.waiting)
        for language, words in (("en", "{} waiting to be compared"), ("ja", "ほかに{}つが比較待ち")):
            told_now = say("replies.watch.progress", language, tally.facts())  # type: ignore[arg-type]
            assert (words.format(len(tally.waiting)) in told_now) is (len(tally.waiting) > 0 and tally.done < 12)
            said.add(told_now)
    assert share == 1.0
    assert any("3 waiting" in text for text in said)
