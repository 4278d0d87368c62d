"""A backup of a job in mid-training, brought back by the real commands, and trained to its end by the real trainer."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from runner_setups import SETTINGS, save_tiny_model
from worker_jobs import of, plan, report, submit, told, until
from worker_processes import workers

from tuner.checkpoints import digest, verify
from tuner.events import StudyFinished, TrialStarted
from tuner.store import Store

pytestmark = pytest.mark.slow


async def onsa(*arguments: str) -> str:
    """What the command prints. Raises AssertionError when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=os.environ.copy())
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_a_job_saved_in_mid_training_is_trained_to_its_report_in_an_empty_home(tmp_path: Path) -> None:
    first, second, saved = tmp_path / "first", tmp_path / "second home", tmp_path / "saved.zip"
    model = await asyncio.to_thread(save_tiny_model, tmp_path / "model")
    async with await Store.open(first) as store, workers(first) as crowd:
        job = await submit(store, plan(model=str(model), defaults={**SETTINGS, "epochs": 40}, trials=3))
        worker = await crowd.real("--lease", "2")
        await until(store, job, lambda _, trials: len(trials) == 2 and trials[1].state == "running")
        await onsa("backup", str(saved), "--home", str(first))
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
    await asyncio.to_thread(shutil.rmtree, first)
    assert "go on as soon as Onsa runs" in await onsa("restore", str(saved), "--home", str(second))
    async with await Store.open(second) as store, workers(second) as crowd:
        before = await store.trials(job.id)
        assert [trial.state for trial in before] in (["complete", "running"], ["complete", "complete"])
        worker = await crowd.real("--lease", "2")
        await until(store, job, lambda now, _: now.state == "finished")
        after = await store.trials(job.id)
        assert [trial.state for trial in after] == ["complete"] * 3
        assert after[0] == before[0], "what had ended runs no second time"
        events = await told(store, job)
        assert [event.number for event in of(events, TrialStarted)].count(0) == 1
        assert len(of(events, StudyFinished)) == 1
        assert [result.subject for result in (await report(store, job)).test] == ["base", "default", "best"]
        kept = await store.checkpoints("team", job.number)
        assert {each.trial for each in kept} == {0, 1, 2}
        for each in kept:
            assert verify(second / each.folder) == []
            assert digest(second / each.folder) == each.sha256
