"""A child whose lanes are processes: the same numbers as one pack, one lane's end is the child's, none outlives it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from runner_setups import SETTINGS, TWO_LANES, real_setup, save_tiny_model

from tuner.runners.base import Broken, Ready, RunnerEvent, Scored, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.child_lanes import lanes_for
from tuner.runners.local import CHILD, LocalRunner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PLANS = [{"learning_rate": 1e-3}, {"lora_rank": 8, "lora_dropout": 0.2}, {"seed": 5, "batch_size": 2},
         {"epochs": 3, "lr_schedule": "constant"}, {"weight_decay": 0.1, "seed": 9}]


async def launched(folder: Path, command: tuple[str, ...], **changes: Any) -> LocalRunner:
    setup = real_setup(folder, await asyncio.to_thread(save_tiny_model, folder / "model"))
    return await LocalRunner.launch(dataclasses.replace(setup, **{"slots": 5, **changes}), folder / "log", command)


async def until(runner: LocalRunner, kind: type[RunnerEvent], count: int = 1) -> list[Any]:
    """Everything up to the `count`th event of the kind."""
    said: list[Any] = []
    async with asyncio.timeout(120):
        async for event in runner.events():
            said.append(event)
            count -= isinstance(event, kind)
            if not count:
                return said
    raise AssertionError(f"the events ended without a {kind.__name__}: {said[-3:]}")


async def begun(runner: LocalRunner, **more: Any) -> None:
    await until(runner, Ready)
    for slot, changes in enumerate(PLANS):
        await runner.start(slot, TrialSpec(number=slot, settings={**SETTINGS, **changes, **more}))


async def outcomes(runner: LocalRunner) -> dict[int, tuple[list[tuple[int, float]], dict[str, Any], int]]:
    """By trial: its validations, its scores, its tokens."""
    await begun(runner)
    said = await until(runner, TrialEnded, len(PLANS))
    await runner.close()
    ended = {event.number: event for event in said if isinstance(event, TrialEnded)}
    assert {event.outcome for event in ended.values()} == {"complete"}
    return {number: ([(one.step, one.valid_loss) for one in said if isinstance(one, Validated)
                      and one.number == number],
                     {key: value for key, value in event.metrics.items() if key != "peak_memory_bytes"}, event.tokens)
            for number, event in ended.items()}


async def test_lanes_give_the_numbers_of_one_pack(tmp_path: Path) -> None:
    lanes = await outcomes(await launched(tmp_path, TWO_LANES))
    single = await outcomes(await launched(tmp_path, CHILD, checkpoints=str(tmp_path / "single")))
    assert lanes.keys() == single.keys()
    for number, (curve, scores, tokens) in lanes.items():
        expected, others, same_tokens = single[number]
        assert tokens == same_tokens
        assert [step for step, _ in curve] == [step for step, _ in expected]
        assert [loss for _, loss in curve] == pytest.approx([loss for _, loss in expected], abs=1e-4)
        assert scores["loss"] == pytest.approx(others["loss"], abs=1e-4)


async def test_trials_are_spread_over_the_lanes_and_the_sealed_test_waits_for_none(tmp_path: Path) -> None:
    runner = await launched(tmp_path, TWO_LANES)
    await begun(runner, epochs=500)
    await until(runner, StepDone)
    lanes = psutil.Process(runner.pid).children()
    assert len(lanes) == 2
    before = [lane.cpu_times().user for lane in lanes]
    await runner.score("base", None, None)
    said = await until(runner, Scored)
    await until(runner, StepDone, 20)
    assert all(lane.cpu_times().user > was for lane, was in zip(lanes, before, strict=True))
    assert not [event for event in said if isinstance(event, TrialEnded)]
    for number in range(len(PLANS)):
        await runner.stop(number, "stopped")
    ended = [event for event in await until(runner, TrialEnded, len(PLANS)) if isinstance(event, TrialEnded)]
    assert {event.outcome for event in ended} == {"stopped"}
    assert {event.number for event in ended} == set(range(len(PLANS)))
    await runner.close()
    assert not any(lane.is_running() for lane in lanes)


async def test_a_lane_with_nothing_to_do_takes_a_trial_of_another_and_nobody_notices(tmp_path: Path) -> None:
    """Trials 0 and 2 share a lane, trial 1 leaves the other one idle."""
    plans = {0: {"epochs": 60, "lora_dropout": 0.2}, 1: {"epochs": 1}, 2: {"epochs": 60, "seed": 5}}
    found: list[dict[int, Any]] = []
    for command, folder in ((TWO_LANES, "lanes"), (CHILD, "single")):
        runner = await launched(tmp_path, command, slots=3, checkpoints=str(tmp_path / folder))
        await until(runner, Ready)
        for number, changes in plans.items():
            await runner.start(number, TrialSpec(number=number, settings={**SETTINGS, **changes}))
        said = await until(runner, TrialEnded, 3)
        if folder == "lanes":
            used = [lane.cpu_times().user for lane in psutil.Process(runner.pid).children()]
            assert min(used) > 0.3 * max(used), "the second lane worked to the end"
        await runner.close()
        ended = {event.number: event for event in said if isinstance(event, TrialEnded)}
        assert {number: event.outcome for number, event in ended.items()} == dict.fromkeys(plans, "complete")
        found.append({number: (event.metrics["loss"], event.tokens) for number, event in ended.items()})
        for number in plans:
            steps = [event.step for event in said if isinstance(event, StepDone) and event.number == number]
            assert steps == sorted(set(steps))
    assert not list((tmp_path / "lanes").glob(".parked-*"))
    for number in plans:
        assert found[0][number] == pytest.approx(found[1][number], abs=1e-4)


async def test_a_lane_that_the_kernel_kills_is_the_childs_death(tmp_path: Path) -> None:
    runner = await launched(tmp_path, TWO_LANES)
    await begun(runner, epochs=500)
    await until(runner, StepDone)
    first, second = psutil.Process(runner.pid).children()
    second.kill()
    [broken] = [event for event in await until(runner, Broken) if isinstance(event, Broken)]
    assert broken.key == "runner.no_memory"
    await asyncio.to_thread(psutil.wait_procs, [first, second], 10)
    assert not first.is_running()
    await runner.close()


async def test_a_full_disk_in_a_lane_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the checkpoints should be", encoding="utf-8")
    runner = await launched(tmp_path, TWO_LANES)
    await begun(runner)
    [broken] = [event for event in await until(runner, Broken) if isinstance(event, Broken)]
    assert broken.key == "runner.disk_unwritable"
    await runner.close()


async def test_no_lane_outlives_its_child(tmp_path: Path) -> None:
    runner = await launched(tmp_path, TWO_LANES)
    await begun(runner, epochs=500)
    await until(runner, StepDone)
    lanes = psutil.Process(runner.pid).children()
    os.kill(runner.pid, signal.SIGKILL)
    gone, alive = await asyncio.to_thread(psutil.wait_procs, lanes, 10)
    assert not alive, gone
    await runner.close()


def test_only_a_small_model_on_several_free_cores_gets_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        device = torch.device("cpu")
        model = torch.nn.Linear(4, 4)

    base: Any = Base()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [lanes_for(base, slots) for slots in (1, 3, 20)] == [1, 3, 8]
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3}, raising=False)
    assert lanes_for(base, 4) == 1
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert lanes_for(base, 4) == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("sys.platform", "darwin")
    assert lanes_for(base, 4) == 1
    monkeypatch.setattr("sys.platform", "linux")
    with torch.device("meta"):
        base.model = torch.nn.Linear(8000, 8000)
    assert lanes_for(base, 4) == 1
