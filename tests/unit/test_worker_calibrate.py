"""A new machine is measured as jobs use it, so that the first plan's time is about the job's own."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from runner_setups import TWO_LANES
from worker_jobs import Launches, plan, submit

from bot.planning import speed_of
from bot.tally import tally_of
from tuner.plan.estimate import estimate
from tuner.plan.request import DataFacts
from tuner.runners.base import Setup
from tuner.runners.local import LocalRunner
from tuner.runners.scripted import Script, ScriptedRunner
from tuner.store import Store
from tuner.worker import run
from tuner.worker.calibrate import calibrate

SCRIPT = Script(steps=40, step_s=0.02)
TOKENS_A_TRIAL = 1000
"""Of the scripted runner."""
PLACES = 4


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


async def four_lanes(setup: Setup, log: Path) -> ScriptedRunner:
    """A machine on which four trials side by side take no longer than one."""
    return ScriptedRunner(dataclasses.replace(setup, slots=setup.slots or min(PLACES, setup.runs)), SCRIPT)


def data_of(made: Any) -> DataFacts:
    tokens = TOKENS_A_TRIAL * 12 / (made.split[0] * made.defaults["epochs"])
    return DataFacts(id="data-1", examples=12, split=made.split, tokens=round(tokens), longest=100)


@pytest.mark.parametrize(("trials", "parallel"), [(8, 0), (6, 2), (3, 1), (1, 0), (5, 0)])
async def test_the_first_plans_time_is_about_the_jobs_own(store: Store, trials: int, parallel: int) -> None:
    await calibrate(store, store.home / "log", four_lanes)
    made = plan(trials=trials, parallel=parallel)
    expected = estimate(made, data_of(made), await speed_of(store, made.model)).seconds
    assert expected is not None
    job = await submit(store, made)
    async with asyncio.timeout(120):
        await run(store.home, once=True, runner_factory=four_lanes)
    took_s = (await tally_of(store, await store.job_by_id(job.id))).busy_s
    assert 0.6 < expected / took_s < 1.6


async def test_a_job_that_ran_one_by_one_leaves_what_several_at_once_were_measured_by(store: Store) -> None:
    await calibrate(store, store.home / "log", four_lanes)
    before = await speed_of(store, "onsa-tiny")
    await submit(store, plan(trials=2, parallel=1))
    async with asyncio.timeout(120):
        await run(store.home, once=True, runner_factory=four_lanes)
    after = await speed_of(store, "onsa-tiny")
    assert (after.seconds_per_token, after.together) == (before.seconds_per_token, PLACES)
    assert after.alone_seconds_per_token != before.alone_seconds_per_token


async def test_a_machine_that_cannot_train_leaves_no_measure(store: Store) -> None:
    await calibrate(store, store.home / "log", Launches(Script(broken="runner.no_memory")))
    assert (await speed_of(store, "onsa-tiny")).seconds_per_token is None


@pytest.mark.slow
async def test_the_real_child_tells_how_many_it_trains_at_once(store: Store) -> None:
    async def two_cores(setup: Setup, log: Path) -> LocalRunner:
        return await LocalRunner.launch(setup, log, TWO_LANES)

    await calibrate(store, store.home / "log", two_cores)
    speed = await speed_of(store, "onsa-tiny")
    assert speed.together == 8
    assert speed.memory_bytes is not None
    assert speed.score_seconds is not None
    assert speed.alone_seconds_per_token is not None
    assert speed.seconds_per_token not in (None, speed.alone_seconds_per_token)
