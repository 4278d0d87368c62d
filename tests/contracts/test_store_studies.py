"""What a job learnt is recorded once, together with its event, and read back exactly."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from store_samples import Clock, new_job, scores, trial

from tuner.events import (
    JobStarted,
    Report,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialProgress,
    TrialStarted,
    event_from_json,
)
from tuner.store import Store
from tuner.store.records import Job

FINISHED = TrialFinished(number=0, state="complete", value=0.5, cause="", best=True)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home", Clock()) as opened:
        yield opened


@pytest.fixture
async def job(store: Store) -> Job:
    await store.submit(new_job())
    found = await store.claim("w", 60)
    assert found is not None
    return found


async def another(store: Store, message: str, team: str = "red", metric: str = "loss") -> Job:
    await store.submit(new_job(message, team, metric=metric))
    found = await store.claim("w", 60)
    assert found is not None
    return found


async def test_a_trial_is_read_back_exactly(store: Store, job: Job) -> None:
    records = [
        trial(0),
        trial(1, None, state="failed", cause="nan", error="loss is not finite at 12", checkpoint=None, metrics={}),
        trial(2, math.inf, curve=((1, None, math.inf), (2, 1e-300, None))),
    ]
    for record in records:
        await store.record_trial(job.id, "w", record)
    assert await store.trials(job.id) == records


async def test_a_loss_that_is_not_a_number_survives(store: Store, job: Job) -> None:
    await store.record_trial(job.id, "w", trial(0, math.nan))
    await store.record_trial(job.id, "w", trial(0, math.nan))  # the same record, although nan != nan
    value = (await store.trials(job.id))[0].value
    assert value is not None
    assert math.isnan(value)


async def test_a_started_trial_is_listed_as_running(store: Store, job: Job) -> None:
    await store.record_trial(job.id, "w", trial(1))
    await store.start_trial(job.id, "w", 0, {"epochs": 3}, TrialStarted(number=0, settings={"epochs": 3}))
    found = await store.trials(job.id)
    assert [(record.number, record.state) for record in found] == [(0, "running"), (1, "complete")]
    assert found[0].settings == {"epochs": 3}
    assert [event.body["kind"] for event in await store.events(0)] == ["TrialStarted"]


@pytest.mark.parametrize("state", ["complete", "pruned", "failed", "stopped"])
async def test_a_trial_that_ended_does_not_start_again(store: Store, job: Job, state: str) -> None:
    await store.record_trial(job.id, "w", trial(0, state=state))
    with pytest.raises(ValueError, match=f"trial 0 is already {state}"):
        await store.start_trial(job.id, "w", 0, {"epochs": 3}, TrialStarted(number=0, settings={}))
    assert await store.trials(job.id) == [trial(0, state=state)]
    assert await store.events(0) == []


async def test_a_trial_and_its_event_are_recorded_together(store: Store, job: Job) -> None:
    await store.start_trial(job.id, "w", 0, {"epochs": 3})
    await store.record_trial(job.id, "w", trial(0), FINISHED)
    assert await store.trials(job.id) == [trial(0)]
    assert [event_from_json(event.body) for event in await store.events(0)] == [FINISHED]


async def test_when_the_event_cannot_be_written_the_trial_is_not_recorded(store: Store, job: Job) -> None:
    unwritable = TrialStarted(number=0, settings={"learning_rate": object()})
    with pytest.raises(TypeError):
        await store.record_trial(job.id, "w", trial(0), unwritable)
    assert await store.trials(job.id) == []
    assert await store.events(0) == []
    await store.record_trial(job.id, "w", trial(0), FINISHED)  # the store goes on


async def test_recording_the_same_trial_twice_counts_once(store: Store, job: Job) -> None:
    await store.record_trial(job.id, "w", trial(0), FINISHED)
    await store.record_trial(job.id, "w", trial(0), FINISHED)
    assert await store.trials(job.id) == [trial(0)]
    assert len(await store.events(0)) == 1


async def test_a_different_record_for_the_same_number_is_refused(store: Store, job: Job) -> None:
    await store.record_trial(job.id, "w", trial(0, 0.5))
    with pytest.raises(ValueError, match="recorded once"):
        await store.record_trial(job.id, "w", trial(0, 0.4), FINISHED)
    assert await store.trials(job.id) == [trial(0, 0.5)]
    assert await store.events(0) == []


async def test_a_running_trial_is_no_record(store: Store, job: Job) -> None:
    with pytest.raises(ValueError, match="when it has ended"):
        await store.record_trial(job.id, "w", trial(0, state="running"))


async def test_abandoned_trials_may_run_again_under_their_numbers(store: Store, job: Job) -> None:
    await store.record_trial(job.id, "w", trial(0))
    for number in (2, 1):
        await store.start_trial(job.id, "w", number, {"epochs": 3})
    await store.add_checkpoint(job.id, "w", 0, "f/0", "s0", 0.5)
    await store.add_checkpoint(job.id, "w", 1, "f/1", "half", None)
    assert await store.abandon_running_trials(job.id, "w") == [1, 2]
    assert await store.trials(job.id) == [trial(0)]
    assert [checkpoint.trial for checkpoint in await store.checkpoints("red")] == [0]
    assert await store.abandon_running_trials(job.id, "w") == []
    await store.start_trial(job.id, "w", 1, {"epochs": 3})
    await store.record_trial(job.id, "w", trial(1))


async def test_sealed_results_are_read_back_in_order_and_exactly(store: Store, job: Job) -> None:
    results = [scores("base"), scores("default", 0), scores("best", 3)]
    for result in reversed(results):
        await store.save_test(job.id, "w", result, TestScored(subject=result.subject, right=1, count=2))
    assert await store.tests(job.id) == results
    assert len(await store.events(0)) == 3


async def test_the_sealed_test_is_scored_once_a_subject(store: Store, job: Job) -> None:
    await store.save_test(job.id, "w", scores("base"))
    await store.save_test(job.id, "w", scores("base"))
    with pytest.raises(ValueError, match="once a subject"):
        await store.save_test(job.id, "w", scores("base", right=(True, True)))
    assert await store.tests(job.id) == [scores("base")]


async def test_a_new_winner_replaces_the_old_one_in_the_sealed_results(store: Store, job: Job) -> None:
    await store.save_test(job.id, "w", scores("best", 3))
    await store.save_test(job.id, "w", scores("best", 9))
    assert await store.tests(job.id) == [scores("best", 9)]


async def test_a_report_is_read_back_byte_for_byte(store: Store, job: Job) -> None:
    report = Report(job=1, model="onsa-tiny", metric="loss", maximise=False, findings=(), trials=(trial(0),),
                    test=(scores(),), searched=("learning_rate",), log_knobs=("learning_rate",))
    finished = StudyFinished(reason="done", report=report)
    await store.release(job.id, "w", "finished", event=finished)
    stored = await store.events(0)
    assert event_from_json(stored[0].body) == finished


async def test_events_have_one_sequence_over_all_jobs(store: Store, job: Job) -> None:
    other = await another(store, "m-2", "blue")
    event = JobStarted(device="cpu", again=False)
    seqs = [await store.append(held.id, "w", event) for held in (job, other, job)]
    assert seqs == sorted(set(seqs))
    assert [stored.job for stored in await store.events(0)] == [job.id, other.id, job.id]
    assert [stored.seq for stored in await store.events(0, job.id)] == [seqs[0], seqs[2]]
    assert [stored.seq for stored in await store.events(seqs[0], limit=1)] == [seqs[1]]
    assert [stored.seq for stored in await store.events_of("red", job.number, after=seqs[0])] == [seqs[2]]


async def test_the_best_checkpoint_follows_the_metric(store: Store) -> None:
    for metric, best in (("loss", 1), ("accuracy", 0), ("perplexity", 1), ("bleu", 0)):
        job = await another(store, f"m-{metric}", metric=metric)
        for number, value in ((0, 0.9), (1, 0.2), (2, 0.5)):
            await store.record_trial(job.id, "w", trial(number, value))
            await store.add_checkpoint(job.id, "w", number, f"f/{number}", "s", value)
        found = await store.best_checkpoint("red", job.number)
        assert found is not None
        assert (found.trial, found.job_number, found.team) == (best, job.number, "red")


async def test_a_pruned_trial_or_one_without_a_value_is_not_the_best(store: Store, job: Job) -> None:
    records = (trial(0, 0.1, state="pruned"), trial(1, math.nan), trial(2, 0.7), trial(3, 0.7))
    for record in records:
        await store.record_trial(job.id, "w", record)
        await store.add_checkpoint(job.id, "w", record.number, f"f/{record.number}", "s", record.value)
    found = await store.best_checkpoint("red")
    assert found is not None
    assert found.trial == 2  # of equals the earlier one
    assert [checkpoint.value for checkpoint in await store.checkpoints("red", 1)] == [0.1, None, 0.7, 0.7]


async def test_the_best_without_a_number_is_of_the_newest_job_that_has_one(store: Store, job: Job) -> None:
    await store.add_checkpoint(job.id, "w", 0, "f/0", "s", 0.5)
    newer = await another(store, "m-2")
    await another(store, "m-3")
    await store.add_checkpoint(newer.id, "w", 4, "f/4", "s", 0.9)
    found = await store.best_checkpoint("red")
    assert found is not None
    assert (found.job, found.trial) == (newer.id, 4)
    assert [checkpoint.job_number for checkpoint in await store.checkpoints("red")] == [2, 1]


async def test_a_checkpoint_written_again_after_a_loss_is_the_newer_one(store: Store, job: Job) -> None:
    first = await store.add_checkpoint(job.id, "w", 0, "f/0", "torn", None)
    second = await store.add_checkpoint(job.id, "w", 0, "f/0", "whole", 0.5)
    assert (second.id, second.sha256, second.value) == (first.id, "whole", 0.5)
    assert await store.checkpoints("red") == [second]


async def progress(store: Store, job: Job, number: int) -> list[int]:
    """Steps of the trial's stored progress, in order."""
    stored = [event.body for event in await store.events(0, job.id, limit=10**6)]
    return [body["step"] for body in stored if body["kind"] == "TrialProgress" and body["number"] == number]


async def test_a_long_trials_progress_stays_bounded_spans_it_all_and_keeps_the_newest(store: Store, job: Job) -> None:
    for step in range(1, 1001):
        await store.append(job.id, "w", TrialProgress(number=0, step=step, steps=1000))
        if step % 100 == 0:
            await store.append(job.id, "w", TrialProgress(number=1, step=step, steps=1000))
    steps = await progress(store, job, 0)
    assert len(steps) == 64
    assert (steps[0], steps[-1]) == (1, 1000)
    assert steps == sorted(set(steps))
    assert max(after - before for before, after in pairwise(steps)) <= 3 * 1000 / 64
    assert await progress(store, job, 1) == list(range(100, 1001, 100))


async def test_of_an_ended_trials_progress_the_last_is_kept(store: Store, job: Job) -> None:
    for number in (0, 1):
        for step in (1, 2, 3):
            await store.append(job.id, "w", TrialProgress(number=number, step=step, steps=3))
    await store.record_trial(job.id, "w", trial(0), FINISHED)
    assert await progress(store, job, 0) == [3]
    assert await progress(store, job, 1) == [1, 2, 3]
    other = await another(store, "m-2")
    await store.record_trial(other.id, "w", trial(1))
    assert await progress(store, job, 1) == [1, 2, 3]
