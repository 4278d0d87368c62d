"""A runner that trains nothing: the twin of the real ones for tests, in memory or as a child process.

Obeys the contract of tuner/runners/base.py and passes the same tests. Its losses follow a formula: a bowl over the
learning rate with its bottom at 3e-4, and above 3e-3 every trial diverges. A `Script` says how fast it goes and what
breaks. As a process: `python -m tuner.runners.scripted '{"step_s": 0.01}'`, speaking tuner/runners/wire.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tuner.checkpoints.parked import parked_file
from tuner.events import TestResult
from tuner.runners import wire
from tuner.runners.base import (
    Broken,
    Ready,
    RunnerEvent,
    Scored,
    Setup,
    StepDone,
    StopAs,
    TrialEnded,
    TrialSpec,
    Validated,
)

BEST_RATE = 3e-4
CLIFF = 3e-3
VALIDATIONS = 4
"""In each trial, evenly."""

Accident = Literal["crash", "exit", "kill", "hang", "disk_full"]
"""In the middle of a trial: it fails; the process exits; the kernel kills it; nothing more is heard; a full disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    steps: int = 8
    step_s: float = 0.0
    load_s: float = 0.0
    score_s: float = 0.0
    alone: str = ""
    """Why it has one place only, whatever was wanted."""
    parks: bool = True
    broken: str = ""
    """Key of the problem because of which nothing loads."""
    accidents: Mapping[str, Accident] = field(default_factory=dict)
    """Trial number, as text, -> what happens to it, every time that it runs."""
    luck: Mapping[str, float] = field(default_factory=dict)
    """Trial number, as text, -> what its seed adds to its loss."""
    long: Mapping[str, int] = field(default_factory=dict)
    """Trial number, as text, -> its steps, where it has not `steps`."""


class ScriptedRunner:
    """Implements `Runner`. As the real child, it writes `trial-N` folders under `Setup.checkpoints`."""

    def __init__(self, setup: Setup, script: Script | None = None, *, own_process: bool = False) -> None:
        self._setup = setup
        self._script = script or Script()
        self.slots = 1 if self._script.alone else setup.slots or setup.runs
        self._own_process = own_process
        self._queue: asyncio.Queue[RunnerEvent | None] = asyncio.Queue()
        self._trials: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._stops: dict[int, StopAs] = {}
        self._loading = asyncio.create_task(self._load())
        self._scoring: set[asyncio.Task[None]] = set()

    async def start(self, slot: int, trial: TrialSpec) -> None:
        if not 0 <= slot < self.slots:
            raise ValueError(f"0 <= slot < {self.slots} must hold, got slot={slot}")
        if any(slot == busy for busy, _ in self._trials.values()):
            raise ValueError(f"a slot holds one trial, slot {slot} is busy")
        self._trials[trial.number] = slot, asyncio.create_task(self._train(trial))

    async def stop(self, number: int, as_outcome: StopAs) -> None:
        if number in self._trials:
            self._stops[number] = as_outcome

    async def score(self, subject: str, trial: int | None, checkpoint: str | None) -> None:
        task = asyncio.create_task(self._score(subject, trial, checkpoint))
        self._scoring.add(task)
        task.add_done_callback(self._scoring.discard)

    async def events(self) -> AsyncIterator[RunnerEvent]:
        while (event := await self._queue.get()) is not None:
            yield event
            if isinstance(event, Broken):
                return

    async def close(self, timeout_s: float = 10.0) -> None:
        tasks = [self._loading, *(task for _, task in self._trials.values()), *self._scoring]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._trials.clear()
        self._queue.put_nowait(None)

    async def _load(self) -> None:
        await asyncio.sleep(self._script.load_s)
        if self._script.broken:
            self._queue.put_nowait(Broken(key=self._script.broken, facts={"model": self._setup.model}))
        else:
            self._queue.put_nowait(Ready(device="cpu", device_name="scripted", slots=self.slots,
                                          alone=self._script.alone, parks=self._script.parks))

    async def _train(self, trial: TrialSpec) -> None:
        await self._loading
        number, loop = trial.number, asyncio.get_running_loop()
        steps = self._script.long.get(str(number), self._script.steps)
        begun, done = loop.time(), 0
        if trial.parked:
            waited = self._parked(number)
            if not waited.exists():
                return self._fail(number, "crashed")
            done = int(waited.read_text(encoding="ascii"))
            waited.unlink()
        loss = self._loss(trial, done / steps) if done else math.nan
        for step in range(done + 1, steps + 1):
            await asyncio.sleep(self._script.step_s)
            if self._stops.get(number) == "parked":
                self._parked(number).parent.mkdir(parents=True, exist_ok=True)
                self._parked(number).write_text(str(step - 1), encoding="ascii")
            if number in self._stops:
                return self._end(trial, self._stops.pop(number), loss, loop.time() - begun)
            if step > steps // 2:
                accident = self._script.accidents.get(str(number))
                if accident is not None:
                    return await self._have(accident, trial)
                if float(trial.settings["learning_rate"]) > CLIFF:
                    return self._fail(number, "diverged")
            loss = self._loss(trial, step / steps)
            self._queue.put_nowait(StepDone(number=number, step=step, steps=steps, train_loss=loss))
            if step % max(steps // VALIDATIONS, 1) == 0 or step == steps:
                self._queue.put_nowait(Validated(number=number, step=step, steps=steps, valid_loss=loss))
        return self._end(trial, "complete", loss, loop.time() - begun)

    def _parked(self, number: int) -> Path:
        return parked_file(Path(self._setup.checkpoints), number)

    def _loss(self, trial: TrialSpec, share: float) -> float:
        return loss_of(trial.settings, share) + self._script.luck.get(str(trial.number), 0.0)

    def _end(self, trial: TrialSpec, outcome: Literal["complete", "pruned", "stopped", "parked"], loss: float,
             seconds: float) -> None:
        learnt = math.isfinite(loss)
        keeps = learnt and outcome not in ("pruned", "parked")
        if keeps:
            folder = Path(self._setup.checkpoints) / f"trial-{trial.number}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "onsa-manifest.json").write_text(json.dumps({"loss": loss}), encoding="utf-8")
        self._trials.pop(trial.number, None)
        self._queue.put_nowait(TrialEnded(
            number=trial.number, outcome=outcome, cause=outcome if outcome in ("pruned", "stopped") else "",
            metrics={"loss": loss, "perplexity": math.exp(loss), "accuracy": 1 / loss} if learnt else {},
            checkpoint=f"trial-{trial.number}" if keeps else None, seconds=seconds, tokens=1000))

    def _fail(self, number: int, cause: Literal["diverged", "crashed"]) -> None:
        self._trials.pop(number, None)
        self._queue.put_nowait(TrialEnded(number=number, outcome="failed", cause=cause, error=f"scripted: {cause}"))

    async def _have(self, accident: Accident, trial: TrialSpec) -> None:
        print(f"scripted accident: {accident}", file=sys.stderr, flush=True)
        match accident:
            case "crash":
                self._fail(trial.number, "crashed")
            case "hang":
                await asyncio.sleep(3600)
            case "disk_full":
                self._queue.put_nowait(Broken(key="runner.disk_full", facts={"folder": self._setup.checkpoints}))
            case "exit" | "kill" if self._own_process:
                os.kill(os.getpid(), signal.SIGKILL if accident == "kill" else signal.SIGTERM)
            case "exit" | "kill":
                key = "runner.no_memory" if accident == "kill" else "runner.died"
                self._queue.put_nowait(Broken(key=key, facts={"code": -9}, error="scripted accident"))

    async def _score(self, subject: str, trial: int | None, checkpoint: str | None) -> None:
        await self._loading
        await asyncio.sleep(self._script.score_s)
        right = (False, False, False) if checkpoint is None else (True, True, False)
        self._queue.put_nowait(Scored(result=TestResult(
            subject=subject, trial=trial, rows=(1, 2, 3), right=right,
            losses=tuple(0.5 if each else 2.0 for each in right), answers=("a", "b", "c"),
            metrics={"accuracy": sum(right) / 3})))


def loss_of(settings: Mapping[str, Any], share: float) -> float:
    """The validation loss after `share` (0 to 1) of a trial."""
    return 1.0 + math.log10(float(settings["learning_rate"]) / BEST_RATE) ** 2 + 2.0 * (1.0 - share)


async def _serve(script: Script) -> None:
    """The process: requests from stdin, events to stdout; ends at once when stdin does."""
    loop = asyncio.get_running_loop()
    stdin = asyncio.StreamReader(limit=wire.LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    setup = wire.decode_request(await stdin.readline())
    if not isinstance(setup, Setup):
        raise ValueError(f"the first line is the setup, got {type(setup).__name__}")
    runner = ScriptedRunner(setup, script, own_process=True)
    telling = asyncio.create_task(_tell(runner))
    while line := await stdin.readline():
        match wire.decode_request(line):
            case wire.Start(slot=slot, trial=trial):
                await runner.start(slot, trial)
            case wire.Stop(number=number, outcome=outcome):
                await runner.stop(number, outcome)
            case wire.Score(subject=subject, trial=number, checkpoint=checkpoint):
                await runner.score(subject, number, checkpoint)
            case wire.Close():
                break
            case Setup():
                raise ValueError("setup comes once")
    telling.cancel()
    await runner.close()


async def _tell(runner: ScriptedRunner) -> None:
    async for event in runner.events():
        sys.stdout.buffer.write(wire.encode_event(event))
        sys.stdout.buffer.flush()


def main(arguments: list[str]) -> None:
    known = {each.name for each in dataclasses.fields(Script)}
    said = json.loads(arguments[0]) if arguments else {}
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(_serve(Script(**{key: value for key, value in said.items() if key in known})))


if __name__ == "__main__":
    main(sys.argv[1:])
