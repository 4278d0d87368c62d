"""The queue as people see it: submitted once, numbered without gaps, stopped, paused, resumed, extended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from store_samples import PLAN, Clock, new_job, trial

from tuner.store import Store
from tuner.store.records import Job, JobState


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home", clock) as opened:
        yield opened


async def put(store: Store, state: JobState, finished: int = 0) -> Job:
    """A job in that state, with so many finished trials, as a worker and people bring it there."""
    job, _ = await store.submit(new_job(f"put-{state}-{finished}"))
    if state == "stopped" and not finished:
        assert await store.wish("red", job.number, "stop") is not None
        return await store.job_by_id(job.id)
    if state == "paused" and not finished:
        assert await store.wish("red", job.number, "pause") is not None
        return await store.job_by_id(job.id)
    if state == "queued" and not finished:
        return job
    assert (await store.claim("w", 60)) is not None
    for number in range(finished):
        await store.record_trial(job.id, "w", trial(number))
    if state != "running":
        await store.release(job.id, "w", state)
    return await store.job_by_id(job.id)


async def test_a_submitted_job_is_read_back_as_it_was_said(store: Store, clock: Clock) -> None:
    job, queued = await store.submit(new_job())
    assert queued
    assert (job.number, job.team, job.person, job.channel, job.language) == (1, "red", "ana", "lab", "ja")
    assert (job.state, job.wish, job.worker, job.created_at, job.ran_s) == ("queued", "", None, clock.now, 0.0)
    assert job.plan == PLAN
    assert job.plan.hash() == PLAN.hash()
    assert await store.job("red", 1) == await store.job("red", "last") == await store.job_by_id(job.id) == job


async def test_a_message_that_comes_twice_queues_once(store: Store) -> None:
    first, _ = await store.submit(new_job("m-1"))
    again, queued = await store.submit(new_job("m-1", trials=99))
    assert not queued
    assert again == first
    assert await store.jobs("red") == [first]


async def test_a_message_that_comes_twice_after_the_job_ended_queues_once(store: Store) -> None:
    ended = await put(store, "finished", 1)
    again, queued = await store.submit(new_job("put-finished-1"))
    assert (again, queued) == (ended, False)


async def test_each_team_counts_its_own_jobs_from_one(store: Store) -> None:
    numbers = [(await store.submit(new_job(f"m-{index}", team)))[0].number
               for index, team in enumerate(("red", "blue", "red", "red", "blue"))]
    assert numbers == [1, 1, 2, 3, 2]


async def test_jobs_are_listed_newest_first_up_to_the_limit(store: Store) -> None:
    for index in range(5):
        await store.submit(new_job(f"m-{index}"))
    assert [job.number for job in await store.jobs("red", limit=3)] == [5, 4, 3]


@pytest.mark.parametrize("number", [0, -1, 2, 10**30])
async def test_a_number_that_no_job_has_is_no_job(store: Store, number: int) -> None:
    await store.submit(new_job())
    assert await store.job("red", number) is None
    assert await store.wish("red", number, "stop") is None
    assert await store.resume("red", number) is None
    assert await store.extend("red", number, trials=1) is None
    assert await store.events_of("red", number) == []
    assert await store.checkpoints("red", number) == []
    assert await store.best_checkpoint("red", number) is None


async def test_an_id_that_was_never_given_is_a_mistake_of_ours(store: Store) -> None:
    with pytest.raises(KeyError, match="got 77"):
        await store.job_by_id(77)
    assert await store.job("red", "last") is None


async def test_ahead_counts_running_and_earlier_jobs_of_every_team(store: Store) -> None:
    ids = [(await store.submit(new_job(f"m-{index}", team)))[0].id
           for index, team in enumerate(("red", "blue", "red"))]
    assert [await store.ahead(job) for job in ids] == [0, 1, 2]
    await store.claim("w", 60)
    assert [await store.ahead(job) for job in ids] == [0, 1, 2]
    await store.release(ids[0], "w", "finished")
    assert [await store.ahead(job) for job in ids] == [0, 0, 1]


async def test_a_stopped_queued_job_never_runs(store: Store, clock: Clock) -> None:
    job, _ = await store.submit(new_job())
    stopped = await store.wish("red", job.number, "stop")
    assert stopped is not None
    assert (stopped.state, stopped.ended_at) == ("stopped", clock.now)
    assert await store.claim("w", 60) is None


async def test_a_paused_queued_job_waits_until_it_is_resumed(store: Store) -> None:
    job, _ = await store.submit(new_job())
    paused = await store.wish("red", job.number, "pause")
    assert paused is not None
    assert paused.state == "paused"
    assert await store.claim("w", 60) is None
    resumed = await store.resume("red", job.number)
    assert resumed is not None
    assert resumed.state == "queued"
    claimed = await store.claim("w", 60)
    assert claimed is not None
    assert claimed.id == job.id


async def test_a_resumed_job_goes_to_the_end_of_the_queue(store: Store) -> None:
    first, _ = await store.submit(new_job("m-1"))
    second, _ = await store.submit(new_job("m-2"))
    await store.wish("red", first.number, "pause")
    await store.resume("red", first.number)
    order = [await store.claim("w", 60), await store.claim("w", 60)]
    assert [job.id for job in order if job] == [second.id, first.id]


async def test_stopping_a_paused_job_with_finished_trials_lets_a_worker_report(store: Store) -> None:
    paused = await put(store, "paused", 2)
    stopping = await store.wish("red", paused.number, "stop")
    assert stopping is not None
    assert (stopping.state, stopping.wish) == ("queued", "stop")
    claimed = await store.claim("w", 60)
    assert claimed is not None
    assert claimed.wish == "stop"
    await store.release(claimed.id, "w", "stopped")
    ended = await store.job_by_id(claimed.id)
    assert (ended.state, ended.wish) == ("stopped", "")


@pytest.mark.parametrize("state", ["paused", "stopped", "failed"])
async def test_resume_queues_again_and_keeps_the_trials(store: Store, state: JobState) -> None:
    job = await put(store, state, 2)
    before = await store.trials(job.id)
    resumed = await store.resume("red", job.number)
    assert resumed is not None
    assert (resumed.state, resumed.wish, resumed.ended_at, resumed.problem) == ("queued", "", None, None)
    assert await store.trials(job.id) == before != []


async def test_resume_of_a_finished_job_changes_nothing(store: Store) -> None:
    job = await put(store, "finished", 1)
    assert await store.resume("red", job.number) == job


@pytest.mark.parametrize("wish", ["stop", "pause"])
async def test_a_wish_reaches_the_worker_with_the_next_heartbeat(
    store: Store, wish: Literal["stop", "pause"]
) -> None:
    job = await put(store, "running")
    assert await store.heartbeat(job.id, "w", 60) == ""
    wished = await store.wish("red", job.number, wish)
    assert wished is not None
    assert (wished.state, wished.wish) == ("running", wish)
    assert await store.heartbeat(job.id, "w", 60) == wish


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
async def test_extending_an_ended_job_queues_it_again(store: Store, state: JobState) -> None:
    job = await put(store, state, 1)
    extended = await store.extend("red", job.number, trials=20)
    assert extended is not None
    assert (extended.state, extended.plan.trials, extended.ended_at) == ("queued", PLAN.trials + 20, None)
    assert len(await store.trials(job.id)) == 1


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
async def test_extending_a_job_under_way_changes_only_its_plan(store: Store, state: JobState) -> None:
    job = await put(store, state, 1 if state != "queued" else 0)
    extended = await store.extend("red", job.number, trials=2)
    assert extended is not None
    assert (extended.state, extended.plan.trials, extended.wish) == (state, PLAN.trials + 2, "")


async def test_more_time_is_added_to_a_limit_and_no_limit_stays_none(store: Store) -> None:
    limited, _ = await store.submit(new_job("m-1", time_budget_s=600))
    free, _ = await store.submit(new_job("m-2"))
    longer = await store.extend("red", limited.number, time_s=300)
    still_free = await store.extend("red", free.number, time_s=300)
    assert longer is not None
    assert still_free is not None
    assert (longer.plan.time_budget_s, longer.plan.trials) == (900, PLAN.trials)
    assert still_free.plan.time_budget_s is None


async def test_more_time_is_more_time_also_where_the_last_try_overran_the_limit(store: Store, clock: Clock) -> None:
    job, _ = await store.submit(new_job(time_budget_s=600))
    assert await store.claim("w", 3000) is not None
    clock.now += 1000.5
    await store.release(job.id, "w", "finished")
    longer = await store.extend("red", job.number, time_s=300)
    assert longer is not None
    assert longer.plan.time_budget_s == 1301
    same = await store.extend("red", job.number, trials=3)
    assert same is not None
    assert same.plan.time_budget_s == 1301


@pytest.mark.parametrize(("trials", "time_s"), [(0, 0), (-1, 0), (5, -1)])
async def test_an_extension_adds_something(store: Store, trials: int, time_s: int) -> None:
    job, _ = await store.submit(new_job())
    with pytest.raises(ValueError, match="adds trials or seconds"):
        await store.extend("red", job.number, trials=trials, time_s=time_s)
    assert (await store.job_by_id(job.id)).plan == PLAN


async def test_everything_survives_a_restart(tmp_path: Path, clock: Clock) -> None:
    home = tmp_path / "kept"
    async with await Store.open(home, clock) as store:
        job = await put(store, "paused", 3)
        before = (await store.jobs("red"), await store.trials(job.id), await store.events(0))
    async with await Store.open(home, clock) as store:
        assert (await store.jobs("red"), await store.trials(job.id), await store.events(0)) == before
