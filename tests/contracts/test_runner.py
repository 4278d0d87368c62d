"""The runner's contract, held by every one: the twin in memory, the twin as a child process, the training child."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from runner_setups import SCRIPTED_SETUP, SETTINGS, real_setup, save_tiny_model

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


Launch = Callable[[], Awaitable[Runner]]


class Contract:
    """One test a promise. Subclasses give `launch`: a runner with one slot."""

    @pytest.fixture
    async def runner(self, launch: Launch) -> AsyncIterator[Runner]:
        made = await launch()
        yield made
        await made.close(5.0)

    async def test_a_trial_tells_its_steps_then_its_ending(self, runner: Runner) -> None:
        heard = Heard(runner)
        ready: Ready = await heard.until(Ready)
        assert ready.device in ("cpu", "cuda", "mps")
        await runner.start(0, TrialSpec(number=4, settings=SETTINGS))
        ended: TrialEnded = await heard.until(TrialEnded)
        assert (ended.number, ended.outcome, ended.cause) == (4, "complete", "")
        assert ended.metrics["loss"] > 0
        assert ended.tokens > 0
        steps = [(event.step, event.steps) for event in heard.of(StepDone, 4)]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]
        assert heard.of(Validated, 4)

    async def test_a_validation_comes_after_its_step(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=1, settings=SETTINGS))
        await heard.until(TrialEnded)
        done = -1
        for event in heard.all:
            if isinstance(event, StepDone):
                done = event.step
            elif isinstance(event, Validated):
                assert event.step <= done

    async def test_a_slot_holds_one_trial_and_is_free_when_it_ended(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=1, settings=SETTINGS))
        with pytest.raises(ValueError, match="slot"):
            await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
        await heard.until(TrialEnded)
        await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
        assert (await heard.until(TrialEnded)).number == 2

    async def test_no_slot_lies_beyond_the_last(self, runner: Runner) -> None:
        with pytest.raises(ValueError, match="slot"):
            await runner.start(1, TrialSpec(number=1, settings=SETTINGS))

    async def test_stopped_as_pruned_ends_early_as_pruned(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=3, settings={**SETTINGS, "epochs": 200}))
        await heard.until(StepDone)
        await runner.stop(3, "pruned")
        ended: TrialEnded = await heard.until(TrialEnded)
        assert (ended.number, ended.outcome) == (3, "pruned")
        last = heard.of(StepDone, 3)[-1]
        assert last.step < last.steps

    async def test_stopped_by_a_person_keeps_what_was_learnt(self, runner: Runner, setup: Setup) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=3, settings={**SETTINGS, "epochs": 200}))
        await heard.until(Validated)
        await runner.stop(3, "stopped")
        ended: TrialEnded = await heard.until(TrialEnded)
        assert (ended.outcome, ended.cause) == ("stopped", "stopped")
        assert ended.checkpoint is not None
        assert any((Path(setup.checkpoints) / ended.checkpoint).iterdir())

    async def test_stopping_what_does_not_run_does_nothing(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.stop(9, "stopped")
        await runner.start(0, TrialSpec(number=9, settings=SETTINGS))
        assert (await heard.until(TrialEnded)).outcome == "complete"

    async def test_the_sealed_test_is_scored_for_base_and_adapter(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
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

    async def test_a_failed_trial_names_its_cause_and_the_next_one_runs(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=1, settings={**SETTINGS, "learning_rate": 900.0}))
        failed: TrialEnded = await heard.until(TrialEnded)
        assert failed.outcome == "failed"
        assert failed.cause in ("diverged", "nan")
        await runner.start(0, TrialSpec(number=2, settings=SETTINGS))
        assert (await heard.until(TrialEnded)).outcome == "complete"

    async def test_close_in_mid_trial_ends_the_events_and_may_be_repeated(self, runner: Runner) -> None:
        heard = Heard(runner)
        await heard.until(Ready)
        await runner.start(0, TrialSpec(number=1, settings={**SETTINGS, "epochs": 200}))
        await heard.until(StepDone)
        await runner.close(5.0)
        await runner.close(5.0)
        assert not [event for event in await heard.rest() if isinstance(event, Broken | TrialEnded)]


class TestScripted(Contract):
    @pytest.fixture
    def setup(self, tmp_path: Path) -> Setup:
        return Setup(**SCRIPTED_SETUP, checkpoints=str(tmp_path / "out"))  # type: ignore[arg-type]

    @pytest.fixture
    def launch(self, setup: Setup) -> Launch:
        async def make() -> Runner:
            return ScriptedRunner(setup, Script(step_s=0.01))

        return make


class TestScriptedChild(TestScripted):
    @pytest.fixture
    def launch(self, setup: Setup, tmp_path: Path) -> Launch:
        async def make() -> Runner:
            return await LocalRunner.launch(setup, tmp_path / "runner.log", SCRIPTED)

        return make


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.mark.slow
class TestTrainingChild(Contract):
    @pytest.fixture
    def setup(self, tmp_path: Path, tiny_model: Path) -> Setup:
        return real_setup(tmp_path, tiny_model)

    @pytest.fixture
    def launch(self, setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launch:
        monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")

        async def make() -> Runner:
            return await launch_local(setup, tmp_path / "runner.log")

        return make
