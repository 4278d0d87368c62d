"""A whole job whose trials train side by side: the real worker, the real child, a tiny random model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runner_setups import SETTINGS, save_tiny_model
from worker_jobs import plan, submit, told, until
from worker_processes import Workers, workers

from tuner.checkpoints import verify
from tuner.events import TrialFinished, TrialStarted
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


async def test_a_job_is_finished_with_its_trials_side_by_side(store: Store, crowd: Workers, tmp_path: Path) -> None:
    model = await asyncio.to_thread(save_tiny_model, tmp_path / "model")
    job = await submit(store, plan(model=str(model), defaults={**SETTINGS, "epochs": 8}, trials=4, parallel=0))
    await crowd.real("--pack", "3")
    await until(store, job, lambda now, _: now.state == "finished")
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials] == [(number, "complete") for number in range(4)]
    events = [event for event in await told(store, job) if isinstance(event, TrialStarted | TrialFinished)]
    assert [type(event) for event in events[:3]] == [TrialStarted] * 3, "three of them began before any ended"
    measured = await store.measured(f"memory_bytes:{model.name}")
    assert measured is not None
    assert measured > 1e7, "the next plan tells what a pack takes"
    kept = await store.best_checkpoint("team", job.number)
    assert kept is not None
    assert await asyncio.to_thread(verify, store.home / kept.folder) == []
