"""Measures once how fast this machine trains the embedded model, so that the first plan states a measured time.

A few seconds of the processor's time with the embedded model only: bigger models are measured by their first trial,
after a person confirmed it.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

from tuner.data.examples import Example, Message, Role, write
from tuner.embedded.general_chat import general_chat
from tuner.plan.models import embedded
from tuner.runners.base import Broken, Ready, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.local import LocalRunner
from tuner.store import Store
from tuner.worker.course import Course
from tuner.worker.logs import note

SPLIT = (96, 24, 8)
LIMIT_S = 120.0


async def calibrate(store: Store, log: Path) -> None:
    """Promises the measures `seconds_per_token`, `load_seconds`, `score_seconds` and, on Linux, `memory_bytes` of the
    embedded model, unless they are there already. A failure is logged and leaves none: the first trial measures then.
    """
    name = embedded().name
    if await store.measured(f"seconds_per_token:{name}") is not None:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="onsa-calibrate-") as folder:
            measures = await asyncio.wait_for(_measures(Path(folder), log), LIMIT_S)
    except (OSError, TimeoutError, RuntimeError) as error:
        note("worker.calibration_failed", None, level=logging.WARNING, error=repr(error))
        return
    for key, value in measures.items():
        await store.measure(f"{key}:{name}", value)


async def _measures(folder: Path, log: Path) -> dict[str, float]:
    """Raises RuntimeError when the runner gave no measure."""
    card = embedded()
    examples = folder / "examples.jsonl"
    await asyncio.to_thread(write, examples, _examples(sum(SPLIT)))
    clock = asyncio.get_running_loop().time
    began = clock()
    runner = await LocalRunner.launch(
        Setup(model=card.source, examples=str(examples), split_seed=0, split=SPLIT, general_chat=0, metric="loss",
              checkpoints=str(folder / "checkpoints")), log)
    measures: dict[str, float] = {}
    course = Course(0, card.defaults)
    try:
        async for event in runner.events():
            match event:
                case Ready():
                    measures["load_seconds"] = clock() - began
                    await runner.start(0, TrialSpec(number=0, settings={**card.defaults, "epochs": 2}))
                case StepDone() | Validated():
                    course.saw(event, clock())
                case TrialEnded():
                    speed, scoring = course.seconds_per_token(event.tokens), course.seconds_since_last(clock())
                    if event.outcome != "complete" or speed is None or scoring is None:
                        raise RuntimeError(f"a calibration ends complete, got {event.outcome} {event.cause}")
                    measures |= {"seconds_per_token": speed, "score_seconds": scoring / SPLIT[1]}
                    memory = await asyncio.to_thread(_peak_memory, runner.pid)
                    return measures | ({} if memory is None else {"memory_bytes": memory})
                case Broken():
                    raise RuntimeError(f"{event.key}: {event.error[-300:]}")
                case _:
                    pass
    finally:
        await runner.close()
    raise RuntimeError("the runner ended before its trial")


def _examples(count: int) -> list[Example]:
    roles: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
    return [
        Example(row=row, messages=tuple(
            Message(role=roles[said["role"]], content=said["content"]) for said in conversation))
        for row, conversation in enumerate(general_chat(count, seed=0), 1)
    ]


def _peak_memory(pid: int) -> float | None:
    """Peak resident bytes of a process, where the system tells it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024
    return None
