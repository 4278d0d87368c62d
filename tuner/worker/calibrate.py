"""Measures once how fast this machine trains the embedded model, so that the first plan states a measured time.

A few seconds of the processor's time with the embedded model only: bigger models are measured by their first trial,
after a person confirmed it. One trial is measured alone, then as many side by side as the machine takes, because jobs
train so: on several cores, and on a GPU, that is much faster than one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuner.data.examples import Example, Message, Role, write
from tuner.embedded.general_chat import general_chat
from tuner.plan.models import embedded
from tuner.runners.base import Broken, Ready, Runner, RunnerEvent, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.slots import SIDE_BY_SIDE
from tuner.store import Store
from tuner.worker.course import Course
from tuner.worker.crew import Launch
from tuner.worker.logs import note
from tuner.worker.runs import Runs

SPLIT = (96, 24, 8)
ALONE_EPOCHS, TOGETHER_EPOCHS = 2, 1
"""A person may be waiting: several at once take as many more steps anyway."""
LIMIT_S = 120.0
RUNS = max(SIDE_BY_SIDE.values())
"""Of a job that has enough of them for every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one trial told."""

    seconds_per_token: float
    """Its own share of the time."""
    score_seconds: float
    memory_bytes: float | None
    """None: the runner does not tell."""


async def calibrate(store: Store, log: Path, launch: Launch) -> None:
    """Promises the measures `load_seconds`, `score_seconds`, `together`, `seconds_per_token`, that of one trial
    `alone_seconds_per_token` and, where the runner tells it, `memory_bytes` of the embedded model, unless they are
    there already. A failure is logged and leaves none: the first trial measures then.
    """
    name = embedded().name
    if await store.measured(f"seconds_per_token:{name}") is not None:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="onsa-calibrate-") as folder:
            measures = await asyncio.wait_for(_measures(Path(folder), log, launch), LIMIT_S)
    except (OSError, TimeoutError, RuntimeError) as error:
        note("worker.calibration_failed", None, level=logging.WARNING, error=repr(error))
        return
    for key, value in measures.items():
        await store.measure(f"{key}:{name}", value)


async def _measures(folder: Path, log: Path, launch: Launch) -> dict[str, float]:
    """In the order in which they are stored: a plan waits for the seconds a token. Raises RuntimeError when the runner
    gave no measure."""
    card = embedded()
    examples = folder / "examples.jsonl"
    await asyncio.to_thread(write, examples, _examples(sum(SPLIT)))
    clock = asyncio.get_running_loop().time
    began = clock()
    runner = await launch(
        Setup(model=card.source, examples=str(examples), split_seed=0, split=SPLIT, general_chat=0, metric="loss",
              checkpoints=str(folder / "checkpoints"), slots=0, runs=RUNS), log)
    try:
        events = runner.events()
        slots = await _slots(events)
        load_s = clock() - began
        [alone] = await _side_by_side(runner, events, range(1), ALONE_EPOCHS)
        company = [alone]
        if slots > 1:
            company = await _side_by_side(runner, events, range(1, slots + 1), TOGETHER_EPOCHS)
    finally:
        await runner.close()
    memory = {} if alone.memory_bytes is None else {"memory_bytes": alone.memory_bytes}
    at_once = sum(one.seconds_per_token for one in company) / slots
    return {"load_seconds": load_s, "score_seconds": alone.score_seconds, **memory, "together": float(slots),
            "seconds_per_token": at_once, "alone_seconds_per_token": alone.seconds_per_token}


async def _slots(events: AsyncIterator[RunnerEvent]) -> int:
    async for event in events:
        if isinstance(event, Ready):
            return event.slots
        _refuse_broken(event)
    raise RuntimeError("the runner ended before it was ready")


async def _side_by_side(
    runner: Runner, events: AsyncIterator[RunnerEvent], numbers: Sequence[int], epochs: int
) -> list[Measured]:
    """Trials of these numbers with the defaults, all begun at once. Raises RuntimeError when one tells too little."""
    runs, measured, clock = Runs(), list[Measured](), asyncio.get_running_loop().time
    settings = {**embedded().defaults, "epochs": epochs}
    for number in numbers:
        slot = runs.begin(number, settings, len(numbers), clock())
        await runner.start(slot, TrialSpec(number=number, settings=settings))
    async for event in events:
        runs.share_time(clock())
        match event:
            case StepDone() | Validated():
                runs.courses[event.number].saw(event, clock())
            case TrialEnded():
                measured.append(_measured(event, runs.courses[event.number], clock()))
                runs.end(event.number)
        _refuse_broken(event)
        if not runs:
            return measured
    raise RuntimeError("the runner ended before its trials")


def _measured(ended: TrialEnded, course: Course, now: float) -> Measured:
    speed, scoring = course.seconds_per_token(ended.tokens), course.seconds_since_last(now)
    if ended.outcome != "complete" or speed is None or scoring is None:
        raise RuntimeError(f"a calibration ends complete, got {ended.outcome} {ended.cause}")
    memory = ended.metrics.get("peak_memory_bytes")
    return Measured(seconds_per_token=speed, score_seconds=scoring / SPLIT[1],
                    memory_bytes=float(memory) if isinstance(memory, int | float) else None)


def _refuse_broken(event: RunnerEvent) -> None:
    if isinstance(event, Broken):
        raise RuntimeError(f"{event.key}: {event.error[-300:]}")


def _examples(count: int) -> list[Example]:
    roles: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
    return [
        Example(row=row, messages=tuple(
            Message(role=roles[said["role"]], content=said["content"]) for said in conversation))
        for row, conversation in enumerate(general_chat(count, seed=0), 1)
    ]
