"""The queue as workers see it: one holder a job, a lease that a heartbeat keeps, no write without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from store_samples import Clock, new_job, scores, trial

from tuner.events import JobFailed, JobPaused, TrialProgress
from tuner.problems import Problem
from tuner.store import LeaseLost, Store
from tuner.store.records import Job, JobState

Write = Callable[[Store, int, str], Awaitable[object]]

WRITES: dict[str, Write] = {
    "heartbeat": lambda store, job, worker: store.heartbeat(job, worker, 60),
    "start_trial": lambda store, job, worker: store.start_trial(job, worker, 5, {"epochs": 1}),
    "record_trial": lambda store, job, worker: store.record_trial(job, worker, trial(5)),
    "append": lambda store, job, worker: store.append(job, worker, JobPaused(trials_done=1)),
    "save_test": lambda store, job, worker: store.save_test(job, worker, scores()),
    "add_checkpoint": lambda store, job, worker: store.add_checkpoint(job, worker, 5, "f", "s", 0.1),
    "abandon_running_trials": lambda store, job, worker: store.abandon_running_trials(job, worker),
    "release": lambda store, job, worker: store.release(job, worker, "finished", event=JobPaused(trials_done=1)),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home", clock) as opened:
        yield opened


async def claimed(store: Store, worker: str = "old", lease_s: float = 60, message: str = "m-1") -> Job:
    await store.submit(new_job(message))
    job = await store.claim(worker, lease_s)
    assert job is not None
    return job


async def everything(store: Store, job_id: int) -> object:
    return (await store.job_by_id(job_id), await store.trials(job_id), await store.tests(job_id),
            await store.events(0), await store.checkpoints("red"))


async def test_claiming_takes_the_oldest_and_says_who_holds_it(store: Store, clock: Clock) -> None:
    await store.submit(new_job("m-1"))
    await store.submit(new_job("m-2", team="blue"))
    first = await store.claim("a", 60)
    second = await store.claim("b", 60)
    assert first is not None
    assert second is not None
    assert (first.team, first.state, first.worker, first.lease_until) == ("red", "running", "a", clock.now + 60)
    assert first.started_at == clock.now
    assert (second.team, second.worker) == ("blue", "b")
    assert await store.claim("c", 60) is None


async def test_a_heartbeat_keeps_the_lease(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    for _ in range(5):
        clock.now += 50
        await store.heartbeat(job.id, "old", 60)
        assert await store.claim("new", 60) is None
    assert (await store.job_by_id(job.id)).worker == "old"


async def test_an_expired_lease_lets_another_worker_claim(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    clock.now += 59.9
    assert await store.claim("new", 60) is None
    clock.now += 0.1
    taken = await store.claim("new", 60)
    assert taken is not None
    assert (taken.id, taken.worker, taken.started_at) == (job.id, "new", job.started_at)


@pytest.mark.parametrize("name", WRITES)
async def test_the_old_workers_writes_are_refused_after_another_took_over(
    store: Store, clock: Clock, name: str
) -> None:
    job = await claimed(store)
    clock.now += 61
    assert await store.claim("new", 60) is not None
    before = await everything(store, job.id)
    with pytest.raises(LeaseLost) as lost:
        await WRITES[name](store, job.id, "old")
    assert (lost.value.job_id, lost.value.worker) == (job.id, "old")
    assert await everything(store, job.id) == before


@pytest.mark.parametrize("name", WRITES)
async def test_nobody_writes_to_a_job_that_was_released(store: Store, name: str) -> None:
    job = await claimed(store)
    await store.release(job.id, "old", "finished")
    before = await everything(store, job.id)
    with pytest.raises(LeaseLost):
        await WRITES[name](store, job.id, "old")
    assert await everything(store, job.id) == before


@pytest.mark.parametrize("name", WRITES)
async def test_the_holder_may_write(store: Store, name: str) -> None:
    job = await claimed(store)
    await WRITES[name](store, job.id, "old")


async def test_a_worker_that_slept_goes_on_where_nobody_took_over(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    clock.now += 1_000
    assert await store.heartbeat(job.id, "old", 60) == ""
    assert await store.claim("new", 60) is None


async def test_a_lost_job_keeps_its_trials_and_its_wish(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    await store.record_trial(job.id, "old", trial(0))
    await store.wish("red", job.number, "stop")
    clock.now += 61
    taken = await store.claim("new", 60)
    assert taken is not None
    assert taken.wish == "stop"
    assert await store.trials(job.id) == [trial(0)]


async def test_running_time_adds_up_over_pauses_and_losses(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    clock.now += 30
    await store.heartbeat(job.id, "old", 60)
    assert (await store.job_by_id(job.id)).ran_s == 30
    clock.now += 10
    await store.release(job.id, "old", "paused")
    clock.now += 10_000  # paused
    await store.resume("red", job.number)
    assert await store.claim("old", 60) is not None
    clock.now += 20
    await store.heartbeat(job.id, "old", 60)
    clock.now += 500  # lost: the worker said nothing any more
    assert await store.claim("new", 60) is not None
    clock.now += 5
    await store.release(job.id, "new", "finished")
    assert (await store.job_by_id(job.id)).ran_s == 30 + 10 + 20 + 5


async def test_a_sleeping_machine_counts_no_longer_than_its_lease(store: Store, clock: Clock) -> None:
    job = await claimed(store, lease_s=60)
    clock.now += 3_600
    await store.heartbeat(job.id, "old", 60)
    assert (await store.job_by_id(job.id)).ran_s == 60


async def test_a_clock_that_goes_back_takes_no_time_away(store: Store, clock: Clock) -> None:
    job = await claimed(store)
    clock.now += 20
    await store.heartbeat(job.id, "old", 60)
    clock.now -= 15
    await store.heartbeat(job.id, "old", 60)
    clock.now += 5
    await store.heartbeat(job.id, "old", 60)
    assert (await store.job_by_id(job.id)).ran_s == 25


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
async def test_a_release_ends_the_job(store: Store, clock: Clock, state: JobState) -> None:
    job = await claimed(store)
    clock.now += 7
    await store.release(job.id, "old", state)
    ended = await store.job_by_id(job.id)
    assert (ended.state, ended.worker, ended.lease_until, ended.ended_at) == (state, None, 0.0, clock.now)
    assert await store.claim("new", 60) is None


async def test_a_failure_is_stored_with_its_problem_and_its_event(store: Store) -> None:
    job = await claimed(store)
    problem = Problem(key="runner.died", facts={"reference": "ab12"})
    event = JobFailed(key="runner.died", facts={"reference": "ab12"}, reference="ab12")
    await store.release(job.id, "old", "failed", problem, event)
    failed = await store.job_by_id(job.id)
    assert failed.problem is not None
    assert Problem.from_json(failed.problem) == problem
    assert [stored.body["kind"] for stored in await store.events(0)] == ["JobFailed"]


async def test_a_release_that_is_refused_writes_no_event(store: Store) -> None:
    job = await claimed(store)
    with pytest.raises(ValueError, match="got 'running'"):
        await store.release(job.id, "old", "running", event=JobPaused(trials_done=0))
    assert await store.events(0) == []
    assert (await store.job_by_id(job.id)).state == "running"


async def test_a_job_given_back_is_the_next_one_again(store: Store) -> None:
    job = await claimed(store)
    await store.submit(new_job("m-2"))
    await store.release(job.id, "old", "queued")
    again = await store.claim("new", 60)
    assert again is not None
    assert again.id == job.id


async def test_a_job_given_back_obeys_the_wish_that_it_had(store: Store) -> None:
    job = await claimed(store)
    await store.wish("red", job.number, "pause")
    await store.release(job.id, "old", "queued")
    assert (await store.job_by_id(job.id)).state == "paused"
    assert await store.claim("new", 60) is None


async def test_a_release_forgets_trials_that_were_still_running(store: Store) -> None:
    job = await claimed(store)
    await store.record_trial(job.id, "old", trial(0))
    await store.start_trial(job.id, "old", 1, {"epochs": 1})
    await store.release(job.id, "old", "paused")
    assert [record.number for record in await store.trials(job.id)] == [0]


async def test_a_pause_that_was_taken_back_in_time_does_not_pause(store: Store) -> None:
    job = await claimed(store)
    await store.wish("red", job.number, "pause")
    assert await store.heartbeat(job.id, "old", 60) == "pause"
    await store.resume("red", job.number)
    await store.release(job.id, "old", "paused")  # it had already begun to obey
    assert (await store.job_by_id(job.id)).state == "queued"


async def test_a_pause_asked_again_after_a_resume_pauses(store: Store) -> None:
    job = await claimed(store)
    await store.wish("red", job.number, "pause")
    await store.resume("red", job.number)
    await store.wish("red", job.number, "pause")
    await store.release(job.id, "old", "paused")
    assert (await store.job_by_id(job.id)).state == "paused"


async def test_an_extension_just_before_the_end_is_not_lost(store: Store) -> None:
    await store.submit(new_job("m-1", trials=1))
    job = await store.claim("old", 60)
    assert job is not None
    await store.record_trial(job.id, "old", trial(0))
    await store.extend("red", job.number, trials=1)
    await store.release(job.id, "old", "finished")  # it had not seen the longer plan
    assert (await store.job_by_id(job.id)).state == "queued"


async def test_an_extension_that_was_done_in_time_ends_the_job(store: Store) -> None:
    await store.submit(new_job("m-1", trials=1))
    job = await store.claim("old", 60)
    assert job is not None
    await store.extend("red", job.number, trials=1)
    await store.record_trial(job.id, "old", trial(0))
    await store.record_trial(job.id, "old", trial(1))
    await store.release(job.id, "old", "finished")
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_an_extension_in_trials_does_not_outlive_the_time_limit(store: Store, clock: Clock) -> None:
    await store.submit(new_job("m-1", trials=1, time_budget_s=30))
    job = await store.claim("old", 60)
    assert job is not None
    await store.extend("red", job.number, trials=5)
    clock.now += 31
    await store.release(job.id, "old", "finished")
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_a_grid_that_ends_before_its_trials_finishes(store: Store) -> None:
    job = await claimed(store)
    await store.record_trial(job.id, "old", trial(0))
    await store.release(job.id, "old", "finished")
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_events_of_a_running_job_can_be_tailed(store: Store) -> None:
    job = await claimed(store)
    seqs = [await store.append(job.id, "old", TrialProgress(number=0, step=step, steps=3)) for step in (1, 2, 3)]
    tail = await store.events(seqs[0])
    assert [event.seq for event in tail] == seqs[1:]
    assert [event.body["step"] for event in tail] == [2, 3]
    assert await store.last_seq() == seqs[-1]
