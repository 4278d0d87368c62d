"""Several trials under way at once: how many, who dies of what, whose time it was, what people are told."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from runner_setups import SCRIPTED_SETUP
from worker_jobs import PATIENCE_S, Launches, of, plan, report, submit, told, until, working

from bot.tally import Tally
from tuner.events import (
    JobStarted,
    PackNarrowed,
    RepeatStarted,
    StudyFinished,
    TrialFinished,
    TrialProgress,
    TrialStarted,
)
from tuner.runners.base import Setup, StepDone
from tuner.runners.local import LocalRunner, launch_local
from tuner.runners.scripted import Script
from tuner.runners.slots import LARGE, SIDE_BY_SIDE, runs_of, slots_for
from tuner.store import Store
from tuner.store.records import Job
from tuner.worker import run
from tuner.worker.runs import Runs

SLOW = Script(steps=400, step_s=0.02)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


async def work(store: Store, launches: Launches) -> Launches:
    async with asyncio.timeout(120):
        await run(store.home, once=True, runner_factory=launches)
    return launches


# How many


@pytest.mark.parametrize("device", [*SIDE_BY_SIDE, "xpu"])
def test_there_is_a_place_and_never_more_than_runs(device: str) -> None:
    for runs in (1, 2, 5, 16, 64):
        assert 1 <= slots_for(device, 2_400_000, runs) <= runs
    assert slots_for(device, 2_400_000, 1) == 1


def test_a_gpu_takes_more_side_by_side_than_a_processor() -> None:
    assert slots_for("cuda", 500_000_000, 64) > slots_for("cpu", 2_400_000, 64) > 1
    assert slots_for("cpu", LARGE, 64) == 1


def test_the_confirmation_may_need_more_places_than_the_search() -> None:
    assert runs_of(plan(trials=3, confirm=3)) == 8
    assert runs_of(plan(trials=16)) == 16


@pytest.mark.parametrize(
    ("said", "most", "wanted"), [(0, None, 0), (3, None, 3), (0, 1, 1), (0, 8, 8), (3, 1, 1), (3, 8, 3)])
async def test_who_runs_the_machine_has_the_last_word_on_the_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: int, most: int | None, wanted: int
) -> None:
    seen: list[Setup] = []

    async def launch(setup: Setup, log: Path) -> Any:
        seen.append(setup)

    monkeypatch.setattr(LocalRunner, "launch", launch)
    setup = Setup(**SCRIPTED_SETUP, checkpoints="", slots=said, runs=16)  # type: ignore[arg-type]
    await launch_local(setup, tmp_path / "log", most, 0.3)
    assert [(setup.slots, setup.chat_share) for setup in seen] == [(wanted, 0.3)]


async def test_a_plan_that_names_no_number_leaves_it_to_the_runner(store: Store) -> None:
    job = await submit(store, plan(trials=5, parallel=0))
    launches = await work(store, Launches())
    assert [runner.slots for runner in launches.made] == [5], "the scripted runner takes all"
    assert of(await told(store, job), JobStarted)[0].slots == 5


async def test_a_model_that_takes_no_pack_runs_one_at_a_time_and_people_are_told(store: Store) -> None:
    job = await submit(store, plan(trials=3, parallel=0))
    await work(store, Launches(Script(alone="numbers")))
    events = await told(store, job)
    assert [(event.slots, event.alone) for event in of(events, JobStarted)] == [(1, "numbers")]
    order = [type(event) for event in events if isinstance(event, TrialStarted | TrialFinished)]
    assert order == [TrialStarted, TrialFinished] * 3


# Deaths


@pytest.mark.parametrize("accident", ["exit", "kill"])
async def test_a_death_with_several_under_way_loses_no_trial(store: Store, accident: Any) -> None:
    job = await submit(store, plan(trials=4, parallel=4))
    launches = await work(store, Launches(Script(accidents={"2": accident}), Script()))
    assert {trial.state for trial in await store.trials(job.id)} == {"complete"}
    [narrowed] = of(await told(store, job), PackNarrowed)
    assert 1 < narrowed.together <= 4
    assert narrowed.now == (narrowed.together + 1) // 2
    assert len(launches.made) == 2
    [cost] = [finding for finding in (await report(store, job)).findings if finding.kind == "cost"]
    assert cost.facts["at_once"] == narrowed.now


@pytest.mark.parametrize(("accident", "cause"), [("exit", "crashed"), ("kill", "out_of_memory")])
async def test_the_trial_that_kills_every_time_fails_alone(store: Store, accident: Any, cause: str) -> None:
    job = await submit(store, plan(trials=4, parallel=4))
    await work(store, Launches(Script(accidents={"1": accident})))
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials if trial.state != "complete"] == [(1, "failed")]
    assert trials[1].cause == cause
    assert of(await told(store, job), PackNarrowed)[-1].now == 1


async def test_a_death_while_checking_repeats_what_was_under_way(store: Store) -> None:
    job = await submit(store, plan(trials=4, confirm=2, parallel=4))
    await work(store, Launches(Script(accidents={"1000000": "kill"}), Script()))
    repeats = await store.repeats(job.id)
    assert len(repeats) >= 4
    assert {repeat.state for repeat in repeats} == {"complete"}


# Wishes


def several(count: int, state: str) -> Any:
    return lambda _, trials: sum(trial.state == state for trial in trials) == count


async def test_a_stop_keeps_the_adapters_of_all_that_were_under_way(store: Store) -> None:
    job = await submit(store, plan(trials=9, parallel=3))
    async with working(store, Launches(SLOW)):
        await until(store, job, several(3, "running"))
        await learnt(store, job, {0, 1, 2})
        await store.wish("team", job.number, "stop")
        await until(store, job, lambda now, _: now.state == "stopped")
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials] == [(number, "stopped") for number in range(3)]
    assert {checkpoint.trial for checkpoint in await store.checkpoints("team", job.number)} == {0, 1, 2}


async def test_a_pause_with_several_under_way_loses_and_doubles_nothing(store: Store) -> None:
    job = await submit(store, plan(trials=5, parallel=3))
    async with working(store, Launches(SLOW)):
        await until(store, job, several(3, "running"))
        await store.wish("team", job.number, "pause")
        await until(store, job, lambda now, _: now.state == "paused")
    assert await store.trials(job.id) == []
    await store.resume("team", job.number)
    await work(store, Launches())
    assert [(trial.number, trial.state) for trial in await store.trials(job.id)] == [
        (number, "complete") for number in range(5)]


async def learnt(store: Store, job: Job, numbers: set[int]) -> None:
    """Waits until each of the trials has told of a step."""
    async with asyncio.timeout(PATIENCE_S):
        while not numbers <= {  # noqa: ASYNC110  (only the store tells)
                event.number for event in of(await told(store, job), TrialProgress)}:
            await asyncio.sleep(0.05)


# Time


def test_time_is_shared_among_the_runs_under_way() -> None:
    runs = Runs()
    runs.begin(0, {}, 2, now=10.0)
    runs.begin(1, {}, 2, now=20.0)  # alone for ten seconds
    runs.share_time(40.0)  # twenty for both
    assert runs.courses[0].share == pytest.approx(20 / 30)
    assert runs.courses[1].share == pytest.approx(0.5)


def test_what_is_left_is_reckoned_by_each_runs_own_pace() -> None:
    runs = Runs()
    runs.begin(0, {}, 2, now=0.0)
    runs.begin(1, {}, 2, now=0.0)
    runs.share_time(20.0)
    runs.courses[0].saw(StepDone(number=0, step=1, steps=4, train_loss=1.0), 20.0)
    assert runs.left_s(7.0) == pytest.approx(10 * 3 + 7)


async def test_the_seconds_of_trials_side_by_side_are_the_jobs_own(store: Store) -> None:
    job = await submit(store, plan(trials=6, parallel=3))
    await work(store, Launches(Script(steps=10, step_s=0.03)))
    ended = await store.job_by_id(job.id)
    together = sum(trial.seconds for trial in await store.trials(job.id))
    assert 0.3 < together <= ended.ran_s + 0.1, "each would say it took three times as long"


async def test_with_several_under_way_the_time_limit_counts_what_they_still_need(store: Store) -> None:
    job = await submit(store, plan(trials=200, parallel=4, time_budget_s=1))
    await work(store, Launches(Script(steps=10, step_s=0.02)))
    events = await told(store, job)
    assert of(events, StudyFinished)[0].reason == "time"
    assert 1 <= len(await store.trials(job.id)) < 100


# The live card


def live(trials: int = 8) -> Tally:
    job: Any = type("Job", (), {"plan": plan(trials=trials), "number": 1})()
    return Tally(job=job)


def test_time_left_counts_tries_side_by_side_once() -> None:
    card = live()
    card.take(JobStarted(device="cpu", again=False, slots=4), 0.0)
    for number in range(4):
        card.take(TrialStarted(number=number, settings={}), 0.0)
    for number in range(4):
        card.take(TrialProgress(number=number, step=5, steps=10), 40.0)
    assert card.facts()["numbers"] == [0, 1, 2, 3]
    assert card.share == pytest.approx(2 / 8)
    assert card.left_s == pytest.approx(120), "two tries' worth took 40 seconds, six are left"
    card.take(TrialFinished(number=2, state="pruned", value=None, cause="pruned", best=False), 40.0)
    assert card.left_s == pytest.approx(40 / 2.5 * 5.5)


def test_time_in_which_nothing_was_under_way_counts_for_nothing() -> None:
    card = live(trials=2)
    card.take(TrialStarted(number=0, settings={}), 0.0)
    card.take(TrialProgress(number=0, step=5, steps=10), 10.0)
    card.take(JobStarted(device="cpu", again=True), 5000.0)  # the worker was lost for long
    card.take(TrialStarted(number=0, settings={}), 5000.0)
    card.take(TrialFinished(number=0, state="complete", value=1.0, cause="", best=True), 5020.0)
    assert card.left_s == pytest.approx(30)


def test_repeats_side_by_side_move_the_bar_by_their_endings() -> None:
    card = live(trials=2)
    card.repeats = 4
    card.take(RepeatStarted(number=1_000_000, repeat_of=0, done=0, repeats=4), 0.0)
    card.take(RepeatStarted(number=1_000_001, repeat_of=1, done=0, repeats=4), 0.0)
    assert (card.share, card.is_confirming) == (0.0, True)


def test_an_old_homes_start_is_read_as_one_at_a_time() -> None:
    assert dataclasses.asdict(JobStarted(device="cpu", again=False)) == {
        "device": "cpu", "again": False, "slots": 1, "alone": ""}
