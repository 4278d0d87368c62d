"""What the local runner adds to the contract: a child's death has a name, its words are kept, no child outlives us."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from runner_setups import SCRIPTED_SETUP, SETTINGS

from tuner.runners.base import Broken, Ready, RunnerEvent, Setup, StepDone, TrialSpec
from tuner.runners.local import LocalRunner


async def launched(folder: Path, **script: object) -> LocalRunner:
    setup = Setup(**SCRIPTED_SETUP, checkpoints=str(folder / "out"))  # type: ignore[arg-type]
    command = (sys.executable, "-m", "tuner.runners.scripted", json.dumps({"step_s": 0.02, **script}))
    return await LocalRunner.launch(setup, folder / "logs" / "runner.log", command)


async def heard(runner: LocalRunner, *, start: bool = True) -> list[RunnerEvent]:
    """All events of a runner in which trial 1 has an accident."""
    said: list[RunnerEvent] = []
    async with asyncio.timeout(30):
        async for event in runner.events():
            said.append(event)
            if start and isinstance(event, Ready):
                await runner.start(0, TrialSpec(number=1, settings=SETTINGS))
    await runner.close()
    return said


async def test_a_child_that_exits_in_mid_trial_is_named_with_its_last_words(tmp_path: Path) -> None:
    said = await heard(await launched(tmp_path, accidents={"1": "exit"}))
    broken = said[-1]
    assert isinstance(broken, Broken)
    assert broken.key == "runner.died"
    assert "scripted accident: exit" in broken.error
    assert "scripted accident: exit" in (tmp_path / "logs" / "runner.log").read_text(encoding="utf-8")


async def test_a_child_that_the_kernel_killed_ran_out_of_memory(tmp_path: Path) -> None:
    broken = (await heard(await launched(tmp_path, accidents={"1": "kill"})))[-1]
    assert isinstance(broken, Broken)
    assert broken.key == "runner.no_memory"


async def test_a_child_that_cannot_load_says_why_and_nothing_follows(tmp_path: Path) -> None:
    said = await heard(await launched(tmp_path, broken="runner.model_missing"), start=False)
    assert said == [Broken(key="runner.model_missing", facts={"model": "m"})]


async def test_a_program_that_is_no_runner_is_a_death(tmp_path: Path) -> None:
    setup = Setup(**SCRIPTED_SETUP, checkpoints=str(tmp_path / "out"))  # type: ignore[arg-type]
    command = (sys.executable, "-c", "print('hello'); raise SystemExit('not me')")
    said = await heard(await LocalRunner.launch(setup, tmp_path / "log", command))
    assert [type(event) for event in said] == [Broken]
    assert isinstance(said[0], Broken)
    assert "not me" in said[0].error


async def test_closing_a_child_that_hears_nothing_ends_it_by_force(tmp_path: Path) -> None:
    runner = await launched(tmp_path)
    os.kill(runner.pid, signal.SIGSTOP)
    began = asyncio.get_running_loop().time()
    await runner.close(timeout_s=0.3)
    assert asyncio.get_running_loop().time() - began < 5
    assert not psutil.pid_exists(runner.pid)


async def test_a_cancelled_close_leaves_no_child(tmp_path: Path) -> None:
    runner = await launched(tmp_path)
    os.kill(runner.pid, signal.SIGSTOP)
    closing = asyncio.create_task(runner.close(timeout_s=60))
    await asyncio.sleep(0.1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await runner.close(timeout_s=5)
    assert not psutil.pid_exists(runner.pid)


async def test_a_child_whose_parent_is_killed_ends_by_itself(tmp_path: Path) -> None:
    code = f"""
import asyncio, json, pathlib, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
from test_runner_child import launched
async def main():
    runner = await launched(pathlib.Path({str(tmp_path)!r}), step_s=0.05, steps=2000)
    print(runner.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await asyncio.wait_for(parent.stdout.readline(), 30)))
    parent.kill()
    await parent.communicate()
    await asyncio.to_thread(child.wait, 10)


async def test_a_full_log_disk_does_not_hold_the_child(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be", encoding="utf-8")
    said = await heard(await launched(tmp_path, accidents={"1": "exit"}))
    assert [event for event in said if isinstance(event, StepDone)]
    assert isinstance(said[-1], Broken)
    assert "scripted accident" in said[-1].error


async def test_a_childs_environment_holds_no_discord_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSA_DISCORD_TOKEN", "secret")
    setup = Setup(**SCRIPTED_SETUP, checkpoints=str(tmp_path / "out"))  # type: ignore[arg-type]
    code = "import os, sys; print([name for name in os.environ if 'DISCORD' in name], file=sys.stderr)"
    command = (sys.executable, "-c", code)
    said = await heard(await LocalRunner.launch(setup, tmp_path / "log", command))
    assert isinstance(said[0], Broken)
    assert said[0].error == "[]"
