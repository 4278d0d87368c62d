"""The check with other seeds in real training: a tiny random model, the real worker, one trial at a time and packed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runner_setups import SETTINGS, save_tiny_model
from worker_jobs import of, plan, report, submit, told, until
from worker_processes import Workers, workers

from tuner.events import RepeatFinished, RepeatStarted
from tuner.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
async def crowd(store: Store) -> AsyncIterator[Workers]:
    async with workers(store.home) as made:
        yield made


@pytest.mark.parametrize("slots", [1, 3])
async def test_other_seeds_train_other_models_and_leave_no_adapters(
    store: Store, crowd: Workers, tmp_path: Path, slots: int
) -> None:
    model = await asyncio.to_thread(save_tiny_model, tmp_path / "model")
    defaults = {**SETTINGS, "epochs": 3}
    job = await submit(store, plan(model=str(model), defaults=defaults, trials=2, confirm=1, parallel=0))
    await crowd.real("--pack", str(slots))
    await until(store, job, lambda now, _: now.state == "finished")
    made = await report(store, job)
    assert [(run.state, run.repeat_of) for run in (*made.trials, *made.repeats)] == [
        *[("complete", None)] * 2, *[("complete", 0), ("complete", 1)] * 2]
    for trial in made.trials:
        values = {run.value for run in (trial, *made.repeats) if trial.number in (run.number, run.repeat_of)}
        assert len(values) == 3, "each seed draws an adapter of its own"
    folder = store.home / f"teams/team/jobs/{job.number}"
    assert {path.name for path in folder.iterdir()} == {"trial-0", "trial-1"}
    under_way, most = 0, 0
    for event in await told(store, job):
        under_way += isinstance(event, RepeatStarted) - isinstance(event, RepeatFinished)
        most = max(most, under_way)
    assert most == slots
    assert len(of(await told(store, job), RepeatFinished)) == 4
