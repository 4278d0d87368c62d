"""A disk that is full, or a home that cannot be used: a clear problem, nothing is lost, and work goes on after."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worker_jobs import Launches, counted_once, plan, submit, told, until
from worker_processes import workers

from tuner.events import TrialFinished
from tuner.problems import Problem
from tuner.runners.scripted import Script
from tuner.store import Store
from tuner.worker.loop import Worker


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


@pytest.mark.parametrize("real", [pytest.param(True, id="worker"), pytest.param(False, id="scripted")])
async def test_a_home_that_is_a_file_is_told_and_the_worker_ends(tmp_path: Path, real: bool) -> None:
    (tmp_path / "home").write_text("mine", encoding="utf-8")
    async with workers(tmp_path / "home") as crowd:
        worker = await (crowd.real() if real else crowd.scripted({}))
        _, said = await asyncio.wait_for(worker.communicate(), 30)
    assert worker.returncode == 2
    problem = Problem.from_json(json.loads(said.splitlines()[-1])["problem"])
    assert problem.key == "store.unwritable"
    assert problem.facts["home"] == str(tmp_path / "home")
    assert (tmp_path / "home").read_text("utf-8") == "mine"


async def test_a_database_without_room_is_waited_for_and_every_trial_is_recorded(
        store: Store, caplog: pytest.LogCaptureFixture) -> None:
    job = await submit(store, plan(trials=6))
    worker = Worker(store, lease_s=30, clock=store._database.clock, launch=Launches(Script(steps=40, step_s=0.01)))
    working = asyncio.create_task(worker.work(once=True, idle_exit_s=None))
    await until(store, job, lambda _, trials: len(trials) == 2)
    pages = (await store._database.rows("PRAGMA page_count"))[0][0]
    await store._database._writer.connection.execute(f"PRAGMA max_page_count = {pages}")
    await asyncio.sleep(2.5)
    assert not working.done()
    assert len(await store.trials(job.id)) < 6
    assert (await store.job_by_id(job.id)).state == "running"
    await store._database._writer.connection.execute("PRAGMA max_page_count = 1000000")
    async with asyncio.timeout(40):
        await working
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 6
    assert counted_once(await told(store, job), TrialFinished)
    assert (await store.job_by_id(job.id)).state == "finished"
    assert "store.unavailable" in caplog.messages


async def test_a_worker_process_whose_writes_fail_goes_on_when_they_succeed_again(store: Store) -> None:
    """The kernel refuses every write of the worker beyond one page, as a full disk does; its child may write."""
    job = await submit(store, plan(trials=4))
    async with workers(store.home) as crowd:
        worker = await crowd.scripted({"steps": 20, "step_s": 0.02}, "--once", "--lease", "60")
        await until(store, job, lambda _, trials: len(trials) == 2)
        _, hard = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (4096, hard))
        before = await store.trials(job.id)
        await asyncio.sleep(2.0)
        assert worker.returncode is None
        assert [trial for trial in await store.trials(job.id) if trial.state == "complete"][:1] == before[:1]
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await until(store, job, lambda now, _: now.state == "finished")
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 4
    assert counted_once(await told(store, job), TrialFinished)
    log = [json.loads(line) for line in (store.home / "logs" / "worker.log").read_text("utf-8").splitlines()]
    assert any(line["action"] == "store.unavailable" for line in log)
