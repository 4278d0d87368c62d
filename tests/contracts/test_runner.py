"""The runner's contract, held by every one: the twin in memory, the twin as a child process, the training child."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from runner_setups import SCRIPTED_SETUP, SETTINGS, TWO_LANES, real_setup, save_tiny_model

from tuner.runners.base import (
    Broken,
    Ready,
    Runner,
    RunnerEvent,
    Scored,
    Setup,
    StepDone,
    TrialEnded,
    TrialSpec,
    Validated,
)
from tuner.runners.local import LocalRunner, launch_local
from tuner.runners.scripted import Script, ScriptedRunner

PATIENCE_S = 120.0
SCRIPTED = (sys.executable, "-m", "tuner.runners.scripted", '{"steps": 8, "step_s": 0.02}')


class Heard:
    """Everything that one runner said, and a way to wait for the next of a kind."""

    def __init__(self, runner: Runner) -> None:
        self.all: list[RunnerEvent] = []
        self._events = runner.events()
        self._ready: Ready | None = None

    async def ready(self) -> Ready:
        """A runner says it once, and may serve several tests."""
        self._ready = self._ready or await self.until(Ready)
        return self._ready

    def forget(self) -> Heard:
        self.all.clear()
        return self

    async def until(self, kind: type[RunnerEvent]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                self.all.append(event)
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"the events ended without a {kind.__name__}: {self.all[-3:]}")

    async def rest(self) -> list[RunnerEvent]:
        async with asyncio.timeout(PATIENCE_S):
            return [event async for event in self._events]

    def of(self, kind: type[RunnerEvent], number: int | None = None) -> list[Any]:
        return [event for event in self.all if isinstance(event, kind)
                and (number is None or getattr(event, "number", None) == number)]


async def a_trial_tells_its_steps_then_its_ending(runner: Runner, heard: Heard, setup: Setup) -> None:
    assert (await heard.ready()).device in ("cpu", "cuda", "mps")
    await runner.start(0, TrialSpec(number=4, settings=SETTINGS))
    ended: TrialEnded = await heard.until(TrialEnded)
    assert (ended.number, ended.outcome, ended.cause) == (4, "complete", "")
    assert ended.metrics["loss"] > 0
    assert ended.tokens > 0
    steps = [(event.step, event.steps) for event in heard.of(StepDone, 4)]
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert heard.of(Validated, 4)


async def a_validation_comes_after_its_step(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=1, settings=SETTINGS))
    await heard.until(TrialEnded)
    done = -1
    for event in heard.all:
        if isinstance(event, StepDone):
            done = event.step
        elif isinstance(event, Validated):
            assert event.step <= done


async def a_slot_holds_one_trial_and_is_free_when_it_ended(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=1, settings=SETTINGS))
    with pytest.raises(ValueError, match="slot"):
        await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
    await heard.until(TrialEnded)
    await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
    assert (await heard.until(TrialEnded)).number == 2


async def no_slot_lies_beyond_the_last(runner: Runner, heard: Heard, setup: Setup) -> None:
    with pytest.raises(ValueError, match="slot"):
        await runner.start(runner.slots, TrialSpec(number=1, settings=SETTINGS))


async def stopped_as_pruned_ends_early_as_pruned(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=3, settings={**SETTINGS, "epochs": 200}))
    await heard.until(StepDone)
    await runner.stop(3, "pruned")
    ended: TrialEnded = await heard.until(TrialEnded)
    assert (ended.number, ended.outcome) == (3, "pruned")
    last = heard.of(StepDone, 3)[-1]
    assert last.step < last.steps


async def stopped_by_a_person_keeps_what_was_learnt(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=5, settings={**SETTINGS, "epochs": 200}))
    await heard.until(Validated)
    await runner.stop(5, "stopped")
    ended: TrialEnded = await heard.until(TrialEnded)
    assert (ended.outcome, ended.cause) == ("stopped", "stopped")
    assert ended.checkpoint is not None
    assert any((Path(setup.checkpoints) / ended.checkpoint).iterdir())


async def stopping_what_does_not_run_does_nothing(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.stop(9, "stopped")
    await runner.start(0, TrialSpec(number=9, settings=SETTINGS))
    assert (await heard.until(TrialEnded)).outcome == "complete"


async def the_sealed_test_is_scored_for_base_and_adapter(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=0, settings=SETTINGS))
    ended: TrialEnded = await heard.until(TrialEnded)
    await runner.score("base", None, None)
    base: Scored = await heard.until(Scored)
    await runner.score("best", 0, ended.checkpoint)
    best: Scored = await heard.until(Scored)
    assert (base.result.subject, base.result.trial) == ("base", None)
    assert (best.result.subject, best.result.trial) == ("best", 0)
    assert base.result.rows == best.result.rows
    assert len(best.result.right) == len(best.result.losses) == len(best.result.answers) == len(best.result.rows)


async def a_failed_trial_names_its_cause_and_the_next_one_runs(runner: Runner, heard: Heard, setup: Setup) -> None:
    await runner.start(0, TrialSpec(number=1, settings={**SETTINGS, "learning_rate": 900.0}))
    failed: TrialEnded = await heard.until(TrialEnded)
    assert failed.outcome == "failed"
    assert failed.cause in ("diverged", "nan")
    await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
    assert (await heard.until(TrialEnded)).outcome == "complete"


async def one_that_is_parked_goes_on_where_it_stood(runner: Runner, heard: Heard, setup: Setup) -> None:
    """Another has its slot meanwhile."""
    assert (await heard.ready()).parks
    settings = {**SETTINGS, "epochs": 12}
    await runner.start(0, TrialSpec(number=6, settings=settings))
    await heard.until(StepDone)
    await runner.stop(6, "parked")
    aside: TrialEnded = await heard.until(TrialEnded)
    assert (aside.number, aside.outcome, aside.cause, aside.checkpoint) == (6, "parked", "", None)
    stood = max(event.step for event in heard.of(StepDone, 6))
    await runner.start(0, TrialSpec(number=7, settings=SETTINGS))
    assert (await heard.until(TrialEnded)).number == 7
    heard.forget()
    await runner.start(0, TrialSpec(number=6, settings=settings, parked=True))
    ended: TrialEnded = await heard.until(TrialEnded)
    assert (ended.number, ended.outcome) == (6, "complete")
    assert ended.checkpoint == "trial-6"
    steps = [event.step for event in heard.of(StepDone, 6)]
    assert min(steps) > stood
    assert steps == sorted(set(steps))
    assert heard.of(StepDone, 6)[-1].steps == steps[-1]


async def closes_in_mid_trial(runner: Runner, heard: Heard | None = None) -> None:
    """The last promise, for which a runner is used up: `close` ends the events, and may be repeated."""
    heard = heard or Heard(runner)
    await heard.ready()
    await runner.start(0, TrialSpec(number=1, settings={**SETTINGS, "epochs": 200}))
    await heard.until(StepDone)
    await runner.close(5.0)
    await runner.close(5.0)
    assert not [event for event in await heard.rest() if isinstance(event, Broken | TrialEnded)]


PROMISES: tuple[Callable[[Runner, Heard, Setup], Awaitable[None]], ...] = (
    a_trial_tells_its_steps_then_its_ending,
    a_validation_comes_after_its_step,
    a_slot_holds_one_trial_and_is_free_when_it_ended,
    no_slot_lies_beyond_the_last,
    stopped_as_pruned_ends_early_as_pruned,
    stopped_by_a_person_keeps_what_was_learnt,
    stopping_what_does_not_run_does_nothing,
    the_sealed_test_is_scored_for_base_and_adapter,
    a_failed_trial_names_its_cause_and_the_next_one_runs,
    one_that_is_parked_goes_on_where_it_stood,
)


async def launched(kind: str, setup: Setup, log: Path) -> Runner:
    match kind:
        case "twin":
            return ScriptedRunner(setup, Script(step_s=0.01))
        case "child":
            return await LocalRunner.launch(setup, log, SCRIPTED)
        case "pack":
            return await launch_local(dataclasses.replace(setup, slots=3), log)
        case "lanes":
            return await LocalRunner.launch(dataclasses.replace(setup, slots=3), log, TWO_LANES)
        case _:
            return await launch_local(setup, log)


@pytest.fixture
def scripted(tmp_path: Path) -> Setup:
    return Setup(**SCRIPTED_SETUP, checkpoints=str(tmp_path / "out"))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["twin", "child"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_scripted_runner_keeps_its_promise(kind: str, promise: Any, scripted: Setup, tmp_path: Path) -> None:
    runner = await launched(kind, scripted, tmp_path / "log")
    heard = Heard(runner)
    try:
        await heard.ready()
        await promise(runner, heard, scripted)
    finally:
        await runner.close(5.0)


@pytest.mark.parametrize("kind", ["twin", "child"])
async def test_a_scripted_runner_closes_in_mid_trial(kind: str, scripted: Setup, tmp_path: Path) -> None:
    await closes_in_mid_trial(await launched(kind, scripted, tmp_path / "log"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["training", "pack", "lanes"])
async def test_the_training_child_keeps_every_promise(kind: str, tmp_path: Path) -> None:
    """All in one process, because loading the libraries takes longer than each of them; closing comes last."""
    setup = real_setup(tmp_path, await asyncio.to_thread(save_tiny_model, tmp_path / "model"))
    runner = await launched(kind, setup, tmp_path / "log")
    heard = Heard(runner)
    try:
        assert (await heard.ready()).device in ("cpu", "cuda", "mps")
        for promise in PROMISES:
            heard.forget()
            await promise(runner, heard, setup)
        await closes_in_mid_trial(runner, heard)
    finally:
        await runner.close(5.0)
