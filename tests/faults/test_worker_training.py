"""The same faults with real training: a tiny random model, the real worker, the real child."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from runner_setups import SETTINGS, save_tiny_model
from worker_jobs import counted_once, of, plan, report, submit, told, until
from worker_processes import Workers, is_gone, soon, workers

from tuner.checkpoints import digest, verify
from tuner.events import TrialFinished, TrialProgress, TrialStarted
from tuner.plan.plan import Plan
from tuner.store import Store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
async def crowd(store: Store) -> AsyncIterator[Workers]:
    async with workers(store.home) as made:
        yield made


def training(model: Path, epochs: int, **changes: object) -> Plan:
    return plan(model=str(model), defaults={**SETTINGS, "epochs": epochs}, **changes)


async def test_training_that_is_killed_in_mid_trial_is_finished_and_each_trial_counts_once(
        store: Store, crowd: Workers, model: Path) -> None:
    job = await submit(store, training(model, 15, trials=2))
    first = await crowd.real("--lease", "2")
    await until(store, job, lambda _, trials: len(trials) == 2 and trials[1].state == "running")
    [child] = await crowd.children(first)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    await soon(lambda: is_gone(child), 10)
    second = await crowd.real("--lease", "2")
    await until(store, job, lambda now, _: now.state == "finished")
    second.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await second.wait() == 0
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials] == [(0, "complete"), (1, "complete")]
    events = await told(store, job)
    assert counted_once(events, TrialFinished)
    assert [event.number for event in of(events, TrialStarted)] == [0, 1, 1]
    assert [result.subject for result in (await report(store, job)).test] == ["base", "default", "best"]


async def test_stopped_training_keeps_an_adapter_that_is_whole(store: Store, crowd: Workers, model: Path) -> None:
    job = await submit(store, training(model, 5000, trials=3))
    await crowd.real()
    async with asyncio.timeout(60):
        while not any(event.valid_loss for event in of(await told(store, job), TrialProgress)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await store.wish("team", job.number, "stop")
    await until(store, job, lambda now, _: now.state == "stopped")
    [trial] = await store.trials(job.id)
    assert trial.state == "stopped"
    kept = await store.best_checkpoint("team", job.number)
    assert kept is not None
    folder = store.home / kept.folder
    assert verify(folder) == []
    assert digest(folder) == kept.sha256
    assert (folder / "adapter_model.safetensors").is_file()
